"""Files on their way in over a connection: their bytes wait here until the disk takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from central.channel.frames import REQUESTS_MOST, BreachError, Put

READ_AHEAD = 1024 * 1024
"""Bytes that may wait for the disk, one read more at most; then the client has to."""


class Intake:
    """What DATA brings for one PUT."""

    def __init__(self, put: Put, on_level: Callable[[], None]) -> None:
        """`on_level` is called when `full` or `wanted` may have changed."""
        self.id = put.id
        self.cut = False
        """True when the client sends no more, whatever it has announced."""
        self._left = put.size
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._on_level = on_level

    @property
    def full(self) -> bool:
        """True when no more should be read."""
        return self._waiting >= READ_AHEAD

    @property
    def whole(self) -> bool:
        """True when all that its PUT has announced came."""
        return not self._left

    @property
    def wanted(self) -> bool:
        """True while the client has bytes to send that are of use."""
        return not (self.whole or self.cut or self._closed)

    def put(self, data: bytes) -> None:
        """Some bytes came; dropped after `close`. Raises BreachError when they are too many."""
        if len(data) > self._left:
            raise BreachError("more bytes in DATA than its PUT has said")
        self._left -= len(data)
        if not self._closed:
            self._pieces.append(data)
            self._waiting += len(data)
            self.wake()
        self._on_level()

    async def take(self) -> bytes:
        """All that waits, once something does; nothing after `wake` or `end` with nothing there."""
        if not self._pieces and not self.cut:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        self._on_level()
        return data

    def wake(self) -> None:
        """Let `take` return."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self) -> None:
        """The client sends no more."""
        self.cut = True
        self.wake()

    def close(self) -> None:
        """What still comes is of no use: the client learns too late that it is refused."""
        self._closed = True
        self._pieces.clear()
        self._waiting = 0
        self._on_level()


class Intakes:
    """The PUTs that have had their GO: the latest, and refused ones whose DATA may still come."""

    def __init__(self) -> None:
        self._by_id: dict[int, Intake] = {}
        self.latest: Intake | None = None

    def add(self, intake: Intake) -> None:
        """It has its GO, after all the others."""
        if self.latest is not None and self.latest.whole:
            self.forget(self.latest.id)
        self._by_id[intake.id] = self.latest = intake
        if len(self._by_id) > REQUESTS_MOST:
            # More than can have been asked before the client heard of the first.
            self.forget(next(iter(self._by_id)))

    def forget(self, request: int) -> None:
        """A new request has that id: the client knows how an earlier one ended."""
        self._by_id.pop(request, None)

    def put(self, request: int, data: bytes) -> None:
        """Some bytes came. Raises BreachError when they are for no PUT, or too many."""
        intake = self._by_id.get(request)
        if intake is None:
            raise BreachError("a DATA for no PUT")
        # Who has read this GO has read the end of each PUT before it.
        while (first := next(iter(self._by_id))) != request:
            del self._by_id[first]
        intake.put(data)
        if intake.whole and intake is not self.latest:
            del self._by_id[request]
