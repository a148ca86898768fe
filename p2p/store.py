"""The file of a torrent on disk: pieces go in verified, blocks come out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from host.files import PartialFile
from p2p.metainfo import Metainfo, choose_piece_length


class Store:
    """One file, whole at `path` or on its way there; blocking calls, small enough for the loop."""

    def __init__(self, metainfo: Metainfo, *, whole: Path | None = None, into: Path | None = None):
        self._metainfo = metainfo
        self._partial: PartialFile | None = None
        self._file: BinaryIO
        if whole is not None:
            self.path = whole
            self._file = whole.open("rb")
        else:
            assert into is not None
            self.path = into / metainfo.name
            self._partial = PartialFile(self.path)
            self._file = self._partial.file

    def put(self, index: int, piece: bytearray) -> bool:
        """Write a piece if its hash is right; False when it is not."""
        if hashlib.sha1(piece).digest() != self._metainfo.piece_hash(index):
            return False
        offset = index * self._metainfo.piece_length
        view = memoryview(piece)
        while view:
            written = os.pwrite(self._file.fileno(), view, offset)
            view = view[written:]
            offset += written
        return True

    def get(self, index: int, begin: int, length: int) -> bytes:
        """A block of a piece that is here."""
        offset = index * self._metainfo.piece_length + begin
        data = os.pread(self._file.fileno(), length, offset)
        if len(data) < length:
            raise OSError(f"{self.path} has become shorter")
        return data

    def commit(self) -> Path:
        """All pieces are here: give the file its name; blocks can be read on."""
        assert self._partial is not None
        # Blocks are read while the file is being given its name, so the old one stays open.
        self._file = os.fdopen(os.dup(self._file.fileno()), "rb")
        self._partial.commit()
        self._partial = None
        return self.path

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        if self._partial is not None:
            self._partial.discard()
            self._partial = None
        self._file.close()


def describe(path: Path, piece_length: int | None = None) -> Metainfo:
    """The metainfo of a file on disk; reads and hashes all of it."""
    length = path.stat().st_size
    piece_length = piece_length or choose_piece_length(length)

    def hashes() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(piece_length):
                yield hashlib.sha1(piece).digest()

    return Metainfo.build(path.name, length, piece_length, hashes())
