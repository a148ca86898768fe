"""SHA-256 of files (FIPS 180-4), each version hashed once off the loop, a bounded number kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from dataclasses import dataclass, field

from central.errors import BusyError, DiskError
from central.library.entries import Opened, Version
from central.library.jail import trouble
from central.library.threads import compute_until_stopped
from host.host import Host

MOST_KEPT = 4096
"""Digests that are remembered, those used last; about 1 MiB."""

AT_A_TIME = 2
"""Files that are hashed at a time: asyncio may have as few as five threads, for uploads too."""

MOST_PENDING = 256
"""Versions that are hashed or wait for their turn, as many as `Limits.transfers`; each has somebody
who waits, and none has a descriptor of its own before its turn."""

_CHUNK = 1024 * 1024


@dataclass(eq=False)
class _Pending:
    """A version that is hashed, or will be, for as long as anybody waits for it."""

    path: str
    version: Version
    waiting: dict[object, Opened] = field(default_factory=dict)
    """What those who wait have open, which some may have closed."""

    def take(self) -> int:
        """A descriptor of its own, for what is waited for may be closed meanwhile."""
        for opened in self.waiting.values():
            if not opened.file.closed:
                return os.dup(opened.file.fileno())
        raise DiskError(f"{self.path}: closed before it was hashed")


class Digests:
    """Digests by version."""

    def __init__(self, host: Host, most: int = MOST_KEPT) -> None:
        self._host = host
        self._most = most
        self._known: dict[Version, str] = {}  # used last comes last
        self._pending: dict[Version, _Pending] = {}
        self._tasks: dict[_Pending, asyncio.Task[str]] = {}  # those that nobody waits for too
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
        """The digest (hex) of an open file; who is cancelled leaves the hashing to the others.

        The caller may close it meanwhile, which counts as giving up while nobody else has it open
        and its turn has not come.  Raises DiskError when it cannot be read or is not that version
        any more, BusyError.
        """
        version, path = opened.version, opened.entry.path
        if (digest := self.known(version)) is not None:
            return digest
        if (pending := self._pending.get(version)) is None:
            pending = self._start(path, version)
        task = self._tasks[pending]
        place = object()
        pending.waiting[place] = opened
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and not (caller is not None and caller.cancelling()):
                raise DiskError(f"{path}: closed before it was hashed") from None
            raise
        finally:
            del pending.waiting[place]
            if not pending.waiting:
                self._forget(pending)
                task.cancel()

    async def close(self) -> None:
        """Stop what is under way; what is known stays known."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, path: str, version: Version) -> _Pending:
        if len(self._tasks) >= MOST_PENDING:
            raise BusyError(f"{path}: the server has too many files to hash; try again later")
        pending = _Pending(path, version)

        def ended(_: asyncio.Task[str]) -> None:
            self._forget(pending)
            del self._tasks[pending]

        task = self._host.spawn(self._hash(pending), f"hashes {path}")
        task.add_done_callback(ended)
        self._pending[version], self._tasks[pending] = pending, task
        return pending

    def _forget(self, pending: _Pending) -> None:
        """Who asks for that version from now on has it hashed anew."""
        if self._pending.get(pending.version) is pending:
            del self._pending[pending.version]

    async def _hash(self, pending: _Pending) -> str:
        path, version = pending.path, pending.version
        async with self._turn:
            try:
                descriptor = pending.take()
                try:
                    digest = await compute_until_stopped(
                        self._host, lambda stop: _hash(descriptor, version, stop)
                    )
                finally:
                    os.close(descriptor)
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
