"""What a torrent says about its files: names, sizes and the hash of every piece (BEP 3, BEP 47)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from p2p.bencode import Encodable, Value, decode, decode_prefix, encode
from p2p.errors import BencodeError, MetainfoError
from p2p.names import check_distinct, check_path, check_torrent_name
from p2p.wire import BLOCK, MAX_PIECES

HASH_LENGTH = 20
MAX_TORRENT = 10_000_000  # bytes; libtorrent, load_torrent_limits.max_buffer_size
MAX_PIECE_LENGTH = 2**29  # bytes; libtorrent stops 16 KiB short of it
MAX_FILES = 375_000  # what libtorrent's 3,000,000 tokens leave when a file has eight

_SMALLEST_PIECE = BLOCK
_LARGEST_PIECE = 16 * 1024 * 1024
_MOST_PIECES_WANTED = 1024


@dataclass(frozen=True, slots=True)
class File:
    """One file of a torrent."""

    path: tuple[str, ...]
    """Relative to the download directory: (name,), or (name, folder …, file); safe and unique."""
    length: int
    """Bytes of the file."""
    offset: int
    """Of its first byte in the torrent's data."""
    padding: bool = False
    """Zeros that let the next file begin with a piece; never on disk, its path may be anything."""


@dataclass(frozen=True)
class Metainfo:
    """A torrent, valid as a whole; make one with a class method below."""

    name: str
    """Of the only file, or of the folder with all of them; safe to use in any directory."""
    files: tuple[File, ...] = field(repr=False)
    """In the order of their data; at least one."""
    multi: bool
    """Whether the files are in a folder called `name`; that folder may have a single file."""
    length: int
    """Bytes of all files, padding included."""
    piece_length: int
    """Bytes of every piece but the last."""
    pieces: bytes = field(repr=False)
    """SHA-1 of each piece, one after the other."""
    info_bytes: bytes = field(repr=False)
    """The bencoded info dict, exactly as received: what peers exchange by BEP 9."""
    infohash: bytes
    """SHA-1 of `info_bytes`, 20 bytes."""
    private: bool = False
    """Whether its peers are to be had from a tracker only: not from the DHT, nor from peers
    (BEP 27)."""

    @classmethod
    def from_info(cls, info_bytes: bytes) -> "Metainfo":
        """Read a bencoded info dict. Raises MetainfoError."""
        info = _decode_dict(info_bytes)
        if b"pieces" not in info and (b"meta version" in info or b"file tree" in info):
            raise MetainfoError("the torrent is of version 2 only (BEP 52): expected version 1 too")
        name = check_torrent_name(_string(info, b"name"))
        files = _files(name, info)
        length = files[-1].offset + files[-1].length
        piece_length = _number(info, b"piece length", 1)
        pieces = _string(info, b"pieces")
        if piece_length > MAX_PIECE_LENGTH:
            raise MetainfoError(f"piece length {piece_length}: expected at most {MAX_PIECE_LENGTH}")
        count = -(-length // piece_length)
        if count > MAX_PIECES:
            raise MetainfoError(f"{count} pieces: expected at most {MAX_PIECES}")
        if len(pieces) != count * HASH_LENGTH:
            raise MetainfoError(
                f"pieces of {len(pieces)} bytes: expected {count} hashes of {HASH_LENGTH}"
            )
        return cls(
            name=name,
            files=files,
            multi=b"files" in info,
            length=length,
            piece_length=piece_length,
            pieces=pieces,
            info_bytes=info_bytes,
            infohash=hashlib.sha1(info_bytes).digest(),
            private=info.get(b"private") == 1,
        )

    @classmethod
    def from_torrent(cls, data: bytes) -> "Metainfo":
        """Read a whole .torrent file. Raises MetainfoError."""
        if not isinstance(_decode_dict(data).get(b"info"), dict):
            raise MetainfoError("expected a dict under the key info")
        return cls.from_info(_info_bytes(data))

    @classmethod
    def build(
        cls,
        name: str,
        content: int | Sequence[tuple[Sequence[str], int]],
        piece_length: int,
        hashes: Iterable[bytes],
    ) -> "Metainfo":
        """Describe files, given the SHA-1 of each piece. Raises MetainfoError.

        `content` is the length of the only file, or for a folder called `name` the path in it
        and the length of every file.
        """
        info: dict[str, Encodable] = {
            "name": name,
            "piece length": piece_length,
            "pieces": b"".join(hashes),
        }
        if isinstance(content, int):
            info["length"] = content
        else:
            info["files"] = [{"path": list(path), "length": length} for path, length in content]
        try:
            return cls.from_info(encode(info))
        except BencodeError as error:
            raise MetainfoError(str(error)) from error

    def to_torrent(self) -> bytes:
        """A .torrent file with this info and no tracker."""
        return b"d4:info" + self.info_bytes + b"e"

    @cached_property
    def piece_count(self) -> int:
        """How many pieces there are; nothing but empty files has none."""
        return len(self.pieces) // HASH_LENGTH

    def piece_size(self, index: int) -> int:
        """Bytes of piece `index`; the last piece may be short. Raises IndexError."""
        self._check_index(index)
        left = self.length - index * self.piece_length
        return self.piece_length if left > self.piece_length else left

    def piece_hash(self, index: int) -> bytes:
        """SHA-1 that piece `index` must have. Raises IndexError."""
        self._check_index(index)
        return self.pieces[index * HASH_LENGTH : (index + 1) * HASH_LENGTH]

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.piece_count:
            raise IndexError(f"piece {index} of {self.piece_count}")


def choose_piece_length(length: int) -> int:
    """A power of two from 16 KiB to 16 MiB that cuts `length` bytes into 1,024 pieces or fewer.

    Beyond the smallest and below the largest size that means 513 to 1,024 pieces.
    """
    piece_length = _SMALLEST_PIECE
    while piece_length < _LARGEST_PIECE and length > piece_length * _MOST_PIECES_WANTED:
        piece_length *= 2
    return piece_length


def _decode_dict(data: bytes) -> dict[bytes, Value]:
    if len(data) > MAX_TORRENT:
        raise MetainfoError(f"torrent of {len(data)} bytes: expected at most {MAX_TORRENT}")
    try:
        value = decode(data)
    except BencodeError as error:
        raise MetainfoError(f"not bencoded: {error}") from error
    if not isinstance(value, dict):
        raise MetainfoError(f"expected a bencoded dict, found {type(value).__name__}")
    return value


def _info_bytes(torrent: bytes) -> bytes:
    """Cut the info dict out of a torrent that is known to hold one."""
    at = 1
    try:
        while True:
            key, start = decode_prefix(torrent, at)
            _, at = decode_prefix(torrent, start)
            if key == b"info":
                return torrent[start:at]
    except BencodeError as error:
        raise MetainfoError(f"not bencoded: {error}") from error


def _files(name: str, info: dict[bytes, Value]) -> tuple[File, ...]:
    """The files of a torrent called `name`; keys with other spellings of names are not read."""
    entries = info.get(b"files")
    if entries is None:
        _refuse_symlink(info, name)
        return (File((name,), _number(info, b"length", 0), 0),)
    if b"length" in info:
        raise MetainfoError("length and files: expected one of them in the info dict")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_FILES:
        raise MetainfoError(f"files: expected a list of 1 to {MAX_FILES} dicts")
    found: list[File] = []
    offset = 0
    # What was read is let go: at no time are both forms of all files in memory.
    entries.reverse()
    while entries:
        file = _file(name, entries.pop(), offset)
        found.append(file)
        offset += file.length
    if all(file.padding for file in found):
        raise MetainfoError("files: expected one that is not padding")
    check_distinct(file.path for file in found if not file.padding)
    return tuple(found)


def _file(name: str, entry: Value, offset: int) -> File:
    if not isinstance(entry, dict):
        raise MetainfoError(f"files: expected dicts, found {type(entry).__name__}")
    raw = entry.get(b"path")
    if not isinstance(raw, list):
        raise MetainfoError("path: expected a list of names in every dict of files")
    path = check_path(name, raw)
    _refuse_symlink(entry, path[-1])
    padding = b"p" in _string(entry, b"attr", b"")
    return File(path, _number(entry, b"length", 0), offset, padding)


def _refuse_symlink(entry: dict[bytes, Value], name: str) -> None:
    if b"l" in _string(entry, b"attr", b""):
        raise MetainfoError(f"{name[:80]!r} is a symlink, expected a regular file (BEP 47)")


def _string(info: dict[bytes, Value], key: bytes, default: bytes | None = None) -> bytes:
    value = info.get(key, default)
    if not isinstance(value, bytes):
        raise MetainfoError(f"{key.decode()}: expected a string")
    return value


def _number(info: dict[bytes, Value], key: bytes, low: int) -> int:
    value = info.get(key)
    if not isinstance(value, int) or value < low:
        raise MetainfoError(f"{key.decode()}: expected a number from {low}")
    return value
