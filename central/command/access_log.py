"""Writes the access log: a line a request, on a thread of its own.

Who reads it may be slow or gone, and a disk may be full; the server serves on all the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from central.access.log import Request, format_line

STDOUT, STDERR = 1, 2
FLUSH_S = 0.1
"""Seconds until a line is written: many then cost one turn of the thread and one system call."""

MOST_WAITING = 100_000
"""Lines that may wait for a slow reader; those beyond are lost."""

LAST_WORDS_S = 1.0
"""Seconds that what is left may take at the end."""


class AccessLog:
    """Called with every request; `close` writes what is left."""

    def __init__(self, descriptor: int, warn: Callable[[str], None]) -> None:
        """It writes to `descriptor`, its own from now on; `warn` is told, once, of trouble."""
        self._descriptor = descriptor
        self._warn = warn
        self._warned = False
        self._loop = asyncio.get_running_loop()
        self._new: list[Request] = []
        self._waiting = 0
        self._batches: SimpleQueue[list[Request] | None] = SimpleQueue()
        # A daemon: one that is stuck must not keep the program from ending.
        self._thread = Thread(target=self._write_all, name="access log", daemon=True)
        self._thread.start()

    def __call__(self, request: Request) -> None:
        """Have a line written."""
        if self._waiting + len(self._new) >= MOST_WAITING:
            self._trouble("its reader is too slow, lines are lost")
            return
        if not self._new:
            self._loop.call_later(FLUSH_S, self._flush)
        self._new.append(request)

    def close(self) -> None:
        """Write what is left, in a bounded time."""
        self._flush()
        self._batches.put(None)
        self._thread.join(LAST_WORDS_S)

    def _flush(self) -> None:
        if self._new:
            self._waiting += len(self._new)
            self._batches.put(self._new)
            self._new = []

    def _trouble(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"access log: {what}")

    def _written(self, size: int, error: OSError | None) -> None:
        self._waiting -= size
        if error is not None:
            self._trouble(f"{error.strerror or error}, lines are lost")

    # ---- in the thread

    def _write_all(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                error = None
                try:
                    self._write("".join(f"{format_line(each)}\n" for each in batch).encode())
                except OSError as refusal:
                    error = refusal
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    self._loop.call_soon_threadsafe(self._written, len(batch), error)
        finally:
            os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


def open_log(target: str | None) -> int:
    """A descriptor for the log: of a file, to be appended to, of stdout (`-`) or stderr (None).

    Raises OSError.
    """
    if target is None:
        return os.dup(STDERR)
    if target == "-":
        return os.dup(STDOUT)
    return os.open(Path(target), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
