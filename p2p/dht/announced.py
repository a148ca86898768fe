"""What other nodes announced to us: the peers of torrents, bounded and for a while (BEP 5).

Pure: `now` is in seconds on a clock that never goes back, `rng` comes in.
"""

from __future__ import annotations

import random

from p2p.dht.messages import Address

MAX_TORRENTS = 2000  # libtorrent, dht_settings.max_torrents
MAX_PEERS = 500  # of one torrent; libtorrent, dht_settings.max_peers
KEPT_S = 2700.0
"""Seconds that an announcement lasts: clients repeat theirs every 15 to 30 minutes, libtorrent
forgets after 45."""


class Announced:
    """Peers by the infohash of the torrent that they announced."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        # To when each peer was announced, who was so last coming last.
        self._torrents: dict[bytes, dict[Address, float]] = {}

    def __len__(self) -> int:
        """Torrents of which something is kept."""
        return len(self._torrents)

    def add(self, infohash: bytes, peer: Address, now: float) -> None:
        """Keep a peer; a torrent with too many loses its oldest.

        Where there are too many torrents, that with the fewest peers goes: flooding us with
        torrents of one peer each then pushes out none that is alive.
        """
        peers = self._torrents.get(infohash)
        if peers is None:
            if len(self._torrents) >= MAX_TORRENTS:
                self._make_room(now)
            peers = self._torrents[infohash] = {}
        peers.pop(peer, None)
        peers[peer] = now
        if len(peers) > MAX_PEERS:
            del peers[next(iter(peers))]

    def sample(self, infohash: bytes, count: int, now: float) -> list[Address]:
        """At most `count` peers of a torrent, any of them when there are more."""
        self._expire(infohash, now)
        peers = list(self._torrents.get(infohash, ()))
        return peers if len(peers) <= count else self._rng.sample(peers, count)

    def _make_room(self, now: float) -> None:
        for infohash in list(self._torrents):
            self._expire(infohash, now)
        if len(self._torrents) >= MAX_TORRENTS:
            del self._torrents[min(self._torrents, key=lambda each: len(self._torrents[each]))]

    def _expire(self, infohash: bytes, now: float) -> None:
        peers = self._torrents.get(infohash, {})
        for peer, announced_at in list(peers.items()):
            if now - announced_at < KEPT_S:
                break
            del peers[peer]
        if not peers:
            self._torrents.pop(infohash, None)
