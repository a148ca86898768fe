"""What is on its way to one end of a connection: it arrives in order, unless the path is cut.

The network between two links has a latency and nothing else (RFC 7679 calls it one-way delay).
While the path is held, its time stands still: what was on it, and what is put on it meanwhile, goes
on as if it were sent again the moment the path is there again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Path(Generic[Item]):
    """Items on the way; `arrive` is given each in the order in which they were sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, arrive: Callable[[Item], None]) -> None:
        self._loop = loop
        self._arrive = arrive
        self._items: deque[tuple[float, Item]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held_since: float | None = None
        self._closed = False

    def travel(self, item: Item, delay: float) -> None:
        """Let the item spend `delay` seconds, and arrive behind those before it."""
        if not delay and not self._items and self._held_since is None:
            self._arrive(item)
        elif not self._closed:
            now = self._loop.time() if self._held_since is None else self._held_since
            self._items.append((now + delay, item))
            self._aim()

    def hold(self) -> None:
        """Let nothing arrive until `go_on`."""
        if self._held_since is None:
            self._held_since = self._loop.time()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def go_on(self) -> None:
        """Let everything arrive as much later as the path was held."""
        if self._held_since is not None:
            held_s = self._loop.time() - self._held_since
            self._held_since = None
            self._items = deque((when + held_s, item) for when, item in self._items)
            self._aim()

    def close(self) -> None:
        """Forget what is on the way; nothing arrives any more."""
        self._closed = True
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _aim(self) -> None:
        if self._timer is None and self._items and self._held_since is None:
            self._timer = self._loop.call_at(self._items[0][0], self._due)

    def _due(self) -> None:
        # Timers may run early by the loop's resolution.
        now = self._loop.time() + 1e-9
        timer = self._timer
        while self._items and self._held_since is None and self._items[0][0] <= now:
            self._arrive(self._items.popleft()[1])
        if self._timer is timer:  # else the path was held meanwhile
            self._timer = None
            self._aim()
