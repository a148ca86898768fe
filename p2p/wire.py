"""The peer wire protocol without I/O: bytes in, events out, bytes to send.

Messages of BEP 3, of the DHT (BEP 5), of the fast extension (BEP 6) and of the extension protocol
(BEP 10). The events themselves are in `messages`.
"""

import struct
from collections.abc import Callable
from typing import TypeAlias

from p2p.bitfields import pack_bitfield, unpack_bitfield
from p2p.errors import WireError
from p2p.messages import (
    EXTENDED_BIT,
    AllowedFast,
    Bitfield,
    Cancel,
    Choke,
    Event,
    Extended,
    Handshake,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    NotInterested,
    Piece,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
)

__all__ = (
    "BLOCK", "EXTENDED_BIT", "HANDSHAKE_LENGTH", "MAX_MESSAGE", "MAX_PIECES", "RESERVED",
    "AllowedFast", "Bitfield", "Cancel", "Choke", "Decoder", "Event", "Extended", "Handshake",
    "Have", "HaveAll", "HaveNone", "Interested", "KeepAlive", "NotInterested", "Piece", "Port",
    "Reject", "Request", "Suggest", "Unchoke",
    "decode_handshake", "encode_allowed_fast", "encode_bitfield", "encode_cancel", "encode_choke",
    "encode_extended", "encode_handshake", "encode_have", "encode_have_all", "encode_have_none",
    "encode_interested", "encode_keep_alive", "encode_not_interested", "encode_piece_header",
    "encode_port", "encode_reject", "encode_request", "encode_unchoke", "pack_bitfield",
    "reserved", "unpack_bitfield",
)  # fmt: skip

BLOCK = 16 * 1024
"""Bytes of a block: BEP 3 closes connections that request more at once."""
HANDSHAKE_LENGTH = 68
MAX_MESSAGE = 1024 * 1024  # bytes after the length prefix, as in libtorrent
MAX_PIECES = 2**21  # libtorrent, load_torrent_limits.max_pieces

RESERVED = bytes((0, 0, 0, 0, 0, 0x10, 0, 0x05))
"""The reserved bytes of a peer that does all that we can: extensions, fast extension, DHT."""

_WORTH_A_VIEW = 256  # bytes; a memoryview takes 184 by itself
# A bytes object takes 33 bytes and its own: one for each of the shortest messages would be more
# than ten times what came.
_BYTES = tuple(bytes((value,)) for value in range(256))
_GREETING = b"\x13BitTorrent protocol"
_CHOKE, _UNCHOKE, _INTERESTED, _NOT_INTERESTED = range(4)
_HAVE, _BITFIELD, _REQUEST, _PIECE, _CANCEL, _PORT = range(4, 10)
_SUGGEST, _HAVE_ALL, _HAVE_NONE, _REJECT, _ALLOWED_FAST = range(0x0D, 0x12)
_EXTENDED = 20

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_TWO = struct.Struct(">II")
_THREE = struct.Struct(">III")
_INDEX_MESSAGE = struct.Struct(">IBI")
_RANGE_MESSAGE = struct.Struct(">IBIII")
_LONG_HEADER = struct.Struct(">IB")
_PORT_MESSAGE = struct.Struct(">IBH")
_EXTENDED_HEADER = struct.Struct(">IBB")
_PIECE_HEADER = struct.Struct(">IBII")

_Reader: TypeAlias = Callable[[memoryview, int, int], Event | None]
"""Reads what follows the id of a message: from the first place in the view to the second."""


def _read_have(view: memoryview, at: int, end: int) -> Event:
    return Have(*_U32.unpack_from(view, at))


def _read_request(view: memoryview, at: int, end: int) -> Event:
    return Request(*_range(view, at))


def _read_cancel(view: memoryview, at: int, end: int) -> Event:
    return Cancel(*_range(view, at))


def _read_reject(view: memoryview, at: int, end: int) -> Event:
    return Reject(*_range(view, at))


def _range(view: memoryview, at: int) -> tuple[int, int, int]:
    index, begin, length = _THREE.unpack_from(view, at)
    if not 0 < length <= BLOCK:
        raise WireError(f"block of {length} bytes: expected 1 to {BLOCK}")
    return index, begin, length


def _read_piece(view: memoryview, at: int, end: int) -> Event:
    index, begin = _TWO.unpack_from(view, at)
    at += 8
    return Piece(index, begin, view[at:end] if end - at >= _WORTH_A_VIEW else _copy(view, at, end))


def _read_bitfield(view: memoryview, at: int, end: int) -> Event:
    return Bitfield(_copy(view, at, end))


def _read_extended(view: memoryview, at: int, end: int) -> Event:
    return Extended(view[at], _copy(view, at + 1, end))


def _copy(view: memoryview, at: int, end: int) -> bytes:
    return _BYTES[view[at]] if end - at == 1 else bytes(view[at:end])


def _skip(view: memoryview, at: int, end: int) -> None:
    return None


# For each message id: the fewest and the most bytes after the length prefix, and the reader.
_MESSAGES: dict[int, tuple[int, int, _Reader]] = {
    _CHOKE: (1, 1, lambda view, at, end: Choke()),
    _UNCHOKE: (1, 1, lambda view, at, end: Unchoke()),
    _INTERESTED: (1, 1, lambda view, at, end: Interested()),
    _NOT_INTERESTED: (1, 1, lambda view, at, end: NotInterested()),
    _HAVE: (5, 5, _read_have),
    _BITFIELD: (1, 1 + MAX_PIECES // 8, _read_bitfield),
    _REQUEST: (13, 13, _read_request),
    _PIECE: (10, 9 + BLOCK, _read_piece),
    _CANCEL: (13, 13, _read_cancel),
    _PORT: (3, 3, lambda view, at, end: Port(*_U16.unpack_from(view, at))),
    _SUGGEST: (5, 5, lambda view, at, end: Suggest(*_U32.unpack_from(view, at))),
    _HAVE_ALL: (1, 1, lambda view, at, end: HaveAll()),
    _HAVE_NONE: (1, 1, lambda view, at, end: HaveNone()),
    _REJECT: (13, 13, _read_reject),
    _ALLOWED_FAST: (5, 5, lambda view, at, end: AllowedFast(*_U32.unpack_from(view, at))),
    _EXTENDED: (
        2,
        MAX_MESSAGE,
        _read_extended,
    ),
}
_UNKNOWN: tuple[int, int, _Reader] = (1, MAX_MESSAGE, _skip)


def _length(data: memoryview | bytearray, at: int) -> int:
    length: int = _U32.unpack_from(data, at)[0]
    if length > MAX_MESSAGE:
        raise WireError(f"message of {length} bytes: expected at most {MAX_MESSAGE}")
    return length


def _reader(length: int, kind: int) -> _Reader:
    """How to read message `kind`; WireError if it can't have that length."""
    low, high, read = _MESSAGES.get(kind, _UNKNOWN)
    if not low <= length <= high:
        raise WireError(f"message {kind} of {length} bytes: expected {low} to {high}")
    return read


class Decoder:
    """Reads what one peer sends: the handshake, then messages, however they are cut up."""

    __slots__ = ("_error", "_greeted", "_missing", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()  # the start of a message whose end has not come yet
        self._missing = 0  # bytes that `_tail` lacks before more can be said of it
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
        at = self._complete(view, events) if self._tail else 0
        if not self._tail:
            at = self._read(view, at, events)
            if at < len(view):
                self._tail += view[at:]
                self._missing = self._look()
        return events

    def _complete(self, view: memoryview, events: list[Event]) -> int:
        """Add to the message begun, from the start of `view`; return how much it took."""
        at = 0
        while self._missing:
            part = view[at : at + self._missing]
            self._tail += part
            at += len(part)
            self._missing -= len(part)
            if self._missing:
                return at
            self._missing = self._look()
        # The events may hold views of the old bytearray, so it is left to them.
        whole, self._tail = self._tail, bytearray()
        self._read(memoryview(whole).toreadonly(), 0, events)
        return at

    def _look(self) -> int:
        """How many bytes `_tail` lacks before there is more to say; WireError if in vain."""
        tail = self._tail
        have = len(tail)
        if not self._greeted:
            if not _GREETING.startswith(tail[: len(_GREETING)]):
                raise WireError(f"expected a BitTorrent handshake, found {bytes(tail[:20])!r}")
            return 1 if have < len(_GREETING) else HANDSHAKE_LENGTH - have
        if have < 4:
            return 4 - have
        length = _length(tail, 0)
        if have == 4:
            return min(length, 1)
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
                event = _reader(length, view[at + 4])(view, at + 5, end)
                if event is not None:
                    events.append(event)
            at = end
        return at


def reserved(dht: bool) -> bytes:
    """Our reserved bytes: RESERVED, without the DHT's bit unless `dht`."""
    return RESERVED if dht else bytes((*RESERVED[:7], RESERVED[7] & ~0x01))


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
    return _INDEX_MESSAGE.pack(5, _HAVE, index)


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


def encode_have_all() -> bytes:
    """Encode HaveAll."""
    return b"\0\0\0\1\x0e"


def encode_have_none() -> bytes:
    """Encode HaveNone."""
    return b"\0\0\0\1\x0f"


def encode_reject(index: int, begin: int, length: int) -> bytes:
    """Encode Reject."""
    return _RANGE_MESSAGE.pack(13, _REJECT, index, begin, length)


def encode_allowed_fast(index: int) -> bytes:
    """Encode AllowedFast."""
    return _INDEX_MESSAGE.pack(5, _ALLOWED_FAST, index)


def encode_extended(kind: int, payload: bytes) -> bytes:
    """Encode Extended, with the extended message id that the receiver chose (BEP 10)."""
    return _EXTENDED_HEADER.pack(2 + len(payload), _EXTENDED, kind) + payload
