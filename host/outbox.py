"""What a transport has yet to send: bytes, and stretches of files read when their turn comes."""

from __future__ import annotations

import asyncio
import os
from collections import deque


class FileSlice:
    """A stretch of an open file that waits to be sent."""

    def __init__(self, descriptor: int, offset: int, size: int, sent: asyncio.Future[None]) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._left = size
        self.sent = sent
        """Done when the last byte was given to the kernel, an OSError when it never will be; who
        cancels it has closed the file."""

    def __len__(self) -> int:
        return self._left

    def take(self, size: int) -> bytes:
        """The next `size` bytes; OSError when they are no longer to be had."""
        if self.sent.cancelled():
            raise ConnectionAbortedError("the sending of a file was given up")
        data = os.pread(self._descriptor, size, self._offset)
        if len(data) < size:
            raise OSError(f"the file ended {size - len(data)} bytes before it should")
        self._offset += size
        self._left -= size
        if not self._left and not self.sent.done():
            self.sent.set_result(None)
        return data


class Outbox:
    """A queue of bytes and file slices, taken out in pieces of any size."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes queued, those still in files included."""
        self.in_memory = 0
        """Bytes queued in memory: what a write buffer's limits are about."""
        self._parts: deque[memoryview | FileSlice] = deque()

    def add(self, part: memoryview | FileSlice) -> None:
        self._parts.append(part)
        self.size += len(part)
        if not isinstance(part, FileSlice):
            self.in_memory += len(part)

    def take(self, size: int) -> bytes | memoryview:
        """The next `size` bytes, which must be there."""
        self.size -= size
        first = self._parts[0]
        if len(first) >= size:
            return self._cut(size)
        chunks = []
        while size:
            chunks.append(self._cut(min(size, len(self._parts[0]))))
            size -= len(chunks[-1])
        return b"".join(chunks)

    def _cut(self, size: int) -> bytes | memoryview:
        part = self._parts[0]
        if isinstance(part, FileSlice):
            data: bytes | memoryview = part.take(size)
            if not len(part):
                self._parts.popleft()
            return data
        self.in_memory -= size
        if len(part) == size:
            return self._parts.popleft()  # type: ignore[return-value]
        self._parts[0] = part[size:]
        return part[:size]

    def clear(self) -> None:
        """Forget everything; who waits for a file slice to be sent is told that it never will."""
        for part in self._parts:
            if isinstance(part, FileSlice) and not part.sent.done():
                part.sent.set_exception(ConnectionAbortedError("closed before the file was sent"))
        self._parts.clear()
        self.size = self.in_memory = 0
