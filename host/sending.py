"""The sending half of a stream: bytes that wait for the uplink and for the receiver's window.

The window is TCP's (RFC 9293, section 3.8.6), kept here because loopback's own kernel buffers know
neither the links' rates nor the path's length.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from host.link import Flow
from host.outbox import FileSlice, Outbox
from host.shaping import Shaper
from host.sockets import MeteredSocket
from host.wire import NO_LIMIT, Wire

HIGH_WATER = 64 * 1024
"""Bytes in the write buffer at which the protocol is paused (asyncio's own default)."""


class Owner(Protocol):
    """What a sender tells its transport."""

    def flushed(self) -> None:
        """Nothing is left to send."""

    def unsendable(self, error: OSError) -> None:
        """The other side takes no more."""

    def unreadable(self, error: OSError) -> None:
        """A file that was to be sent can't be read."""

    def crowded(self, full: bool) -> None:
        """The write buffer has passed its high-water mark, or come back to its low one."""


class Sender:
    """Queues what is written, sends it in turns, and holds it back when the receiver is behind."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: MeteredSocket,
        up: Shaper,
        wire: Wire | None,
        side: int,
        owner: Owner,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._up = up
        self._wire = wire
        self._far = 1 - side
        self._owner = owner
        self._flow = Flow(self._sendable, self._send)
        self._out = Outbox()
        self._leftover: bytes | memoryview = b""
        self._crowded = self._closed = False
        self._window = NO_LIMIT if wire is None else wire.window(self._far)
        self._pause = 0.0 if wire is None else wire.pause(self._far)
        self._under_way = 0
        self._held_since: float | None = None
        self._unheard: OSError | None = None
        # What was acknowledged, and when; it makes room for more a pause later.
        self._credits: deque[tuple[float, int]] = deque()
        self._credit_timer: asyncio.TimerHandle | None = None
        self.set_limits(None, None)
        if wire is not None:
            wire.ends[side] = self

    @property
    def idle(self) -> bool:
        """True when nothing waits to be sent."""
        return not self._out.size and not self._leftover

    @property
    def buffered(self) -> int:
        """Bytes in memory that the kernel has yet to take."""
        return self._out.in_memory + len(self._leftover)

    def set_limits(self, high: int | None, low: int | None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high, self.low = high, low

    def write(self, data: memoryview) -> None:
        if not self._closed:
            self._out.add(data)
            self._up.wake(self._flow)
            self.watch_buffer()

    def send_file(self, descriptor: int, offset: int, size: int) -> asyncio.Future[None]:
        """Queue a stretch of a file behind what was written; done when the kernel has it all."""
        sent: asyncio.Future[None] = self._loop.create_future()
        if self._closed:
            sent.set_exception(ConnectionAbortedError("the connection is closed"))
        elif not size:
            sent.set_result(None)
        else:
            self._out.add(FileSlice(descriptor, offset, size, sent))
            self._up.wake(self._flow)
        return sent

    def close(self) -> None:
        """Forget what was not sent and take nothing more."""
        self._closed = True
        self._out.clear()
        self._leftover = b""
        self._loop.remove_writer(self._sock)
        self._cancel_timer()

    # ---- the uplink's turns

    def _sendable(self) -> int:
        if self._leftover or not self._out.size:
            return 0
        if self._credits:
            self._redeem()
        room = self._window - self._under_way
        return min(self._out.size, room) if room > 0 else 0  # a window may have shrunk

    def _send(self, size: int) -> None:
        size = min(size, self._out.size)
        if not size:
            return
        try:
            data = self._out.take(size)
        except OSError as error:
            self._owner.unreadable(error)
            return
        if self._wire is not None:
            self._under_way += size
        self._give(data)

    def _give(self, data: bytes | memoryview) -> None:
        """Give the kernel what it takes of `data`; the rest waits until it takes more."""
        try:
            taken = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            taken = 0
        except OSError as error:
            self.failed(error)
            return
        if self._wire is not None:
            self._wire.put(self._far, taken)
        if taken < len(data):
            self._leftover = data[taken:]
            self._loop.add_writer(self._sock, self._give_leftover)
            return
        self.watch_buffer()
        if not self._out.size:
            self._owner.flushed()

    def failed(self, error: OSError) -> None:
        """The other side takes no more; it is not known before the path is there again."""
        if self._held_since is not None:
            # Until then what is sent goes nowhere, for a window, and nothing is acknowledged.
            self._unheard = error
            self.watch_buffer()
            return
        self.close()
        self.watch_buffer()
        self._owner.unsendable(error)

    def _give_leftover(self) -> None:
        data = self._leftover
        self._loop.remove_writer(self._sock)
        self._leftover = b""
        self._give(data)
        if not self._leftover:
            self._up.wake(self._flow)

    def watch_buffer(self) -> None:
        """Tell the transport when the write buffer has passed one of its marks."""
        size = self._out.in_memory + len(self._leftover)
        if size <= self.low if self._crowded else size > self.high:
            self._crowded = not self._crowded
            self._owner.crowded(self._crowded)

    # ---- the receiver's window

    def delivered(self, size: int, delay: float) -> None:
        """The far side has had `size` bytes; this one learns of it `delay` seconds later."""
        if delay or self._pause or self._held_since is not None:
            now = self._loop.time() if self._held_since is None else self._held_since
            self._credits.append((now + delay, size))
        else:
            self._under_way -= size
        if self._out.size:
            self._up.wake(self._flow)

    def follow_links(self) -> None:
        """The links have changed, and the window with them."""
        if self._wire is not None:
            self._window = self._wire.window(self._far)
            self._pause = self._wire.pause(self._far)
            self._cancel_timer()
            self._up.wake(self._flow)

    def hold(self) -> None:
        """The path is cut: nothing is heard of the far side until `go_on`."""
        if self._held_since is None:
            self._held_since = self._loop.time()
            self._cancel_timer()

    def go_on(self) -> None:
        """The path is there again, and what was on it with it."""
        if self._held_since is None:
            return
        held_s = self._loop.time() - self._held_since
        self._held_since = None
        self._credits = deque((when + held_s, size) for when, size in self._credits)
        if self._unheard is not None and not self._closed:
            self.failed(self._unheard)
        elif self._out.size:
            self._up.wake(self._flow)

    def _redeem(self) -> None:
        if self._held_since is not None:
            return
        # Timers may run early by the loop's resolution.
        now = self._loop.time() + 1e-9
        while self._credits and self._credits[0][0] + self._pause <= now:
            self._under_way -= self._credits.popleft()[1]
        blocked = self._under_way >= self._window
        if blocked and self._credits and self._credit_timer is None:
            when = self._credits[0][0] + self._pause
            self._credit_timer = self._loop.call_at(when, self._credit_due)

    def _cancel_timer(self) -> None:
        if self._credit_timer is not None:
            self._credit_timer.cancel()
            self._credit_timer = None

    def _credit_due(self) -> None:
        self._credit_timer = None
        self._up.wake(self._flow)
