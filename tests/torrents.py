"""Torrents of known bytes, for tests of what lies on disk."""

import hashlib
import random
from dataclasses import dataclass, replace
from pathlib import Path

from p2p.bencode import encode
from p2p.disk.store import Store
from p2p.metainfo import Metainfo

PIECE = 300
MIXED = {"a": 250, "deep/er/b": 1000, "empty": 0, "deep/c": 1, "z": 449}
"""Six pieces of 300; only the second and third lie in a single file."""


@dataclass(frozen=True)
class Torrent:
    """A metainfo and the data that it describes."""

    metainfo: Metainfo
    data: bytes

    def piece(self, index: int) -> bytearray:
        start = index * self.metainfo.piece_length
        return bytearray(self.data[start : start + self.metainfo.piece_size(index)])

    def content(self, index: int) -> bytes:
        file = self.metainfo.files[index]
        return self.data[file.offset : file.offset + file.length]

    def fill(self, store: Store, indices=None) -> Store:
        """Put pieces, all of them by default."""
        for index in range(self.metainfo.piece_count) if indices is None else indices:
            assert store.put(index, self.piece(index))
        return store

    def write(self, directory: Path) -> None:
        """All files, whole, as a finished download."""
        for index, file in enumerate(self.metainfo.files):
            if not file.padding:
                path = directory.joinpath(*file.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.content(index))


def torrent_of(files, *, name="t", piece_length=PIECE, padding=()):
    """A torrent of random bytes; `files` is a length, or lengths by path in the folder `name`."""
    if isinstance(files, int):
        data = _noise(files)
        return Torrent(Metainfo.build(name, files, piece_length, _hashes(data, piece_length)), data)
    parts = [bytes(n) if path in padding else _noise(n, path) for path, n in files.items()]
    data = b"".join(parts)
    entries = [
        {"path": path.split("/"), "length": length} | ({"attr": "p"} if path in padding else {})
        for path, length in files.items()
    ]
    pieces = b"".join(_hashes(data, piece_length))
    info = {"name": name, "files": entries, "piece length": piece_length, "pieces": pieces}
    return Torrent(Metainfo.from_info(encode(info)), data)


def lying_padding(torrent: Torrent) -> Torrent:
    """The same files and sizes, but every byte is noise, in padding too, and the hashes agree."""
    data = _noise(len(torrent.data), "lies")
    metainfo = torrent.metainfo
    return replace(
        torrent,
        metainfo=replace(metainfo, pieces=b"".join(_hashes(data, metainfo.piece_length))),
        data=data,
    )


def tree(directory: Path) -> list[str]:
    """All files below the directory, sorted, with / between their names."""
    return sorted(
        str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()
    )


def _noise(length: int, seed: str = "") -> bytes:
    return random.Random(seed).randbytes(length)


def _hashes(data: bytes, piece_length: int) -> list[bytes]:
    starts = range(0, len(data), piece_length)
    return [hashlib.sha1(data[at : at + piece_length]).digest() for at in starts]
