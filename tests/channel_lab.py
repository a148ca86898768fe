"""Servers and clients of the persistent socket: ours, and ones that say what they like."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from central.access.guard import Guard
from central.access.log import Request
from central.channel import client, frames
from central.channel.frames import MAGIC, Decoder, Frame, encode
from central.config import ClientConfig, Limits
from central.landing import Landing
from central.library.library import Library
from central.link import Link
from central.server import Server
from host.host import Host

DATA = bytes(range(256)) * 1024
HELLO = encode(frames.Hello(frames.VERSION))
WELCOME = frames.Welcome(frames.VERSION, frames.DATA_MOST, frames.REQUESTS_MOST)


class Place:
    """A started server on a host, its folder, and what it wrote down."""

    def __init__(
        self,
        host: Host,
        *,
        writable: bool = False,
        limits: Limits | None = None,
        guard: Guard | None = None,
        root: Path | None = None,
        port: int = 0,
    ) -> None:
        self.root = root or host.directory / "files"
        self.root.mkdir(exist_ok=True)
        self.requests: list[Request] = []
        self.library = Library(host, self.root, writable=writable)
        self.server = Server(
            host,
            protocols=("socket",),
            ports={"socket": port},
            library=self.library,
            guard=guard,
            limits=limits or Limits(),
            log=self.requests.append,
        )

    async def __aenter__(self) -> "Place":
        await self.server.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.server.close()

    def link(self, path: str) -> Link:
        return Link("socket", *self.server.addresses["socket"], path)

    @property
    def statuses(self) -> list[int]:
        return [request.status for request in self.requests]


async def fetch(
    host: Host, target: Link, config: ClientConfig | None = None, name: str | None = None
) -> Path:
    """Fetch as Client does."""
    path = host.directory / (name or target.name)
    landing = await Landing.open(host, path, target)
    try:
        await client.fetch(host, target, landing, config or ClientConfig())
        return await landing.commit()
    finally:
        await landing.close()


class Stranger(asyncio.Protocol):
    """Sends any bytes, and takes apart what comes."""

    def __init__(self, accepted: Any = frames.TO_CLIENT) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder(accepted)
        self.transport: Any = None
        self.raw = bytearray()
        self.heard: list[Any] = []
        self.times: list[float] = []
        self.error: Exception | None = None
        self.lost: asyncio.Future[float] = self._loop.create_future()
        self.on_event: Callable[[Any], None] = lambda event: None
        self._more = asyncio.Event()

    @classmethod
    async def call(cls, host: Host, target: Link, hello: bytes = MAGIC + HELLO) -> "Stranger":
        stranger = await host.connect(cls, target.address, target.port)
        stranger.send(hello)
        return stranger

    def send(self, *data: bytes | Frame) -> None:
        for each in data:
            self.transport.write(each if isinstance(each, bytes) else encode(each))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.raw += data
        self._decoder.receive(data)
        while (event := self._decoder.next_event()) is not None:
            self.heard.append(event)
            self.times.append(self._loop.time())
            self.on_event(event)
        self._more.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        self.lost.set_result(self._loop.time())
        self._more.set()

    async def hears(self, kind: type[Any], count: int = 1) -> list[Any]:
        """Wait for so many events of a kind; fails when the connection ends before."""
        while len(found := [event for event in self.heard if isinstance(event, kind)]) < count:
            assert not self.lost.done(), f"lost after {self.heard}"
            self._more.clear()
            await self._more.wait()
        return found

    @property
    def content(self) -> bytes:
        return b"".join(event.data for event in self.heard if isinstance(event, frames.Data))

    @property
    def errors(self) -> list[tuple[int | None, int, str]]:
        return [(e.id, e.code, e.reason) for e in self.heard if isinstance(e, frames.Error)]


async def scripted(host: Host, script: Callable[[Stranger, Any], None]) -> Link:
    """A server whose connections answer each event by `script`; returns a link to `a.bin`."""

    def make() -> Stranger:
        stranger = Stranger(frames.TO_SERVER)
        stranger.on_event = lambda event: script(stranger, event)
        return stranger

    listener = await host.listen(make)
    return Link("socket", *listener.address, "a.bin")
