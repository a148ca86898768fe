"""A file read block by block, with a system call for many blocks (pread(2))."""

from __future__ import annotations

import os

from central.errors import DiskError
from host.host import Host

READ_AHEAD = 64 * 1024
"""Bytes read from a file at a time, if a window has no more."""


class Stretch:
    """The last stretch that was read of an open file."""

    def __init__(self, host: Host, descriptor: int, start: int, least: int) -> None:
        """Offsets count from `start`; at least `least` bytes are read at a time."""
        self._host = host
        self._descriptor = descriptor
        self._start = start
        self._room = max(least, READ_AHEAD)
        self._data = b""
        self._offset = 0

    async def read(self, offset: int, size: int) -> bytes:
        """That part of the file. Raises DiskError where it is not there any more."""
        begin = offset - self._offset
        if begin < 0 or begin + size > len(self._data):
            try:
                self._data = await self._host.compute(
                    os.pread, self._descriptor, self._room, self._start + offset
                )
            except OSError as error:
                raise DiskError(f"the file cannot be read: {error.strerror}") from None
            self._offset, begin = offset, 0
        data = self._data[begin : begin + size]
        if len(data) < size:
            raise DiskError("the file became shorter while it was sent")
        return data
