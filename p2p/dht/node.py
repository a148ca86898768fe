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
from p2p.dht.copies import Copies
from p2p.dht.flood import MOST_GAIN, FloodGate
from p2p.dht.items import OLD, Immutable, Item, Mutable, target_of
from p2p.dht.krpc import MAX_VALUES, QueryError, decode, encode, usable
from p2p.dht.lookup import Lookup
from p2p.dht.messages import (
    ID_LENGTH,
    Address,
    AnnouncePeer,
    Contact,
    FindNode,
    Get,
    GetPeers,
    Ping,
    Put,
    Query,
    Question,
    Reply,
)
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
Heard = Callable[[Contact, Reply], None]


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
        question = GetPeers(self._id, infohash)
        await self._look_up(lookup, question, lambda _, reply: tell(reply.values))
        if announce is not None:
            async with asyncio.TaskGroup() as group:
                for contact, token in lookup.tokens():
                    announcement = AnnouncePeer(self._id, infohash, announce, token)
                    group.create_task(self._ask(contact, announcement))
        return len(seen)

    async def get_item(
        self, key: bytes, salt: bytes = b"", known: Mutable | None = None
    ) -> Mutable | None:
        """The newest version that the owner of a public key has put there (BEP 44).

        `known` is a version that the caller has: it is returned when none is newer.
        """
        copies = Copies(target_of(key, salt), salt, known)
        await self._find(copies, None if known is None else known.seq)
        return copies.item if isinstance(copies.item, Mutable) else None

    async def get_immutable(self, target: bytes) -> Immutable | None:
        """The value with this hash (BEP 44)."""
        copies = Copies(target, None)
        await self._find(copies, None)
        return copies.item if isinstance(copies.item, Immutable) else None

    async def put_item(self, item: Item, *, if_rare: bool = False) -> int:
        """Have an item kept by the nodes closest to it; returns how many of them keep it now.

        With `if_rare` nothing is put where others see to that already (BEP 44).  The item is kept
        here too.  Raises KrpcError for one that nobody may keep.
        """
        self.keep(item)
        salt, seq = (item.salt, item.seq) if isinstance(item, Mutable) else (None, None)
        copies = Copies(item.target, salt, item)
        lookup = await self._find(copies, seq)
        if if_rare and copies.well_kept(lookup.closest()):
            return len(lookup.closest())
        async with asyncio.TaskGroup() as group:
            puts = [
                group.create_task(self._ask(contact, Put(self._id, token, item)))
                for contact, token in lookup.tokens()
            ]
        return sum(put.result() is not None for put in puts)

    def keep(self, item: Item) -> None:
        """Keep an item here, as if another node had put it; put_item and its errors for the rest.

        An older version is passed over.
        """
        refused = self._answerer.items.put(item, None, self._host.loop.time())
        if refused is not None and refused is not OLD:
            raise KrpcError(f"the DHT does not keep this: {refused.text}")

    async def _find(self, copies: Copies, seq: int | None) -> Lookup:
        """Look an item up; of a mutable one only versions above `seq` are wanted."""
        target = copies.target
        if own := self._answerer.items.get(target, self._host.loop.time()):
            copies.kept(own)
        lookup = Lookup(target, self._id, self._seeds(target))
        self._join_soon()
        question = Get(self._id, target, seq)
        await self._look_up(lookup, question, copies.heard)
        for contact in filter(copies.kept_back, lookup.closest()):
            # It pinged us, to see that it is us; our answer is there before its answer is here.
            await self._ping(contact)
            if reply := await self._ask(contact, question):
                copies.heard(contact, reply)
        return lookup

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
        """Whom to ask first: the nodes nearest to the target, and the ways in while we know few.

        So too before we have joined: those who asked us may be an island with us.
        """
        nearest = self._table.closest(target)
        known = self._joined and len(nearest) == K
        return nearest if known else [*nearest, *map(self._unnamed, self._ways)]

    async def _look_up(
        self, lookup: Lookup, question: Question, heard: Heard | None = None
    ) -> None:
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
                    if heard is not None:
                        heard(contact, reply)
                go_on()

            go_on()

    async def _ping(self, contact: Contact) -> None:
        await self._ask(contact, Ping(self._id))

    async def _ask(self, contact: Contact, question: Question) -> Reply | None:
        """The node's answer, None when it gives none; the table learns of either.

        Many good nodes do not speak BEP 44, or refuse an item: that is nothing against them.
        """
        if self._questions is None:
            return None
        answer = await self._questions.ask(contact.address, question, self._patience_s)
        if not isinstance(answer, Reply):
            if answer is None or not isinstance(question, Get | Put):
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
        asking = self._questions is not None and self._questions.expects(source)
        unsure = not asking and self._answerer.keeps_back(query.question, source, now)
        if not query.read_only and (self._table.heard(contact, now) or unsure):
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
