"""People in a room: each message is a small file that one puts there and all others read.

By HTTP it is a PUT, news of the folder in the way chosen, and a GET; by the persistent socket the
same three over the one connection that each has.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from bench.lecture.asked_or_told import SOCKET, Way
from bench.lecture.file_site import Place
from bench.play import Case, Rows
from central.channel.channel import Channel
from central.http import client as http
from central.landing import Landing
from host.host import Host

ROOM = "room"
TEXT = b"See you at the lecture on sockets at ten; bring the packet capture, please.\n"


class Voice(Protocol):
    """One person's way into the room."""

    async def say(self, local: Path, path: str) -> None:
        """Put a message there."""

    def news(self) -> AsyncGenerator[str, None]:
        """The paths of the messages that are new there."""

    async def read(self, path: str) -> None:
        """Get a message, whole and checked."""

    async def close(self) -> None:
        """Leave."""


class HttpVoice:
    """By HTTP: one connection for news, and one for all else."""

    def __init__(self, place: Place, host: Host, way: Way) -> None:
        self._place, self._host, self._way = place, host, way
        self._kept = http.Kept()

    async def say(self, local: Path, path: str) -> None:
        link = self._place.link(path)
        await http.put(self._host, link, local, self._way.config, kept=self._kept)

    async def news(self) -> AsyncGenerator[str, None]:
        async with aclosing(self._way.watch(self._host, self._place.link(ROOM))) as changes:
            async for change in changes:
                yield change.path

    async def read(self, path: str) -> None:
        link = self._place.link(path)
        landing = await Landing.open(self._host, self._host.directory / link.name, link)
        try:
            await http.fetch(self._host, link, landing, self._way.config, self._kept)
            await landing.commit()
        finally:
            await landing.close()

    async def close(self) -> None:
        self._kept.close()


class SocketVoice:
    """By the persistent socket: all over one connection."""

    def __init__(self, place: Place, host: Host, channel: Channel) -> None:
        self._place, self._host, self._channel = place, host, channel

    async def say(self, local: Path, path: str) -> None:
        await self._channel.put(local, path)

    async def news(self) -> AsyncGenerator[str, None]:
        await self._channel.subscribe(ROOM)
        while True:
            yield (await self._channel.event()).path

    async def read(self, path: str) -> None:
        link = self._place.link(path)
        landing = await Landing.open(self._host, self._host.directory / link.name, link)
        try:
            await self._channel.get(path, landing)
            await landing.commit()
        finally:
            await landing.close()

    async def close(self) -> None:
        await self._channel.close()


class Room:
    """Who is in the room, what was said when, and when each of the others had read it."""

    def __init__(self, place: Place, due: int) -> None:
        """`due`: readings after which all is read."""
        self._place = place
        self._due = due
        self._said: dict[str, float] = {}
        self.read: list[dict[str, float | str]] = []
        """A row for each message and reader."""
        self.all_read = asyncio.Event()
        if due == 0:  # nobody is there to read
            self.all_read.set()

    async def listen(self, host: Host, voice: Voice) -> None:
        """Read what the others say, as soon as one hears of it."""
        try:
            await self._listen(host, voice)
        finally:
            self.all_read.set()  # who fails is not waited for

    async def _listen(self, host: Host, voice: Voice) -> None:
        async with aclosing(voice.news()) as paths:
            async for path in paths:
                if f"/{host.name}-" in path:
                    continue
                await voice.read(path)
                delay_s = self._place.network.loop.time() - self._said[path]
                self.read.append({"message": path, "reader": host.name, "delay_s": delay_s})
                if len(self.read) == self._due:
                    self.all_read.set()

    async def speak(self, host: Host, voice: Voice, moments: Sequence[float]) -> None:
        """Say something at each of these moments, in seconds from now."""
        loop = self._place.network.loop
        start = loop.time()
        local = host.directory / "said.txt"
        local.write_bytes(TEXT)
        for number, moment in enumerate(moments):
            await asyncio.sleep(start + moment - loop.time())
            path = f"{ROOM}/{host.name}-{number:03}"
            self._said[path] = loop.time()
            await voice.say(local, path)


async def talk(case: Case, directory: Path) -> Rows:
    """Let everybody say something now and then; returns when each message was read by whom.

    The case has way, interval_s and close_each (see `Way`), people, messages (of each), seconds,
    settle_s, latency_s and seed.
    """
    way = Way.of(case)
    place = Place(case, directory, way.scheme)
    (place.root / ROOM).mkdir()
    hosts = [place.join(f"person-{number:03}") for number in range(case["people"])]
    room = Room(place, len(hosts) * (len(hosts) - 1) * case["messages"])
    voices: list[Voice] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        await place.server.start()
        for host in hosts:
            voices.append(await _enter(place, host, way))
        people = list(zip(hosts, voices, strict=True))
        tasks += [asyncio.ensure_future(room.listen(*person)) for person in people]
        await asyncio.sleep(case["settle_s"])
        tasks += [
            asyncio.ensure_future(room.speak(*person, moments))
            for person, moments in zip(people, _moments(case), strict=True)
        ]
        await asyncio.gather(*tasks[len(people) :])
        await room.all_read.wait()
        for task in tasks:
            if task.done():
                task.result()
        traffic = place.traffic()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for voice in voices:
            await voice.close()
        await place.close()
    return {"delays": room.read, "traffic": [traffic]}


def _moments(case: Case) -> list[list[float]]:
    """When each says something."""
    rng = random.Random(f"{case['seed']}/chat")
    return [
        sorted(rng.uniform(0, case["seconds"]) for _ in range(case["messages"]))
        for _ in range(case["people"])
    ]


async def _enter(place: Place, host: Host, way: Way) -> Voice:
    if way.kind == SOCKET:
        return SocketVoice(place, host, await Channel.open(host, place.link(""), way.config))
    return HttpVoice(place, host, way)
