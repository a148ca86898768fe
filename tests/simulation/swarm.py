"""Runs a swarm of peers in virtual time and returns what came of it, in the spirit of libtorrent's
`setup_swarm`: who finished when, who sent which block to whom, and what the meters say."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from host.clock import run
from host.host import Host
from host.link import LinkConfig
from host.meter import Meter
from host.network import Network
from p2p import wire
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.errors import P2PError, WireError
from p2p.magnet import Magnet, parse
from p2p.peer import Peer
from p2p.picker import Block

KIB = 1024
RATE = 16.0 * KIB
"""Bytes per second of an uplink unless a node says otherwise: a block takes a second."""

ORIGIN = "origin"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One leecher: its links, when it comes, whom it knows, and what kind of peer it is."""

    name: str
    up: float = RATE
    down: float = math.inf
    joins: float = 0.0
    """Seconds after the file was published."""
    via: tuple[str, ...] = (ORIGIN,)
    """The hosts whose addresses are in the link that it is given."""
    peer: Callable[[Host, PeerConfig], Peer] = Peer
    must_finish: bool = True
    """False: the run does not wait for its file."""


@dataclass(frozen=True)
class Sent:
    """A block that has arrived: when, from whom, at whom."""

    time: float
    source: str
    target: str
    block: Block


@dataclass
class Swarm:
    """The swarm while it runs (for hooks) and what it left behind."""

    network: Network
    original: bytes
    config: PeerConfig
    start: float = 0.0
    link: str = ""
    hosts: dict[str, Host] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    finish: dict[str, float] = field(default_factory=dict)
    """Seconds after the file was published."""
    failed: dict[str, str] = field(default_factory=dict)
    """What `fetch` raised."""
    blocks: list[Sent] = field(default_factory=list)
    """Every block that arrived anywhere, in order."""

    def now(self) -> float:
        return self.network.loop.time() - self.start

    def connections(self, name: str) -> list[Connection]:
        """The connections that a peer keeps."""
        return list(self.peers[name]._reception.connections)

    @property
    def infohash(self) -> bytes:
        return parse(self.link).infohash

    def link_via(self, *names: str) -> str:
        """A magnet link that names only these hosts."""
        magnet = parse(self.link)
        addresses = tuple((self.hosts[name].address, self.config.port) for name in names)
        return str(Magnet(magnet.infohash, magnet.name, magnet.length, addresses))

    def stranger(self, name: str) -> Host:
        """A host on which no peer runs, with links that do not limit it."""
        self.hosts[name] = Host(self.network, name, Path())
        return self.hosts[name]

    def meter(self, name: str) -> Meter:
        return self.hosts[name].meter

    def received(self, target: str) -> list[Block]:
        return [sent.block for sent in self.blocks if sent.target == target]

    def sent(self, source: str) -> list[Block]:
        return [sent.block for sent in self.blocks if sent.source == source]

    def duplicates(self) -> int:
        """Blocks that arrived where they had arrived before."""
        return len(self.blocks) - len({(sent.target, sent.block) for sent in self.blocks})


Hook = Callable[[Swarm], Awaitable[None] | None]


def run_swarm(
    directory: Path,
    leechers: int | Sequence[Node],
    *,
    size: int = 64 * 16 * KIB,
    origin_up: float = RATE,
    up: float = RATE,
    latency: float = 0.0,
    config: PeerConfig | None = None,
    origin: Callable[[Host, PeerConfig], Peer] = Peer,
    seed: int = 1,
    at: Mapping[float, Hook] | None = None,
    on_block: Callable[[Swarm, Sent], None] | None = None,
    linger_s: float = 0.0,
    deadline_s: float = 10_000.0,
) -> Swarm:
    """Hand a file of `size` bytes to the leechers until all have it or failed, and `linger_s` more.

    `leechers` is a number of equal ones (leecher-1 ...) with uplinks of `up` bytes/s, or says each.
    Hooks in `at` are called at these seconds after the publishing, `on_block` whenever a block has
    arrived.  A file that is not the published one fails the test.  StuckError after `deadline_s`.
    """
    if isinstance(leechers, int):
        leechers = [Node(name=f"leecher-{number + 1}", up=up) for number in range(leechers)]
    original = directory / "file.bin"
    original.write_bytes(random.Random(f"{seed}/file").randbytes(size))
    config = config or PeerConfig(piece_length=16 * KIB)
    nodes = [Node(name=ORIGIN, up=origin_up, peer=origin), *leechers]
    job = _Job(original, original.read_bytes(), nodes, latency, config, seed, linger_s)
    return run(_run(job, dict(at or {}), on_block), clock="virtual", deadline_s=deadline_s)


@dataclass(frozen=True)
class _Job:
    path: Path
    original: bytes
    nodes: Sequence[Node]
    latency: float
    config: PeerConfig
    seed: int
    linger_s: float


async def _run(
    job: _Job, at: dict[float, Hook], on_block: Callable[[Swarm, Sent], None] | None
) -> Swarm:
    swarm = Swarm(Network(seed=job.seed), job.original, job.config)
    errors: list[dict[str, object]] = []
    swarm.network.loop.set_exception_handler(lambda loop, context: errors.append(context))
    for node in job.nodes:
        folder = job.path.parent / node.name
        folder.mkdir()
        up = LinkConfig(rate=node.up, latency=job.latency / 2)
        down = LinkConfig(rate=node.down, latency=job.latency / 2)
        host = swarm.hosts[node.name] = Host(swarm.network, node.name, folder, up=up, down=down)
        swarm.peers[node.name] = node.peer(host, job.config)
    with _tapped(swarm, on_block):
        try:
            swarm.link = await swarm.peers[ORIGIN].publish(job.path)
            swarm.start = swarm.network.loop.time()
            hooks = [asyncio.create_task(_hook(swarm, when, at[when])) for when in at]
            await _fetch_all(swarm, job.nodes[1:])
            await asyncio.sleep(job.linger_s)
            for hook in hooks:
                hook.cancel()
            for done in await asyncio.gather(*hooks, return_exceptions=True):
                if isinstance(done, Exception):
                    raise done
        finally:
            for peer in swarm.peers.values():
                await peer.close()
            await swarm.network.close()
    assert not errors, errors
    return swarm


async def _fetch_all(swarm: Swarm, nodes: Sequence[Node]) -> None:
    tasks = [asyncio.create_task(_fetch(swarm, node), name=node.name) for node in nodes]
    try:
        await asyncio.gather(
            *(task for node, task in zip(nodes, tasks, strict=True) if node.must_finish)
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetch(swarm: Swarm, node: Node) -> None:
    await asyncio.sleep(node.joins)
    try:
        path = await swarm.peers[node.name].fetch(
            swarm.link_via(*node.via), swarm.hosts[node.name].directory
        )
    except P2PError as error:
        swarm.failed[node.name] = str(error)
        return
    swarm.finish[node.name] = swarm.now()
    assert path.read_bytes() == swarm.original, node.name


async def _hook(swarm: Swarm, when: float, hook: Hook) -> None:
    await asyncio.sleep(when - swarm.now())
    waiting = hook(swarm)
    if waiting is not None:
        await waiting


@contextmanager
def _tapped(swarm: Swarm, on_block: Callable[[Swarm, Sent], None] | None) -> Iterator[None]:
    """Read along with every connection, with a decoder of our own, and note the blocks."""
    decoders: dict[Connection, wire.Decoder] = {}
    receive = Connection.data_received

    def tapped(connection: Connection, data: bytes) -> None:
        assert connection.transport is not None
        far, near = map(connection.transport.get_extra_info, ("peername", "sockname"))
        try:
            events = decoders.setdefault(connection, wire.Decoder()).feed(bytes(data))
        except WireError:
            events = []
        for event in events:
            if isinstance(event, wire.Piece):
                block = Block(event.index, event.begin, len(event.data))
                source, target = swarm.network.name_of(far[0]), swarm.network.name_of(near[0])
                swarm.blocks.append(Sent(swarm.now(), source, target, block))
                if on_block is not None:
                    on_block(swarm, swarm.blocks[-1])
        receive(connection, data)

    with patch.object(Connection, "data_received", tapped):
        yield
