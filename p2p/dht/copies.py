"""What the answers to one lookup say about an item: its newest version, and who has it (BEP 44).

Pure: it is told the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2p.dht.items import Item, Mutable, refusal
from p2p.dht.messages import Address, Contact, Reply

ENOUGH = 8
"""Copies; where there are more, and all of the closest nodes have one, others keep the item alive
(BEP 44)."""


class Copies:
    """The copies of the item at one target."""

    def __init__(self, target: bytes, salt: bytes | None, known: Item | None = None) -> None:
        """`salt` is None for an immutable item; `known` is a genuine version that is here."""
        self.target = target
        self._salt = salt
        self.item = known
        """The newest genuine version so far."""
        self._at: dict[Address, int | None] = {}  # who says to have it, and which version

    def heard(self, contact: Contact, reply: Reply) -> None:
        """A node answered; what it says is believed when the signature or the hash is right."""
        item, seq = reply.item, reply.seq
        if isinstance(item, Mutable):
            item, seq = replace(item, salt=self._salt or b""), item.seq
        if item is not None and (item.target != self.target or refusal(item)):
            return
        if item is not None or seq is not None:
            self._at[contact.address] = seq
        if item is not None and self._above(seq):
            self.item = item

    def kept(self, own: Item) -> None:
        """A genuine copy that our own node keeps."""
        if self._above(own.seq if isinstance(own, Mutable) else None):
            self.item = own

    def kept_back(self, contact: Contact) -> bool:
        """Whether the node may have what we lack: answers to who is not proven are short."""
        if contact.address in self._at:
            return self._above(self._at[contact.address])
        return self._salt is None and self.item is None  # it would say which version it has

    def well_kept(self, closest: Sequence[Contact]) -> bool:
        """Whether nobody needs to put the newest version again."""
        seq = self.item.seq if isinstance(self.item, Mutable) else None
        having = {address for address, version in self._at.items() if version == seq}
        return len(having) > ENOUGH and all(node.address in having for node in closest)

    def _above(self, seq: int | None) -> bool:
        """Whether that version is newer than ours, or the first."""
        if self.item is None:
            return True
        return isinstance(self.item, Mutable) and seq is not None and seq > self.item.seq
