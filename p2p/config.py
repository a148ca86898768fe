"""What a peer can be told: how many connections and slots, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from p2p.wire import BLOCK

IMPATIENT_RECHOKE_S = 10.0
"""Seconds between rechokes on links of the Internet's speed (BEP 3)."""


@dataclass(frozen=True, kw_only=True)
class PeerConfig:
    """Settings of one peer; times follow the uplink, so that slow links are not misjudged."""

    piece_length: int | None = None
    """Bytes of a piece in what the peer publishes; None chooses by the file's size."""

    connections: int = 30
    """Most connections kept, in all swarms together."""

    upload_slots: int = 4
    """Peers unchoked for what they give; one more is unchoked at random (BEP 3)."""

    port: int = 6881
    """TCP port to listen at."""

    def rechoke_s(self, uplink_rate: float) -> float:
        """Seconds between rechokes: time for a peer to show ten blocks' worth of its rate."""
        return max(IMPATIENT_RECHOKE_S, 10 * BLOCK / uplink_rate)

    def snub_s(self, uplink_rate: float) -> float:
        """Seconds without a block after which requests are given to others.

        A peer whose uplink is like ours may have this many blocks of others to send before.
        """
        return max(60.0, 16 * self.connections * BLOCK / uplink_rate)

    @property
    def outgoing(self) -> int:
        """Connections a peer opens itself; the rest of its places are for those who come later."""
        return max(1, self.connections * 2 // 5)
