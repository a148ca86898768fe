"""How many may come in: connections in all and from one address, and descriptors to spare.

nginx has the first two as worker_connections and limit_conn; running out of descriptors is what
accept(2) calls EMFILE.  Pure.
"""

from __future__ import annotations

import math
from collections import Counter

from central.config import Limits

HEADROOM = 64
"""Descriptors for what is no connection: the interpreter, the loop, listeners, the log, the token
file, files being listed."""

DESCRIPTORS_EACH = 2
"""A connection's own, and the file that is sent or taken."""


class Admission:
    """Counts who is in."""

    def __init__(self, limits: Limits, descriptors: int) -> None:
        """`descriptors`: those that the process may open (RLIMIT_NOFILE; negative: any number)."""
        self._most = limits.connections
        self._most_each = limits.per_address
        spare = descriptors - HEADROOM
        self._room = math.inf if descriptors < 0 else spare // DESCRIPTORS_EACH
        self._most_waiting = limits.waiting
        self._waiting = 0
        self._inside: Counter[str] = Counter()
        self.total = 0
        """How many are in."""

    def enter(self, address: str) -> str | None:
        """Let somebody in, and return None; or say in a few words why not."""
        if self.total >= self._most:
            return "too many connections"
        if self._inside[address] >= self._most_each:
            return "too many connections from this address"
        if self.total >= self._room:
            return "too few descriptors for another connection"
        self._inside[address] += 1
        self.total += 1
        return None

    def leave(self, address: str) -> None:
        """Somebody who was let in is gone."""
        if not self._inside[address]:
            raise ValueError(f"nobody from {address} is in")
        self.total -= 1
        self._inside[address] -= 1
        if not self._inside[address]:
            del self._inside[address]  # an address that is gone costs nothing

    def wait(self) -> bool:
        """Have one more answer held back, and return True; False when there are enough."""
        if self._waiting >= self._most_waiting:
            return False
        self._waiting += 1
        return True

    def waited(self) -> None:
        """An answer is held back no longer."""
        if not self._waiting:
            raise ValueError("no answer is held back")
        self._waiting -= 1
