"""Settings of one DHT node."""

from dataclasses import dataclass

from p2p.dht.krpc import MAX_REPLY
from p2p.wire import BLOCK

FLOOD_LIMIT = 50
"""Datagrams of one node in ten seconds (libtorrent, dht_block_limit): who looks up a torrent asks
each other node once or twice."""


@dataclass(frozen=True, kw_only=True)
class DhtConfig:
    """Settings of one DHT node; times and sizes follow the rate of the uplink (bytes per second).

    Who shares an address with others (many nodes on one computer, or behind one translator) raises
    their `flood_limit`.
    """

    flood_limit: int = FLOOD_LIMIT
    """Datagrams that an IP address may send us in `flood_s`; what is more is not read."""

    flood_s: float = 10.0
    """Seconds over which `flood_limit` counts (libtorrent's, too)."""

    def answer_s(self, uplink: float) -> float:
        """Seconds until a question is repeated.

        The answer's uplink may be like ours, with the answers to a hundred others before it.
        """
        return max(2.0, 2 * BLOCK / uplink)

    def upkeep_s(self, uplink: float) -> float:
        """Seconds between steps of upkeep: the refresh of one bucket, or one ping.

        A refresh costs about 4 KiB, its answers included, so that upkeep takes a 4,000th of the
        uplink.
        """
        return max(60.0, 1024 * BLOCK / uplink)

    def reply_bytes(self, uplink: float) -> int:
        """Bytes of a reply to an address that is proven: a 20th of a second's worth at most."""
        return int(min(MAX_REPLY, uplink / 20))
