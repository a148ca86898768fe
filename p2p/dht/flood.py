"""How much a stranger may ask of us, and who is no stranger: limits by address (BEP 5 is silent).

A UDP source is easily forged (RFC 4732, section 3.1).  So nobody makes us read more than so many
datagrams, and only an address that proved to receive what we send it gets long answers.
Pure: `now` is in seconds on a clock that never goes back.
"""

from __future__ import annotations

from p2p.dht.messages import Address

MAX_ADDRESSES = 4096
"""Addresses kept in mind by each of the two, about 1 MB; the one that came first is forgotten."""

PROVEN_S = 600.0
"""Seconds that a proof lasts: as long as a token can (BEP 5)."""

MOST_GAIN = 3
"""Bytes that we answer to an address that is not proven, per byte that it sent: QUIC's figure
(RFC 9000, section 8.1)."""


class FloodGate:
    """Counts what comes from each IP address."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._counts: dict[str, tuple[float, int]] = {}  # the window's start, datagrams in it

    def admits(self, address: str, now: float) -> bool:
        """Count a datagram; False when its address sent too many in this window."""
        since, count = self._counts.get(address, (now, 0))
        if now - since >= self._window_s:
            del self._counts[address]
            since, count = now, 0
        if address not in self._counts and len(self._counts) >= MAX_ADDRESSES:
            del self._counts[next(iter(self._counts))]
        self._counts[address] = since, min(count + 1, self._limit + 1)
        return count < self._limit


class Proven:
    """The addresses, port included, that lately showed that they receive what we send there."""

    def __init__(self) -> None:
        self._proofs: dict[Address, float] = {}

    def add(self, address: Address, now: float) -> None:
        """It answered a question of ours, or gave back a token."""
        self._proofs.pop(address, None)
        self._proofs[address] = now
        if len(self._proofs) > MAX_ADDRESSES:
            del self._proofs[next(iter(self._proofs))]

    def holds(self, address: Address, now: float) -> bool:
        """Whether its last proof is recent."""
        proof = self._proofs.get(address)
        return proof is not None and now - proof < PROVEN_S
