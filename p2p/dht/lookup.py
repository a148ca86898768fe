"""One search for the nodes closest to an id, asking ever closer ones (BEP 5).

The procedure is that of Kademlia (Maymounkov and Mazieres 2002, section 2.3).  Pure: it says whom
to ask next, and is told the answers.
"""

from __future__ import annotations

import bisect
import enum
from collections.abc import Iterable
from dataclasses import dataclass

from p2p.dht.messages import Address, Contact, Reply
from p2p.dht.routing import K, distance

ALPHA = 3
"""Questions under way at a time (Kademlia, section 2.3)."""

MOST_CANDIDATES = 128
"""Nodes kept in mind, the closest; sixteen answers' worth."""

MOST_QUESTIONS = 128
"""Nodes asked in all: liars could name ever closer ones that do not exist.  A lookup among millions
of honest nodes asks some twenty."""


class _State(enum.Enum):
    NEW = enum.auto()
    ASKED = enum.auto()
    ANSWERED = enum.auto()
    FAILED = enum.auto()


@dataclass(slots=True, eq=False)
class _Candidate:
    contact: Contact
    distance: int
    state: _State = _State.NEW


class Lookup:
    """One iterative lookup: `next` until it gives nothing and no question is under way."""

    def __init__(self, target: bytes, own_id: bytes, seeds: Iterable[Contact]) -> None:
        self._target = target
        self._own_id = own_id
        self._order: list[_Candidate] = []
        self._known: dict[Address, _Candidate] = {}
        self._under_way = self._asked = 0
        self._tokens: dict[Address, bytes] = {}
        for contact in seeds:
            self._learn(contact)

    def next(self) -> list[Contact]:
        """The nodes to ask now; each is to be reported by `answered` or `failed`."""
        hopeful = [each for each in self._order if each.state is not _State.FAILED][:K]
        room = min(ALPHA - self._under_way, MOST_QUESTIONS - self._asked)
        chosen = [each for each in hopeful if each.state is _State.NEW][: max(0, room)]
        for candidate in chosen:
            candidate.state = _State.ASKED
        self._under_way += len(chosen)
        self._asked += len(chosen)
        return [candidate.contact for candidate in chosen]

    def answered(self, contact: Contact, reply: Reply) -> None:
        """The node that was asked answered.

        Whoever named it may have lied about its id; what it says itself counts.
        """
        candidate = self._settle(contact)
        if candidate is None:
            return
        if reply.sender == self._own_id:
            candidate.state = _State.FAILED
            return
        if reply.sender != contact.id:
            self._order.remove(candidate)
            candidate.contact = Contact(reply.sender, contact.address)
            candidate.distance = distance(reply.sender, self._target)
            bisect.insort(self._order, candidate, key=lambda each: each.distance)
        candidate.state = _State.ANSWERED
        if reply.token is not None:
            self._tokens[contact.address] = reply.token
        for node in reply.nodes:
            self._learn(node)

    def failed(self, contact: Contact) -> None:
        """The node that was asked did not answer."""
        candidate = self._settle(contact)
        if candidate is not None:
            candidate.state = _State.FAILED

    def closest(self) -> list[Contact]:
        """The nodes closest to the target that answered, nearest first, K at most."""
        return [each.contact for each in self._order if each.state is _State.ANSWERED][:K]

    def tokens(self) -> list[tuple[Contact, bytes]]:
        """Of the closest those that gave a token, with it."""
        return [
            (node, self._tokens[node.address])
            for node in self.closest()
            if node.address in self._tokens
        ]

    def _learn(self, contact: Contact) -> None:
        if contact.id == self._own_id or contact.address in self._known:
            return
        candidate = _Candidate(contact, distance(contact.id, self._target))
        self._known[contact.address] = candidate
        bisect.insort(self._order, candidate, key=lambda each: each.distance)
        if len(self._order) > MOST_CANDIDATES:
            idle = (each for each in reversed(self._order) if each.state is not _State.ASKED)
            farthest = next(idle)
            self._order.remove(farthest)
            del self._known[farthest.contact.address]

    def _settle(self, contact: Contact) -> _Candidate | None:
        candidate = self._known.get(contact.address)
        if candidate is None or candidate.state is not _State.ASKED:
            return None
        self._under_way -= 1
        return candidate
