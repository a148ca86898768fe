"""A video in segments, as HTTP Live Streaming has it (RFC 8216), watched by many at once.

Each viewer asks for the next segment when it is due, over a connection for each, over one that is
kept, or over the persistent socket.  Or it asks once for all, and the server sends on.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from bench.lecture.file_site import Place
from bench.lecture.server_process import cpu_s, server_process
from bench.play import Case, Rows
from central.channel.channel import Channel
from central.config import ClientConfig
from central.http import client as http
from central.landing import Landing
from central.link import Link, Scheme
from host.host import Host
from host.network import Network

CLOSING, KEPT, SOCKET, WHOLE, PUSHED = (
    "HTTP, closing",
    "HTTP, kept",
    "socket",
    "HTTP, one request",
    "socket, one request",
)
WAYS = (CLOSING, KEPT, SOCKET, WHOLE, PUSHED)
ONE_REQUEST = (WHOLE, PUSHED)
SCHEMES: Mapping[str, Scheme] = {
    CLOSING: "http",
    KEPT: "http",
    SOCKET: "socket",
    WHOLE: "http",
    PUSHED: "socket",
}
VIDEO = "video.ts"
TAXED = 64
"""Segments, or a little more, that a viewer gets while the server's processor is measured."""
ONCE_FOR_ALL = 4
"""Times that number for who asks once for all, which takes so much less of it."""


class Video:
    """The segments as files, and all of them as one file; and what they hash to."""

    def __init__(self, folder: Path, segments: int, size: int, seed: int) -> None:
        """`size`: bytes of a segment."""
        rng = random.Random(f"{seed}/video")
        parts = [rng.randbytes(size) for _ in range(segments)]
        files = {f"segment-{n:03}.ts": part for n, part in enumerate(parts, 1)}
        self.digests = {}
        """By name; the video's own is the last one."""
        for name, data in {**files, VIDEO: b"".join(parts)}.items():
            (folder / name).write_bytes(data)
            self.digests[name] = hashlib.sha256(data).hexdigest()

    def names(self, way: str) -> list[str]:
        """What a viewer asks for, in order."""
        *segments, whole = self.digests
        return [whole] if way in ONE_REQUEST else segments


class Player:
    """One viewer's way to the server; it gets one file after the other."""

    def __init__(self, host: Host, way: str) -> None:
        self._host = host
        self._config = ClientConfig(close_each=way == CLOSING)
        self._kept = http.Kept()
        self._channel: Channel | None = None
        self.landing: Landing | None = None
        """What is coming just now."""

    async def get(self, link: Link) -> None:
        """Get a file, whole and checked, and forget it."""
        path = self._host.directory / link.name
        landing = self.landing = await Landing.open(self._host, path, link)
        try:
            if link.scheme == "http":
                await http.fetch(self._host, link, landing, self._config, self._kept)
            else:
                if self._channel is None:
                    self._channel = await Channel.open(self._host, link, self._config)
                await self._channel.get(link.path, landing)
            await landing.commit()
        finally:
            await landing.close()
        path.unlink()

    async def close(self) -> None:
        """Hang up."""
        self._kept.close()
        if self._channel is not None:
            await self._channel.close()


# ---- who gets a segment too late


async def watch_video(case: Case, directory: Path) -> Rows:
    """Have all watch the video; returns what came too late, and what the server did for it.

    The case has way, viewers, segments, segment_s, segment_bytes, buffer_s (from a viewer's start
    to its first picture), up_rate (the server's uplink, bytes/s), latency_s and seed.
    """
    way = case["way"]
    place = Place(case, directory, SCHEMES[way], case["up_rate"])
    video = Video(place.root, case["segments"], case["segment_bytes"], case["seed"])
    rng = random.Random(f"{case['seed']}/viewers")
    hosts = [place.join(f"viewer-{number:03}") for number in range(case["viewers"])]
    starts = [rng.uniform(0, case["segment_s"]) for _ in hosts]
    try:
        await place.server.start()
        links = [place.link(name, video.digests[name]) for name in video.names(way)]
        watch = _watch_whole if way in ONE_REQUEST else _watch_segments
        late = await asyncio.gather(
            *(
                watch(case, Player(host, way), links, start)
                for host, start in zip(hosts, starts, strict=True)
            )
        )
        traffic = place.traffic()
        calls = place.host.meter.calls.total()
    finally:
        await place.close()
    shown = case["viewers"] * case["segments"]
    return {"streams": [traffic | {"late": sum(late), "shown": shown, "calls": calls}]}


async def _watch_segments(case: Case, player: Player, links: Sequence[Link], wait_s: float) -> int:
    """Ask for each segment when it is due; returns how many came too late."""
    await asyncio.sleep(wait_s)
    loop = asyncio.get_running_loop()
    start, late = loop.time(), 0
    try:
        for number, link in enumerate(links):
            due = start + number * case["segment_s"]
            await asyncio.sleep(max(0.0, due - loop.time()))
            await player.get(link)
            late += loop.time() > due + case["buffer_s"]
    finally:
        await player.close()
    return late


async def _watch_whole(case: Case, player: Player, links: Sequence[Link], wait_s: float) -> int:
    """Ask for all at once, and look at each segment's time whether it is here."""
    await asyncio.sleep(wait_s)
    getting = asyncio.ensure_future(player.get(links[0]))
    late = 0
    try:
        await asyncio.sleep(case["buffer_s"])
        for number in range(case["segments"]):
            here = 0 if player.landing is None else player.landing.received
            late += here < (number + 1) * case["segment_bytes"]
            await asyncio.sleep(case["segment_s"])
        await getting
    finally:
        getting.cancel()
        await asyncio.gather(getting, return_exceptions=True)
        await player.close()
    return late


# ---- what it costs the server's processor


async def tax_processor(case: Case, directory: Path) -> Rows:
    """Have viewers get the video as fast as they can from a server in a process of its own.

    Returns that process's time on the processor, way by way.  For the real clock.  The case has
    ways, viewers, segments, segment_bytes and seed.
    """
    root = directory / "files"
    root.mkdir()
    video = Video(root, case["segments"], case["segment_bytes"], case["seed"])
    network = Network(seed=case["seed"])
    hosts = []
    for number in range(case["viewers"]):
        folder = directory / f"viewer-{number:03}"
        folder.mkdir()
        hosts.append(Host(network, folder.name, folder))
    rows = []
    try:
        with server_process(root, case["viewers"], ("http", "socket")) as (urls, process):
            for way in case["ways"]:
                top = Link.parse(urls[SCHEMES[way]])
                links = [
                    replace(top, path=name, sha256=video.digests[name]) for name in video.names(way)
                ]
                rounds = math.ceil(TAXED / case["segments"])
                rounds *= ONCE_FOR_ALL if way in ONE_REQUEST else 1
                spent = await _spent(process, hosts, way, links * rounds)
                shown = rounds * case["viewers"] * case["segments"]
                rows.append({"way": way, "cpu_s": spent, "shown": shown})
    finally:
        await network.close()
    return {"cpu": rows}


async def _spent(
    process: psutil.Process, hosts: Sequence[Host], way: str, links: Sequence[Link]
) -> float:
    """Seconds of the server's processor while each host gets all the links."""
    players = [Player(host, way) for host in hosts]

    async def get_all(player: Player) -> None:
        for link in links:
            await player.get(link)

    try:
        await asyncio.gather(*(player.get(links[0]) for player in players))  # all is warm
        before = cpu_s(process)
        await asyncio.gather(*map(get_all, players))
        after = cpu_s(process)
    finally:
        for player in players:
            await player.close()
    return after - before
