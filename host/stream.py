"""A TCP transport whose bytes pass the host's links: asyncio's contract over an emulated access.

Any asyncio protocol runs on it unchanged (asyncio documentation, "Transports and Protocols").
Outgoing bytes wait here for their turn on the uplink and go to the kernel when they have passed
it; incoming bytes are taken out of the kernel at once, spend the path's latency and their turn on
the downlink, and reach the protocol when they have passed that.  A receiver that is behind holds
its sender back by the wire's window, or, where the sender is in another process, by leaving bytes
to TCP's own flow control.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from host.link import Flow
from host.outbox import FileSlice, Outbox
from host.shaping import Shaper
from host.sockets import MeteredSocket
from host.wire import WINDOW_MIN, Wire

READ_SIZE = 64 * 1024
HIGH_WATER = 64 * 1024
"""Bytes in the write buffer at which the protocol is paused (asyncio's own default)."""

_CONNECTED = object()
_EOF = object()
_Item = Any
"""What arrives: bytes, _CONNECTED, _EOF, or the OSError that ended the connection."""


class StreamTransport(asyncio.Transport):
    """One end of a connection; `wire` is None when the other end is outside this process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: MeteredSocket,
        protocol: asyncio.BaseProtocol,
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
        self.set_protocol(protocol)
        self._up, self._down = links
        self.wire, self._side = wire, side
        self._on_lost = on_lost
        self._closing = self._ending = self._eof_asked = self._eof_sent = False

        self._out = Outbox()
        self._outgoing = Flow(self._sendable, self._send)
        self._leftover: bytes | memoryview = b""
        self._writing_paused = False
        self._under_way = 0
        self._credits: deque[tuple[float, int]] = deque()
        self._credit_timer: asyncio.TimerHandle | None = None

        self._path: deque[tuple[float, _Item]] = deque()
        self._path_timer: asyncio.TimerHandle | None = None
        self._held: deque[_Item] = deque()
        self._held_size = 0
        self._incoming = Flow(self._deliverable, self._pass_downlink)
        self._reading_paused = False
        self.set_write_buffer_limits()
        if wire is not None:
            wire.ends[side] = self
            self._window = wire.window(1 - side)
        loop.add_reader(sock, self._readable)

    def start(self, delay: float) -> None:
        """Report the connection to the protocol, `delay` seconds from now and before any data."""
        self._travel(_CONNECTED, delay)

    # ---- sending

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._eof_asked:
            raise RuntimeError("write() after write_eof()")
        if not data or self._ending:
            return
        # A caller may reuse its bytearray at once; bytes cannot change.
        self._out.add(memoryview(data if isinstance(data, bytes) else bytes(data)))
        self._up.wake(self._outgoing)
        self._pause_or_resume()

    def send_file(self, descriptor: int, offset: int, size: int) -> asyncio.Future[None]:
        """Queue a stretch of a file behind what was written; done when the kernel has it all."""
        sent: asyncio.Future[None] = self._loop.create_future()
        if self._ending:
            sent.set_exception(ConnectionAbortedError("the connection is closed"))
        elif not size:
            sent.set_result(None)
        else:
            self._out.add(FileSlice(descriptor, offset, size, sent))
            self._up.wake(self._outgoing)
        return sent

    def _sendable(self) -> int:
        if self._leftover or self._ending:
            return 0
        if self.wire is None or not self._out.size:
            return self._out.size
        if self._credits:
            self._redeem()
        return min(self._out.size, self._window - self._under_way)

    def _send(self, size: int) -> None:
        size = min(size, self._out.size)
        if not size:
            return
        try:
            data = self._out.take(size)
            taken = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            taken = 0
        except OSError as error:
            self._end(error)
            return
        if self.wire is not None:
            self.wire.put(1 - self._side, taken)
            self._under_way += size
        if taken < size:
            self._leftover = data[taken:]
            self._loop.add_writer(self._sock, self._send_leftover)
            return
        self._sent()

    def _send_leftover(self) -> None:
        try:
            taken = self._sock.send(self._leftover)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if self.wire is not None:
            self.wire.put(1 - self._side, taken)
        self._leftover = self._leftover[taken:]
        if not self._leftover:
            self._loop.remove_writer(self._sock)
            self._up.wake(self._outgoing)
            self._sent()

    def _sent(self) -> None:
        self._pause_or_resume()
        if not self._out.size and not self._leftover and not self._ending:
            if self._closing:
                self._end(None)
            elif self._eof_asked and not self._eof_sent:
                self._eof_sent = True
                try:
                    self._sock.shutdown(socket.SHUT_WR)
                except OSError as error:
                    self._end(error)
                    return
                if self.wire is not None:
                    self.wire.put(1 - self._side, 1)

    def delivered(self, size: int, delay: float) -> None:
        if delay:
            self._credits.append((self._loop.time() + delay, size))
        else:
            self._under_way -= size
        if self._out.size:
            self._up.wake(self._outgoing)

    def _redeem(self) -> None:
        now = self._loop.time() + 1e-9
        while self._credits and self._credits[0][0] <= now:
            self._under_way -= self._credits.popleft()[1]
        blocked = self._under_way >= self._window
        if blocked and self._credits and self._credit_timer is None:
            self._credit_timer = self._loop.call_at(self._credits[0][0], self._credit_due)

    def _credit_due(self) -> None:
        self._credit_timer = None
        self._up.wake(self._outgoing)

    # ---- flow control of the protocol's writing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self._out.in_memory + len(self._leftover)

    def _pause_or_resume(self) -> None:
        size = self._out.in_memory + len(self._leftover)
        if size > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()
        elif size <= self._low and self._writing_paused:
            self._writing_paused = False
            self._protocol.resume_writing()

    # ---- receiving

    def _readable(self) -> None:
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._loop.remove_reader(self._sock)
            if self.wire is not None:
                self.wire.took_all(self._side)
            self._travel(error)
            return
        if self.wire is not None:
            self.wire.took(self._side, len(data) or 1)
        if not data:
            self._loop.remove_reader(self._sock)
            self._travel(_EOF)
        elif not self._closing:
            self._travel(data)

    def _travel(self, item: _Item, delay: float | None = None) -> None:
        """Let the item spend the path's latency, in order behind those before it."""
        if delay is None:
            delay = 0.0 if self.wire is None else self.wire.latency(self._side)
        if not delay and not self._path:
            self._arrive(item)
            return
        self._path.append((self._loop.time() + delay, item))
        if self._path_timer is None:
            self._path_timer = self._loop.call_at(self._path[0][0], self._end_of_path)

    def _end_of_path(self) -> None:
        now = self._loop.time() + 1e-9
        while self._path and self._path[0][0] <= now:
            self._arrive(self._path.popleft()[1])
        self._path_timer = None
        if self._path:
            self._path_timer = self._loop.call_at(self._path[0][0], self._end_of_path)

    def _arrive(self, item: _Item) -> None:
        if self._down.unlimited and not self._held and not self._reading_paused:
            self._hand_over(item)
            return
        self._held.append(item)
        if isinstance(item, bytes):
            self._held_size += len(item)
            self._down.wake(self._incoming)
            if self.wire is None and self._held_size > WINDOW_MIN:
                self._loop.remove_reader(self._sock)
        elif not self._reading_paused:
            self._hand_over_signals()

    def _deliverable(self) -> int:
        if self._reading_paused or not self._held or self._ending:
            return 0
        return len(self._held[0]) if isinstance(self._held[0], bytes) else 0

    def _pass_downlink(self, size: int) -> None:
        if self._ending:
            return
        data = self._held.popleft()
        if size < len(data):
            self._held.appendleft(data[size:])
            data = data[:size]
        self._held_size -= size
        self._hand_over(data)
        if self.wire is None and self._held_size <= WINDOW_MIN and not self._closing:
            self._loop.add_reader(self._sock, self._readable)
        self._hand_over_signals()

    def _hand_over_signals(self) -> None:
        while self._held and not isinstance(self._held[0], bytes) and not self._ending:
            self._hand_over(self._held.popleft())

    def _hand_over(self, item: _Item) -> None:
        if self._ending:
            return
        if isinstance(item, OSError):
            self._end(item)
        elif self._closing:
            return
        elif item is _EOF:
            if not self._protocol.eof_received():
                self.close()
        elif item is _CONNECTED:
            self._protocol.connection_made(self)
        else:
            self._hand_over_data(item)

    def _hand_over_data(self, data: bytes) -> None:
        taken = len(data)
        try:
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                taken = self._fill(self._protocol, memoryview(data))
            else:
                self._protocol.data_received(data)
        except Exception as error:
            self._loop.call_exception_handler(
                {
                    "message": "a protocol failed on the data it received",
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
            self._end(error)
            return
        if taken < len(data):
            self._held.appendleft(data[taken:])
            self._held_size += len(data) - taken
        if self.wire is not None:
            sender = self.wire.ends[1 - self._side]
            if sender is not None:
                sender.delivered(taken, self.wire.latency(1 - self._side))

    def _fill(self, protocol: asyncio.BufferedProtocol, data: memoryview) -> int:
        """Fill the protocol's buffers until it pauses or has all; returns the bytes it took."""
        taken = 0
        while taken < len(data) and not (self._reading_paused or self._closing):
            buffer = memoryview(protocol.get_buffer(len(data) - taken)).cast("B")
            size = min(len(buffer), len(data) - taken)
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:size] = data[taken : taken + size]
            protocol.buffer_updated(size)
            taken += size
        return taken

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if not self._reading_paused:
            self._hand_over_signals()
            self._down.wake(self._incoming)

    def is_reading(self) -> bool:
        return not (self._reading_paused or self._closing)

    # ---- the protocol and the end

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol: Any = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._eof_asked and not self._ending:
            self._eof_asked = True
            self._sent()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end the connection; nothing more is received."""
        if not self._closing:
            self._closing = True
            self._sent()

    def abort(self) -> None:
        """End the connection at once; what is buffered is lost."""
        self._end(None)

    def reset(self) -> None:
        """End the connection as a crashed host does: the other side gets a RST (RFC 9293)."""
        if not self._ending:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self._ending:
            return
        self._closing = self._ending = True
        self._out.clear()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        for timer in (self._path_timer, self._credit_timer):
            if timer is not None:
                timer.cancel()
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._sock.close()
            if self.wire is not None:
                if not self._eof_sent:
                    self.wire.put(1 - self._side, 1)
                self.wire.leave(self._side)
            self._on_lost(self)

