"""What a torrent says about its file: name, sizes and the hash of every piece (BEP 3)."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from p2p.bencode import Encodable, Value, decode, decode_prefix, encode
from p2p.errors import BencodeError, MetainfoError
from p2p.wire import BLOCK, MAX_PIECES

HASH_LENGTH = 20
MAX_TORRENT = 10_000_000  # bytes; libtorrent, load_torrent_limits.max_buffer_size
MAX_PIECE_LENGTH = 2**29  # bytes; libtorrent stops 16 KiB short of it
MAX_NAME = 255  # bytes; NAME_MAX of the usual file systems

_SMALLEST_PIECE = BLOCK
_LARGEST_PIECE = 16 * 1024 * 1024
_MOST_PIECES_WANTED = 1024

_DRIVE = re.compile(r"[A-Za-z]:")
# Windows opens the device even when an extension, spaces or a stream follow its name.
_DEVICE = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *([.:].*)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Metainfo:
    """A torrent of a single file, valid as a whole; make one with a class method below."""

    name: str
    """Safe to use as a file's name in any directory."""
    length: int
    """Bytes of the file."""
    piece_length: int
    """Bytes of every piece but the last."""
    pieces: bytes = field(repr=False)
    """SHA-1 of each piece, one after the other."""
    info_bytes: bytes = field(repr=False)
    """The bencoded info dict, exactly as received: what peers exchange by BEP 9."""
    infohash: bytes
    """SHA-1 of `info_bytes`, 20 bytes."""

    @classmethod
    def from_info(cls, info_bytes: bytes) -> "Metainfo":
        """Read a bencoded info dict. Raises MetainfoError."""
        info = _decode_dict(info_bytes)
        if b"files" in info:
            raise MetainfoError("torrents of several files are not supported, expected one file")
        if b"l" in _string(info, b"attr", b""):
            raise MetainfoError("the torrent's file is a symlink, expected a regular file")
        name = check_name(_string(info, b"name"))
        length = _number(info, b"length", 0)
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
        infohash = hashlib.sha1(info_bytes).digest()
        return cls(name, length, piece_length, pieces, info_bytes, infohash)

    @classmethod
    def from_torrent(cls, data: bytes) -> "Metainfo":
        """Read a whole .torrent file. Raises MetainfoError."""
        if not isinstance(_decode_dict(data).get(b"info"), dict):
            raise MetainfoError("expected a dict under the key info")
        return cls.from_info(_info_bytes(data))

    @classmethod
    def build(
        cls, name: str, length: int, piece_length: int, hashes: Iterable[bytes]
    ) -> "Metainfo":
        """Describe a file, given the SHA-1 of each of its pieces. Raises MetainfoError."""
        info: dict[str, Encodable] = {
            "name": name,
            "length": length,
            "piece length": piece_length,
            "pieces": b"".join(hashes),
        }
        try:
            return cls.from_info(encode(info))
        except BencodeError as error:
            raise MetainfoError(str(error)) from error

    def to_torrent(self) -> bytes:
        """A .torrent file with this info and no tracker."""
        return b"d4:info" + self.info_bytes + b"e"

    @property
    def piece_count(self) -> int:
        """How many pieces the file has; an empty file has none."""
        return len(self.pieces) // HASH_LENGTH

    def piece_size(self, index: int) -> int:
        """Bytes of piece `index`; the last piece may be short. Raises IndexError."""
        self._check_index(index)
        return min(self.piece_length, self.length - index * self.piece_length)

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


def check_name(raw: bytes) -> str:
    """The text of a file's name that a stranger sent, if it can't lead out of its directory.

    Raises MetainfoError; a bad name is never repaired, for two repaired ones could collide.
    """
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise MetainfoError(f"name {raw[:40]!r}: expected UTF-8") from error
    if len(raw) > MAX_NAME:
        problem = f"expected at most {MAX_NAME} bytes, found {len(raw)}"
    elif not name.strip(". "):
        problem = "expected more than dots and spaces"
    elif "/" in name or "\\" in name:
        problem = "expected no path separator"
    elif any(letter < " " for letter in name):
        problem = "expected no NUL or other control character"
    elif _DRIVE.match(name):
        problem = "expected no drive letter"
    elif _DEVICE.fullmatch(name):
        problem = "reserved by Windows, expected another"
    else:
        return name
    raise MetainfoError(f"name {name[:40]!r}: {problem}")


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


def _string(info: dict[bytes, Value], key: bytes, default: bytes | None = None) -> bytes:
    value = info.get(key, default)
    if not isinstance(value, bytes):
        raise MetainfoError(f"{key.decode()}: expected a string in the info dict")
    return value


def _number(info: dict[bytes, Value], key: bytes, low: int) -> int:
    value = info.get(key)
    if not isinstance(value, int) or value < low:
        raise MetainfoError(f"{key.decode()}: expected a number from {low} in the info dict")
    return value
