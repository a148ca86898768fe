"""Ways through folders that cannot be led astray: each step by openat, no symbolic link followed.

A name that was checked is not enough: what has it may be a link that leads elsewhere, since just
now even (openat(2), O_NOFOLLOW).  All that fails is an OSError.
"""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress


def enter(root: int, parts: Sequence[str], make: bool = False) -> int:
    """A new descriptor of the folder `parts` below the folder `root`, made where it is missing.

    Raises OSError: ELOOP for a symbolic link on the way.
    """
    folder = os.dup(root)
    for part in parts:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            inner = _step(folder, part, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            os.close(folder)
        folder = inner
    return folder


def open_file(root: int, parts: Sequence[str], flags: int, make: bool = False) -> int:
    """A descriptor of the regular file `parts` below `root`; `make` makes it and its folders.

    Raises OSError: ELOOP for a symbolic link on the way, EINVAL for what is no regular file.
    """
    folder = enter(root, parts[:-1], make)
    try:
        # A pipe would be waited for, were it not for O_NONBLOCK; files take no notice.
        flags |= os.O_NONBLOCK | (os.O_CREAT if make else 0)
        file = _step(folder, parts[-1], flags)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is no regular file")
    return file


def is_there(root: int, parts: Sequence[str]) -> bool:
    """Whether anything, a dangling link included, has the name `parts` below `root`."""
    try:
        folder = enter(root, parts[:-1])
    except FileNotFoundError:
        return False
    try:
        os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    finally:
        os.close(folder)
    return True


def move(root: int, old: Sequence[str], new: Sequence[str]) -> None:
    """Rename `old` below `root` to `new`, into folders that are made where they are missing."""
    source = enter(root, old[:-1])
    try:
        target = enter(root, new[:-1], make=True)
        try:
            os.rename(old[-1], new[-1], src_dir_fd=source, dst_dir_fd=target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def folders_of(paths: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Every folder on the way to files, each once, those further in first."""
    found: dict[tuple[str, ...], None] = {}
    for path in paths:
        folder = tuple(path[:-1])
        while folder and folder not in found:
            found[folder] = None
            folder = folder[:-1]
    return sorted(found, key=lambda folder: (-len(folder), folder))


def sync_folders(root: int, folders: Iterable[Sequence[str]]) -> None:
    """Have the names in these folders, and in `root` at the end, survive a crash (fsync(2))."""
    for parts in folders:
        folder = enter(root, parts)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    os.fsync(root)


def remove_empty(root: int, folders: Iterable[Sequence[str]]) -> None:
    """Remove those of the folders that are empty."""
    for parts in folders:
        with suppress(OSError):
            outer = enter(root, parts[:-1])
            try:
                os.rmdir(parts[-1], dir_fd=outer)
            finally:
                os.close(outer)


def _step(folder: int, part: str, flags: int) -> int:
    try:
        return os.open(part, flags | os.O_NOFOLLOW, 0o666, dir_fd=folder)
    except NotADirectoryError:
        # Linux says so of a link as well, when a folder is asked for.
        if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
