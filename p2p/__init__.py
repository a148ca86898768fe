"""The peer-to-peer backend: real BitTorrent peers, all alike."""

from p2p.backend import P2PBackend
from p2p.config import PeerConfig

__all__ = ["P2PBackend", "PeerConfig"]
