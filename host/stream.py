"""A TCP transport whose bytes pass the host's links: asyncio's contract over an emulated access.

Any asyncio protocol runs on it unchanged (asyncio documentation, "Transports and Protocols").  Its
two halves do the work: `Sender` waits for the uplink, `Receiver` for the path and the downlink.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket
from collections.abc import Callable
from typing import Any

from host.receiving import Item, Receiver, Signal
from host.sending import Sender
from host.shaping import Shaper
from host.sockets import MeteredSocket, reset_on_close
from host.wire import Wire


class StreamTransport(asyncio.Transport):
    """One end of a connection; `wire` is None when the other end is outside this network."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: MeteredSocket,
        factory: Callable[[], asyncio.BaseProtocol],
        links: tuple[Shaper, Shaper],
        wire: Wire | None,
        side: int,
        on_lost: Callable[[StreamTransport], None],
    ) -> None:
        super().__init__(
            {"socket": sock, "sockname": sock.getsockname(), "peername": sock.getpeername()}
        )
        self._loop = loop
        self._sock = sock
        self._factory = factory
        self._protocol: Any = None
        self.wire, self._side = wire, side
        self._on_lost = on_lost
        self._opened: asyncio.Future[Any] = loop.create_future()
        self._closing = self._ending = self._eof_asked = self._eof_sent = False
        up, down = links
        self._sender = Sender(loop, sock, up, wire, side, self)
        self._receiver = Receiver(loop, sock, down, wire, side, self._take)
        self._give_up_at = math.inf
        self._giving_up: asyncio.TimerHandle | None = None
        if wire is not None:
            wire.transports[side] = self

    def start(
        self, delay: float, *, give_up_at: float = math.inf, is_cut: bool = False
    ) -> asyncio.Future[Any]:
        """Make the protocol and connect it, `delay` seconds from now and before any data.

        Returns the protocol; cancelling the future ends the connection.  Where the path is cut, now
        or meanwhile, and still is at `give_up_at` (loop time), it ends with ETIMEDOUT.
        """
        self._give_up_at = give_up_at
        if is_cut:
            self.hold()
        self._receiver.travel(Signal.CONNECTED, delay)
        self._opened.add_done_callback(self._settled)
        return self._opened

    def _settled(self, opened: asyncio.Future[Any]) -> None:
        if opened.cancelled():
            self.abort()

    @property
    def started(self) -> bool:
        """True once a protocol has the connection."""
        return self._protocol is not None

    # ---- a path that is cut

    def hold(self) -> None:
        """Nothing comes from the other side, or is heard of it, until `go_on`."""
        self._sender.hold()
        self._receiver.hold()
        if not self._opened.done() and self._giving_up is None and self._give_up_at < math.inf:
            self._giving_up = self._loop.call_at(self._give_up_at, self._unanswered)

    def go_on(self) -> None:
        """The path is there again, and all that was on it."""
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        self._sender.go_on()
        self._receiver.go_on()

    def _unanswered(self) -> None:
        self._end(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))

    # ---- writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._eof_asked:
            raise RuntimeError("write() after write_eof()")
        if data:
            # A caller may reuse its bytearray at once; bytes cannot change.
            self._sender.write(memoryview(data if isinstance(data, bytes) else bytes(data)))

    def send_file(self, descriptor: int, offset: int, size: int) -> asyncio.Future[None]:
        """Queue a stretch of a file behind what was written; done when the kernel has it all."""
        return self._sender.send_file(descriptor, offset, size)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._eof_asked and not self._ending:
            self._eof_asked = True
            self.flushed()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._sender.set_limits(high, low)
        self._sender.watch_buffer()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._sender.low, self._sender.high

    def get_write_buffer_size(self) -> int:
        return self._sender.buffered

    # ---- what the sender tells

    def crowded(self, full: bool) -> None:
        try:
            if full:
                self._protocol.pause_writing()
            else:
                self._protocol.resume_writing()
        except Exception as error:
            self._failed(error)

    def flushed(self) -> None:
        if self._ending or not self._sender.idle:
            return
        if self._closing:
            self._end(None)
        elif self._eof_asked and not self._eof_sent:
            self._eof_sent = True
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._sender.failed(error)
                return
            if self.wire is not None:
                self.wire.put(1 - self._side, 1)

    def unreadable(self, error: OSError) -> None:
        self._end(error)

    def unsendable(self, error: OSError) -> None:
        if self._receiver.paused:
            self._end(error)
        else:
            # What the other side sent before it went is still to come.
            self._receiver.travel(error)

    # ---- reading

    def pause_reading(self) -> None:
        self._receiver.paused = True

    def resume_reading(self) -> None:
        if self._receiver.paused:
            self._receiver.paused = False
            self._loop.call_soon(self._receiver.resume)

    def is_reading(self) -> bool:
        return not (self._receiver.paused or self._closing)

    def _take(self, item: Item) -> int:
        """Hand an item to the protocol; returns the bytes it took."""
        if self._ending:
            return 0
        try:
            if isinstance(item, bytes):
                if isinstance(self._protocol, asyncio.BufferedProtocol):
                    return self._fill(self._protocol, memoryview(item))
                self._protocol.data_received(item)
                return len(item)
            self._take_signal(item)
        except Exception as error:
            self._failed(error)
        return 0

    def _failed(self, error: Exception) -> None:
        """A protocol raised: its connection ends, and nothing else does."""
        self._loop.call_exception_handler(
            {
                "message": "a protocol's callback failed",
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        self._end(error)

    def _take_signal(self, item: Signal | OSError) -> None:
        if isinstance(item, OSError):
            self._end(item)
        elif item is Signal.CONNECTED:
            if self._opened.cancelled():
                return  # given up at this very instant; the transport is closing
            self._protocol = self._factory()
            self._protocol.connection_made(self)
            self._opened.set_result(self._protocol)
        elif not self._closing and not self._protocol.eof_received():
            self.close()

    def _fill(self, protocol: asyncio.BufferedProtocol, data: memoryview) -> int:
        """Fill the protocol's buffers until it pauses or has all; returns the bytes it took."""
        taken = 0
        while taken < len(data) and not (self._receiver.paused or self._closing):
            buffer = memoryview(protocol.get_buffer(len(data) - taken)).cast("B")
            size = min(len(buffer), len(data) - taken)
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:size] = data[taken : taken + size]
            protocol.buffer_updated(size)
            taken += size
        return taken

    # ---- the protocol and the end

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end the connection; nothing more is received."""
        if not self._closing:
            self._closing = True
            self._receiver.ignore()
            self.flushed()

    def abort(self) -> None:
        """End the connection at once; what is buffered is lost."""
        self._end(None)

    def reset(self) -> None:
        """End the connection as a crashed host does: the other side gets a RST (RFC 9293)."""
        if not self._ending:
            reset_on_close(self._sock)
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        if not self._ending:
            self._closing = self._ending = True
            self._sender.close()
            self._receiver.close()
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        try:
            if self.started:
                self._protocol.connection_lost(error)
            if not self._opened.done():
                self._opened.set_exception(error or ConnectionAbortedError("the host went down"))
                self._opened.exception()  # an acceptor's is nobody's to await
        finally:
            self._sock.close()
            if self.wire is not None:
                if not self._eof_sent:
                    self.wire.put(1 - self._side, 1)
                self.wire.leave(self._side)
            self._on_lost(self)
