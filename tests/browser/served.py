"""A `bench demo` of its own: a process, its link, and a new run in it for each test."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

DEADLINE_S = 30.0
"""Seconds for what takes one or two where the machine is not busy."""

SMALL = {
    "clients": 3,
    "file_size": "1 MiB",
    "origin_up": "1 Mbit/s",
    "peer_up": "1 Mbit/s",
    "latency": "10 ms",
    "riders": 0,
    "seed": 1,
}
"""A run of 25 s on the left and 9 s on the right."""

GOODBYE = "Ctrl-C ends it.\nbench: the demo has ended\n"


class Demo:
    """A demo that runs: where it is, and what controls it."""

    def __init__(self, process: asyncio.subprocess.Process, link: str) -> None:
        self.process = process
        self.link = link
        self.url, _, self.token = link.partition("/#token=")

    async def begin(self, *, speed: float, lesson: str | None = None, **settings: Any) -> None:
        """Have a new run, at 0: a lesson's, or SMALL but for these settings.

        Nobody else may control it meanwhile.
        """
        pace = {"do": "speed", "speed": speed}
        if lesson is None:
            asked = [pace, {"do": "set", "settings": {**SMALL, **settings}}]
        else:
            asked = [{"do": "lesson", "lesson": lesson}, pace]  # a lesson brings its own speed
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws", origin=self.url) as socket,
        ):
            await socket.send_json({"do": "join", "token": self.token})
            await socket.send_json({"do": "take"})  # a page that has just gone may still count
            before = (await _heard(socket, "scene"))["run"]
            for question in asked:
                await socket.send_json(question)
            while (await _heard(socket, "scene"))["run"] == before:
                pass
            while (await _heard(socket, "frame"))["speed"] != speed:
                pass

    async def end(self) -> float:
        """End it as Ctrl-C does; returns how many seconds that took. It must end as it should."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE_S):
            out, err = await self.process.communicate()
        took = time.monotonic() - begun
        assert (self.process.returncode, out, err.decode()) == (130, b"", GOODBYE)
        return took


async def _heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of a kind; those before it are dropped."""
    while True:
        message: dict[str, Any] = await socket.receive_json(timeout=DEADLINE_S)
        assert message["kind"] != "error", message
        if message["kind"] == kind:
            return message


@asynccontextmanager
async def serving(*options: str) -> AsyncIterator[Demo]:
    """`bench demo` with some options at a free port; what still runs at the end is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "bench.cli", "demo", "--port", "0", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            line = await process.stdout.readline()
        yield Demo(process, line.decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
