"""A link's surroundings without an event loop: timers by hand, and flows that keep a record."""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from host.link import QUANTUM, Flow
from host.shaping import Shaper


class Timer:
    """What a loop gives for a callback that is due."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clockwork:
    """The part of an event loop that a shaper needs; its timers may be late."""

    def __init__(self, late: Callable[[], float] = lambda: 0.0) -> None:
        self.now = 0.0
        self._late = late
        self._timers: list[tuple[float, int, Timer, Callable[..., None], tuple[Any, ...]]] = []
        self._count = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., None], *args: Any) -> Timer:
        timer = Timer()
        heapq.heappush(
            self._timers, (when + self._late(), next(self._count), timer, callback, args)
        )
        return timer

    def call_soon(self, callback: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._timers, (self.now, next(self._count), Timer(), callback, args))

    def run(self, until: float = float("inf")) -> None:
        while self._timers and self._timers[0][0] <= until:
            when, _, timer, callback, args = heapq.heappop(self._timers)
            if not timer.cancelled:
                self.now = max(self.now, when)
                callback(*args)


class Source:
    """A flow with a queue of bytes, and a record of what went out when."""

    def __init__(self, shaper: Shaper, clock: Clockwork) -> None:
        self._shaper = shaper
        self._clock = clock
        self.flow = Flow(lambda: self.waiting, self._forward)
        self.waiting = 0
        self.sent = 0
        self.log: list[tuple[float, int]] = []
        self.refill = 0

    def write(self, size: int) -> None:
        self.waiting += size
        self._shaper.wake(self.flow)

    def _forward(self, size: int) -> None:
        assert 0 < size <= min(self.waiting, QUANTUM)
        self.waiting -= size
        self.sent += size
        self.log.append((self._clock.now, size))
        if self.refill:
            self.write(self.refill)
