"""The receiving half of a stream: out of the kernel at once, then as far away as the sender is.

What was read spends the path's latency, takes its turn on the downlink, and waits for a protocol
that has paused; it never waits in the kernel, where it would hold virtual time up.  Bytes of a
stranger, for whom no window is kept, are left to TCP's own flow control when many are waiting.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable

from host.link import Flow
from host.path import Path
from host.shaping import Shaper
from host.sockets import MeteredSocket
from host.wire import WINDOW_MIN, Wire

READ_SIZE = 64 * 1024


class Signal(enum.Enum):
    """What arrives besides bytes, in order with them."""

    CONNECTED = enum.auto()
    EOF = enum.auto()


Item = bytes | Signal | OSError
"""Bytes, a signal, or the error that ended the connection."""


class Receiver:
    """Takes what the kernel has and passes it on when it would have arrived."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: MeteredSocket,
        down: Shaper,
        wire: Wire | None,
        side: int,
        take: Callable[[Item], int],
    ) -> None:
        """`take` is given each item in its turn and returns how many of its bytes it took."""
        self._loop = loop
        self._sock = sock
        self._down = down
        self._wire = wire
        self._side = side
        self._take = take
        self._flow = Flow(self._arrived, self._passed)
        self.paused = False
        self._closed = self._ended = False
        self._path: Path[Item] = Path(loop, self._arrive)
        self._held: deque[Item] = deque()
        self._ready: deque[Item] = deque()
        self._waiting = 0
        self._listening = False
        self._listen(True)

    def resume(self) -> None:
        """Hand over what has waited for the protocol, until it pauses again."""
        while self._ready and not self.paused:
            self._hand_over(self._ready.popleft())

    def ignore(self) -> None:
        """Drop what is here and what will come; the kernel is emptied all the same."""
        self._closed = True
        self._held.clear()
        self._ready.clear()
        self._waiting = 0

    def close(self) -> None:
        """Take nothing more from the socket."""
        self.ignore()
        self._ended = True
        self._listen(False)
        self._path.close()

    def hold(self) -> None:
        """The path is cut: nothing arrives until `go_on`.  The kernel is emptied all the same."""
        self._path.hold()

    def go_on(self) -> None:
        """The path is there again."""
        self._path.go_on()

    # ---- out of the kernel and along the path

    def _listen(self, on: bool) -> None:
        if on and not self._listening and not self._ended:
            self._loop.add_reader(self._sock, self._readable)
            self._listening = True
        elif self._listening and not on:
            self._loop.remove_reader(self._sock)
            self._listening = False

    def _readable(self) -> None:
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            if self._wire is not None:
                self._wire.took_all(self._side)
            self._end(error)
            return
        if self._wire is not None:
            self._wire.took(self._side, len(data) or 1)
        if not data:
            self._end(Signal.EOF)
        elif not self._closed:
            self._waiting += len(data)
            self.travel(data)
            if self._wire is None and self._waiting > WINDOW_MIN:
                self._listen(False)

    def _end(self, item: Signal | OSError) -> None:
        self._ended = True
        self._listen(False)
        self.travel(item)

    def travel(self, item: Item, delay: float | None = None) -> None:
        """Let the item spend `delay` seconds (None: the path's latency), behind those before it."""
        if delay is None:
            delay = 0.0 if self._wire is None else self._wire.latency(self._side)
        self._path.travel(item, delay)

    # ---- through the downlink

    def _arrive(self, item: Item) -> None:
        if not isinstance(item, bytes):
            if self._held:
                self._held.append(item)
            else:
                self._offer(item)
        elif self._closed:
            return
        elif self._down.immediate and not self._held:
            self._offer(item)
        else:
            self._held.append(item)
            self._down.wake(self._flow)

    def _arrived(self) -> int:
        """Bytes that could go through the downlink now."""
        first = self._held[0] if self._held else None
        return len(first) if isinstance(first, bytes) else 0

    def _passed(self, size: int) -> None:
        if not self._held:
            return  # forgotten while it was on the link
        data = self._held.popleft()
        assert isinstance(data, bytes)
        if size < len(data):
            self._held.appendleft(data[size:])
            data = data[:size]
        self._offer(data)
        while self._held and not isinstance(self._held[0], bytes):
            self._offer(self._held.popleft())

    # ---- to the protocol

    def _offer(self, item: Item) -> None:
        if self.paused or self._ready:
            self._ready.append(item)
        else:
            self._hand_over(item)

    def _hand_over(self, item: Item) -> None:
        taken = self._take(item)
        if not isinstance(item, bytes) or self._closed:
            return
        if taken < len(item):
            self._ready.appendleft(item[taken:])
        self._waiting -= taken
        if self._wire is None:
            if self._waiting <= WINDOW_MIN:
                self._listen(True)
        elif (sender := self._wire.ends[1 - self._side]) is not None:
            sender.delivered(taken, self._wire.latency(1 - self._side))
