"""Looks at folders and says what a stranger may see in them: what `Library.open` would open."""

from __future__ import annotations

import os
from itertools import islice
from typing import NamedTuple

from central.library.entries import Entry
from central.library.jail import UNSEEN
from central.paths import parse_path
from host import folders

MOST_LISTED = 10_000
"""Names read of one folder for a listing: about 0.1 s of a processor."""

MOST_SCANNED = 20_000
"""Names read to notice changes, below half a second of a processor; a directory with more is not
looked at."""


class Snapshot(NamedTuple):
    """All that may be seen at one time."""

    files: dict[str, Entry]
    """By path."""
    folders: list[tuple[str, ...]]
    """Every folder, the top one (no names) included, in a fixed order."""


def look(folder: int, prefix: str, most: int) -> tuple[list[Entry], int]:
    """What may be seen in the open `folder`, sorted by path, and how many names were read.

    `prefix`: the folder's path, with `/` behind unless it is the top.  At most `most` names are
    read.  Raises OSError.
    """
    found = []
    count = 0
    with os.scandir(folder) as names:
        for name in islice(names, most):
            count += 1
            entry = _look_at(folder, prefix, name)
            if entry is not None:
                found.append(entry)
    return sorted(found, key=lambda entry: entry.path), count


def _look_at(folder: int, prefix: str, name: os.DirEntry[str]) -> Entry | None:
    path = prefix + name.name
    if parse_path(path) is None:
        return None
    try:
        if name.is_dir(follow_symlinks=False):
            rights, path = os.R_OK | os.X_OK, path + "/"
        elif name.is_file(follow_symlinks=False):
            rights = os.R_OK
        else:
            return None
        if not os.access(name.name, rights, dir_fd=folder):
            return None
        return Entry.of(path, name.stat(follow_symlinks=False))
    except OSError as error:
        if error.errno in UNSEEN:  # gone meanwhile
            return None
        raise


def scan(root: int, most: int = MOST_SCANNED) -> Snapshot | None:
    """All that may be seen below the open folder `root`; None when that is more than `most` names.

    Raises OSError when it cannot be told what is there.
    """
    files: dict[str, Entry] = {}
    found: list[tuple[str, ...]] = []
    due: list[tuple[str, ...]] = [()]
    while due:
        parts = due.pop()
        try:
            folder = folders.enter(root, parts)
        except OSError as error:
            if error.errno in UNSEEN:
                continue
            raise
        try:
            entries, count = look(folder, "".join(f"{part}/" for part in parts), most + 1)
        finally:
            os.close(folder)
        most -= count
        if most < 0:
            return None
        found.append(parts)
        for entry in entries:
            if entry.path.endswith("/"):
                due.append(tuple(entry.path[:-1].split("/")))
            else:
                files[entry.path] = entry
    return Snapshot(files, sorted(found))
