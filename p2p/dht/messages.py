"""What DHT nodes say to each other, a class for each message (BEP 5, BEP 43, BEP 44)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from p2p.dht.items import Item

Address: TypeAlias = tuple[str, int]

ID_LENGTH = 20
"""Bytes of a node's id and of an infohash (BEP 5)."""

GENERIC, SERVER, PROTOCOL, METHOD_UNKNOWN = 201, 202, 203, 204
"""The error codes of BEP 5."""


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


@dataclass(frozen=True, slots=True)
class Get:
    """Which item lies at `target`, or which nodes are closest to it?"""

    sender: bytes
    target: bytes
    seq: int | None = None
    """Of a mutable item only a version above this is wanted."""


@dataclass(frozen=True, slots=True)
class Put:
    """Keep this item."""

    sender: bytes
    token: bytes
    item: Item
    cas: int | None = None
    """The version that a mutable item is to replace (compare and swap)."""


Question: TypeAlias = Ping | FindNode | GetPeers | AnnouncePeer | Get | Put


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
    item: Item | None = None
    """What lies at the target; a mutable item comes without its salt."""
    seq: int | None = None
    """The version of the mutable item that lies there, whether it is in `item` or not."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that says why there is none."""

    transaction: bytes
    code: int
    text: str


Message: TypeAlias = Query | Reply | Failure
