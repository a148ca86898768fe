"""Files on their way in: written beside under a hidden name, synced, checked, renamed (rename(2)).

The order is the one that survives a crash: the bytes, the name, the folders.  Who writes a file
holds a lock on it (flock(2)), so what a killed server left can be told from what comes in just now.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import random
import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from central.errors import CorruptError, DeniedError
from central.library.entries import Change, Entry, Version
from central.library.jail import Jail
from host import folders

_NAME = ".upload-{:016x}"
_NAMED = re.compile(r"\.upload-[0-9a-f]{16}")

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR)


class Upload:
    """A file on its way in, unseen until `commit`; blocking calls, from any thread.

    Two of one path do not disturb each other: the last to commit has the name.
    """

    def __init__(
        self,
        jail: Jail,
        names: Sequence[str],
        rng: random.Random,
        tell: Callable[[Change, Version, str], None],
    ) -> None:
        """`tell` is called in the thread of `commit` with the file's digest.

        Raises DeniedError when no file may be put there, OSError.
        """
        self._names = tuple(names)
        self._path = "/".join(names)
        self._tell = tell
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._given_up = False
        self._file: int | None = None
        self._root = jail.enter()
        try:
            self._check_way()
            self._part, self._file = _make(self._root, rng)
        except BaseException as error:
            os.close(self._root)
            if isinstance(error, OSError):
                raise self._refusal(error) from None
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Take in the next bytes (call it by `host.compute`). Raises OSError."""
        with _Turn(self):
            file = self._open_file()
            self._digest.update(data)
            view = memoryview(data).cast("B")
            while view:
                view = view[os.write(file, view) :]

    def commit(
        self,
        sha256: str | None = None,
        check: Callable[[Entry | None], None] = lambda there: None,
    ) -> Entry:
        """Sync, check, rename, tell subscribers; `discard` is still due when it fails.

        `check` gets the file that this one replaces, if there is one; no other upload takes the
        name between that and the renaming, and what it raises is raised.  Raises CorruptError when
        the SHA-256 (hex) of what came is another one, DeniedError when something that is no file
        has taken its place meanwhile, OSError.
        """
        with _Turn(self):
            file = self._open_file()
            digest = self._digest.hexdigest()
            if sha256 is not None and sha256.lower() != digest:
                raise CorruptError(f"{self._path}: its SHA-256 is not {sha256}")
            os.fsync(file)
            try:
                there = self._rename(check)
            except OSError as error:
                raise self._refusal(error) from None
            state = os.fstat(file)
            self._close()
        entry = Entry.of(self._path, state)
        kind = "changed" if there else "added"
        self._tell(Change(kind=kind, path=self._path, entry=entry), Version.of(state), digest)
        return entry

    def discard(self) -> None:
        """Remove what has come; nothing happens after `commit`.

        It does not wait for a write in another thread: the file goes when that is done.
        """
        self._given_up = True
        self._clear()

    def _clear(self) -> None:
        """Do what `discard` is to do, unless a thread is at it; that one calls this afterwards."""
        if self._given_up and self._lock.acquire(blocking=False):
            try:
                if self._file is not None:
                    with suppress(OSError):
                        os.unlink(self._part, dir_fd=self._root)
                    self._close()
            finally:
                self._lock.release()

    def _open_file(self) -> int:
        if self._file is None or self._given_up:
            raise OSError(errno.EBADF, "the upload is over")
        return self._file

    def _close(self) -> None:
        assert self._file is not None
        os.close(self._file)
        os.close(self._root)
        self._file = None

    # ---- its place

    def _check_way(self) -> None:
        """Raise DeniedError when something on the way is no folder, or the place is taken."""
        try:
            folder = folders.enter(self._root, self._names[:-1])
        except FileNotFoundError:
            return
        try:
            self._there(folder)
        finally:
            os.close(folder)

    def _there(self, folder: int) -> Entry | None:
        """The file that this one replaces; DeniedError when it is no file."""
        try:
            state = os.stat(self._names[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(state.st_mode):
            raise self._denied("something that is no file is there")
        return Entry.of(self._path, state)

    def _rename(self, check: Callable[[Entry | None], None]) -> bool:
        """Give the file its name, for good; returns whether another one had it."""
        *parents, name = self._names
        folder = folders.enter(self._root, parents, make=True)
        try:
            with _alone(folder):
                there = self._there(folder)
                check(there)
                os.rename(self._part, name, src_dir_fd=self._root, dst_dir_fd=folder)
        finally:
            os.close(folder)
        folders.sync_folders(self._root, folders.folders_of([self._names]))
        return there is not None

    def _refusal(self, error: OSError) -> DeniedError | OSError:
        """What to raise for `error`: what is there may forbid it, or the disk has a problem."""
        if error.errno in _FORBIDDEN:
            return self._denied("nothing may be put there")
        if error.errno in _IN_THE_WAY:
            return self._denied("something on the way is no folder")
        return error

    def _denied(self, reason: str) -> DeniedError:
        return DeniedError(f"{self._path}: {reason}", known=True)


class _Turn:
    """One thread at a time works on an upload; the last one out sees to what was given up."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def __enter__(self) -> None:
        self._upload._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._upload._lock.release()
        self._upload._clear()


@contextmanager
def _alone(folder: int) -> Iterator[None]:
    """Keep other uploads from giving names in `folder`; as far as its file system has locks."""
    descriptor = None
    try:
        with suppress(OSError):  # NFS locks no folders, and this one may be unreadable
            # Anew: copies of one descriptor have their locks in common.
            descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _make(root: int, rng: random.Random) -> tuple[str, int]:
    """A new file with a hidden name, and its descriptor, locked. Raises OSError."""
    while True:
        name = _NAME.format(rng.getrandbits(64))
        try:
            file = folders.open_file(root, (name,), os.O_RDWR | os.O_EXCL, make=True)
        except FileExistsError:
            continue
        if _lock(root, name, file):
            return name, file
        os.close(file)


def _lock(root: int, name: str, file: int) -> bool:
    """Take the lock of a file; False when another has it, or has had it and removed the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        here = os.stat(name, dir_fd=root, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        return False
    return os.path.samestat(here, os.fstat(file))


def remove_leftovers(root: int) -> None:
    """Remove what servers that were killed have left in the open folder `root`."""
    for name in sorted(os.listdir(root)):
        if not _NAMED.fullmatch(name):
            continue
        with suppress(OSError):
            file = folders.open_file(root, (name,), os.O_RDWR)
            try:
                if _lock(root, name, file):
                    os.unlink(name, dir_fd=root)
            finally:
                os.close(file)
