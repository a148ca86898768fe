"""Pieces that were wrong and had blocks of several peers: each is asked of one of them alone.

What is wrong then is its own doing.  Who takes too long over it makes way for another, so that
nobody holds a piece up by giving it drop by drop.  Pure: `now` and `rng` come in.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from p2p.wire import BLOCK

K = TypeVar("K", bound=Hashable)

PATIENT_BLOCKS = 64
"""Blocks of a piece for which a peer is given its patience once more."""


@dataclass
class _Trial(Generic[K]):
    peer: K
    until: float
    patience_s: float


class Trials(Generic[K]):
    """Which peer alone is asked for which piece, and until when."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._trials: dict[int, _Trial[K]] = {}

    def begin(
        self, index: int, size: int, peers: Sequence[K], patience_s: float, now: float
    ) -> None:
        """Ask one of the peers for all `size` bytes of the piece; with no peers, anybody."""
        self._start(index, peers, patience_s * (1 + size / BLOCK / PATIENT_BLOCKS), now)

    def pass_on(self, index: int, peers: Sequence[K], now: float) -> None:
        """Ask another of the peers, and be twice as patient: the last may just have been slow."""
        last = self._trials.pop(index)
        others = [peer for peer in peers if peer != last.peer]
        self._start(index, others, 2 * last.patience_s, now)

    def _start(self, index: int, peers: Sequence[K], patience_s: float, now: float) -> None:
        if peers:
            self._trials[index] = _Trial(self._rng.choice(peers), now + patience_s, patience_s)

    def admits(self, index: int, peer: K) -> bool:
        """Whether a block of the piece is wanted from the peer."""
        trial = self._trials.get(index)
        return trial is None or trial.peer == peer

    def barred(self, peer: K) -> list[int]:
        """The pieces that are asked of others alone."""
        return [index for index, trial in self._trials.items() if trial.peer != peer]

    def overdue(self, now: float) -> list[tuple[int, K]]:
        """The pieces that take too long, and who was asked for them."""
        return [(index, trial.peer) for index, trial in self._trials.items() if now > trial.until]

    def refuses(self, index: int, peer: K) -> None:
        """The peer will not give the piece."""
        trial = self._trials.get(index)
        if trial is not None and trial.peer == peer:
            del self._trials[index]

    def leaves(self, peer: K) -> None:
        """The peer gives nothing more for now."""
        for index in [index for index, trial in self._trials.items() if trial.peer == peer]:
            del self._trials[index]

    def ended(self, index: int) -> None:
        """The piece is whole, right or wrong."""
        self._trials.pop(index, None)
