"""A file that appears under its name only when it is whole: written beside, synced, renamed.

The order is the one that survives a crash: data, then the name, then the folder (rename(2)).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import BinaryIO


class PartialFile:
    """A file on its way to `path`; until `commit` it is `path` with `.part` behind."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Empty, or if `resume` with what an earlier one has left; FileExistsError while another
        is on its way to the same path, OSError for what is no file of ours."""
        self.path = path
        self.partial = path.with_name(path.name + ".part")
        self.file: BinaryIO = _open_alone(self.partial)
        if not resume:
            self.file.truncate()
        self.committed = False
        """True once it has its name."""

    def commit(self) -> Path:
        """Give the file its name; OSError when the disk refuses, and `discard` is still due."""
        self.file.flush()
        os.fsync(self.file.fileno())
        # Ours until it has its name: the lock goes with the descriptor.
        self.partial.replace(self.path)
        self.committed = True
        self.file.close()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self.path

    def leave(self) -> None:
        """Keep what is there for one that resumes."""
        with contextlib.suppress(OSError):  # a full disk takes no last bytes
            self.file.close()

    def discard(self) -> None:
        """Forget a file that was not committed; nothing happens to one that was."""
        if not self.committed and not self.file.closed:
            self.partial.unlink(missing_ok=True)
        self.leave()


def _open_alone(path: Path) -> BinaryIO:
    """The file at `path`, made if need be; OSError while somebody else writes it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a symbolic link is in the way", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EEXIST, "is no regular file", str(path))
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had the lock until now may have given the file its name, or removed it.
        ours = os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        ours = False
    if not ours:
        file.close()
        raise FileExistsError(f"{path} is being written by another transfer")
    return file
