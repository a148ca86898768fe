"""A node of the distributed hash table in which peers find each other without a tracker (BEP 5).

It keeps small values too (BEP 44).
"""

from p2p.dht.config import FLOOD_LIMIT, DhtConfig
from p2p.dht.node import DhtNode

__all__ = ["FLOOD_LIMIT", "DhtConfig", "DhtNode"]
