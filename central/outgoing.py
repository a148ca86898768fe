"""Files on their way out of a client: opened for an upload, and nothing else (open(2))."""

from __future__ import annotations

import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path

from central.errors import DiskError


def open_to_send(path: Path) -> tuple[BufferedReader, int]:
    """The open file at `path`, which the caller closes, and its size in bytes.

    Raises DiskError when it cannot be read, or is no regular file.
    """
    try:
        file: BufferedReader = BufferedReader(FileIO(path, "rb", opener=_open_regular))
    except (OSError, ValueError) as error:
        raise DiskError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return file, os.fstat(file.fileno()).st_size


def _open_regular(path: str, flags: int) -> int:
    # A pipe that nobody writes to would keep us waiting before we could see that it is one.
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DiskError(f"{path}: is no regular file")
    return descriptor
