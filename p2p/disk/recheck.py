"""Finds out which pieces are on disk: the files themselves are asked, nothing else is believed."""

import errno
import hashlib
import os
from collections.abc import Callable, Sequence

from p2p.disk.layout import Layout, Span
from p2p.disk.tree import Tree
from p2p.metainfo import Metainfo


def recheck(
    metainfo: Metainfo, layout: Layout, tree: Tree, report: Callable[[int], None] | None
) -> bytearray:
    """1 for every piece that is there with the right hash; see `Store.check`."""
    found = bytearray(metainfo.piece_count)
    recheck = _Recheck(metainfo, tree)
    for index in range(metainfo.piece_count):
        size = metainfo.piece_size(index)
        spans = layout.spans(index * metainfo.piece_length, size)
        found[index] = recheck.is_there(index, size, spans)
        if report is not None:
            report(index + 1)
    return found


class _Recheck:
    def __init__(self, metainfo: Metainfo, tree: Tree) -> None:
        self._metainfo = metainfo
        self._tree = tree
        self._absent: dict[int, None] = {}
        self._zeros = (0, b"")  # a size and the hash of as many zeros
        self._buffer = memoryview(bytearray(min(metainfo.piece_length, metainfo.length)))

    def is_there(self, index: int, size: int, spans: Sequence[Span]) -> bool:
        if any(span.file in self._absent for span in spans):
            return False
        expected = self._metainfo.piece_hash(index)
        if all(self._is_hole(span) for span in spans):
            # Nothing was written there, or nothing but zeros: no need to read them.
            right = expected == self._hash_of_zeros(size)
        elif self._read(spans):
            right = expected == hashlib.sha1(self._buffer[:size]).digest()
        else:
            return False
        if not right:
            self._accuse(spans)
        return right

    def _is_hole(self, span: Span) -> bool:
        if self._metainfo.files[span.file].padding:
            return True
        if self._tree.is_finished(span.file):
            return False
        try:
            with self._tree.use(span.file) as descriptor:
                if os.fstat(descriptor).st_size < span.at + span.length:
                    return False
                return _next_data(descriptor, span.at) >= span.at + span.length
        except FileNotFoundError:
            self._absent[span.file] = None
            return False

    def _read(self, spans: Sequence[Span]) -> bool:
        """Fill the buffer; False when there are not as many bytes."""
        at = 0
        for span in spans:
            view = self._buffer[at : at + span.length]
            if self._metainfo.files[span.file].padding:
                view[:] = bytes(span.length)
            elif span.file in self._absent or not self._read_file(span, view):
                return False
            at += span.length
        return True

    def _read_file(self, span: Span, view: memoryview) -> bool:
        try:
            with self._tree.use(span.file) as descriptor:
                self._tree.check_unchanged(span.file, descriptor)
                at = span.at
                while view and (count := os.preadv(descriptor, [view], at)):
                    view = view[count:]
                    at += count
        except FileNotFoundError:
            self._absent[span.file] = None
        return not view

    def _hash_of_zeros(self, size: int) -> bytes:
        if self._zeros[0] != size:
            self._zeros = (size, hashlib.sha1(bytes(size)).digest())
        return self._zeros[1]

    def _accuse(self, spans: Sequence[Span]) -> None:
        """A wrong piece that lies in finished files alone will never come right."""
        files = [span.file for span in spans if not self._metainfo.files[span.file].padding]
        if files and all(self._tree.is_finished(file) for file in files):
            others = f" (it or one of the {len(files) - 1} after it)" if len(files) > 1 else ""
            self._tree.refuse(files[0], others)


def _next_data(descriptor: int, at: int) -> int:
    """Where the first byte from `at` on is that was written; beyond any file when none was."""
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        return 2**63 if error.errno == errno.ENXIO else at  # others: the file system cannot tell
