"""Messages of the extension protocol: handshake (BEP 10), ut_metadata (BEP 9), ut_pex (BEP 11)."""

import hashlib
import ipaddress
from dataclasses import dataclass, field
from typing import TypeAlias

from p2p.bencode import Encodable, Value, decode, decode_prefix, encode
from p2p.errors import BencodeError, WireError

METADATA_BLOCK = 16 * 1024
"""Bytes of every block of metadata but the last."""
MAX_METADATA = 3 * 1024 * 10240  # bytes; libtorrent, settings_pack.max_metadata_size
MAX_PEX = 50
"""Peers in each list of one message (BEP 11)."""

_MAX_NUMBER = 2**31 - 1


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
    """Peers that the sender connected to and lost since its last message: (IPv4, port)."""

    added: tuple[tuple[str, int], ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()


MetadataMessage: TypeAlias = MetadataRequest | MetadataData | MetadataReject


def encode_handshake(handshake: ExtendedHandshake) -> bytes:
    """The payload of extended message 0."""
    fields: dict[str, Encodable | None] = {
        "m": handshake.messages,
        "metadata_size": handshake.metadata_size,
        "p": handshake.listen_port,
        "reqq": handshake.request_queue,
        "v": handshake.client,
    }
    return encode({key: value for key, value in fields.items() if value is not None})


def decode_handshake(payload: bytes) -> ExtendedHandshake:
    """Read the payload of extended message 0; what is unknown is ignored. Raises WireError."""
    fields, _ = _decode(payload, whole=True)
    names = fields.get(b"m", {})
    if not isinstance(names, dict):
        raise WireError("extension handshake: expected a dict under m")
    client = fields.get(b"v")
    if client is not None and not isinstance(client, bytes):
        raise WireError("extension handshake: expected a string under v")
    return ExtendedHandshake(
        messages={_text(name): _number(names, name, 255) for name in names},
        listen_port=_stated(fields, b"p", 65535),
        client=None if client is None else _text(client),
        metadata_size=_stated(fields, b"metadata_size", MAX_METADATA),
        request_queue=_stated(fields, b"reqq", _MAX_NUMBER),
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
    """Read the payload of a ut_metadata message, None for a type that BEP 9 does not define.

    Raises WireError.
    """
    kind = ...
