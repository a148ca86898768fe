"""What a library knows of a file: its entry in a listing, its version, and what happened to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, NamedTuple


class Version(NamedTuple):
    """One state of one file: another one has other bytes (stat(2)).

    Two changes in place within a tick of the kernel's clock that keep the size look the same.
    """

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, state: os.stat_result) -> Version:
        """The version that a file with this state is."""
        return cls(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file as a listing shows it; a folder has a path that ends with `/` and size 0."""

    path: str
    """Names with `/` between them."""
    size: int
    modified_ns: int
    """Nanoseconds since 1970 (stat(2), st_mtim)."""
    inode: int = field(default=0, compare=False)
    """Known on the server alone, 0 elsewhere: a file that was replaced by one of the same size and
    time, as archives unpack them, is still another version."""

    @property
    def etag(self) -> str:
        """A name for this version, 16 hexadecimal digits without quotes (RFC 9110, section 8.8.3).

        It is strong, and the same only on the server: a client compares what it was told.
        """
        version = f"{self.modified_ns} {self.size} {self.inode}"
        return blake2b(version.encode(), digest_size=8).hexdigest()

    def is_version(self, other: Entry | None) -> bool:
        """Whether the two are the same version of the same file."""
        return other is not None and self == other and self.inode == other.inode

    @classmethod
    def of(cls, path: str, state: os.stat_result) -> Entry:
        """The entry of a file (or, with a path that ends with `/`, a folder) with this state."""
        size = 0 if path.endswith("/") else state.st_size
        return cls(path=path, size=size, modified_ns=state.st_mtime_ns, inode=state.st_ino)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file open for reading; its size and time are the open file's own (fstat(2))."""

    entry: Entry
    file: BinaryIO
    """Unbuffered: a read is one system call."""
    version: Version

    def close(self) -> None:
        """Close the file; what hashes it already has a descriptor of its own."""
        self.file.close()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happened to a file."""

    kind: str
    """added, changed or removed"""
    path: str
    entry: Entry | None
    """The file as it is now; None when removed."""
