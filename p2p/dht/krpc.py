"""KRPC: how the messages between DHT nodes are written and read (BEP 5, BEP 43, BEP 44).

Whatever a datagram holds, `decode` gives a message or raises KrpcError, in time linear in its size.
IPv6 (BEP 32) is not spoken: `want`, `nodes6` and long values are skipped, as are keys not known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from p2p.bencode import Encodable, Value
from p2p.bencode import decode as decode_value
from p2p.bencode import encode as encode_value
from p2p.dht.items import KEY_LENGTH, MAX_SEQ, SIGNATURE_LENGTH, Immutable, Item, Mutable
from p2p.dht.messages import (
    ID_LENGTH,
    METHOD_UNKNOWN,
    PROTOCOL,
    Address,
    AnnouncePeer,
    Contact,
    Failure,
    FindNode,
    Get,
    GetPeers,
    Message,
    Ping,
    Put,
    Query,
    Question,
    Reply,
)
from p2p.errors import BencodeError, KrpcError

MAX_PACKET = 1500  # bytes; libtorrent reads datagrams into a buffer of this size, an Ethernet's MTU
MAX_REPLY = 1400  # bytes; fits an Ethernet's 1,500 with the headers of any tunnel
MAX_TRANSACTION = 32  # bytes; BEP 5 says that two do, clients send up to 8
MAX_TOKEN = 64  # bytes; libtorrent's have 4, the mainline client's 20
MAX_NODES = 16  # read from one reply; BEP 5 sends 8, some clients 16
MAX_VALUES = 100  # read from one reply; libtorrent sends no more (max_peers_reply)
MAX_ERROR_TEXT = 200  # bytes kept of a text that only people read

NODE_SIZE = 26
"""Bytes of a node in compact form: its id, IPv4 address and port."""
_PORT = struct.Struct(">H")


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
        case Reply():
            fields |= {"y": "r", "r": _answered(message)}
        case Failure(_, code, text):
            fields |= {"y": "e", "e": [code, text]}
    return encode_value(fields)


def _answered(reply: Reply) -> dict[str, Encodable]:
    answer: dict[str, Encodable] = {"id": reply.sender}
    if reply.nodes:
        answer["nodes"] = b"".join(node.id + _pack(node.address) for node in reply.nodes)
    if reply.values:
        answer["values"] = [_pack(value) for value in reply.values]
    if reply.token is not None:
        answer["token"] = reply.token
    if reply.seq is not None:
        answer["seq"] = reply.seq
    return answer if reply.item is None else answer | _signed(reply.item)


def _signed(item: Item) -> dict[str, Encodable]:
    """An item as it goes out, but for its salt."""
    written: dict[str, Encodable] = {"v": decode_value(item.value)}
    if isinstance(item, Mutable):
        written |= {"k": item.key, "seq": item.seq, "sig": item.signature}
    return written


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
        case Get(_, target, seq):
            return "get", arguments | {"target": target} | ({} if seq is None else {"seq": seq})
        case Put(_, token, item, cas):
            arguments |= {"token": token} | _signed(item) | ({} if cas is None else {"cas": cas})
            salt = item.salt if isinstance(item, Mutable) else b""
            return "put", arguments | ({"salt": salt} if salt else {})


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
    if method == b"get":
        return Get(_id(arguments, b"id"), _id(arguments, b"target"), _seq(arguments, b"seq"))
    if method == b"put":
        return _put(arguments)
    return _announcement(arguments) if method == b"announce_peer" else None


def _announcement(arguments: dict[bytes, Value]) -> AnnouncePeer:
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


def _put(arguments: dict[bytes, Value]) -> Put:
    item = _item(arguments)
    if item is None:
        raise KrpcError("KRPC: expected a value under v")
    cas = None
    if isinstance(item, Mutable):
        cas = _seq(arguments, b"cas")
        if b"salt" in arguments:
            item = replace(item, salt=_string(arguments, b"salt", MAX_PACKET))
    return Put(_id(arguments, b"id"), _string(arguments, b"token", MAX_TOKEN), item, cas)


def _item(fields: dict[bytes, Value]) -> Item | None:
    """The item in an answer or a question, None when it has none; a salt is not looked for."""
    if b"v" not in fields:
        return None
    value = encode_value(fields[b"v"])  # as it came: a value has one encoding
    if b"k" not in fields and b"sig" not in fields:
        return Immutable(value)
    seq = _seq(fields, b"seq")
    if seq is None:
        raise KrpcError("KRPC: expected a number under seq")
    key = _exactly(fields, b"k", KEY_LENGTH)
    return Mutable(key, seq, value, _exactly(fields, b"sig", SIGNATURE_LENGTH))


def _reply(transaction: bytes, answer: dict[bytes, Value]) -> Reply:
    nodes = answer.get(b"nodes", b"")
    if not isinstance(nodes, bytes) or len(nodes) % NODE_SIZE:
        raise KrpcError(f"KRPC: expected {NODE_SIZE} bytes a node under nodes")
    values = answer.get(b"values", [])
    if not isinstance(values, list):
        raise KrpcError("KRPC: expected a list under values")
    token = _string(answer, b"token", MAX_TOKEN) if b"token" in answer else None
    item = _item(answer)
    compact = [value for value in values if isinstance(value, bytes) and len(value) == 6]
    return Reply(
        transaction,
        _id(answer, b"id"),
        tuple(_usable_nodes(nodes[: MAX_NODES * NODE_SIZE])),
        tuple(filter(usable, map(_unpack, compact[:MAX_VALUES]))),
        token,
        item,
        _seq(answer, b"seq"),
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
    return _exactly(fields, key, ID_LENGTH)


def _exactly(fields: dict[bytes, Value], key: bytes, length: int) -> bytes:
    value = fields.get(key)
    if not isinstance(value, bytes) or len(value) != length:
        raise KrpcError(f"KRPC: expected {length} bytes under {key.decode()}")
    return value


def _seq(fields: dict[bytes, Value], key: bytes) -> int | None:
    """The number of a version, None when there is none."""
    value = fields.get(key)
    if value is not None and not (isinstance(value, int) and 0 <= value <= MAX_SEQ):
        raise KrpcError(f"KRPC: expected 0 to {MAX_SEQ} under {key.decode()}")
    return value


def _string(fields: dict[bytes, Value], key: bytes, most: int) -> bytes:
    value = fields.get(key)
    if not isinstance(value, bytes) or len(value) > most:
        raise KrpcError(f"KRPC: expected a string of at most {most} bytes under {key.decode()}")
    return value
