"""What the words mean that only `p2p` takes: numbers and patterns that choose files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from host.program.arguments import ArgumentError
from host.quantities import Size
from p2p.errors import P2PError
from p2p.metainfo import MAX_PIECE_LENGTH, Metainfo
from p2p.wire import BLOCK

_NUMBERS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)


class SelectionError(ArgumentError, P2PError):
    """Files of a torrent that cannot be chosen; also said by the transfer that learns of it."""


def ratio(text: str) -> float:
    """Read how many times the size is to be sent. Raises ArgumentError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentError(f"{text!r} is no ratio; expected a number above 0")
    return value


def piece_size(text: str) -> Size:
    """Read the size of a piece: a power of two, a block or more (BEP 3). Raises ArgumentError."""
    size = Size.parse(text)
    if not BLOCK <= size <= MAX_PIECE_LENGTH or size & (size - 1):
        raise ArgumentError(
            f"{text!r}: expected a power of two from {Size(BLOCK)} to {Size(MAX_PIECE_LENGTH)}"
        )
    return size


@dataclass(frozen=True)
class Selection:
    """Which files of a torrent are wanted; call it with one to get their indices, from 0.

    A word is a list of numbers as `p2p show` prints them (`2`, `1,3-5`), or a pattern in the
    shell's manner for a file's path, with or without the torrent's name in front (`*.txt`,
    `docs/*`); `*` also stands for `/`.  Padding (BEP 47) has numbers, but is never chosen.
    """

    words: tuple[str, ...]

    def __call__(self, metainfo: Metainfo) -> frozenset[int]:
        """The indices. Raises SelectionError when a word stands for no file."""
        return frozenset(index for word in self.words for index in _chosen(word, metainfo))


@dataclass(frozen=True)
class LinkSelection:
    """Which files a magnet link wants (BEP 53, `so=`); called like `Selection`.

    BEP 53 is silent about indices beyond the last file; like those of padding they are passed over.
    """

    runs: tuple[tuple[int, int], ...]
    """First and last index of each run of files, from 0, as in `Magnet.select`."""

    def __call__(self, metainfo: Metainfo) -> frozenset[int]:
        """The indices. Raises SelectionError when none of them is a file's."""
        past = len(metainfo.files)
        found = frozenset(
            index
            for first, last in self.runs
            for index in range(first, min(last + 1, past))
            if not metainfo.files[index].padding
        )
        if not found:
            raise SelectionError(
                "the link selects (so=) no file that the torrent has; --select chooses others"
            )
        return found


def _chosen(word: str, metainfo: Metainfo) -> Iterable[int]:
    parts = [_NUMBERS.fullmatch(part.strip()) for part in word.split(",")]
    if all(parts):
        for match in filter(None, parts):
            first, last = int(match[1]), int(match[2] or match[1])
            if not 1 <= first <= last <= len(metainfo.files):
                raise SelectionError(
                    f"--select {match[0]}: the torrent has files 1 to {len(metainfo.files)}"
                )
            numbered = [n for n in range(first - 1, last) if not metainfo.files[n].padding]
            if not numbered:
                raise SelectionError(
                    f"--select {match[0]}: only padding between files, nothing to get (BEP 47)"
                )
            yield from numbered
        return
    found = [
        index
        for index, file in enumerate(metainfo.files)
        if not file.padding
        and any(fnmatchcase("/".join(path), word) for path in (file.path, file.path[1:]))
    ]
    if not found:
        raise SelectionError(f"--select {word}: no file of the torrent is called so")
    yield from found
