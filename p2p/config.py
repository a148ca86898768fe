"""What a peer can be told: how many connections and slots, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from p2p.wire import BLOCK

RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""Seconds until an address is called again, by how often it was called in vain."""


@dataclass(frozen=True, kw_only=True)
class PeerConfig:
    """Settings of one peer.

    Times follow the rate of the uplink (bytes per second): where a block takes minutes, a constant
    written for the Internet would misfire.
    """

    piece_length: int | None = None
    """Bytes of a piece in what the peer publishes; None chooses by the file's size."""

    connections: int = 30
    """Most connections kept, in all swarms together."""

    upload_slots: int = 4
    """Peers unchoked for what they give; one more is unchoked at random (BEP 3)."""

    port: int = 6881
    """TCP port to listen at."""

    def rechoke_s(self, uplink: float) -> float:
        """Seconds between rechokes: BEP 3's, or time for a peer to show its rate."""
        return max(10.0, 10 * BLOCK / uplink)

    def greeting_s(self, uplink: float) -> float:
        """Seconds that a peer has to greet, or to send metadata; blocks may be in its way."""
        return max(30.0, 10 * BLOCK / uplink)

    def gossip_s(self, uplink: float) -> float:
        """Seconds between peer exchange messages to one peer (a minute or more, BEP 11)."""
        return max(60.0, 20 * BLOCK / uplink)

    def keep_alive_s(self, uplink: float) -> float:
        """Seconds of silence after which a keep-alive is due (BEP 3 closes after 120)."""
        return max(100.0, 20 * BLOCK / uplink)

    def silence_s(self, uplink: float) -> float:
        """Seconds without a word after which a peer is taken for dead.

        BEP 3 says two minutes; three missed keep-alives forgive a slow link.
        """
        return 3 * self.keep_alive_s(uplink)

    def snub_s(self, uplink: float) -> float:
        """Seconds without a block after which requests are given to others.

        A peer whose uplink is like ours may have this many blocks of others to send before.
        """
        return max(60.0, 16 * self.connections * BLOCK / uplink)

    def retry_s(self, uplink: float, attempts: int) -> float:
        """Seconds until an address is called again that was called in vain `attempts` times."""
        wait = RETRY_S[min(attempts, len(RETRY_S)) - 1]
        return max(wait, wait / RETRY_S[0] * BLOCK / uplink)

    @property
    def outgoing(self) -> int:
        """Connections a peer opens itself; the rest of its places are for those who come later.

        Two at least, for with one each all peers would hang on the origin alone.
        """
        return min(self.connections, max(2, self.connections * 2 // 5))

    @property
    def enough(self) -> int:
        """Connections in all with which a peer stops looking for more."""
        return max(self.outgoing, self.connections * 4 // 5)
