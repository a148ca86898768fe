"""A file that appears under its name only when it is whole: written beside, synced, renamed.

The order is the one that survives a crash: data, then the name, then the folder (rename(2)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import BinaryIO


class PartialFile:
    """A file on its way to `path`; until `commit` it is `path` with `.part` behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".part")
        self.file: BinaryIO = _open_alone(self.partial)
        self._committed = False

    def commit(self) -> Path:
        """Give the file its name; OSError when the disk refuses, and `discard` is still due."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.partial.replace(self.path)
        self._committed = True
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self.path

    def discard(self) -> None:
        """Forget a file that was not committed; nothing happens to one that was."""
        if not self._committed:
            self.partial.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a full disk takes no last bytes
                self.file.close()


def _open_alone(path: Path) -> BinaryIO:
    """An empty file at `path`; OSError while somebody else writes it, not when it was left over."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FileExistsError(f"{path} is being written by another transfer") from None
    file.truncate()
    return file


def safe_name(name: str) -> bool:
    """True when `name` is one plain file name that stays in its folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")
