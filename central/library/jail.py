"""The one directory that strangers see: nothing outside it is opened, whatever lies in it.

Every way in starts at a descriptor that is kept, so the directory stays the same one when it is
moved.  Symbolic links are not followed at all, also not to a place inside: what a link points to
can change after it was looked at, and a file that is to be had under two names can be linked hard.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from central.errors import BusyError, CentralError, DiskError
from host import folders

UNSEEN = frozenset(
    {
        errno.EACCES,
        errno.EINVAL,  # no regular file
        errno.ELOOP,  # a symbolic link
        errno.ENAMETOOLONG,
        errno.ENODEV,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,  # a socket
        errno.EPERM,
    }
)
"""What is wrong with a file that may not be seen; it is as if it were not there."""

_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class Jail:
    """A directory, open; `open` is for the loop's thread, `entered` for any."""

    def __init__(self, path: Path) -> None:
        """Raises DiskError when there is no directory at `path`."""
        self.path = path.absolute()
        """Where it was at the beginning; for what can't do with a descriptor."""
        self._lock = threading.Lock()
        try:
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise DiskError(f"{path}: {error.strerror}, expected a directory") from None

    def open(self, names: Sequence[str]) -> int:
        """A descriptor of the regular file that is there, for reading; never waits.

        Raises OSError: one of `UNSEEN` where there is none that may be seen.
        """
        return folders.open_file(self._open_root(), names, os.O_RDONLY)

    def enter(self) -> int:
        """A descriptor of the directory, the caller's to close. Raises OSError."""
        with self._lock:
            return os.dup(self._open_root())

    @contextmanager
    def entered(self, names: Sequence[str] = ()) -> Iterator[int]:
        """The descriptor of a folder within, for as long as the block lasts. Raises OSError."""
        root = self.enter()
        try:
            folder = folders.enter(root, names)
        finally:
            os.close(root)
        try:
            yield folder
        finally:
            os.close(folder)

    def _open_root(self) -> int:
        if self._root < 0:
            raise FileNotFoundError(errno.ENOENT, "closed")
        return self._root

    def close(self) -> None:
        """Let go of the directory; from now on nothing is there."""
        with self._lock:
            root, self._root = self._root, -1
            if root >= 0:
                os.close(root)


def open_outside(path: Path) -> int:
    """A descriptor of the regular file that the operator named; links are followed. OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is no regular file")
    return file


def trouble(path: str, error: OSError) -> CentralError:
    """What is wrong with the server or its disk, in a line that a stranger may read."""
    if error.errno in _SHORT:
        return BusyError(f"{path}: the server has too many files open; try again later")
    return DiskError(f"{path}: {error.strerror or error}")
