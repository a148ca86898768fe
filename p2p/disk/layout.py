"""Which bytes of which files a stretch of a torrent's data is (BEP 3: files one after another)."""

from bisect import bisect_right
from collections.abc import Container, Sequence
from typing import NamedTuple

from p2p.metainfo import File, Metainfo


class Span(NamedTuple):
    """Consecutive bytes of one file."""

    file: int
    """Its index in the torrent."""
    at: int
    """The first byte, counted in the file."""
    length: int
    """How many bytes, at least one."""


class Layout:
    """Looks up what lies where; made once for each torrent."""

    def __init__(self, files: Sequence[File]) -> None:
        filled = [(index, file) for index, file in enumerate(files) if file.length]
        self._indices = [index for index, _ in filled]
        self._starts = [file.offset for _, file in filled]
        self._ends = [file.offset + file.length for _, file in filled]

    def spans(self, offset: int, length: int) -> list[Span]:
        """The files' bytes that are the data's from `offset` on, in order.

        Empty files have none; IndexError when the data does not reach that far.
        """
        end = offset + length
        if offset < 0 or length < 0 or (length and end > (self._ends or (0,))[-1]):
            raise IndexError(f"bytes {offset} to {end}: outside the torrent")
        slot = bisect_right(self._starts, offset) - 1
        found = []
        while offset < end:
            stop = min(end, self._ends[slot])
            found.append(Span(self._indices[slot], offset - self._starts[slot], stop - offset))
            offset = stop
            slot += 1
        return found


def wanted_pieces(metainfo: Metainfo, selected: Container[int] | None) -> bytearray:
    """1 for every piece with a byte of a selected file (None: of any), padding apart."""
    wanted = bytearray(metainfo.piece_count)
    for index, file in enumerate(metainfo.files):
        if file.length and not file.padding and (selected is None or index in selected):
            first = file.offset // metainfo.piece_length
            after = -(-(file.offset + file.length) // metainfo.piece_length)
            wanted[first:after] = b"\1" * (after - first)
    return wanted
