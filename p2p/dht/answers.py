"""What a DHT node answers to the questions of others (BEP 5), in as many bytes as it may.

Pure: `now` is in seconds on a clock that never goes back, `rng` comes in.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from p2p.dht.announced import Announced
from p2p.dht.flood import MOST_GAIN, Proven
from p2p.dht.krpc import (
    NODE_SIZE,
    PROTOCOL,
    Address,
    AnnouncePeer,
    Contact,
    Failure,
    FindNode,
    GetPeers,
    Message,
    Ping,
    Query,
    Reply,
    encode,
)
from p2p.dht.routing import RoutingTable
from p2p.dht.tokens import Tokens

_VALUE_SIZE = 8  # a peer in a list: "6:" and its compact form
_NODES_KEY = len("5:nodes") + len("208:")
_VALUES_KEY = len("6:valuesl") + len("e")


class Answerer:
    """Answers for one node from its table and what was announced to it."""

    def __init__(self, own_id: bytes, table: RoutingTable, rng: random.Random) -> None:
        self._own_id = own_id
        self._table = table
        self._tokens = Tokens(random.Random(rng.getrandbits(64)))
        self.announced = Announced(rng)
        self.proven = Proven()

    def answer(
        self, query: Query, size: int, source: Address, now: float, long_reply: int
    ) -> bytes | None:
        """The datagram that answers a question of `size` bytes from `source`, if it may be sent.

        `long_reply` is the most bytes for an address that is proven; one that is not may get
        three times what it sent.
        """
        message = self._answer(query, source, now)
        limit = MOST_GAIN * size
        if self.proven.holds(source, now):
            limit = max(limit, long_reply)
        if isinstance(message, Reply) and not isinstance(query.question, Ping | AnnouncePeer):
            message = self._filled(message, query.question, limit, now)
        reply = encode(message)
        return reply if len(reply) <= limit else None

    def _answer(self, query: Query, source: Address, now: float) -> Message:
        """The answer without nodes and peers; an announcement is kept."""
        reply = Reply(query.transaction, self._own_id)
        match query.question:
            case GetPeers(_, infohash):
                token = self._tokens.make(source[0], infohash, now)
                return Reply(query.transaction, self._own_id, token=token)
            case AnnouncePeer(_, infohash, port, token, implied_port):
                if not self._tokens.accepts(token, source[0], infohash, now):
                    return Failure(query.transaction, PROTOCOL, "Bad token")
                self.proven.add(source, now)
                peer = (source[0], source[1] if implied_port else port)
                self.announced.add(infohash, peer, now)
        return reply

    def _filled(self, reply: Reply, question: FindNode | GetPeers, limit: int, now: float) -> Reply:
        """The reply with what fits: half of the room for peers if there are any, then nodes."""
        room = limit - len(encode(reply))
        if isinstance(question, FindNode):
            return _with(reply, self._table.closest(question.target), (), room)
        most = max(0, room // 2 - _VALUES_KEY) // _VALUE_SIZE
        values = self.announced.sample(question.infohash, most, now)
        return _with(reply, self._table.closest(question.infohash), values, room)


def _with(reply: Reply, nodes: Sequence[Contact], values: Sequence[Address], room: int) -> Reply:
    if values:
        room -= _VALUES_KEY + _VALUE_SIZE * len(values)
    count = max(0, room - _NODES_KEY) // NODE_SIZE
    return Reply(reply.transaction, reply.sender, tuple(nodes[:count]), tuple(values), reply.token)
