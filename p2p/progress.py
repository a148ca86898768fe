"""How far one torrent is on this host, for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["searching", "checking", "downloading", "seeding"]


@dataclass(frozen=True)
class Progress:
    """One moment of one torrent; of the files that were selected, where some were."""

    phase: Phase
    """Searching: the metainfo is not known. Checking: what is on disk is being hashed."""
    bytes_here: int
    """Bytes of the wanted pieces that are here and verified."""
    bytes_wanted: int
    """Bytes of all wanted pieces; 0 while unknown."""
    pieces_here: int
    pieces_wanted: int
    peers: int
    """Peers connected."""
    seeds: int
    """Those of them that have everything."""
    sent: int
    """Bytes of blocks that went out since the torrent was added."""
    received: int
    """Bytes of blocks that came in since then, those thrown away included."""
