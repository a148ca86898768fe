"""Who gave which block of a piece whose hash was wrong, until the right bytes show who lied.

BEP 3 only says that a wrong piece is not kept.  With blocks of several peers in it nobody is proven
guilty yet: what each gave is remembered by its digest, and compared when the piece is right.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from p2p.picker import Block

K = TypeVar("K", bound=Hashable)


class Suspects(Generic[K]):
    """The sources of the pieces on their way, and what was in those that were wrong."""

    def __init__(self) -> None:
        self._sources: dict[int, dict[Block, K]] = {}
        self._wrong: dict[int, dict[tuple[Block, K], bytes]] = {}

    def gave(self, source: K, block: Block) -> None:
        """`source` gave the block that is kept."""
        self._sources.setdefault(block.piece, {})[block] = source

    def wrong(self, index: int, piece: bytes | bytearray) -> list[K]:
        """The piece's hash is wrong: who is proven to have lied, at most one."""
        blocks = self._sources.pop(index)
        sources = list(dict.fromkeys(blocks.values()))
        if len(sources) == 1:
            return sources
        seen = self._wrong.setdefault(index, {})
        for block, source in blocks.items():
            seen[block, source] = _digest(piece, block)
        return []

    def sources(self, index: int) -> list[K]:
        """Those who gave blocks of wrong copies of the piece, first come first."""
        return list(dict.fromkeys(source for _, source in self._wrong.get(index, ())))

    def right(self, index: int, piece: bytes | bytearray) -> list[K]:
        """The piece's hash is right: who is proven to have lied before."""
        self._sources.pop(index, None)
        seen = self._wrong.pop(index, {})
        return _unique(
            source for (block, source), digest in seen.items() if digest != _digest(piece, block)
        )

    def forget(self, index: int) -> None:
        """The piece is begun again: who gave what of it so far does not count."""
        self._sources.pop(index, None)


def _unique(sources: Iterable[K]) -> list[K]:
    return list(dict.fromkeys(sources))


def _digest(piece: bytes | bytearray, block: Block) -> bytes:
    return hashlib.sha1(memoryview(piece)[block.begin : block.begin + block.length]).digest()
