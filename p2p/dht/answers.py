"""What a DHT node answers to the questions of others (BEP 5, 44), in as many bytes as it may.

Pure: `now` is in seconds on a clock that never goes back, `rng` comes in.
"""

from __future__ import annotations

import random
from dataclasses import replace

from p2p.dht.announced import Announced
from p2p.dht.flood import MOST_GAIN, Proven
from p2p.dht.items import Items, Mutable
from p2p.dht.krpc import NODE_SIZE, encode
from p2p.dht.messages import (
    PROTOCOL,
    Address,
    AnnouncePeer,
    Failure,
    FindNode,
    Get,
    GetPeers,
    Message,
    Put,
    Query,
    Question,
    Reply,
)
from p2p.dht.routing import RoutingTable
from p2p.dht.tokens import Tokens

_VALUE_SIZE = 8  # a peer in a list: "6:" and its compact form
_NODES_KEY = len("5:nodes") + len("208:")
_VALUES_KEY = len("6:valuesl") + len("e")


class Answerer:
    """Answers for one node from its table, what was announced to it, and the items it keeps."""

    def __init__(self, own_id: bytes, table: RoutingTable, rng: random.Random) -> None:
        self._own_id = own_id
        self._table = table
        self._tokens = Tokens(random.Random(rng.getrandbits(64)))
        self.announced = Announced(rng)
        self.items = Items(own_id)
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
        match message, query.question:
            case Reply(), FindNode(_, target):
                message = self._with_nodes(message, target, limit)
            case Reply(), GetPeers(_, infohash):
                message = self._with_peers(message, infohash, limit, now)
            case Reply(), Get() as question:
                message = self._with_item(message, question, limit, now)
        reply = encode(message)
        return reply if len(reply) <= limit else None

    def keeps_back(self, question: Question, source: Address, now: float) -> bool:
        """Whether the address would be told more if it were proven."""
        return (
            isinstance(question, Get)
            and not self.proven.holds(source, now)
            and self.items.get(question.target, now) is not None
        )

    def _answer(self, query: Query, source: Address, now: float) -> Message:
        """The answer without nodes, peers and items; what is announced or put is kept."""
        reply = Reply(query.transaction, self._own_id)
        match query.question:
            case GetPeers(_, target) | Get(_, target):
                return replace(reply, token=self._tokens.make(source[0], target, now))
            case AnnouncePeer(_, infohash, port, token, implied_port):
                if not self._tokens.accepts(token, source[0], infohash, now):
                    return Failure(query.transaction, PROTOCOL, "Bad token")
                self.proven.add(source, now)
                peer = (source[0], source[1] if implied_port else port)
                self.announced.add(infohash, peer, now)
            case Put(_, token, item, cas):
                if not self._tokens.accepts(token, source[0], item.target, now):
                    return Failure(query.transaction, PROTOCOL, "Bad token")
                self.proven.add(source, now)
                if refused := self.items.put(item, cas, now):
                    return Failure(query.transaction, refused.code, refused.text)
        return reply

    def _with_peers(self, reply: Reply, infohash: bytes, limit: int, now: float) -> Reply:
        """The reply with what fits: half of the room for peers if there are any, then nodes."""
        room = limit - len(encode(reply))
        most = max(0, room // 2 - _VALUES_KEY) // _VALUE_SIZE
        values = tuple(self.announced.sample(infohash, most, now))
        return self._with_nodes(replace(reply, values=values), infohash, limit)

    def _with_item(self, reply: Reply, question: Get, limit: int, now: float) -> Reply:
        """The reply with the item, if it is wanted and fits, or else its version; then nodes."""
        item = self.items.get(question.target, now)
        seq = item.seq if isinstance(item, Mutable) else None
        reply = replace(reply, seq=seq)
        full = replace(reply, item=item)
        news = seq is None or question.seq is None or seq > question.seq
        if news and len(encode(full)) <= limit:
            reply = full
        return self._with_nodes(reply, question.target, limit)

    def _with_nodes(self, reply: Reply, target: bytes, limit: int) -> Reply:
        count = max(0, limit - len(encode(reply)) - _NODES_KEY) // NODE_SIZE
        return replace(reply, nodes=tuple(self._table.closest(target)[:count]))
