"""Which pieces an origin lets which peer know of, so that none goes out twice before all are out.

The idea is BEP 16's: a seed that does not announce what it has, but reveals it piece by piece.
Pure: `rng` comes in.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Sequence


class SuperSeed:
    """What was revealed to whom, and how often each piece went out whole."""

    def __init__(self, piece_count: int, rng: random.Random) -> None:
        self._sent = bytearray(piece_count)
        self._promises = [0] * piece_count
        self._promised: dict[Hashable, dict[int, None]] = {}
        self._known: dict[Hashable, bytearray] = {}
        # In an order of its own, so that the file does not go out front to back.
        self._unsent = list(range(piece_count))
        rng.shuffle(self._unsent)

    def joins(self, key: Hashable) -> None:
        self._promised[key] = {}
        self._known[key] = bytearray(len(self._sent))

    def leaves(self, key: Hashable) -> None:
        """Peer `key` is gone: what it was promised is for others."""
        for index in self._promised.pop(key):
            self._promises[index] -= 1
        del self._known[key]

    def reveal(
        self, key: Hashable, has: Sequence[int], availability: Sequence[int], idle: bool = False
    ) -> int | None:
        """A piece that peer `key` may ask for next, None when there is none for it now.

        `has` flags its pieces, `availability` counts the peers that have each.  While a piece has
        not gone out, no second copy of another is revealed, unless the uplink would be `idle`.
        """
        known = self._known[key]
        wanted = (i for i in self._unsent if not (known[i] or has[i]))
        index = _rarest((i for i in wanted if not self._promises[i]), availability)
        if index is None and idle:
            wanted = (i for i in self._unsent if not (known[i] or has[i]))
            index = min(wanted, key=lambda i: self._promises[i] + availability[i], default=None)
        if index is not None:
            known[index] = 1
            self._promised[key][index] = None
            self._promises[index] += 1
        return index

    def settled(self, key: Hashable, index: int, sent: bool) -> bool:
        """Peer `key` was `sent` the whole piece, or has it from elsewhere.

        True when it had been promised the piece until now.
        """
        if sent and not self._sent[index]:
            self._sent[index] = 1
            self._unsent.remove(index)
        if index not in self._promised[key]:
            return False
        del self._promised[key][index]
        self._promises[index] -= 1
        return True

    @property
    def unsent(self) -> int:
        """Pieces that have never gone out whole."""
        return len(self._unsent)

    @property
    def stalled(self) -> bool:
        """True when every piece that has not gone out is promised: to peers that do not ask."""
        return all(self._promises[index] for index in self._unsent)

    def promised(self, key: Hashable) -> bool:
        """Whether peer `key` was shown a piece that it has not got yet."""
        return bool(self._promised[key])

    def reveal_rest(self, key: Hashable, has: Sequence[int]) -> list[int]:
        """Reveal to peer `key` all pieces that it lacks and does not know of; promises none."""
        known = self._known[key]
        rest = [i for i in range(len(known)) if not (known[i] or has[i])]
        for index in rest:
            known[index] = 1
        return rest


def _rarest(indexes: Iterable[int], availability: Sequence[int]) -> int | None:
    """The first of the rarest; mostly nobody has what has not gone out, and the first will do."""
    rarest = None
    for index in indexes:
        if rarest is None or availability[index] < availability[rarest]:
            rarest = index
        if not availability[rarest]:
            break
    return rarest
