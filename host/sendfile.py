"""Files that the kernel copies into a socket itself (sendfile(2)), counted like any other bytes.

asyncio's own `loop.sendfile` hands the kernel all that is left at once and is woken by every third
of the socket's buffer.  Small steps keep sender and receiver at work side by side: over loopback a
stream is half as fast again with them.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import IO

from host.sockets import MeteredSocket

STEP = 48 * 1024
"""Bytes of a system call: measured, 16 KiB and 256 KiB are slower by half, 32 and 64 by a fifth."""

TURN = 1024 * 1024
"""Bytes until others have their turn of the loop."""

_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""This file system has no sendfile, or the file is none that it can send."""


async def send_file(transport: asyncio.Transport, file: IO[bytes], offset: int, size: int) -> None:
    """Send a stretch of a file over a transport of the event loop's own.

    OSError when the connection ends before that, or the file.  A stream with a gap is no use to
    anyone, so the connection is aborted when the sending fails or is cancelled; one that was closed
    before sends what it was given then.
    """
    if transport.is_closing():
        raise ConnectionAbortedError("the connection is closed")
    end = offset + size
    try:
        sending = _Sending(transport, file.fileno(), offset, end)
        try:
            by_kernel = await sending.whole()
        finally:
            sending.close()
        if not by_kernel:
            await _copy(transport, file, offset, end - offset)
    except BaseException:
        # A transport that has flushed and closed knows its loop no more (CPython 3.11), nor abort.
        if _socket(transport).fileno() >= 0:
            transport.abort()
        raise


async def _copy(transport: asyncio.Transport, file: IO[bytes], offset: int, size: int) -> None:
    """Read and write where the kernel has no sendfile; the socket counts it as it goes."""
    loop = asyncio.get_running_loop()
    try:
        sent = await loop.sendfile(transport, file, offset, size)
    except RuntimeError as error:  # what asyncio has for a transport that is closing
        raise ConnectionAbortedError(str(error)) from None
    if sent < size:
        raise _too_short(size - sent)


def _too_short(missing: int) -> OSError:
    return OSError(f"the file ended {missing} bytes before it should")


def _socket(transport: asyncio.Transport) -> MeteredSocket:
    # asyncio shows only a wrapper that counts nothing.
    sock: MeteredSocket = transport.get_extra_info("socket")._sock
    return sock


class _Sending:
    """One stretch on its way."""

    def __init__(self, transport: asyncio.Transport, file: int, offset: int, end: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._begin, self.offset, self.end = offset, offset, end
        self._transport = transport
        self._sock = _socket(transport)
        self._file = file
        self._watched: int | None = None
        self._done: asyncio.Future[bool] | None = None

    async def whole(self) -> bool:
        """Send all of it; False when the kernel can't, and nothing was sent. Raises OSError."""
        ended = self._turn()
        if ended is not None:
            return ended
        # The loop leaves a transport's descriptor to the transport, and a copy of it to us.
        self._watched = os.dup(self._sock.fileno())
        self._done = self.loop.create_future()
        self.loop.add_writer(self._watched, self._writable)
        return await self._done

    def close(self) -> None:
        if self._watched is not None:
            self.loop.remove_writer(self._watched)
            os.close(self._watched)
            self._watched = None

    def _writable(self) -> None:
        assert self._done is not None
        if self._done.done():
            return
        try:
            ended = self._turn()
        except OSError as error:
            self._done.set_exception(error)
        else:
            if ended is not None:
                self._done.set_result(ended)

    def _turn(self) -> bool | None:
        """Send what the kernel takes: True when that was all, None when there is more to come."""
        if self._transport.is_closing():
            raise ConnectionAbortedError("the connection is closed")
        if self._transport.get_write_buffer_size():
            return None  # what was written before goes first
        stop = min(self.end, self.offset + TURN)
        try:
            while self.offset < stop:
                size = min(STEP, stop - self.offset)
                sent = self._sock.sendfile_from(self._file, self.offset, size)
                if not sent:
                    raise _too_short(self.end - self.offset)
                self.offset += sent
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            if error.errno in _UNSUPPORTED and self.offset == self._begin:
                return False
            raise
        return True if self.offset == self.end else None
