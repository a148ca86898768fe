"""Files that the kernel copies into a socket itself (sendfile(2)), counted like any other bytes."""

from __future__ import annotations

import asyncio
import os
from typing import IO

from host.sockets import MeteredSocket

STRETCH = 4 * 1024 * 1024
"""Bytes that go out at a time: what the meter is late by at most."""


async def send_file(transport: asyncio.Transport, file: IO[bytes], offset: int, size: int) -> None:
    """Send a stretch of a file over a transport of the event loop's own.

    OSError when the connection ends before that, or the file.  A stream with a gap is no use to
    anyone, so the connection is aborted when the sending fails or is cancelled.
    """
    # asyncio shows only a wrapper that counts nothing.
    sock: MeteredSocket = transport.get_extra_info("socket")._sock
    end = offset + size
    try:
        while offset < end:
            if transport.is_closing():
                raise ConnectionAbortedError("the connection is closed")
            sent = await _send_stretch(transport, sock, file, offset, min(end - offset, STRETCH))
            if not sent:
                raise OSError(f"the file ended {end - offset} bytes before it should")
            offset += sent
    except BaseException:
        transport.abort()
        raise


async def _send_stretch(
    transport: asyncio.Transport, sock: MeteredSocket, file: IO[bytes], offset: int, size: int
) -> int:
    loop = asyncio.get_running_loop()
    os.lseek(file.fileno(), offset, os.SEEK_SET)
    try:
        return await loop.sendfile(transport, file, offset, size, fallback=False)
    except asyncio.SendfileNotAvailableError:
        pass
    finally:
        # Also when it fails, the loop leaves the file where the last byte sent was.
        if sent := os.lseek(file.fileno(), 0, os.SEEK_CUR) - offset:
            sock.sent_file(sent)
    # Nothing was sent: this file system has no sendfile, or the other side is gone.  Reading and
    # writing does for the one and tells of the other, and the socket counts it as it goes.
    return await loop.sendfile(transport, file, offset, size)
