"""Messages of the extension protocol: handshake (BEP 10), ut_metadata (BEP 9), ut_pex (BEP 11)."""

import hashlib
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import TypeAlias

from p2p.bencode import Encodable, Value, decode_prefix, encode
from p2p.errors import BencodeError, WireError

METADATA_BLOCK = 16 * 1024
"""Bytes of every block of metadata but the last."""
MAX_METADATA = 3 * 1024 * 10240  # bytes; libtorrent, settings_pack.max_metadata_size
MAX_EXTENSIONS = 255  # their ids are a byte each and 0 is taken (BEP 10)
MAX_PEX = 50
"""Peers in each list of one message (BEP 11)."""
MAX_CLIENT = 128  # characters of a client's name that are kept: any real one, on one line
SEED = 0x02
"""The flag of a peer that has everything (BEP 11)."""

_MAX_NUMBER = 2**31 - 1
_PEER = struct.Struct(">4sH")


@dataclass(frozen=True)
class ExtendedHandshake:
    """What a peer can do and is, sent first of all; None where it does not say."""

    messages: dict[str, int] = field(default_factory=dict)
    """Extension names to the ids that messages to this peer carry; 0: switched off."""
    listen_port: int | None = None
    client: str | None = None
    metadata_size: int | None = None
    """Bytes of the info dict, from a peer that has it."""
    request_queue: int | None = None
    """Requests that the peer keeps without dropping any."""
    your_ip: str | None = None
    """The address, IPv4 or IPv6, that the receiver has in the sender's eyes."""


@dataclass(frozen=True)
class MetadataRequest:
    """Asks for block `piece` of the metadata."""

    piece: int


@dataclass(frozen=True)
class MetadataData:
    """Block `piece` of a metadata of `total_size` bytes."""

    piece: int
    total_size: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class MetadataReject:
    """Says that block `piece` will not be sent."""

    piece: int


@dataclass(frozen=True)
class Pex:
    """Peers that the sender connected to and lost since its last message: (IPv4, port).

    Raises ValueError unless there are as many flags as peers added, or none at all.
    """

    added: tuple[tuple[str, int], ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    flags: tuple[int, ...] = ()
    """What each peer added is: SEED and other bits of BEP 11; left out: 0 for each."""

    def __post_init__(self) -> None:
        if not self.flags:
            object.__setattr__(self, "flags", (0,) * len(self.added))
        if len(self.flags) != len(self.added):
            raise ValueError(f"{len(self.flags)} flags: expected one for each peer added")


MetadataMessage: TypeAlias = MetadataRequest | MetadataData | MetadataReject


def encode_handshake(handshake: ExtendedHandshake) -> bytes:
    """The payload of extended message 0. Raises ValueError if `your_ip` is no address."""
    your_ip = handshake.your_ip
    fields: dict[str, Encodable | None] = {
        "m": handshake.messages,
        "metadata_size": handshake.metadata_size,
        "p": handshake.listen_port,
        "reqq": handshake.request_queue,
        "v": handshake.client,
        "yourip": None if your_ip is None else ip_address(your_ip).packed,
    }
    return encode({key: value for key, value in fields.items() if value is not None})


def decode_handshake(payload: bytes) -> ExtendedHandshake:
    """Read the payload of extended message 0; names not known are ignored. Raises WireError."""
    fields = _decode(payload)
    names = fields.get(b"m", {})
    if not isinstance(names, dict):
        raise WireError("extension handshake: expected a dict under m")
    if len(names) > MAX_EXTENSIONS:
        raise WireError(f"extension handshake: expected at most {MAX_EXTENSIONS} names under m")
    return ExtendedHandshake(
        messages={_text(name): _number(names, name, 255) for name in names},
        listen_port=_stated(fields, b"p", 65535),
        client=_client(_string(fields, b"v")) if b"v" in fields else None,
        metadata_size=_stated(fields, b"metadata_size", MAX_METADATA),
        request_queue=_stated(fields, b"reqq", _MAX_NUMBER),
        your_ip=_address(fields),
    )


def encode_metadata(message: MetadataMessage) -> bytes:
    """The payload of a ut_metadata message."""
    match message:
        case MetadataRequest(piece):
            return encode({"msg_type": 0, "piece": piece})
        case MetadataData(piece, total_size, data):
            return encode({"msg_type": 1, "piece": piece, "total_size": total_size}) + data
        case MetadataReject(piece):
            return encode({"msg_type": 2, "piece": piece})


def decode_metadata(payload: bytes) -> MetadataMessage | None:
    """Read the payload of a ut_metadata message; None for a type not known, to be ignored.

    The data of MetadataData has the size that its place demands. Raises WireError.
    """
    fields, rest = _split(payload)
    kind = _number(fields, b"msg_type", _MAX_NUMBER)
    if kind > 2:
        return None
    piece = _number(fields, b"piece", MAX_METADATA // METADATA_BLOCK)
    if kind == 1:
        total_size = _number(fields, b"total_size", MAX_METADATA)
        _check_block(piece, total_size, rest)
        return MetadataData(piece, total_size, rest)
    if rest:
        raise WireError(f"ut_metadata: expected no data in message type {kind}")
    return MetadataRequest(piece) if kind == 0 else MetadataReject(piece)


def encode_pex(pex: Pex) -> bytes:
    """The payload of a ut_pex message.

    Raises ValueError for more than MAX_PEX peers in a list, for what is not IPv4 and for flags
    that are no byte.
    """
    if max(len(pex.added), len(pex.dropped)) > MAX_PEX:
        raise ValueError(f"expected at most {MAX_PEX} peers in a list")
    return encode(
        {
            "added": _pack_peers(pex.added),
            "added.f": bytes(pex.flags),
            "dropped": _pack_peers(pex.dropped),
        }
    )


def decode_pex(payload: bytes) -> Pex:
    """Read the payload of a ut_pex message; IPv6 peers are ignored. Raises WireError.

    Peers beyond MAX_PEX in a list are dropped, not refused: BEP 11 lets the first message be
    longer, and libtorrent sends up to 100. So are those with port 0, which nobody can call. Flags
    that are missing are 0. A peer may be in both lists, when it came and went.
    """
    fields = _decode(payload)
    added = _peers(fields, b"added")
    flags = _string(fields, b"added.f")[: len(added)].ljust(len(added), b"\0")
    known = [(peer, flag) for peer, flag in zip(added, flags, strict=True) if peer[1]]
    return Pex(
        added=tuple(peer for peer, _ in known),
        dropped=tuple(peer for peer in _peers(fields, b"dropped") if peer[1]),
        flags=tuple(flag for _, flag in known),
    )


class MetadataAssembly:
    """Collects the blocks of one torrent's metadata and checks the whole against its infohash."""

    def __init__(self, infohash: bytes, size: int) -> None:
        """`size`: the bytes of metadata that a peer announced. Raises WireError."""
        if not 0 < size <= MAX_METADATA:
            raise WireError(f"metadata of {size} bytes: expected 1 to {MAX_METADATA}")
        self._infohash = infohash
        self._size = size
        self._blocks: dict[int, bytes] = {}

    def add(self, piece: int, data: bytes) -> None:
        """Keep block `piece`. Raises WireError if it has no place or the wrong size."""
        _check_block(piece, self._size, data)
        self._blocks[piece] = data

    def missing(self) -> list[int]:
        """The blocks not here yet, in order."""
        count = -(-self._size // METADATA_BLOCK)
        return [piece for piece in range(count) if piece not in self._blocks]

    def complete(self) -> bytes | None:
        """The info dict's bytes, None while blocks are missing.

        If the hash is wrong all blocks are forgotten, for any may be the lie. Raises WireError.
        """
        missing = self.missing()
        if missing:
            return None
        metadata = b"".join(self._blocks[piece] for piece in sorted(self._blocks))
        found = hashlib.sha1(metadata).digest()
        if found != self._infohash:
            self._blocks.clear()
            raise WireError(f"metadata: expected SHA-1 {self._infohash.hex()}, found {found.hex()}")
        return metadata


def _check_block(piece: int, total_size: int, data: bytes) -> None:
    size = min(METADATA_BLOCK, total_size - piece * METADATA_BLOCK)
    if piece < 0 or size <= 0:
        raise WireError(f"ut_metadata: no block {piece} in {total_size} bytes of metadata")
    if len(data) != size:
        raise WireError(f"ut_metadata: block {piece} of {len(data)} bytes, expected {size}")


def _pack_peers(peers: tuple[tuple[str, int], ...]) -> bytes:
    return b"".join(IPv4Address(host).packed + port.to_bytes(2, "big") for host, port in peers)


def _peers(fields: dict[bytes, Value], key: bytes) -> list[tuple[str, int]]:
    compact = _string(fields, key)
    if len(compact) % _PEER.size:
        raise WireError(f"ut_pex: expected {_PEER.size} bytes a peer under {key.decode()}")
    peers = _PEER.iter_unpack(compact[: MAX_PEX * _PEER.size])
    return [(str(IPv4Address(address)), port) for address, port in peers]


def _string(fields: dict[bytes, Value], key: bytes) -> bytes:
    value = fields.get(key, b"")
    if not isinstance(value, bytes):
        raise WireError(f"extension message: expected a string under {key.decode()}")
    return value


def _client(raw: bytes) -> str:
    return _text(raw[: 4 * MAX_CLIENT])[:MAX_CLIENT]  # UTF-8 takes four bytes at most


def _address(fields: dict[bytes, Value]) -> str | None:
    packed = _string(fields, b"yourip")
    if len(packed) not in (0, 4, 16):
        raise WireError("extension handshake: expected 4 or 16 bytes under yourip")
    return str(ip_address(packed)) if packed else None


def _decode(payload: bytes) -> dict[bytes, Value]:
    fields, rest = _split(payload)
    if rest:
        raise WireError(f"extension message: expected its end, found {len(rest)} more bytes")
    return fields


def _split(payload: bytes) -> tuple[dict[bytes, Value], bytes]:
    try:
        fields, end = decode_prefix(payload)
    except BencodeError as error:
        raise WireError(f"extension message: {error}") from error
    if not isinstance(fields, dict):
        raise WireError(f"extension message: expected a dict, found {type(fields).__name__}")
    return fields, payload[end:]


def _number(fields: dict[bytes, Value], key: bytes, high: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or not 0 <= value <= high:
        raise WireError(f"extension message: expected 0 to {high} under {_text(key[:40])!r}")
    return value


def _stated(fields: dict[bytes, Value], key: bytes, high: int) -> int | None:
    """A number that peers may leave out, or give as 0 to the same effect."""
    return _number(fields, key, high) or None if key in fields else None


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
