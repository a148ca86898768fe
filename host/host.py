"""One emulated computer: its address, its links, its sockets, its meter, its trace and its disk.

A node touches the world only through its Host.  The calls follow socket(7) and asyncio's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from weakref import WeakSet

import asyncio_dgram

from host.clock import date
from host.datagram import QUEUE_LIMIT, Address, DatagramEndpoint
from host.link import LinkConfig
from host.listener import Listener
from host.meter import Meter
from host.network import Network
from host.sendfile import send_file
from host.shaping import Shaper
from host.sockets import MeteredSocket, TracedSocket, reset_on_close
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
        self._raw: WeakSet[asyncio.Transport] = WeakSet()
        self._listeners: dict[Listener, None] = {}
        self._endpoints: dict[DatagramEndpoint, None] = {}
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.dallying: dict[Any, None] = {}
        """Conversations over datagrams that are over and stay a while, lest their last word is
        lost; the oldest first.  They outlive the transfers, and end with the host."""

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}>"

    @property
    def raw(self) -> bool:
        """True when neither links nor clock ask for more than the standard transport."""
        return not self.network.virtual and all(
            link.unlimited and not link.latency for link in (self.up, self.down)
        )

    def date(self) -> datetime:
        """The date and time of day here, in UTC; virtual time has a date of its own."""
        return date(self.loop)

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
            if wire is not None:
                peer.remote = self.network.label(wire.hosts[CONNECTOR])
            # The acceptor has the connection when the handshake's third segment arrives.
            delay = wire.round_trip() + wire.latency(ACCEPTOR) if wire is not None else 0.0
            self._attach(peer, factory, wire, ACCEPTOR, delay)

        listener = Listener(sock, accepted, self._unlisten)
        self.network.opens(self, listener.address)
        self._listeners[listener] = None
        return listener

    def _unlisten(self, listener: Listener) -> None:
        self.network.closes(listener.address)
        self._listeners.pop(listener, None)
        for stream in list(self._streams):
            if not stream.started and stream.get_extra_info("sockname") == listener.address:
                stream.reset()

    async def connect(self, factory: Callable[[], P], address: str, port: int) -> P:
        """Open a connection and return its protocol, connected; OSError when it is refused."""
        sock, wire = await self._dial((address, port))
        delay = 0.0 if wire is None else wire.round_trip()
        return await self._attach(sock, factory, wire, CONNECTOR, delay)

    async def _dial(self, remote: Address) -> tuple[MeteredSocket, Wire | None]:
        """A socket that the kernel has connected to `remote`, and the wire between the two."""
        sock = self._socket(socket.SOCK_STREAM)
        wire = None
        try:
            if sys.platform == "linux":
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.address, 0))
            try:
                sock.connect(remote)
            except BlockingIOError:
                pass
            wire = self.network.connecting(self, sock.getsockname(), remote)
            if wire is not None:
                sock.remote = self.network.label(wire.hosts[ACCEPTOR])
            writable = self.loop.create_future()
            self.loop.add_writer(sock, _settle, writable)
            try:
                await writable
            finally:
                self.loop.remove_writer(sock)
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error))
        except BaseException as error:
            sock.close()
            if wire is not None:
                self.network.abandoned(wire)
                if isinstance(error, OSError):
                    await asyncio.sleep(wire.round_trip())
            raise
        return sock, wire

    def _attach(
        self,
        sock: MeteredSocket,
        factory: Callable[[], P],
        wire: Wire | None,
        side: int,
        delay: float,
    ) -> asyncio.Future[P]:
        """Put a transport between a connected socket and a protocol, `delay` seconds from now."""
        if wire is None and self.raw:
            return self._hand_through(sock, factory)
        links = (self.up, self.down)
        stream = StreamTransport(self.loop, sock, factory, links, wire, side, self._lost)
        self._streams[stream] = None
        return stream.start(delay)

    def _hand_through(self, sock: MeteredSocket, factory: Callable[[], P]) -> asyncio.Future[P]:
        async def connect() -> P:
            try:
                transport, protocol = await self.loop.connect_accepted_socket(factory, sock)
            except BaseException:
                sock.close()
                raise
            self._raw.add(transport)
            return protocol

        def settle(opening: asyncio.Task[P]) -> None:
            if opening.cancelled():  # before its first step, perhaps
                sock.close()

        opening = self.spawn(connect(), f"open {sock.remote}")
        opening.add_done_callback(settle)
        return opening

    async def datagram(self, port: int = 0, queue_limit: int = QUEUE_LIMIT) -> DatagramEndpoint:
        """A bound datagram socket, as an asyncio-dgram stream over this host's links."""
        sock = self._socket(socket.SOCK_DGRAM)
        try:
            sock.bind((self.address, self.network.port(port)))
        except OSError:
            sock.close()
            raise
        stream = await asyncio_dgram.from_socket(sock)
        endpoint = DatagramEndpoint(self, sock, stream, queue_limit, self._endpoints.pop)
        self._endpoints[endpoint] = None
        return endpoint

    async def send_file(
        self, transport: asyncio.Transport, file: IO[bytes], offset: int, size: int
    ) -> None:
        """Send a stretch of an open file and return when the kernel has taken all of it.

        OSError when the connection ends before that, or the file, which ends the connection.
        """
        if isinstance(transport, StreamTransport):
            await transport.send_file(file.fileno(), offset, size)
            return
        await send_file(transport, file, offset, size)

    def _socket(self, kind: socket.SocketKind) -> MeteredSocket:
        if self.trace is not None:
            return TracedSocket.open(kind, self.meter, self.network.now, trace=self.trace)
        return MeteredSocket.open(kind, self.meter, self.network.now)

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
        for listener in list(self._listeners):
            listener.close()
        for endpoint in list(self._endpoints):
            endpoint.abort()
        for stream in list(self._streams):
            stream.reset()
        for transport in list(self._raw):
            sock = transport.get_extra_info("socket")
            if sock.fileno() < 0:
                continue  # gone; Python 3.11 cannot abort it once more
            if not transport.is_closing():
                reset_on_close(sock)
            transport.abort()
        # The transports tell their protocols in the loop's next turn.
        await asyncio.sleep(0)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
