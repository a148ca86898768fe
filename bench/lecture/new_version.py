"""A file that all hosts have gets a new version: how each host comes to know of it, and when.

By HTTP polling, by a persistent socket on which the server speaks first, by a mutable item of the
DHT (BEP 44 and 46), and by the first version's infohash, which names that version for ever.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from bench.lecture.scattered_library import new_host
from bench.play import Case, Rows
from bench.sweep import TrialFailed
from central.channel import client as channel
from central.client import Client
from central.config import ClientConfig, Limits
from central.http import client as http
from central.link import Link, Scheme
from central.server import Server
from host.host import Host
from host.network import Network
from p2p import magnet
from p2p.config import PeerConfig
from p2p.peer import Peer

NAME = "file.bin"
IDLE_S = 75.0
"""Seconds that the server keeps a connection between two requests: nginx's keepalive_timeout."""
SETTLED = 5
"""Checks after which all hosts have the first version and watch for the second."""


class Way(Protocol):
    """One way to tell all hosts of a version."""

    async def publish(self, path: Path) -> None:
        """Offer the file at `path` as the newest version."""

    def versions(self, host: Host) -> AsyncGenerator[Path, None]:
        """The host's copy of each version, once it is whole."""

    async def close(self) -> None:
        """End all its nodes."""


class ServerWay:
    """One server; its clients ask again and again (`http`) or are told (`socket`)."""

    def __init__(self, source: Host, every_s: float, scheme: Scheme) -> None:
        """Clients ask every `every_s` seconds where they have to ask."""
        self._server = Server(source, protocols=(scheme,), limits=Limits(idle_s=IDLE_S))
        self._config = ClientConfig(poll_s=every_s)
        self._scheme: Scheme = scheme
        self._clients: list[Client] = []

    async def publish(self, path: Path) -> None:
        await self._server.publish(path)

    async def versions(self, host: Host) -> AsyncGenerator[Path, None]:
        client = Client(host, self._config)
        self._clients.append(client)
        address, port = self._server.addresses[self._scheme]
        link = str(Link(self._scheme, address, port, NAME))
        top = Link(self._scheme, address, port, "")
        yield await client.fetch(link, _folder(host, 1))
        watching = (http if self._scheme == "http" else channel).watch(host, top, self._config)
        async with aclosing(watching) as changes:
            number = 1
            async for _ in changes:
                number += 1
                yield await client.fetch(link, _folder(host, number))

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self._server.close()


class PeersWay:
    """Peers alone; each knows one that was there before it as its way into the DHT."""

    def __init__(self, source: Host, every_s: float) -> None:
        """Followers look every `every_s` seconds."""
        self._every_s = every_s
        self._peers: list[Peer] = []
        self._source = self._peer(source)
        self._link = ""

    def _peer(self, host: Host) -> Peer:
        def way_in() -> list[tuple[str, int]]:
            nodes = [peer.node_address for peer in self._peers if peer.node_address]
            return [host.rng.choice(nodes)] if nodes else []

        peer = Peer(host, PeerConfig(names_itself=False), way_in)
        self._peers.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self._peers:
            await peer.close()


class ItemWay(PeersWay):
    """The publisher signs which infohash is the newest; followers look that up in the DHT."""

    def __init__(self, source: Host, every_s: float) -> None:
        super().__init__(source, every_s)
        self._secret = source.rng.randbytes(32)

    async def publish(self, path: Path) -> None:
        link = magnet.parse(await self._source.publish(path))
        self._link = await self._source.publish_update(self._secret, link.infohash)

    async def versions(self, host: Host) -> AsyncGenerator[Path, None]:
        peer = self._peer(host)
        async with aclosing(peer.follow(self._link, host.directory, self._every_s)) as paths:
            async for path in paths:
                yield path


class InfohashWay(PeersWay):
    """All that anybody was told is the first version's infohash, which no other file has."""

    async def publish(self, path: Path) -> None:
        link = await self._source.publish(path)
        self._link = self._link or link

    async def versions(self, host: Host) -> AsyncGenerator[Path, None]:
        peer, folder = self._peer(host), _folder(host, 1)
        while True:
            yield await peer.fetch(self._link, folder)
            await asyncio.sleep(self._every_s)


WAYS: Mapping[str, Callable[[Host, float], Way]] = {
    "polling": lambda source, every_s: ServerWay(source, every_s, "http"),
    "push": lambda source, every_s: ServerWay(source, every_s, "socket"),
    "item": ItemWay,
    "infohash": InfohashWay,
}


async def publish_second(case: Case, directory: Path) -> Rows:
    """Publish a second version when all have the first; a row is a host.

    The case has way, hosts, file_bytes, every_s, checks (before it is published, in which the bytes
    of checking are counted, and as many for it to arrive) and seed.  `delay_s` is NaN for a host
    that never had it.
    """
    network, seed, every_s = Network(seed=case["seed"]), case["seed"], case["every_s"]
    first, second = (_version(directory, number, case) for number in (1, 2))
    source = new_host(network, "source", directory)
    hosts = [new_host(network, f"host-{number:03}", directory) for number in range(case["hosts"])]
    rng = random.Random(f"{seed}/joins")
    way = WAYS[case["way"]](source, every_s)
    has_first: dict[Host, None] = {}

    async def wait_for_second(host: Host, join_s: float) -> float:
        await asyncio.sleep(join_s)
        async with aclosing(way.versions(host)) as paths:
            async for path in paths:
                if path.read_bytes() == second.read_bytes():
                    return network.now()
                has_first[host] = None
        raise TrialFailed(f"{host.name}: it watches no more")

    try:
        await way.publish(first)
        waiting = [
            host.spawn(wait_for_second(host, rng.uniform(0, every_s)), "waits") for host in hosts
        ]
        await asyncio.sleep(SETTLED * every_s)
        quiet_s = case["checks"] * every_s
        before = _counts([source, *hosts])
        await asyncio.sleep(quiet_s)
        after = _counts([source, *hosts])
        begin = network.now()
        await way.publish(second)
        await asyncio.wait(waiting, timeout=begin + quiet_s - network.now())
        ends = [task.result() if task.done() else float("nan") for task in waiting]
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await way.close()
        await network.close()
    if len(has_first) < len(hosts):
        raise TrialFailed(f"{len(hosts) - len(has_first)} hosts never had the first version")
    spent = [(b - a) / quiet_s for a, b in zip(before, after, strict=True)]
    return {
        "hosts": [
            {"host": host.name, "delay_s": end - begin, "bytes_per_s": rate}
            for host, end, rate in zip(hosts, ends, spent[1:], strict=True)
        ],
        "sources": [{"bytes_per_s": spent[0]}],
    }


def _counts(hosts: list[Host]) -> list[int]:
    return [host.meter.up_bytes + host.meter.down_bytes for host in hosts]


def _version(directory: Path, number: int, case: Case) -> Path:
    folder = directory / f"version-{number}"
    folder.mkdir()
    path = folder / NAME
    path.write_bytes(random.Random(f"{case['seed']}/{number}").randbytes(case["file_bytes"]))
    return path


def _folder(host: Host, number: int) -> Path:
    folder = host.directory / str(number)
    folder.mkdir()
    return folder
