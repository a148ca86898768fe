"""One emulated computer: its address, its links, its sockets, its meter, its trace and its disk.

A node touches the world only through its Host.  The calls follow socket(7) and asyncio's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import IO, Any, TypeVar

import asyncio_dgram

from host.datagram import Address, DatagramEndpoint
from host.link import LinkConfig
from host.listener import Listener
from host.meter import Meter
from host.network import Network
from host.shaping import Shaper
from host.sockets import MeteredSocket, TracedSocket
from host.stream import StreamTransport
from host.trace import Trace
from host.wire import ACCEPTOR, CONNECTOR, Wire

P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T")
_BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT (ip(7)): the port is chosen at connect, by the whole five-tuple."""


class Host:
    """One computer of a network."""

    def __init__(
        self,
        network: Network,
        name: str,
        directory: Path,
        *,
        up: LinkConfig | None = None,
        down: LinkConfig | None = None,
        traced: bool = False,
    ) -> None:
        self.network = network
        self.name = name
        self.directory = directory
        self.loop = network.loop
        self.up = Shaper(up or LinkConfig(), self.loop)
        self.down = Shaper(down or LinkConfig(), self.loop)
        self.rng = network.rng(name)
        self.meter = Meter(network.bucket_s)
        self.trace = Trace() if traced else None
        self.address = network.join(self)
        self._streams: dict[StreamTransport, None] = {}
        self._sockets: dict[Listener | DatagramEndpoint, None] = {}
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}>"

    @property
    def raw(self) -> bool:
        """True when streams need no shaping and no virtual time: the standard transport serves."""
        return not self.network.virtual and all(
            link.unlimited and not link.latency for link in (self.up, self.down)
        )

    # ---- sockets

    async def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], port: int = 0, backlog: int = 1024
    ) -> Listener:
        """Accept connections on `port` (0: any), each with a protocol from `factory`."""
        sock = self._socket(socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((self.address, self.network.port(port)))
            sock.listen(backlog)
        except OSError:
            sock.close()
            raise

        def accepted(peer: MeteredSocket, remote: Address) -> None:
            wire = self.network.accepted(remote, listener.address)
            # The acceptor has the connection when the handshake's third segment arrives.
            delay = wire.round_trip() + wire.latency(ACCEPTOR) if wire is not None else 0.0
            self._attach(peer, factory(), wire, ACCEPTOR, delay)

        listener = Listener(sock, accepted, self._closed)
        self.network.opens(self, listener.address)
        self._sockets[listener] = None
        return listener

    def _closed(self, listener: Listener) -> None:
        self.network.closes(listener.address)
        self._sockets.pop(listener, None)

    async def connect(self, factory: Callable[[], P], address: str, port: int) -> P:
        """Open a connection and return its protocol, connected; OSError when it is refused."""
        sock = self._socket(socket.SOCK_STREAM)
        remote = (address, port)
        wire = local = None
        try:
            if hasattr(socket, "SO_REUSEADDR") and os.uname().sysname == "Linux":
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.address, 0))
            try:
                sock.connect(remote)
            except BlockingIOError:
                pass
            local = sock.getsockname()
            wire = self.network.connecting(self, local, remote)
            await self._established(sock)
            if wire is not None and (round_trip := wire.round_trip()):
                await asyncio.sleep(round_trip)
        except BaseException:
            if wire is not None and local is not None:
                self.network.refused(wire, local, remote)
            sock.close()
            raise
        protocol = factory()
        opening = self._attach(sock, protocol, wire, CONNECTOR, 0.0)
        if opening is not None:
            await opening
        return protocol

    async def _established(self, sock: MeteredSocket) -> None:
        writable = self.loop.create_future()
        self.loop.add_writer(sock, _settle, writable)
        try:
            await writable
        finally:
            self.loop.remove_writer(sock)
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))

    def _attach(
        self,
        sock: MeteredSocket,
        protocol: asyncio.BaseProtocol,
        wire: Wire | None,
        side: int,
        delay: float,
    ) -> asyncio.Task[Any] | None:
        """Put a transport between an open stream socket and its protocol."""
        if self.raw:
            attach = self.loop.connect_accepted_socket(lambda: protocol, sock)
            return self.spawn(attach, f"open {sock.remote}")
        links = (self.up, self.down)
        stream = StreamTransport(self.loop, sock, protocol, links, wire, side, self._lost)
        self._streams[stream] = None
        stream.start(delay)
        return None

    async def datagram(self, port: int = 0) -> DatagramEndpoint:
        """A bound datagram socket, as an asyncio-dgram stream over this host's links."""
        sock = self._socket(socket.SOCK_DGRAM)
        sock.bind((self.address, self.network.port(port)))
        stream = await asyncio_dgram.from_socket(sock)
        endpoint = DatagramEndpoint(stream, self.network, (self.up, self.down), self.rng)
        self._sockets[endpoint] = None
        return endpoint

    async def send_file(
        self, transport: asyncio.Transport, file: IO[bytes], offset: int, size: int
    ) -> None:
        """Send a stretch of an open file and return when the kernel has taken all of it."""
        if isinstance(transport, StreamTransport):
            await transport.send_file(file.fileno(), offset, size)
            return
        if size:
            await self.loop.sendfile(transport, file, offset, size)
            remote = transport.get_extra_info("peername")[0]
            self.meter.sent(remote, size, self.loop.time())

    def _socket(self, kind: socket.SocketKind) -> MeteredSocket:
        if self.trace is not None:
            return TracedSocket.open(kind, self.meter, self.loop.time, trace=self.trace)
        return MeteredSocket.open(kind, self.meter, self.loop.time)

    def _lost(self, stream: StreamTransport) -> None:
        self._streams.pop(stream, None)
        if stream.wire is not None:
            self.network.forget(stream.wire)

    # ---- tasks and disk

    def spawn(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run a task of this host's node; `close` ends it."""
        task = self.loop.create_task(coro, name=f"{self.name}: {name}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Run blocking work off the loop (inline where the clock is virtual)."""
        return await self.loop.run_in_executor(None, function, *args)

    async def close(self) -> None:
        """End the node's tasks and reset what is still connected, as a host that goes down."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sock in list(self._sockets):
            sock.close()
        for stream in list(self._streams):
            stream.abort()
        # The transports tell their protocols in the loop's next turn.
        await asyncio.sleep(0)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
