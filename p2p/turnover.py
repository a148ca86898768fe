"""Which connections to give up, so that a peer whose places are taken in vain meets others.

A peer and those that it is connected to may have nothing for each other and yet fill each other's
places for ever.  Transmission closes what carried nothing for a minute while nearly all its places
are taken (peer-mgr, shouldPeerBeClosed), libtorrent replaces a share of its peers every few minutes
(peer_turnover).  Pure: takes `now`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Turnover(Generic[K]):
    """Since when which peer has been of no use, nor we to it."""

    def __init__(self) -> None:
        self._used: dict[K, float] = {}

    def idle(self, of_use: Mapping[K, bool], now: float, patience_s: float) -> list[K]:
        """The peers that were of no use for `patience_s` seconds, those for longest first.

        `of_use` says of every peer that is connected whether it is of use now; one that is new
        counts from now on.  To be called at a steady pace.
        """
        self._used = {
            peer: now if useful else self._used.get(peer, now) for peer, useful in of_use.items()
        }
        idle = [peer for peer, used in self._used.items() if now - used >= patience_s]
        return sorted(idle, key=self._used.__getitem__)
