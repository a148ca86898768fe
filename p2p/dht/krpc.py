"""KRPC, the messages between DHT nodes: what they hold and how they are written (BEP 5, BEP 43).

Whatever a datagram holds, `decode` gives a message or raises KrpcError, in time linear in its size.
IPv6 (BEP 32) is not spoken: `want`, `nodes6` and long values are skipped, as are keys not known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple, TypeAlias

from p2p.bencode import Encodable, Value
from p2p.bencode import decode as decode_value
from p2p.bencode import encode as encode_value
from p2p.errors import BencodeError, KrpcError

Address: TypeAlias = tuple[str, int]

ID_LENGTH = 20
"""Bytes of a node's id and of an infohash (BEP 5)."""
MAX_PACKET = 1500  # bytes; libtorrent reads datagrams into a buffer of this size, an Ethernet's MTU
MAX_REPLY = 1400  # bytes; fits an Ethernet's 1,500 with the headers of any tunnel
MAX_TRANSACTION = 32  # bytes; BEP 5 says that two do, clients send up to 8
MAX_TOKEN = 64  # bytes; libtorrent's have 4, the mainline client's 20
MAX_NODES = 16  # read from one reply; BEP 5 sends 8, some clients 16
MAX_VALUES = 100  # read from one reply; libtorrent sends no more (max_peers_reply)
MAX_ERROR_TEXT = 200  # bytes kept of a text that only people read

GENERIC, SERVER, PROTOCOL, METHOD_UNKNOWN = 201, 202, 203, 204
"""The error codes of BEP 5."""

NODE_SIZE = 26
"""Bytes of a node in compact form: its id, IPv4 address and port."""
_PORT = struct.Struct(">H")


class Contact(NamedTuple):
    """A node by its id and the address that it is said to have."""

    id: bytes
    address: Address


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    sender: bytes


@dataclass(frozen=True, slots=True)
class FindNode:
    """Which nodes that you know are closest to `target`?"""

    sender: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class GetPeers:
    """Which peers have this torrent, or which nodes are closest to it?"""

    sender: bytes
    infohash: bytes


@dataclass(frozen=True, slots=True)
class AnnouncePeer:
    """The sender's host has this torrent, at TCP `port` or at the port that this came from."""

    sender: bytes
    infohash: bytes
    port: int
    token: bytes
    implied_port: bool = False


Question: TypeAlias = Ping | FindNode | GetPeers | AnnouncePeer


@dataclass(frozen=True, slots=True)
class Query:
    """A question on its way, with the id by which the answer will be known."""

    transaction: bytes
    question: Question
    read_only: bool = False
    """The sender answers no questions and belongs in no table (BEP 43)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, to whichever question."""

    transaction: bytes
    sender: bytes
    nodes: tuple[Contact, ...] = ()
    values: tuple[Address, ...] = ()
    token: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that says why there is none."""

    transaction: bytes
    code: int
    text: str


Message: TypeAlias = Query | Reply | Failure


class QueryError(KrpcError):
    """A question that cannot be understood, but told so: `failure` is the answer."""

    def __init__(self, transaction: bytes, code: int, text: str) -> None:
        super().__init__(f"KRPC: {text}")
        self.failure = Failure(transaction, code, text)


def usable(address: Address) -> bool:
    """True for what a datagram may be sent to: a port, and the IPv4 address of one host."""
    try:
        first = IPv4Address(address[0]).packed[0]
    except ValueError:
        return False
    return 0 < address[1] < 65536 and 0 < first < 224


# ---- writing


def encode(message: Message) -> bytes:
    """The datagram that carries `message`."""
    fields: dict[str, Encodable] = {"t": message.transaction}
    match message:
        case Query(_, question, read_only):
            method, arguments = _written(question)
            fields |= {"y": "q", "q": method, "a": arguments}
            if read_only:
                fields["ro"] = 1
        case Reply(_, sender, nodes, values, token):
            answer: dict[str, Encodable] = {"id": sender}
            if nodes:
                answer["nodes"] = b"".join(node.id + _pack(node.address) for node in nodes)
            if values:
                answer["values"] = [_pack(value) for value in values]
            if token is not None:
                answer["token"] = token
            fields |= {"y": "r", "r": answer}
        case Failure(_, code, text):
            fields |= {"y": "e", "e": [code, text]}
    return encode_value(fields)


def _written(question: Question) -> tuple[str, dict[str, Encodable]]:
    arguments: dict[str, Encodable] = {"id": question.sender}
    match question:
        case Ping():
            return "ping", arguments
        case FindNode(_, target):
            return "find_node", arguments | {"target": target}
        case GetPeers(_, infohash):
            return "get_peers", arguments | {"info_hash": infohash}
        case AnnouncePeer(_, infohash, port, token, implied_port):
            arguments |= {"info_hash": infohash, "port": port, "token": token}
            return "announce_peer", arguments | ({"implied_port": 1} if implied_port else {})


def _pack(address: Address) -> bytes:
    return bytes(map(int, address[0].split("."))) + _PORT.pack(address[1])


# ---- reading


def decode(data: bytes) -> Message:
    """Read a datagram. Raises KrpcError, as QueryError where the sender should be told."""
    if len(data) > MAX_PACKET:
        raise KrpcError(f"KRPC: expected at most {MAX_PACKET} bytes, found {len(data)}")
    try:
        fields = decode_value(data)
    except BencodeError as error:
        raise KrpcError(f"KRPC: {error}") from error
    if not isinstance(fields, dict):
        raise KrpcError(f"KRPC: expected a dict, found {type(fields).__name__}")
    transaction = _string(fields, b"t", MAX_TRANSACTION)
    kind = fields.get(b"y")
    if kind == b"q":
        return _query(transaction, fields)
    if kind == b"r":
        return _reply(transaction, _dict(fields, b"r"))
    if kind == b"e":
        return _failure(transaction, fields.get(b"e"))
    raise KrpcError("KRPC: expected q, r or e under y")


def _query(transaction: bytes, fields: dict[bytes, Value]) -> Query:
    method = fields.get(b"q")
    try:
        question = _question(method, _dict(fields, b"a"))
    except KrpcError as error:
        raise QueryError(transaction, PROTOCOL, "Protocol Error") from error
    if question is None:
        raise QueryError(transaction, METHOD_UNKNOWN, "Method Unknown")
    return Query(transaction, question, fields.get(b"ro") == 1)


def _question(method: Value | None, arguments: dict[bytes, Value]) -> Question | None:
    """The question, None for one that is not known. Raises KrpcError."""
    if not isinstance(method, bytes):
        raise KrpcError("KRPC: expected the name of a method under q")
    if method == b"ping":
        return Ping(_id(arguments, b"id"))
    if method == b"find_node":
        return FindNode(_id(arguments, b"id"), _id(arguments, b"target"))
    if method == b"get_peers":
        return GetPeers(_id(arguments, b"id"), _id(arguments, b"info_hash"))
    if method != b"announce_peer":
        return None
    implied_port = arguments.get(b"implied_port", 0)
    port = arguments.get(b"port", 0 if implied_port else None)
    if not isinstance(implied_port, int) or not isinstance(port, int):
        raise KrpcError("KRPC: expected numbers under implied_port and port")
    if not (port > 0 or implied_port) or not 0 <= port <= 65535:
        raise KrpcError(f"KRPC: expected 1 to 65535 under port, found {port}")
    return AnnouncePeer(
        _id(arguments, b"id"),
        _id(arguments, b"info_hash"),
        port,
        _string(arguments, b"token", MAX_TOKEN),
        bool(implied_port),
    )


def _reply(transaction: bytes, answer: dict[bytes, Value]) -> Reply:
    nodes = answer.get(b"nodes", b"")
    if not isinstance(nodes, bytes) or len(nodes) % NODE_SIZE:
        raise KrpcError(f"KRPC: expected {NODE_SIZE} bytes a node under nodes")
    values = answer.get(b"values", [])
    if not isinstance(values, list):
        raise KrpcError("KRPC: expected a list under values")
    token = _string(answer, b"token", MAX_TOKEN) if b"token" in answer else None
    compact = [value for value in values if isinstance(value, bytes) and len(value) == 6]
    return Reply(
        transaction,
        _id(answer, b"id"),
        tuple(_usable_nodes(nodes[: MAX_NODES * NODE_SIZE])),
        tuple(filter(usable, map(_unpack, compact[:MAX_VALUES]))),
        token,
    )


def _usable_nodes(compact: bytes) -> Iterable[Contact]:
    for start in range(0, len(compact), NODE_SIZE):
        end = start + ID_LENGTH
        contact = Contact(compact[start:end], _unpack(compact[end : start + NODE_SIZE]))
        if usable(contact.address):
            yield contact


def _failure(transaction: bytes, reason: Value | None) -> Failure:
    match reason:
        case [int(code), bytes(text), *_]:
            return Failure(transaction, code, text[:MAX_ERROR_TEXT].decode(errors="replace"))
    raise KrpcError("KRPC: expected a number and a text under e")


def _unpack(compact: bytes) -> Address:
    return ".".join(map(str, compact[:4])), _PORT.unpack_from(compact, 4)[0]


def _dict(fields: dict[bytes, Value], key: bytes) -> dict[bytes, Value]:
    value = fields.get(key)
    if not isinstance(value, dict):
        raise KrpcError(f"KRPC: expected a dict under {key.decode()}")
    return value


def _id(fields: dict[bytes, Value], key: bytes) -> bytes:
    value = fields.get(key)
    if not isinstance(value, bytes) or len(value) != ID_LENGTH:
        raise KrpcError(f"KRPC: expected {ID_LENGTH} bytes under {key.decode()}")
    return value


def _string(fields: dict[bytes, Value], key: bytes, most: int) -> bytes:
    value = fields.get(key)
    if not isinstance(value, bytes) or len(value) > most:
        raise KrpcError(f"KRPC: expected a string of at most {most} bytes under {key.decode()}")
    return value
