"""Says frames on one connection: whole ones, one after the other, file bytes by the host."""

from __future__ import annotations

import asyncio
from typing import IO

from central.channel.frames import DATA_MOST, MAGIC, data_head
from host.host import Host

FRAME_MIN = 16 * 1024
"""Bytes of a file in the first DATA frame, and in each over a slow link, which takes such turns."""

FRAME_S = 0.1
"""Seconds that a DATA frame is to take: how long other frames wait for its end."""


def next_size(size: int, took_s: float) -> int:
    """Bytes for the next DATA frame, after one of `size` bytes that took `took_s` seconds."""
    if took_s < FRAME_S / 2:
        return min(2 * size, DATA_MOST)
    if took_s > 2 * FRAME_S:
        return max(size // 2, FRAME_MIN)
    return size


class FrameWriter:
    """The sending side of a connection, which the protocol tells when to pause."""

    def __init__(self, host: Host, transport: asyncio.Transport) -> None:
        self._host = host
        self._transport = transport
        self._unsent: list[bytes] = []
        self._begun = False
        self._waiters: list[asyncio.Future[None]] = []
        self.size = FRAME_MIN
        """Bytes of a file that the next DATA should have."""
        self.in_frame = False
        """True while a DATA is on its way: what is said meanwhile goes behind it."""
        self.paused = False
        """True while the transport's buffer is full, or the connection gone."""

    def say(self, frame: bytes) -> None:
        """Send a frame, now or behind the DATA that is on its way."""
        if self.in_frame:
            if frame not in self._unsent:  # one PONG answers many PINGs
                self._unsent.append(frame)
            return
        if not self._begun:
            self._begun = True
            frame = MAGIC + frame
        self._transport.write(frame)

    async def send_data(self, request: int, file: IO[bytes], offset: int, size: int) -> None:
        """Send one DATA frame, and return when the kernel has it.

        OSError when the connection ends before that, or the file, which ends the connection.
        """
        start = self._host.loop.time()
        self.say(data_head(request, size))
        self.in_frame = True
        try:
            await self._host.send_file(self._transport, file, offset, size)
        finally:
            self.in_frame = False
        unsent, self._unsent = self._unsent, []
        for frame in unsent:
            self._transport.write(frame)
        if size >= self.size:
            self.size = next_size(self.size, self._host.loop.time() - start)

    async def drained(self) -> None:
        """Return when the transport's buffer has room, or never will."""
        if self.paused:
            waiter = self._host.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        """There is room again, or the connection is gone."""
        self.paused = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
