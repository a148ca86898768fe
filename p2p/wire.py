"""The peer wire protocol without I/O: bytes in, events out, bytes to send (BEP 3, BEP 10).

Events are made once per message on the hottest path there is, hence msgspec's structs.
"""

import struct
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from p2p.errors import WireError

BLOCK = 16 * 1024
"""Bytes of a block: BEP 3 closes connections that request more at once."""
HANDSHAKE_LENGTH = 68
MAX_MESSAGE = 1024 * 1024  # bytes after the length prefix, as in libtorrent
MAX_PIECES = 2**21  # libtorrent, load_torrent_limits.max_pieces

EXTENDED_BIT = bytes((0, 0, 0, 0, 0, 0x10, 0, 0))
"""The reserved bytes of a peer that speaks the extension protocol (BEP 10)."""

_WORTH_A_VIEW = 256  # bytes; a memoryview takes 184 by itself
_GREETING = b"\x13BitTorrent protocol"
_CHOKE, _UNCHOKE, _INTERESTED, _NOT_INTERESTED = range(4)
_HAVE, _BITFIELD, _REQUEST, _PIECE, _CANCEL, _PORT = range(4, 10)
_EXTENDED = 20

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_TWO = struct.Struct(">II")
_THREE = struct.Struct(">III")
_HAVE_MESSAGE = struct.Struct(">IBI")
_RANGE_MESSAGE = struct.Struct(">IBIII")
_LONG_HEADER = struct.Struct(">IB")
_PORT_MESSAGE = struct.Struct(">IBH")
_EXTENDED_HEADER = struct.Struct(">IBB")
_PIECE_HEADER = struct.Struct(">IBII")

_FLAG_TO_DIGIT = b"0" + b"1" * 255
# For each place in a byte, from the high bit on: the flag there, for every value of the byte.
_BYTE_TO_FLAG = tuple(bytes(byte >> (7 - place) & 1 for byte in range(256)) for place in range(8))


class Handshake(msgspec.Struct, frozen=True):
    """The first thing that each side says; `reserved` is 8 bytes of flags."""

    infohash: bytes
    peer_id: bytes
    reserved: bytes = EXTENDED_BIT

    @property
    def extended(self) -> bool:
        """Whether the peer speaks the extension protocol (BEP 10)."""
        return bool(self.reserved[5] & 0x10)


class KeepAlive(msgspec.Struct, frozen=True, gc=False):
    """Nothing, said so that the connection is not taken for dead."""


class Choke(msgspec.Struct, frozen=True, gc=False):
    """Requests will not be served until Unchoke."""


class Unchoke(msgspec.Struct, frozen=True, gc=False):
    """Requests will be served."""


class Interested(msgspec.Struct, frozen=True, gc=False):
    """The peer wants something that we have."""


class NotInterested(msgspec.Struct, frozen=True, gc=False):
    """The peer wants nothing that we have."""


class Have(msgspec.Struct, frozen=True, gc=False):
    """The peer now has piece `index`."""

    index: int


class Bitfield(msgspec.Struct, frozen=True, gc=False):
    """The pieces that the peer has; see `unpack_bitfield`."""

    bits: bytes


class Request(msgspec.Struct, frozen=True, gc=False):
    """Send `length` bytes (1 to BLOCK) of piece `index` from byte `begin` of it."""

    index: int
    begin: int
    length: int


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A block of piece `index` that starts at byte `begin` of it.

    `data` is mostly a view into what was fed. It keeps that alive; where what was fed is a
    buffer that is written again, it is valid only until then.
    """

    index: int
    begin: int
    data: bytes | memoryview


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Takes back the Request of the same fields."""

    index: int
    begin: int
    length: int


class Port(msgspec.Struct, frozen=True, gc=False):
    """The UDP port of the peer's DHT node (BEP 5)."""

    port: int


class Extended(msgspec.Struct, frozen=True, gc=False):
    """A message of the extension protocol; `id` 0 is its handshake (BEP 10)."""

    id: int
    payload: bytes


Event: TypeAlias = (
    Handshake | KeepAlive | Choke | Unchoke | Interested | NotInterested | Have | Bitfield
    | Request | Piece | Cancel | Port | Extended
)  # fmt: skip
_Reader: TypeAlias = Callable[[memoryview], Event]


def _read_request(body: memoryview) -> Event:
    return Request(*_read_range(body))


def _read_cancel(body: memoryview) -> Event:
    return Cancel(*_read_range(body))


def _read_range(body: memoryview) -> tuple[int, int, int]:
    index, begin, length = _THREE.unpack(body)
    if not 0 < length <= BLOCK:
        raise WireError(f"block of {length} bytes: expected 1 to {BLOCK}")
    return index, begin, length


def _read_piece(body: memoryview) -> Event:
    index, begin = _TWO.unpack_from(body)
    block = body[8:]
    return Piece(index, begin, block if len(block) >= _WORTH_A_VIEW else bytes(block))


# For each message id: the fewest and the most bytes after the length prefix, and the reader of
# what follows the id.
_MESSAGES: dict[int, tuple[int, int, _Reader]] = {
    _CHOKE: (1, 1, lambda body: Choke()),
    _UNCHOKE: (1, 1, lambda body: Unchoke()),
    _INTERESTED: (1, 1, lambda body: Interested()),
    _NOT_INTERESTED: (1, 1, lambda body: NotInterested()),
    _HAVE: (5, 5, lambda body: Have(*_U32.unpack(body))),
    _BITFIELD: (1, 1 + MAX_PIECES // 8, lambda body: Bitfield(bytes(body))),
    _REQUEST: (13, 13, _read_request),
    _PIECE: (10, 9 + BLOCK, _read_piece),
    _CANCEL: (13, 13, _read_cancel),
    _PORT: (3, 3, lambda body: Port(*_U16.unpack(body))),
    _EXTENDED: (2, MAX_MESSAGE, lambda body: Extended(body[0], bytes(body[1:]))),
}


def _length(data: memoryview | bytearray, at: int) -> int:
    length: int = _U32.unpack_from(data, at)[0]
    if length > MAX_MESSAGE:
        raise WireError(f"message of {length} bytes: expected at most {MAX_MESSAGE}")
    return length


def _reader(length: int, kind: int) -> _Reader | None:
    """How to read message `kind`, None to skip it; WireError if it can't have that length."""
    rule = _MESSAGES.get(kind)
    if rule is None:
        return None
    low, high, read = rule
    if not low <= length <= high:
        raise WireError(f"message {kind} of {length} bytes: expected {low} to {high}")
    return read


class Decoder:
    """Reads what one peer sends: the handshake, then messages, however they are cut up."""

    __slots__ = ("_error", "_greeted", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()  # the start of a message whose end has not come yet
        self._greeted = False
        self._error: str | None = None

    def feed(self, data: bytes | memoryview) -> list[Event]:
        """The events that `data` completes, in order; the first of all is the Handshake.

        Messages with an unknown id are skipped. Raises WireError when the peer breaks the
        protocol, and from then on at every call; events ahead of the fault in `data` are lost.
        """
        if self._error is not None:
            raise WireError(self._error)
        try:
            return self._feed(memoryview(data))
        except WireError as error:
            self._error = str(error)
            raise

    def _feed(self, view: memoryview) -> list[Event]:
        events: list[Event] = []
        tail = self._tail
        at = 0
        while tail:
            missing = self._missing(tail)
            if not missing:
                self._read(memoryview(bytes(tail)), 0, events)
                tail.clear()
                break
            part = view[at : at + missing]
            if not part:
                return events
            tail += part
            at += len(part)
        at = self._read(view, at, events)
        if at < len(view):
            tail += view[at:]
            self._missing(tail)
        return events

    def _missing(self, tail: bytearray) -> int:
        """How many bytes `tail` still needs, as far as can be told; WireError if in vain."""
        have = len(tail)
        if not self._greeted:
            if tail[: len(_GREETING)] != _GREETING[:have]:
                raise WireError(f"expected a BitTorrent handshake, found {bytes(tail[:20])!r}")
            return HANDSHAKE_LENGTH - have
        if have < 4:
            return 4 - have
        length = _length(tail, 0)
        if have > 4:
            _reader(length, tail[4])
        return 4 + length - have

    def _read(self, view: memoryview, at: int, events: list[Event]) -> int:
        """Append the events of the whole messages from `at` on; return where they end."""
        size = len(view)
        if not self._greeted:
            if size - at < HANDSHAKE_LENGTH:
                return at
            events.append(decode_handshake(bytes(view[at : at + HANDSHAKE_LENGTH])))
            at += HANDSHAKE_LENGTH
            self._greeted = True
        while size - at >= 4:
            length = _length(view, at)
            end = at + 4 + length
            if end > size:
                break
            if length == 0:
                events.append(KeepAlive())
            else:
                read = _reader(length, view[at + 4])
                if read is not None:
                    events.append(read(view[at + 5 : end]))
            at = end
        return at


def encode_handshake(infohash: bytes, peer_id: bytes, reserved: bytes = EXTENDED_BIT) -> bytes:
    """The 68 bytes that open a connection. Raises ValueError if a part has the wrong length."""
    if (len(infohash), len(peer_id), len(reserved)) != (20, 20, 8):
        raise ValueError("expected an infohash and a peer id of 20 bytes, and 8 reserved bytes")
    return _GREETING + reserved + infohash + peer_id


def decode_handshake(data: bytes) -> Handshake:
    """Read exactly HANDSHAKE_LENGTH bytes. Raises WireError."""
    if len(data) != HANDSHAKE_LENGTH or not data.startswith(_GREETING):
        raise WireError(f"expected a BitTorrent handshake, found {data[:20]!r}")
    return Handshake(reserved=data[20:28], infohash=data[28:48], peer_id=data[48:68])


def encode_keep_alive() -> bytes:
    """Encode KeepAlive."""
    return bytes(4)


def encode_choke() -> bytes:
    """Encode Choke."""
    return b"\0\0\0\1\0"


def encode_unchoke() -> bytes:
    """Encode Unchoke."""
    return b"\0\0\0\1\1"


def encode_interested() -> bytes:
    """Encode Interested."""
    return b"\0\0\0\1\2"


def encode_not_interested() -> bytes:
    """Encode NotInterested."""
    return b"\0\0\0\1\3"


def encode_have(index: int) -> bytes:
    """Encode Have."""
    return _HAVE_MESSAGE.pack(5, _HAVE, index)


def encode_bitfield(bits: bytes) -> bytes:
    """Encode Bitfield; `bits` as from `pack_bitfield`."""
    return _LONG_HEADER.pack(1 + len(bits), _BITFIELD) + bits


def encode_request(index: int, begin: int, length: int) -> bytes:
    """Encode Request."""
    return _RANGE_MESSAGE.pack(13, _REQUEST, index, begin, length)


def encode_piece_header(index: int, begin: int, length: int) -> bytes:
    """The 13 bytes of Piece that stand before a block of `length` bytes, sent after them."""
    return _PIECE_HEADER.pack(9 + length, _PIECE, index, begin)


def encode_cancel(index: int, begin: int, length: int) -> bytes:
    """Encode Cancel."""
    return _RANGE_MESSAGE.pack(13, _CANCEL, index, begin, length)


def encode_port(port: int) -> bytes:
    """Encode Port."""
    return _PORT_MESSAGE.pack(3, _PORT, port)


def encode_extended(kind: int, payload: bytes) -> bytes:
    """Encode Extended, with the extended message id that the receiver chose (BEP 10)."""
    return _EXTENDED_HEADER.pack(2 + len(payload), _EXTENDED, kind) + payload


def pack_bitfield(flags: bytes | bytearray) -> bytes:
    """Bits of a Bitfield from one byte (0 or not) per piece; spare bits at the end are 0."""
    size = -(-len(flags) // 8)
    digits = flags.translate(_FLAG_TO_DIGIT).ljust(8 * size, b"0")
    return int(digits or b"0", 2).to_bytes(size, "big")


def unpack_bitfield(bits: bytes, count: int) -> bytearray:
    """One byte, 0 or 1, for each of `count` pieces. Raises WireError unless `bits` fits them."""
    size = -(-count // 8)
    if len(bits) != size:
        raise WireError(f"bitfield of {len(bits)} bytes: expected {size} for {count} pieces")
    flags = bytearray(8 * size)
    for place, table in enumerate(_BYTE_TO_FLAG):
        flags[place::8] = bits.translate(table)
    if any(flags[count:]):
        raise WireError(f"bitfield with spare bits set: expected {count} pieces and zeros")
    del flags[count:]
    return flags
