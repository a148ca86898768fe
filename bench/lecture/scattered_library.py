"""A library of files on one server, or scattered over peers: what it takes to have all of it.

Each file of the scattered library lies on a few hosts, its seeds, drawn independently of the other
files'. The chance that all is left is `bench.theory.chance_all_left`.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.play import Case, Rows
from bench.sweep import TrialFailed
from central.client import Client
from central.config import ClientConfig
from central.http.client import listing
from central.link import Link
from central.server import Server
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.config import PeerConfig
from p2p.disk.store import describe
from p2p.errors import P2PError
from p2p.peer import Peer
from p2p.wire import BLOCK

RATE = 10e6 / 8
"""Bytes per second of every host's uplink, the server's too: 10 Mbit/s."""
DOWN = 5 * RATE
"""Bytes per second of every host's downlink."""
LATENCY_S = 0.02
"""Seconds of the way from one host to another."""
SETTLED_S = 60.0
"""Seconds in which the nodes of the DHT get to know each other, and then what each one has."""
CONNECTIONS = 200
"""Connections that a peer keeps, in all its swarms together: libtorrent's connections_limit."""
PATIENCE_S = 120.0
"""Seconds without any peer after which a file counts as gone: six searches of the DHT."""


def place(files: int, hosts: int, copies: int, rng: random.Random) -> list[tuple[int, ...]]:
    """Draw the hosts of each file, independently of those of the others."""
    return [tuple(sorted(rng.sample(range(hosts), copies))) for _ in range(files)]


def lost(placed: Iterable[Iterable[int]], gone: Iterable[int]) -> int:
    """Return how many files lie on none but hosts that are gone."""
    missing = set(gone)
    return sum(missing.issuperset(holders) for holders in placed)


def draw_losses(case: Case, directory: Path) -> Rows:
    """Draw placements and hosts that vanish, `draws` times; no socket is opened.

    The case has hosts, files, copies (0: one server among the hosts has all files), vanished (a
    list), draws and seed.
    """
    rng = random.Random(f"{case['seed']}/draws/{case['copies']}")
    hosts, files, copies, draws = (case[key] for key in ("hosts", "files", "copies", "draws"))
    whole = dict.fromkeys(case["vanished"], 0)
    for _ in range(draws):
        placed = place(files, hosts, copies, rng) if copies else [(rng.randrange(hosts),)]
        order = rng.sample(range(hosts), hosts)
        for vanished in whole:
            whole[vanished] += not lost(placed, order[:vanished])
    return {"drawn": [{"vanished": k, "all_left": count} for k, count in whole.items()]}


@dataclass
class Scattered:
    """Peers that hold a library between them, on a network of their own."""

    network: Network
    directory: Path
    originals: Sequence[Path]
    placed: Sequence[tuple[int, ...]]
    peers: dict[Host, Peer] = field(default_factory=dict)
    """Those that are there; a closed one is not."""
    links: list[str] = field(default_factory=list)

    async def newcomer(self, name: str) -> tuple[Host, Peer]:
        """A host that has nothing yet; it knows one of the others as its way into the DHT."""
        host = new_host(self.network, name, self.directory)
        config = PeerConfig(names_itself=False, patience_s=PATIENCE_S, connections=CONNECTIONS)
        others = list(self.peers.values())

        def way_in() -> list[tuple[str, int]]:
            nodes = [peer.node_address for peer in others if peer.node_address]
            return [host.rng.choice(nodes)] if nodes else []

        peer = Peer(host, config, way_in)
        await peer.start()
        self.peers[host] = peer
        return host, peer

    async def seed(self, hosts: int) -> None:
        """Bring the hosts up, put every file where it was placed, and let all be found."""
        members = []
        for number in range(hosts):
            members.append(await self.newcomer(f"host-{number:03}"))
        await asyncio.sleep(SETTLED_S)  # who announces a file must know some nodes by then
        for original, holders in zip(self.originals, self.placed, strict=True):
            metainfo = describe(original)
            for holder in holders:
                host, peer = members[holder]
                shutil.copyfile(original, host.directory / original.name)
                swarm = await peer.seed(metainfo, host.directory, verified=True)
            self.links.append(str(peer.magnet(swarm)))
        await asyncio.sleep(SETTLED_S)

    async def vanish(self, host: Host) -> None:
        """The host is gone, with all that it holds."""
        peer = self.peers.pop(host)
        await host.close()
        await peer.close()

    async def close(self) -> None:
        """End them all."""
        for peer in self.peers.values():
            await peer.close()
        await self.network.close()


def scatter(case: Case, directory: Path) -> Scattered:
    """The library of a case (hosts, files, size, copies, seed), placed and not yet seeded."""
    rng = random.Random(f"{case['seed']}/placed")
    placed = place(case["files"], case["hosts"], case["copies"], rng)
    originals = make_files(directory, case["files"], case["size"], case["seed"])
    return Scattered(Network(seed=case["seed"]), directory, originals, placed)


async def gather(case: Case, directory: Path) -> Rows:
    """One new host gets the whole library; says whom it met and what that took.

    The case has what `scatter` reads, and backend; one server has one copy.
    """
    gathering = _from_server if case["backend"] == "central" else _from_peers
    return {"gathered": [await gathering(case, directory)]}


async def _from_peers(case: Case, directory: Path) -> dict[str, Any]:
    library = scatter(case, directory)
    try:
        await library.seed(case["hosts"])
        host, peer = await library.newcomer("newcomer")

        async def get_all() -> None:
            await asyncio.gather(*(peer.fetch(link, host.directory) for link in library.links))

        return await _gathered(host, library.originals, get_all)
    finally:
        await library.close()


async def _from_server(case: Case, directory: Path) -> dict[str, Any]:
    network = Network(seed=case["seed"])
    originals = make_files(directory, case["files"], case["size"], case["seed"])
    server = Server(new_host(network, "server", directory))
    host = new_host(network, "newcomer", directory)
    config = ClientConfig()
    client = Client(host, config)
    try:
        for original in originals:
            await server.publish(original)
        top = Link("http", *server.addresses["http"], "")

        async def get_all() -> None:
            entries = await listing(host, top, config)
            links = [str(Link("http", top.address, top.port, entry.path)) for entry in entries]
            await asyncio.gather(*(client.fetch(link, host.directory) for link in links))

        return await _gathered(host, originals, get_all)
    finally:
        await client.close()
        await server.close()
        await network.close()


async def _gathered(
    host: Host, originals: Sequence[Path], get_all: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    begin = host.loop.time()
    await get_all()
    seconds, meter = host.loop.time() - begin, host.meter
    for original in originals:
        if (host.directory / original.name).read_bytes() != original.read_bytes():
            raise TrialFailed(f"{host.name}: {original.name} is not the one published")
    given = [size for size in meter.down_by_remote.values() if size >= BLOCK]
    return {
        "seconds": seconds,
        "met": len(meter.up_by_remote.keys() | meter.down_by_remote.keys()),
        "gave": len(given),
        "connections": meter.accepted + meter.calls["connect"],
        "file_bytes": sum(original.stat().st_size for original in originals),
        "socket_bytes": meter.up_bytes + meter.down_bytes,
    }


async def lose(case: Case, directory: Path) -> Rows:
    """Hosts vanish for good, more and more; each time a newcomer asks for every file.

    The case has what `scatter` reads, and vanished (rising numbers).  A row is a file that
    a newcomer asked for: how many of its hosts were left, and whether it came.
    """
    library = scatter(case, directory)
    rows: list[dict[str, Any]] = []
    try:
        await library.seed(case["hosts"])
        members = list(library.peers)
        order = list(range(len(members)))
        random.Random(f"{case['seed']}/vanish/{case['copies']}").shuffle(order)
        gone = 0
        for vanished in case["vanished"]:
            for number in order[gone:vanished]:
                await library.vanish(members[number])
            gone = vanished
            came = await _ask_for_all(library, f"newcomer-{vanished}")
            for number, holders in enumerate(library.placed):
                left = len(set(holders) - set(order[:vanished]))
                row = {"vanished": vanished, "file": number, "left": left}
                rows.append(row | {"came": came[number]})
    finally:
        await library.close()
    return {"asked": rows}


async def _ask_for_all(library: Scattered, name: str) -> list[bool]:
    host, peer = await library.newcomer(name)
    fetches = [peer.fetch(link, host.directory) for link in library.links]
    outcomes = await asyncio.gather(*fetches, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, P2PError):
            raise outcome
    await library.vanish(host)
    return [
        isinstance(path, Path) and path.read_bytes() == original.read_bytes()
        for path, original in zip(outcomes, library.originals, strict=True)
    ]


def make_files(directory: Path, files: int, size: int, seed: int) -> list[Path]:
    """Write the library's files, each of `size` bytes of its own."""
    folder = directory / "library"
    folder.mkdir()
    paths = [folder / f"file-{number:03}.bin" for number in range(files)]
    for path in paths:
        path.write_bytes(random.Random(f"{seed}/{path.name}").randbytes(size))
    return paths


def new_host(network: Network, name: str, directory: Path) -> Host:
    """A host with the links that all hosts here have."""
    own = directory / name
    own.mkdir()
    return Host(
        network,
        name,
        own,
        up=LinkConfig(rate=RATE, latency=LATENCY_S / 2),
        down=LinkConfig(rate=DOWN, latency=LATENCY_S / 2),
    )
