"""A deadline that moves with every request, frame or byte.

Moving it on costs an assignment: the timer that is armed notices when it goes off, and arms itself
anew.  A cancelled timer for every request would stay in the loop's heap until its time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

EARLY_S = 1e-9
"""Seconds: timers may run early by the loop's resolution."""


class Deadline:
    """Calls back when it has passed, once for each `set`."""

    __slots__ = ("_call", "_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Be `seconds` from now, and not when it was to be before; infinite: never."""
        self._due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= self._due < math.inf:
                return
            self._timer.cancel()
        self._arm()

    def clear(self) -> None:
        """Never be; a timer that is armed may run out unheard."""
        self._due = math.inf

    def cancel(self) -> None:
        """Never be, and leave nothing behind."""
        self._due = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._due, self._ring) if self._due < math.inf else None

    def _ring(self) -> None:
        self._timer = None
        if self._loop.time() + EARLY_S < self._due:
            self._arm()
        else:
            self._due = math.inf
            self._call()
