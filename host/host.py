"""One emulated computer: its address, its links, its sockets, its meter, its trace and its disk.

A node touches the world only through its Host.  The calls follow socket(7) and asyncio's own.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from weakref import WeakSet

import asyncio_dgram

from host.clock import date
from host.datagram import QUEUE_LIMIT, Address, DatagramEndpoint
from host.dialing import PATIENCE_S, dial, reach
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
        self.raw = network.raw and all(
            link.unlimited and not link.latency for link in (self.up, self.down)
        )
        """True when neither links nor clock ask for more than the standard transport."""
        self.is_cut = False
        """True while both links carry nothing; `cut` and `restore` change it."""
        self.running = True
        """False while the host is down: from `close` to `start`."""
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

    def date(self) -> datetime:
        """The date and time of day here, in UTC; virtual time has a date of its own."""
        return date(self.loop)

    # ---- sockets

    async def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], port: int = 0, backlog: int = 1024
    ) -> Listener:
        """Accept connections on `port` (0: any), each with a protocol from `factory`."""
        self.ensure_running()
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
        """Open a connection and return its protocol, connected; OSError when it is refused.

        Where either host is cut off it goes on when both are back, or fails with TimeoutError
        (ETIMEDOUT) after `host.dialing.PATIENCE_S`.
        """
        give_up_at = self.loop.time() + PATIENCE_S
        await reach(self, (address, port), give_up_at)
        sock = self._socket(socket.SOCK_STREAM)
        wire = await dial(self, sock, (address, port), give_up_at)
        delay = 0.0 if wire is None else wire.round_trip()
        return await self._attach(sock, factory, wire, CONNECTOR, delay, give_up_at)

    def _attach(
        self,
        sock: MeteredSocket,
        factory: Callable[[], P],
        wire: Wire | None,
        side: int,
        delay: float,
        give_up_at: float = math.inf,
    ) -> asyncio.Future[P]:
        """Put a transport between a connected socket and a protocol, `delay` seconds from now."""
        if wire is None and self.raw:
            return self._hand_through(sock, factory)
        links = (self.up, self.down)
        stream = StreamTransport(self.loop, sock, factory, links, wire, side, self._lost)
        self._streams[stream] = None
        is_cut = self.is_cut if wire is None else wire.is_cut
        return stream.start(delay, give_up_at=give_up_at, is_cut=is_cut)

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
        self.ensure_running()
        sock = self._socket(socket.SOCK_DGRAM)
        try:
            sock.bind((self.address, self.network.port(port)))
        except OSError:
            sock.close()
            raise
        stream = await asyncio_dgram.from_socket(sock)
        if not self.running:
            stream.close()
        self.ensure_running()
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
        """Run a task of this host's node; `close` ends it.  While the host is down it is cancelled
        before its first step."""
        task = self.loop.create_task(coro, name=f"{self.name}: {name}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        if not self.running:
            task.cancel()
        return task

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Run blocking work off the loop (inline where the clock is virtual)."""
        return await self.loop.run_in_executor(None, function, *args)

    # ---- up and down

    async def close(self) -> None:
        """End the node's tasks and reset what is still connected, as a host that goes down.

        From then on it opens nothing (ENETDOWN) and refuses who calls, until `start`.  While it is
        cut off, nobody hears of it before `restore`.
        """
        self.running = False
        await self._end_tasks()
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
        self.up.on_idle = self.down.on_idle = None
        self.dallying.clear()
        self.network.wake_callers()
        # The transports tell their protocols in the loop's next turn.
        await asyncio.sleep(0)
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self) -> None:
        """Let the host be used again after `close`, with nothing open; its links are as they were,
        cut if they were cut."""
        self.running = True

    def ensure_running(self) -> None:
        """OSError (ENETDOWN) when the host is down."""
        if not self.running:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))

    # ---- faults

    def cut(self) -> None:
        """Let both links carry nothing, and tell nobody, until `restore`; idempotent.

        Streams: what the host has to send waits, a quantum half through stays half through.  What
        others send to it takes their uplink's time for a window, as TCP sends before it waits for
        an ACK.  That, what was on the path either way, ends, resets and errors are not heard of
        before `restore`; then all goes on at once, in order, as if it were sent again that moment
        (a real TCP retries ever more rarely, and is that much later; its own timeout of a
        connection, some 15 minutes, is not emulated).  `connect` waits for an answer.
        Datagrams from and to it are lost, those in its queues and on their way too, as an
        interface without a carrier drops them; the sender's `lost` counts them.
        """
        self._ensure_shaped()
        if not self.is_cut:
            self.is_cut = True
            self.up.stop()
            self.down.stop()
            for endpoint in list(self._endpoints):
                endpoint.cut()
            self._follow_cuts()

    def restore(self) -> None:
        """Let the links carry again, from where they stopped; idempotent."""
        if self.is_cut:
            self.is_cut = False
            self._follow_cuts()
            self.up.go_on()
            self.down.go_on()

    def change_links(self, *, up: LinkConfig | None = None, down: LinkConfig | None = None) -> None:
        """Follow these figures from now on; None leaves a link as it is.

        What is left of the quantum on the wire takes its time at the new rate.  What is on its way
        arrives when it would have, what follows after the new latency, and behind it.  The windows
        of the host's connections follow.
        """
        self._ensure_shaped()
        if up is not None:
            self.up.change(up)
        if down is not None:
            self.down.change(down)
        self.network.follow_links(self)

    def _follow_cuts(self) -> None:
        for stream in list(self._streams):
            if stream.wire is None:
                change = stream.hold if self.is_cut else stream.go_on
                change()
        self.network.follow_cuts(self)

    def _ensure_shaped(self) -> None:
        if self.raw:
            raise RuntimeError(
                f"host {self.name!r} uses the standard transport, which can be neither cut nor "
                "slowed: give a link a rate or a latency, or make the Network with raw=False"
            )
