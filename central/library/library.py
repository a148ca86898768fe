"""The files that a server gives away: some published by name, and those below one directory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from central.errors import DeniedError, DiskError
from central.library.digests import Digests
from central.library.entries import Change, Entry, Opened, Version
from central.library.jail import UNSEEN, Jail, open_outside, trouble
from central.library.scanning import MOST_LISTED, look
from central.library.uploads import Upload, remove_leftovers
from central.library.watching import Watch
from central.paths import parse_path
from host.host import Host

__all__ = ["Change", "Entry", "Library", "Opened", "Upload"]


class Library:
    """Files by their paths.

    Links are not followed: a file below the directory is served when each name on its way is a real
    folder and it is a regular file.  What is published is opened as the operator named it.
    """

    def __init__(self, host: Host, root: Path | None = None, *, writable: bool = False) -> None:
        """`root`: the directory; without one only what is published is there.

        Raises DiskError when it is no directory.
        """
        self.writable = writable
        self._host = host
        self._jail = None if root is None else Jail(root)
        self._published: dict[str, Path] = {}
        self._digests = Digests(host)
        self._watch = Watch(host, self._jail, self._published)
        if self._jail is not None and writable:
            with suppress(OSError), self._jail.entered() as folder:
                remove_leftovers(folder)

    # ---- files

    async def publish(self, path: Path) -> tuple[Entry, str]:
        """Offer the file at `path` under its own name; returns it and its SHA-256 (hex).

        Raises OSError when it cannot be read, DiskError when its name is none to ask for.
        """
        name = path.name
        if parse_path(name) is None:
            raise DiskError(f"{path}: a file of that name cannot be asked for; rename it")
        opened = _opened(name, await self._host.compute(open_outside, path))
        try:
            digest = await self.digest(opened)
        finally:
            opened.close()
        kind = "changed" if name in self._published else "added"
        self._published[name] = path
        self._watch.note(Change(kind=kind, path=name, entry=opened.entry))
        return opened.entry, digest

    def open(self, path: str) -> Opened | None:
        """The file of that decoded path; None when there is none that may be seen.

        Raises BusyError when the server has no descriptor to spare, DiskError.
        """
        names = parse_path(path)
        if names is None:
            return None
        try:
            if (published := self._published.get(path)) is not None:
                return _opened(path, open_outside(published))
            return None if self._jail is None else _opened(path, self._jail.open(names))
        except OSError as error:
            if error.errno in UNSEEN:
                return None
            raise trouble(path, error) from None

    def listing(self, path: str = "") -> list[Entry] | None:
        """What is directly in a folder ("": the top), sorted by path; None when there is none.

        A folder within has a path that ends with `/` and size 0.  Of more than `MOST_LISTED` names
        in the folder so many are looked at.  Blocking: call it by `host.compute`.  Raises
        BusyError, DiskError.
        """
        names = parse_path(path) if path else ()
        if names is None:
            return None
        found: dict[str, Entry] = {}
        try:
            if self._jail is not None:
                with self._jail.entered(names) as folder:
                    entries, _ = look(folder, f"{path}/" if path else "", MOST_LISTED)
                found = {entry.path: entry for entry in entries}
            elif path:
                return None
        except OSError as error:
            if error.errno in UNSEEN:
                return None
            raise trouble(path or "/", error) from None
        if not path:
            for name, place in list(self._published.items()):
                found.pop(name + "/", None)
                found.pop(name, None)
                with suppress(OSError):
                    found[name] = Entry.of(name, place.stat())
        return sorted(found.values(), key=lambda entry: entry.path)

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of that decoded path ("": the top) that may be listed.

        As quick as `open`.  Raises BusyError, DiskError.
        """
        names = parse_path(path) if path else ()
        if names is None or self._jail is None:
            return not path
        try:
            with self._jail.entered(names):
                return True
        except OSError as error:
            if error.errno in UNSEEN:
                return False
            raise trouble(path or "/", error) from None

    # ---- digests

    def known_digest(self, opened: Opened) -> str | None:
        """The SHA-256 (hex) of that very version, if it was computed before."""
        return self._digests.known(opened.version)

    async def digest(self, opened: Opened) -> str:
        """The SHA-256 (hex) of that very version, computed off the loop once and kept.

        It ends when the last one who waits is cancelled; `opened` stays open until then.  Raises
        DiskError when the file changes meanwhile or cannot be read, BusyError when
        `digests.MOST_PENDING` others wait.
        """
        return await self._digests.of(opened)

    # ---- changes

    def begin_upload(self, path: str) -> Upload:
        """A place for a file of that decoded path; missing folders are made at its commit.

        Blocking, but briefly.  Raises DeniedError when the path is not plain or nothing may be put
        here, OSError.
        """
        names = parse_path(path)
        if names is None:
            raise DeniedError("not a plain path, expected names with / between them", known=True)
        if self._jail is None or not self.writable or path in self._published:
            raise DeniedError(f"{path}: nothing may be put there", known=True)
        return Upload(self._jail, names, self._host.rng, self._committed)

    @contextmanager
    def subscribed(self, tell: Callable[[Change], None]) -> Iterator[None]:
        """Within the block `tell` is called, on the loop, with each change.

        What is published or uploaded is told at once, what others do to the directory when it is
        noticed (within a second); a directory of more than `scanning.MOST_SCANNED` names is not
        looked at.  Who needs to miss nothing awaits `settled` first and lists then.
        """
        with self._watch.subscribed(tell):
            yield

    async def settled(self) -> None:
        """Return when each change from now on will be told to who is subscribed."""
        await self._watch.settled()

    def _committed(self, change: Change, version: Version, digest: str) -> None:
        """An upload has its name; called in any thread."""

        def learn() -> None:
            self._digests.remember(version, digest)
            self._watch.note(change)

        with suppress(RuntimeError):  # the loop is closed: there is nobody left to tell
            self._host.loop.call_soon_threadsafe(learn)

    async def close(self) -> None:
        """Watch no more, stop hashing, and close the directory; what is published stays."""
        await self._watch.close()
        await self._digests.close()
        if self._jail is not None:
            self._jail.close()


def _opened(path: str, descriptor: int) -> Opened:
    """A file from its descriptor, which it owns."""
    try:
        state = os.fstat(descriptor)
        file = cast(BinaryIO, io.FileIO(descriptor, "rb"))
    except BaseException:
        os.close(descriptor)
        raise
    return Opened(entry=Entry.of(path, state), file=file, version=Version.of(state))
