"""Values that anyone may put into the DHT: immutable or signed, and what a node keeps (BEP 44).

Pure: `now` is in seconds on a clock that never goes back.  Ed25519 signatures (RFC 8032) have no
randomness: the same key and version give the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from p2p.bencode import Encodable, encode

KEY_LENGTH = 32
"""Bytes of a public key, and of the secret key (the seed) that it is made from (RFC 8032)."""
SIGNATURE_LENGTH = 64
MAX_VALUE = 1000  # bytes of a bencoded value (BEP 44)
MAX_SALT = 64  # bytes (BEP 44)
MAX_SEQ = 2**63 - 1  # BEP 44

KEPT_S = 7200.0
"""Seconds that an item lasts without being put again (BEP 44)."""

MAX_ITEMS = 700
"""Items kept for others, under 1 MB; libtorrent, dht_max_dht_items."""


@dataclass(frozen=True, slots=True)
class Immutable:
    """A value that is found by its hash."""

    value: bytes
    """Bencoded."""

    @property
    def target(self) -> bytes:
        """Where it lies: 20 bytes, in the space of node ids."""
        return hashlib.sha1(self.value).digest()

    @property
    def genuine(self) -> bool:
        """True: nobody has signed it."""
        return True


@dataclass(frozen=True, slots=True)
class Mutable:
    """One version of a value that only the owner of a key can change."""

    key: bytes
    """The public key, 32 bytes."""
    seq: int
    """The number of the version, 0 to MAX_SEQ; a newer one has a higher."""
    value: bytes
    """Bencoded."""
    signature: bytes
    salt: bytes = b""
    """Tells the items of one key apart; answers do not repeat it."""

    @property
    def target(self) -> bytes:
        """Where it lies: 20 bytes, in the space of node ids."""
        return target_of(self.key, self.salt)

    @property
    def genuine(self) -> bool:
        """Whether the key's owner signed this version."""
        try:
            public = Ed25519PublicKey.from_public_bytes(self.key)
            public.verify(self.signature, signed_text(self.seq, self.value, self.salt))
        except (InvalidSignature, ValueError):
            return False
        return True


Item: TypeAlias = Immutable | Mutable


def public_key(secret: bytes) -> bytes:
    """The public key of a secret one, 32 bytes each."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def target_of(key: bytes, salt: bytes = b"") -> bytes:
    """Where the items of a public key with this salt lie."""
    return hashlib.sha1(key + salt).digest()


def signed_text(seq: int, value: bytes, salt: bytes) -> bytes:
    """The bytes that are signed."""
    salted = b"4:salt%d:%s" % (len(salt), salt) if salt else b""
    return b"%s3:seqi%de1:v%s" % (salted, seq, value)


def sign(secret: bytes, seq: int, value: Encodable, salt: bytes = b"") -> Mutable:
    """Version `seq` of a value, by the owner of a secret key of 32 bytes. BencodeError as `encode`.

    What is too large for BEP 44 is signed too, and refused by who is to keep it.
    """
    coded = encode(value)
    owner = Ed25519PrivateKey.from_private_bytes(secret)
    signature = owner.sign(signed_text(seq, coded, salt))
    return Mutable(owner.public_key().public_bytes_raw(), seq, coded, signature, salt)


class Refusal(NamedTuple):
    """Why an item is not kept, as an error of KRPC."""

    code: int
    text: str


TOO_BIG = Refusal(205, "Message (v field) too big.")
NOT_SIGNED = Refusal(206, "Invalid signature")
SALT_TOO_BIG = Refusal(207, "Salt (salt field) too big.")
CHANGED = Refusal(301, "The CAS hash mismatched, re-read value and try again.")
OLD = Refusal(302, "Sequence number less than current.")


def refusal(item: Item) -> Refusal | None:
    """What is wrong with an item whoever keeps it, None for nothing."""
    if len(item.value) > MAX_VALUE:
        return TOO_BIG
    if isinstance(item, Mutable) and len(item.salt) > MAX_SALT:
        return SALT_TOO_BIG
    return None if item.genuine else NOT_SIGNED


class Items:
    """The items that one node keeps for others."""

    def __init__(self, own_id: bytes) -> None:
        self._own_id = int.from_bytes(own_id, "big")
        self._kept: dict[bytes, tuple[Item, float]] = {}  # by target; when it was put last

    def __len__(self) -> int:
        """Items kept, some of which may be about to expire."""
        return len(self._kept)

    def get(self, target: bytes, now: float) -> Item | None:
        """What lies there."""
        item, put_at = self._kept.get(target, (None, 0.0))
        if item is not None and now - put_at >= KEPT_S:
            del self._kept[target]
            return None
        return item

    def put(self, item: Item, cas: int | None, now: float) -> Refusal | None:
        """Keep an item, in place of an older version; the same again lasts anew.

        `cas` is the version that it is to replace, where there is one.
        """
        there = self.get(item.target, now)
        if isinstance(item, Mutable) and isinstance(there, Mutable):
            if cas is not None and cas != there.seq:
                return CHANGED
            if item.seq < there.seq or (item.seq == there.seq and item.value != there.value):
                return OLD
        if item != there and (wrong := refusal(item)):
            return wrong
        if there is None and len(self._kept) >= MAX_ITEMS:
            self._make_room(now)
        self._kept[item.target] = item, now
        return None

    def _make_room(self, now: float) -> None:
        """Forget what has expired, or else what is farthest from us: few look for it here."""
        for target in list(self._kept):
            self.get(target, now)
        if len(self._kept) >= MAX_ITEMS:
            del self._kept[max(self._kept, key=self._distance)]

    def _distance(self, target: bytes) -> int:
        return int.from_bytes(target, "big") ^ self._own_id
