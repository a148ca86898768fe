"""The files of a torrent below a directory: under their names, or `.part` until they are whole.

The only file of a torrent is `NAME.part` on its way to `NAME`; the tree of several is in the folder
`NAME.part`. The order at the end is the one that survives a crash: data, names, folders.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from host import folders
from p2p.disk.descriptors import Descriptors
from p2p.errors import CorruptError, DiskError
from p2p.metainfo import Metainfo
from p2p.names import PART

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Tree:
    """Finds, opens, locks and names the files; blocking calls, from any thread."""

    def __init__(self, metainfo: Metainfo, directory: Path) -> None:
        self._files = metainfo.files
        self._multi = metainfo.multi
        self._directory = directory
        self._staged = metainfo.name + PART
        self._lock: int | None = None
        self._stamps: dict[int, tuple[int, ...]] = {}  # of the files that have their names
        self._descriptors = Descriptors(self._open)
        self._root: int | None = None
        try:
            self._root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _disk_error(directory, error) from error

    # ---- where files are

    def is_finished(self, index: int) -> bool:
        """Whether the file has its name; it is not written any more."""
        return index in self._stamps

    def path(self, index: int) -> Path:
        """Where the file is now, for a person."""
        return self._directory.joinpath(*self._parts(index))

    @contextmanager
    def use(self, index: int, make: bool = False) -> Iterator[int]:
        """The descriptor of the file until the block ends; `make` makes an unfinished one.

        Raises DiskError, and FileNotFoundError without `make`.
        """
        try:
            with self._descriptors.use(index, make) as descriptor:
                yield descriptor
        except FileNotFoundError:
            if make:
                raise DiskError(f"{self.path(index)}: its folder has gone") from None
            raise
        except OSError as error:
            raise _disk_error(self.path(index), error) from error

    def check_unchanged(self, index: int, descriptor: int) -> None:
        """Raise CorruptError when a finished file is not what it was when it was found whole."""
        stamp = self._stamps.get(index)
        if stamp is not None and stamp != _stamp(descriptor):
            raise CorruptError(f"{self.path(index)} has changed since it was checked: start again")

    # ---- the beginning

    def adopt(self, indices: Sequence[int]) -> list[int]:
        """Take those files as finished that have their names; returns the others.

        Raises CorruptError for something else in a file's place, DiskError for a symbolic link.
        """
        assert self._root is not None
        missing = []
        for index in indices:
            file = self._files[index]
            try:
                descriptor = folders.open_file(self._root, file.path, os.O_RDONLY)
            except FileNotFoundError:
                missing.append(index)
                continue
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.EINVAL):
                    self.refuse(index)
                raise _disk_error(self._final(index), error) from error
            try:
                stamp = _stamp(descriptor)
            finally:
                os.close(descriptor)
            if stamp[0] != file.length:
                self.refuse(index, f" ({stamp[0]} bytes, expected {file.length})")
            self._stamps[index] = stamp
        return missing

    def refuse(self, index: int, detail: str = "") -> NoReturn:
        """Something that is not the torrent's has a file's name: it is not ours to overwrite."""
        raise CorruptError(
            f"{self._final(index)} is there and is not what the torrent says{detail}: move it away"
        )

    def has_staging(self) -> bool:
        """Whether something was left unfinished, by us or before."""
        assert self._root is not None
        return folders.is_there(self._root, (self._staged,))

    def stage(self) -> None:
        """Have a place for what is unfinished, for this process alone. Raises DiskError."""
        if self._lock is not None:
            return
        path = self._directory / self._staged
        try:
            self._lock = self._lock_staging(path)
        except OSError as error:
            raise _disk_error(path, error) from error

    def _lock_staging(self, path: Path) -> int:
        assert self._root is not None
        if self._multi:
            lock = folders.enter(self._root, (self._staged,), make=True)
        else:
            lock = folders.open_file(self._root, (self._staged,), os.O_RDWR, make=True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have given the file its name before letting go.
            here = os.stat(self._staged, dir_fd=self._root, follow_symlinks=False)
            if not os.path.samestat(here, os.fstat(lock)):
                raise FileNotFoundError
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError | FileNotFoundError):
                raise DiskError(f"{path} is being written by another transfer") from None
            raise
        return lock

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    # ---- the end

    def commit(self, indices: Sequence[int]) -> None:
        """Give whole files their names, synced. Raises DiskError, and CorruptError for a taken one.

        What was not reached keeps its place; another call, or another process, goes on with it.
        """
        assert self._root is not None
        due = [index for index in indices if not self.is_finished(index)]
        if not due:
            return
        self.stage()
        stamps = {index: self._complete(index) for index in due}
        try:
            name, count = self._files[0].path[:1], sum(not file.padding for file in self._files)
            if self._multi and len(due) == count and not folders.is_there(self._root, name):
                self._name_all(stamps)
            else:
                self._name_each(stamps)
        except OSError as error:
            raise _disk_error(self._directory / self._files[0].path[0], error) from error

    def close(self) -> None:
        """Close all; what is unfinished stays for another time, an empty place for it does not."""
        with self._descriptors.lock:
            self._descriptors.close()
            root, self._root = self._root, None
        if root is None:
            return
        if self._lock is not None:
            with suppress(OSError):
                if self._multi:
                    os.rmdir(self._staged, dir_fd=root)
                elif not os.fstat(self._lock).st_size:
                    os.unlink(self._staged, dir_fd=root)
        self._release()
        os.close(root)

    def _complete(self, index: int) -> tuple[int, ...]:
        """Have a file's bytes survive a crash; returns its stamp."""
        length = self._files[index].length
        with self.use(index, make=True) as descriptor:
            size = os.fstat(descriptor).st_size
            if size < length:
                raise CorruptError(f"{self.path(index)} has become shorter: start again")
            if size > length:  # left over by somebody else
                os.ftruncate(descriptor, length)
            os.fsync(descriptor)
            return _stamp(descriptor)

    def _name_all(self, stamps: dict[int, tuple[int, ...]]) -> None:
        """The whole tree at once."""
        assert self._root is not None
        staged = folders.folders_of(self._parts(index) for index in stamps)
        folders.sync_folders(self._root, staged)
        with self._descriptors.lock:
            folders.move(self._root, (self._staged,), self._files[0].path[:1])
            self._stamps.update(stamps)
            self._release()
        os.fsync(self._root)

    def _name_each(self, stamps: dict[int, tuple[int, ...]]) -> None:
        """File by file, for some are there already or are not asked for."""
        assert self._root is not None
        emptied = folders.folders_of(self._parts(index) for index in stamps)
        for index, stamp in stamps.items():
            final = self._files[index].path
            if folders.is_there(self._root, final):
                self.refuse(index)
            with self._descriptors.lock:
                folders.move(self._root, self._parts(index), final)
                self._stamps[index] = stamp
        named = folders.folders_of(self._files[index].path for index in stamps)
        folders.sync_folders(self._root, named)
        folders.remove_empty(self._root, emptied)
        if not self.has_staging():
            self._release()

    # ---- files

    def _open(self, index: int, make: bool) -> int:
        if self._root is None:
            raise OSError(errno.EBADF, "closed")
        if self.is_finished(index):
            return folders.open_file(self._root, self._parts(index), os.O_RDONLY)
        if make:
            self.stage()
        return folders.open_file(self._root, self._parts(index), os.O_RDWR, make)

    def _parts(self, index: int) -> tuple[str, ...]:
        path = self._files[index].path
        return path if self.is_finished(index) else (self._staged, *path[1:])

    def _final(self, index: int) -> Path:
        return self._directory.joinpath(*self._files[index].path)


def _stamp(descriptor: int) -> tuple[int, ...]:
    """What changes when a file's bytes do: its size comes first."""
    state = os.fstat(descriptor)
    return (state.st_size, state.st_mtime_ns, state.st_ino)


def _disk_error(path: Path, error: OSError) -> DiskError:
    """The error in a line that names the path and what to do."""
    if error.errno in _FULL:
        problem = "no space left: make room, then start again"
    elif error.errno == errno.EFBIG:
        problem = "larger than this disk or this user's limit allows (ulimit -f)"
    elif error.errno == errno.ELOOP:
        problem = "a symbolic link is in the way, expected folders and files only"
    else:
        problem = error.strerror or str(error)
    return DiskError(f"{path}: {problem}")
