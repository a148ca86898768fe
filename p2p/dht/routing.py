"""The routing table: which nodes we know, many near our own id and few far from it (BEP 5).

The table never sends.  It is told what happened and says whom a question would be worth.  Only a
node that has answered us gets in, for an address alone can be anyone's claim.  Pure: `now` is in
seconds on a clock that never goes back.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from p2p.dht.messages import ID_LENGTH, Address, Contact

K = 8
"""Nodes in a bucket, and nodes told in an answer (BEP 5)."""

QUIET_S = 900.0
"""Seconds of silence that make a good node questionable and a bucket due for a refresh (BEP 5)."""

BAD_AFTER = 2
"""Questions in a row without an answer that make a node bad; BEP 5 says multiple."""

ID_BITS = 8 * ID_LENGTH


def distance(left: bytes, right: bytes) -> int:
    """How far two ids are from each other: their XOR (Maymounkov and Mazieres 2002, section 2)."""
    return int.from_bytes(left, "big") ^ int.from_bytes(right, "big")


@dataclass(slots=True)
class _Entry:
    contact: Contact
    seen_at: float  # when it last answered us, or asked us something after it had
    failures: int = 0  # questions without an answer since

    @property
    def bad(self) -> bool:
        return self.failures >= BAD_AFTER

    def good(self, now: float) -> bool:
        return not self.failures and now - self.seen_at < QUIET_S


@dataclass(slots=True)
class _Bucket:
    changed_at: float
    entries: dict[bytes, _Entry] = field(default_factory=dict)
    spares: dict[Contact, float] = field(default_factory=dict)  # to when they answered, latest last

    def alive(self) -> list[_Entry]:
        return [entry for entry in self.entries.values() if not entry.bad]


class RoutingTable:
    """The nodes that one node knows.

    Bucket i holds ids that share exactly i leading bits with ours, the last one those that share
    as many or more.  Only the last is ever split, so there are at most 160 buckets.
    """

    def __init__(self, own_id: bytes, now: float) -> None:
        self._own_id = own_id
        self._buckets = [_Bucket(now)]
        self._ids: dict[Address, bytes] = {}
        self._invited: dict[Address, Contact] = {}

    def __len__(self) -> int:
        """Nodes that are not bad."""
        return sum(len(bucket.alive()) for bucket in self._buckets)

    def closest(self, target: bytes, count: int = K) -> list[Contact]:
        """The nodes nearest to `target` that are not bad, nearest first."""
        contacts = [entry.contact for bucket in self._buckets for entry in bucket.alive()]
        return heapq.nsmallest(count, contacts, lambda contact: distance(contact.id, target))

    # ---- what happened

    def heard(self, contact: Contact, now: float) -> bool:
        """The node asked us something; True when a ping should find out if it belongs here.

        The caller tells how that ping went by `answered` or `failed`.
        """
        if contact.id == self._own_id or contact.address in self._invited:
            return False
        entry = self._entry(contact.id)
        if entry is not None and not entry.bad:
            if entry.contact.address == contact.address:
                entry.seen_at = now
            elif not entry.good(now):
                return self._invite(contact)
            return False
        index = self._index_with_room(contact.id)
        guests = sum(1 for guest in self._invited.values() if self._index(guest.id) == index)
        return len(self._buckets[index].alive()) + guests < K and self._invite(contact)

    def answered(self, contact: Contact, now: float) -> Contact | None:
        """The node answered a question of ours.

        When its bucket is full of others, returns one to ping, of whom nothing was heard for long:
        should it fail, the new one takes its place.
        """
        self._invited.pop(contact.address, None)
        if contact.id == self._own_id:
            return None
        if self._ids.get(contact.address, contact.id) != contact.id:
            self._remove(self._ids[contact.address])  # it is started anew and has another id
        entry = self._entry(contact.id)
        if entry is not None and entry.contact.address != contact.address:
            if entry.good(now):
                return None  # the id is taken, and its owner well
            self._remove(contact.id)
        bucket = self._buckets[self._index_with_room(contact.id)]
        bad = next((entry for entry in bucket.entries.values() if entry.bad), None)
        if contact.id not in bucket.entries and len(bucket.entries) >= K:
            if bad is None:
                return self._spare(bucket, contact, now)
            self._remove(bad.contact.id)
        self._insert(bucket, contact, now)
        bucket.changed_at = now
        return None

    def failed(self, contact: Contact) -> None:
        """The node did not answer a question of ours."""
        if self._invited.get(contact.address) == contact:
            del self._invited[contact.address]
        bucket = self._buckets[self._index(contact.id)]
        bucket.spares.pop(contact, None)
        entry = bucket.entries.get(contact.id)
        if entry is None or entry.contact.address != contact.address:
            return
        entry.failures += 1
        while entry.bad and bucket.spares:
            spare, answered_at = bucket.spares.popitem()
            if spare.id not in bucket.entries and spare.address not in self._ids:
                self._remove(contact.id)
                self._insert(bucket, spare, answered_at)
                return

    # ---- what is worth doing

    def doubtful(self, now: float) -> Contact | None:
        """The node to ping that was silent longest, None when all are well or bad."""
        return self._most_silent(self._buckets, now)

    def stale(self, now: float, rng: random.Random) -> bytes | None:
        """An id to look up in the bucket that was unchanged longest, None when all are fresh.

        The bucket counts as fresh from now on.
        """
        index = min(range(len(self._buckets)), key=lambda i: self._buckets[i].changed_at)
        bucket = self._buckets[index]
        if now - bucket.changed_at < QUIET_S:
            return None
        bucket.changed_at = now
        # Our own first bits, then one that differs (the last bucket has no such), then any.
        mask = (1 << (ID_BITS - index)) - 1
        found = int.from_bytes(self._own_id, "big") & ~mask | rng.getrandbits(ID_BITS) & mask
        if index < len(self._buckets) - 1:
            bit = 1 << (ID_BITS - index - 1)
            found = found & ~bit | ~int.from_bytes(self._own_id, "big") & bit
        return found.to_bytes(ID_LENGTH, "big")

    # ---- buckets

    def _index(self, node_id: bytes) -> int:
        shared = ID_BITS - distance(node_id, self._own_id).bit_length()
        return min(shared, len(self._buckets) - 1)

    def _index_with_room(self, node_id: bytes) -> int:
        """The place of an id's bucket, split as often as it takes to have room, if that helps."""
        while True:
            index = self._index(node_id)
            bucket = self._buckets[index]
            full = len(bucket.entries) >= K and node_id not in bucket.entries
            if not full or index < len(self._buckets) - 1 or len(self._buckets) == ID_BITS:
                return index
            entries, bucket.entries = bucket.entries, {}  # it has no spares: it never was full
            self._buckets.append(_Bucket(bucket.changed_at))
            for each, entry in entries.items():
                self._buckets[self._index(each)].entries[each] = entry

    def _entry(self, node_id: bytes) -> _Entry | None:
        return self._buckets[self._index(node_id)].entries.get(node_id)

    def _insert(self, bucket: _Bucket, contact: Contact, answered_at: float) -> None:
        bucket.spares.pop(contact, None)
        bucket.entries[contact.id] = _Entry(contact, answered_at)
        self._ids[contact.address] = contact.id

    def _remove(self, node_id: bytes) -> None:
        entry = self._buckets[self._index(node_id)].entries.pop(node_id)
        del self._ids[entry.contact.address]

    def _invite(self, contact: Contact) -> bool:
        self._invited[contact.address] = contact
        return True

    def _spare(self, bucket: _Bucket, contact: Contact, now: float) -> Contact | None:
        bucket.spares.pop(contact, None)
        bucket.spares[contact] = now
        if len(bucket.spares) > K:
            del bucket.spares[next(iter(bucket.spares))]
        return self._most_silent([bucket], now)

    def _most_silent(self, buckets: list[_Bucket], now: float) -> Contact | None:
        silent = [entry for bucket in buckets for entry in bucket.alive() if not entry.good(now)]
        return min(silent, key=lambda entry: entry.seen_at).contact if silent else None
