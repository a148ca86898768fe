"""Who may download from us: tit for tat with an optimistic slot (BEP 3, Cohen 2003, section 3).

Pure: `rng` comes in, nothing is sent.  A peer is named by any hashable key.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from p2p.wire import BLOCK

OPTIMISTIC_ROUNDS = 3
"""Rechokes between changes of the optimistic slot: 30 s at BEP 3's pace."""

SEED_QUOTA = 16 * BLOCK
"""Bytes that a seed sends a peer before the slot passes on (libtorrent has seeding_piece_quota)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one interested peer when slots are given out."""

    key: Hashable
    gave: int
    """Bytes that it sent us since the last rechoke."""
    got: int
    """Bytes that we sent it since it was unchoked; 0 while it is choked."""
    unchoked: bool
    """Whether it has a slot now."""
    pieces: int
    """Pieces that it has."""


class Choker:
    """Gives out the upload slots of one peer."""

    def __init__(self, slots: int, rng: random.Random) -> None:
        self._slots = slots
        self._rng = rng
        self._round = 0
        self._optimistic: Hashable = None

    @property
    def places(self) -> int:
        """Peers unchoked at a time: the regular slots and the optimistic one."""
        return self._slots + 1

    def rechoke(self, interested: Sequence[Candidate], seeding: bool) -> list[Hashable]:
        """The peers to unchoke until the next call; all others are to be choked.

        A leecher favours those who give.  A seed, who gets nothing, lets each have its quota and
        then the turn of those who have least.
        """
        order = list(interested)
        self._rng.shuffle(order)
        if seeding:
            order.sort(key=lambda peer: (not peer.unchoked or peer.got >= SEED_QUOTA, peer.pieces))
        else:
            order.sort(key=lambda peer: -peer.gave)
        chosen = [peer.key for peer in order[: self._slots]]
        rest = [peer.key for peer in order[self._slots :]]
        if self._round % OPTIMISTIC_ROUNDS == 0 or self._optimistic not in rest:
            self._optimistic = self._rng.choice(rest) if rest else None
        self._round += 1
        if self._optimistic is not None:
            chosen.append(self._optimistic)
        return chosen

    def fill(self, choked: Sequence[Candidate]) -> Hashable:
        """One of these interested, choked peers for a place that is free: the neediest."""
        return min(choked, key=lambda peer: (peer.pieces, self._rng.random())).key
