"""What peers say to each other, a struct for each message (BEP 3, BEP 5, BEP 6, BEP 10).

One is made for every message that comes, on the hottest path there is, hence msgspec's structs.
"""

from typing import TypeAlias

import msgspec

EXTENDED_BIT = bytes((0, 0, 0, 0, 0, 0x10, 0, 0))
"""The reserved bytes of a peer that speaks the extension protocol (BEP 10) and no more."""


class Handshake(msgspec.Struct, frozen=True):
    """The first thing that each side says; `reserved` is 8 bytes of flags."""

    infohash: bytes
    peer_id: bytes
    reserved: bytes = EXTENDED_BIT

    @property
    def extended(self) -> bool:
        """Whether the peer speaks the extension protocol (BEP 10)."""
        return bool(self.reserved[5] & 0x10)

    @property
    def fast(self) -> bool:
        """Whether the peer speaks the fast extension (BEP 6)."""
        return bool(self.reserved[7] & 0x04)

    @property
    def dht(self) -> bool:
        """Whether the peer runs a DHT node and says so with Port (BEP 5)."""
        return bool(self.reserved[7] & 0x01)


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
    """The pieces that the peer has; see `bitfields.unpack_bitfield`."""

    bits: bytes


class Request(msgspec.Struct, frozen=True, gc=False):
    """Send `length` bytes (1 to wire.BLOCK) of piece `index` from byte `begin` of it."""

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


class Suggest(msgspec.Struct, frozen=True, gc=False):
    """Piece `index` is cheap for the peer to send, it says (BEP 6)."""

    index: int


class HaveAll(msgspec.Struct, frozen=True, gc=False):
    """The peer has every piece; stands in for a Bitfield (BEP 6)."""


class HaveNone(msgspec.Struct, frozen=True, gc=False):
    """The peer has no piece; stands in for a Bitfield (BEP 6)."""


class Reject(msgspec.Struct, frozen=True, gc=False):
    """The Request of the same fields will not be served (BEP 6)."""

    index: int
    begin: int
    length: int


class AllowedFast(msgspec.Struct, frozen=True, gc=False):
    """Piece `index` may be requested even while choked (BEP 6)."""

    index: int


class Extended(msgspec.Struct, frozen=True, gc=False):
    """A message of the extension protocol; `id` 0 is its handshake (BEP 10)."""

    id: int
    payload: bytes


Event: TypeAlias = (
    Handshake | KeepAlive | Choke | Unchoke | Interested | NotInterested | Have | Bitfield
    | Request | Piece | Cancel | Port | Suggest | HaveAll | HaveNone | Reject | AllowedFast
    | Extended
)  # fmt: skip
