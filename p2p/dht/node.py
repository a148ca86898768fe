"""A DHT node on a host: the sockets and timers around what the rest of this package decides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import asyncio_dgram

from host.datagram import DatagramEndpoint
from host.host import Host
from p2p.dht.answers import Answerer
from p2p.dht.config import DhtConfig
from p2p.dht.flood import MOST_GAIN, FloodGate
from p2p.dht.krpc import (
    ID_LENGTH,
    MAX_VALUES,
    Address,
    AnnouncePeer,
    Contact,
    FindNode,
    GetPeers,
    Ping,
    Query,
    QueryError,
    Question,
    Reply,
    decode,
    encode,
    usable,
)
from p2p.dht.lookup import Lookup
from p2p.dht.questions import Questions
from p2p.dht.routing import K, RoutingTable
from p2p.errors import KrpcError

MOST_WAYS = 64
"""Addresses kept as ways in, the first to be told; one that answers is enough."""

JOIN_ATTEMPTS = 4
"""Times that a node joins in a row, ever slower, while it knows fewer nodes than make a bucket."""

QUEUE = 1024
"""Datagrams that may wait: a whole class may start at once and ask the one node it knows."""

Found = Callable[[Sequence[Address]], None]


class DhtNode:
    """One node of the distributed hash table."""

    def __init__(self, host: Host, config: DhtConfig | None = None) -> None:
        self._host = host
        self._config = config or DhtConfig()
        # Two generators: who sees transaction ids, which are drawn from one, learns no tokens.
        self._rng = random.Random(host.rng.getrandbits(64))
        self._id = self._rng.randbytes(ID_LENGTH)
        self._table = RoutingTable(self._id, host.loop.time())
        self._answerer = Answerer(self._id, self._table, random.Random(host.rng.getrandbits(64)))
        self._gate = FloodGate(self._config.flood_limit, self._config.flood_s)
        self._ways: dict[Address, None] = {}
        self._joined = False
        self._joining: asyncio.Task[None] | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._endpoint: DatagramEndpoint | None = None
        self._questions: Questions | None = None

    @property
    def address(self) -> Address:
        """Where the node answers, once it is started."""
        assert self._endpoint is not None
        return self._endpoint.sockname

    @property
    def nodes(self) -> int:
        """Nodes in the routing table that are not bad."""
        return len(self._table)

    @property
    def knows_somebody(self) -> bool:
        """Whether there is a node to ask, or a way in that may answer yet."""
        return bool(self.nodes or self._ways)

    async def start(self, port: int) -> None:
        """Answer at UDP `port` (0: any). OSError when it is taken."""
        self._endpoint = await self._host.datagram(port, QUEUE)
        self._questions = Questions(self._endpoint, self._rng)
        self._spawn(self._serve(self._endpoint, self._questions), "DHT answers")
        self._spawn(self._upkeep(), "DHT upkeep")
        if self._ways:
            self._join_soon()

    async def close(self) -> None:
        """End what the node does; a search under way returns what it has found."""
        if self._questions is not None:
            self._questions.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._endpoint is not None:
            self._endpoint.close()

    def meet(self, addresses: Iterable[Address]) -> None:
        """These may be DHT nodes: ways in, and worth a ping while we know few."""
        for address in addresses:
            if not usable(address) or address in self._ways or len(self._ways) >= MOST_WAYS:
                continue
            self._ways[address] = None
            if self._endpoint is None:
                continue
            if not self._joined:
                self._join_soon()
            elif self.nodes < K:
                self._spawn(self._ping(self._unnamed(address)), "DHT ping")

    async def search(self, infohash: bytes, *, announce: int | None, found: Found) -> int:
        """Look a torrent up, and announce that we have it at TCP port `announce` if not None.

        Calls `found` with peers, each once, whenever an answer has new ones; returns their number.
        0 when nobody is known who could be asked.
        """
        own = None if announce is None else (self._host.address, announce)
        seen: dict[Address, None] = {}

        def tell(peers: Iterable[Address]) -> None:
            new = [peer for peer in dict.fromkeys(peers) if peer not in seen and peer != own]
            seen.update(dict.fromkeys(new))
            if new:
                found(new)

        now = self._host.loop.time()
        announced = self._answerer.announced
        tell(announced.sample(infohash, MAX_VALUES, now))
        if own is not None and usable(own):
            announced.add(infohash, own, now)
        lookup = Lookup(infohash, self._id, self._seeds(infohash))
        # Who is new asks its way in for the torrent at once, and joins meanwhile.
        self._join_soon()
        await self._look_up(lookup, GetPeers(self._id, infohash), tell)
        if announce is not None:
            async with asyncio.TaskGroup() as group:
                for contact, token in lookup.tokens():
                    question = AnnouncePeer(self._id, infohash, announce, token)
                    group.create_task(self._ask(contact, question))
        return len(seen)

    # ---- asking

    def _join_soon(self) -> None:
        known = self._joined and self.nodes >= K
        if not known and (self._joining is None or self._joining.done()):
            self._joining = self._spawn(self._join(), "DHT joins")

    async def _join(self) -> None:
        """Look ourselves up, so that we know our neighbours and they us."""
        for attempt in range(JOIN_ATTEMPTS):
            # Who joins a moment later finds more: nodes that were started together spread out.
            await asyncio.sleep(self._rng.uniform(0, self._patience_s * 2**attempt))
            lookup = Lookup(self._id, self._id, self._seeds(self._id))
            await self._look_up(lookup, FindNode(self._id, self._id))
            self._joined |= bool(lookup.closest())
            if self.nodes >= K:
                return

    def _seeds(self, target: bytes) -> list[Contact]:
        """Whom to ask first: the nodes nearest to the target; the ways in too while we know few."""
        nearest = self._table.closest(target)
        return nearest if len(nearest) == K else [*nearest, *map(self._unnamed, self._ways)]

    async def _look_up(self, lookup: Lookup, question: Question, tell: Found | None = None) -> None:
        """Ask until the nodes closest to the lookup's target have answered or failed."""
        async with asyncio.TaskGroup() as group:

            def go_on() -> None:
                for contact in lookup.next():
                    group.create_task(ask(contact))

            async def ask(contact: Contact) -> None:
                reply = await self._ask(contact, question)
                if reply is None:
                    lookup.failed(contact)
                else:
                    lookup.answered(contact, reply)
                    if tell is not None:
                        tell(reply.values)
                go_on()

            go_on()

    async def _ping(self, contact: Contact) -> None:
        await self._ask(contact, Ping(self._id))

    async def _ask(self, contact: Contact, question: Question) -> Reply | None:
        """The node's answer, None when it gives none; the table learns of either."""
        if self._questions is None:
            return None
        answer = await self._questions.ask(contact.address, question, self._patience_s)
        if not isinstance(answer, Reply):
            self._table.failed(contact)
            return None
        now = self._host.loop.time()
        self._answerer.proven.add(contact.address, now)
        silent = self._table.answered(Contact(answer.sender, contact.address), now)
        if silent is not None and not self._questions.expects(silent.address):
            self._spawn(self._ping(silent), "DHT ping")
        return answer

    # ---- answering

    async def _serve(self, endpoint: DatagramEndpoint, questions: Questions) -> None:
        while True:
            try:
                data, source = await endpoint.recv()
                reply = self._heard(data, source, questions)
                if reply is not None:
                    await endpoint.send(reply, source)
            except asyncio_dgram.TransportClosed:
                return

    def _heard(self, data: bytes, source: Address, questions: Questions) -> bytes | None:
        """Take a datagram in; returns what to answer."""
        now = self._host.loop.time()
        admitted = self._gate.admits(source[0], now)
        if not admitted and not questions.expects(source):
            return None
        try:
            message = decode(data)
        except QueryError as error:
            refusal = encode(error.failure)
            return refusal if admitted and len(refusal) <= MOST_GAIN * len(data) else None
        except KrpcError:
            return None
        if not isinstance(message, Query):
            questions.answered(source, message)
            return None
        return self._asked(message, len(data), source, now) if admitted else None

    def _asked(self, query: Query, size: int, source: Address, now: float) -> bytes | None:
        contact = Contact(query.question.sender, source)
        # The ping comes on top of the answer, to who may not have asked: one per address at a time.
        if not query.read_only and self._table.heard(contact, now):
            self._spawn(self._ping(contact), "DHT ping")
        longest = self._config.reply_bytes(self._host.up.rate)
        return self._answerer.answer(query, size, source, now, longest)

    # ---- upkeep

    async def _upkeep(self) -> None:
        """A small step from time to time, not in step with nodes that were started together."""
        while True:
            pace_s = self._config.upkeep_s(self._host.up.rate)
            await asyncio.sleep(pace_s * self._rng.uniform(0.75, 1.25))
            now = self._host.loop.time()
            if self._ways and not self.nodes:
                self._join_soon()
            elif (target := self._table.stale(now, self._rng)) is not None:
                lookup = Lookup(target, self._id, self._table.closest(target))
                await self._look_up(lookup, FindNode(self._id, target))
            elif (silent := self._table.doubtful(now)) is not None:
                await self._ping(silent)

    @property
    def _patience_s(self) -> float:
        return self._config.answer_s(self._host.up.rate)

    def _unnamed(self, address: Address) -> Contact:
        """An address whose node's id is not known yet; its answer will tell."""
        return Contact(self._rng.randbytes(ID_LENGTH), address)

    def _spawn(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._host.spawn(coro, name)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task
