"""What a peer can be told: how many connections and slots, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from p2p.gossip import PEX_INTERVAL_S
from p2p.wire import BLOCK

RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""Seconds until an address is called again, by how often it was called in vain."""

ANNOUNCE_S = 900.0
"""Seconds between two announcements to the DHT: half the time for which nodes keep one."""


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
    """Port to listen at: TCP, and UDP for the DHT."""

    dht: bool = True
    """Whether the peer is a node of the DHT, finds others there and announces itself (BEP 5)."""

    pex: bool = True
    """Whether the peer names others to those that it is connected to (BEP 11)."""

    names_itself: bool = True
    """Whether the link to a published file has our address (x.pe)."""

    patience_s: float = 600.0
    """Seconds without any peer after which a fetch fails; at once when there is none to call."""

    def rechoke_s(self, uplink: float) -> float:
        """Seconds between rechokes: BEP 3's, or time for a peer to show its rate."""
        return max(10.0, 10 * BLOCK / uplink)

    def greeting_s(self, uplink: float) -> float:
        """Seconds that a peer has to greet, or to send metadata; blocks may be in its way."""
        return max(30.0, 10 * BLOCK / uplink)

    def gossip_s(self, uplink: float) -> float:
        """Seconds between peer exchange messages to one peer (a minute or more, BEP 11)."""
        return max(PEX_INTERVAL_S, 20 * BLOCK / uplink)

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

    def search_s(self, uplink: float, searches: int) -> float:
        """Seconds until the DHT is asked again, the `searches` before having found too few."""
        return min(5.0 * 3.0 ** (searches - 1), ANNOUNCE_S) * max(1.0, BLOCK / uplink)

    def announce_s(self, uplink: float) -> float:
        """Seconds between two announcements to the DHT by who needs no more peers."""
        return ANNOUNCE_S * max(1.0, BLOCK / uplink)

    def lonely_s(self, uplink: float) -> float:
        """Seconds without any peer after which a fetch fails."""
        return self.patience_s * max(1.0, BLOCK / uplink)

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
