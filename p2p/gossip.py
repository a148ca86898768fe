"""What to tell one peer about the others, within the limits of peer exchange (BEP 11).

Pure: takes `now` and `rng`, sends nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from p2p.extension import MAX_PEX, Pex

Address = tuple[str, int]

PEX_INTERVAL_S = 60.0
"""Seconds between two messages to one peer, at least (BEP 11)."""

MOST_TOLD = 1000
"""Addresses remembered as told to one peer."""

EARLY = 0.75
"""Share of the interval after which the next message is heard; jitter is no offence."""


class Gossip:
    """What one peer was told and has told us."""

    def __init__(self) -> None:
        self._told: dict[Address, None] = {}
        self._spoke = -math.inf
        self._listened = -math.inf

    def news(
        self, known: Iterable[Address], now: float, interval_s: float, rng: random.Random
    ) -> Pex | None:
        """The message that is due to the peer when `known` are there, None when there is none."""
        if now - self._spoke < interval_s:
            return None
        there = dict.fromkeys(known)
        added = [address for address in there if address not in self._told]
        dropped = [address for address in self._told if address not in there][:MAX_PEX]
        added = rng.sample(added, min(len(added), MAX_PEX, MOST_TOLD - len(self._told)))
        if not added and not dropped:
            return None
        for address in dropped:
            del self._told[address]
        self._told.update(dict.fromkeys(added))
        self._spoke = now
        return Pex(added=tuple(added), dropped=tuple(dropped))

    def may_tell(self, now: float, interval_s: float) -> bool:
        """Whether the peer's message counts: those that come too often are not listened to."""
        if now - self._listened < EARLY * interval_s:
            return False
        self._listened = now
        return True
