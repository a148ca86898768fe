"""A file on its way in over a connection: its bytes wait here until the disk takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from central.channel.frames import BreachError, Put

READ_AHEAD = 1024 * 1024
"""Bytes that may wait for the disk, one read more at most; then the client has to."""


class Intake:
    """What DATA brings for one PUT."""

    def __init__(self, put: Put, on_level: Callable[[], None]) -> None:
        """`on_level` is called when `full` or `wanted` may have changed."""
        self.id = put.id
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
    def wanted(self) -> bool:
        """True while the client has bytes to send that are of use."""
        return bool(self._left) and not self._closed

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
        """All that waits, once something does; nothing after `wake` with nothing there."""
        if not self._pieces:
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

    def close(self) -> None:
        """What still comes is of no use: the client learns too late that it is refused."""
        self._closed = True
        self._pieces.clear()
        self._waiting = 0
        self._on_level()
