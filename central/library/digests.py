"""SHA-256 of files (FIPS 180-4), each version hashed once off the loop, a bounded number kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading

from central.errors import DiskError
from central.library.entries import Opened, Version
from central.library.jail import trouble
from central.library.threads import compute_until_stopped
from host.host import Host

MOST_KEPT = 4096
"""Digests that are remembered, those used last; about 1 MiB."""

AT_A_TIME = 2
"""Files that are hashed at a time: asyncio may have as few as five threads, for uploads too."""

_CHUNK = 1024 * 1024


class Digests:
    """Digests by version."""

    def __init__(self, host: Host, most: int = MOST_KEPT) -> None:
        self._host = host
        self._most = most
        self._known: dict[Version, str] = {}  # used last comes last
        self._running: dict[Version, asyncio.Task[str]] = {}
        self._turn = asyncio.Semaphore(AT_A_TIME)

    def known(self, version: Version) -> str | None:
        """The digest (hex) of that version, if it was computed before."""
        digest = self._known.pop(version, None)
        if digest is not None:
            self._known[version] = digest
        return digest

    def remember(self, version: Version, digest: str) -> None:
        """That version has this digest."""
        self._known.pop(version, None)
        self._known[version] = digest
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    async def of(self, opened: Opened) -> str:
        """The digest (hex) of an open file, which the caller may close meanwhile.

        Raises DiskError when it cannot be read or is not that version any more, BusyError.
        """
        version, path = opened.version, opened.entry.path
        if (digest := self.known(version)) is not None:
            return digest
        task = self._running.get(version) or self._start(opened)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and not (caller is not None and caller.cancelling()):
                raise DiskError(f"{path}: closed before it was hashed") from None
            raise

    async def close(self) -> None:
        """Stop what is under way; what is known stays known."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, opened: Opened) -> asyncio.Task[str]:
        version, path = opened.version, opened.entry.path
        try:
            descriptor = os.dup(opened.file.fileno())
        except OSError as error:
            raise trouble(path, error) from None
        hashing = self._hash(path, version, descriptor)
        task = self._host.spawn(hashing, f"hashes {path}")

        def ended(_: asyncio.Task[str]) -> None:
            os.close(descriptor)
            del self._running[version]

        self._running[version] = task
        task.add_done_callback(ended)
        return task

    async def _hash(self, path: str, version: Version, descriptor: int) -> str:
        async with self._turn:
            try:
                digest = await compute_until_stopped(
                    self._host, lambda stop: _hash(descriptor, version, stop)
                )
            except OSError as error:
                raise trouble(path, error) from None
        if digest is None:
            raise DiskError(f"{path}: it changed while it was hashed")
        self.remember(version, digest)
        return digest


def _hash(descriptor: int, version: Version, stop: threading.Event) -> str | None:
    """The digest of an open file; None when it is not that version, or when stopped.

    The descriptor's place in the file belongs to who sends the file: it is neither used nor moved.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_CHUNK, version.size + 1)))
    at = 0
    while not stop.is_set() and (count := os.preadv(descriptor, [buffer], at)):
        digest.update(buffer[:count])
        at += count
    whole = at == version.size and Version.of(os.fstat(descriptor)) == version
    return digest.hexdigest() if whole else None
