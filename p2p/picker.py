"""Which block to ask for next: a started piece before a new one, and of those the rarest.

The strategy is Cohen's (Incentives Build Robustness in BitTorrent, 2003, section 2.4): strict
priority, rarest first, random first piece; the endgame is `endgame`'s business.  Pure: `rng`
comes in, nothing is sent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import compress
from typing import NamedTuple

from p2p.wire import BLOCK


class Block(NamedTuple):
    """A stretch of a piece, as requested."""

    piece: int
    begin: int
    length: int


class _Started:
    """A piece of which some blocks were requested: who is asked for each is counted here."""

    __slots__ = ("asked", "blocks", "free", "missing")

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self.free = blocks[::-1]
        self.asked = dict.fromkeys(blocks, 0)
        self.missing = len(blocks)


class Picker:
    """What one peer still needs of a torrent, and where it is."""

    def __init__(
        self,
        have: bytearray,
        wanted: bytearray,
        piece_size: Callable[[int], int],
        rng: random.Random,
    ) -> None:
        """`have`, `wanted`: a byte for each piece, 1 if it is here, and if it is to come here."""
        self._piece_size = piece_size
        self._rng = rng
        self.have = have
        """1 for every piece that is here and verified."""
        self.lacks = bytearray(w > h for h, w in zip(have, wanted, strict=True))
        """1 for every piece that is wanted and not here."""
        self.availability = [0] * len(have)
        """Connected peers that have the piece."""
        self._started: dict[int, _Started] = {}
        self._unstarted = int.from_bytes(self.lacks, "little")
        """`lacks` without the pieces of which a block was requested, as one number."""
        # One order per peer breaks ties, so that peers do not all pick the same rare piece.
        self._rarity = list(range(len(have)))
        """Availability times the number of pieces, plus a place in that order."""
        rng.shuffle(self._rarity)
        self.left = sum(self.lacks)
        """Pieces wanted and not yet here."""
        self._fresh = not any(have)

    def pick(self, has: bytearray, count: int) -> list[Block]:
        """At most `count` blocks to ask of a peer that has the pieces flagged in `has`.

        They count as asked; none of them was asked of another.
        """
        picks: list[Block] = []
        for index, started in self._started.items():
            if started.free and has[index]:
                self._take(started, count - len(picks), picks)
                if len(picks) == count:
                    return picks
        while len(picks) < count and (rarest := self._rarest(has)) is not None:
            self._unstarted ^= 1 << 8 * rarest
            started = self._started[rarest] = _Started(self._blocks(rarest))
            self._take(started, count - len(picks), picks)
        return picks

    def _take(self, started: _Started, count: int, picks: list[Block]) -> None:
        for _ in range(min(count, len(started.free))):
            block = started.free.pop()
            started.asked[block] += 1
            picks.append(block)

    def _rarest(self, has: bytearray) -> int | None:
        count = len(has)
        # Numbers of thousands of digits are quicker than loops over as many pieces.
        useful = self._unstarted & int.from_bytes(has, "little")
        if not useful:
            return None
        there = compress(range(count), useful.to_bytes(count, "little"))
        if self._fresh and not self._started:
            return self._rng.choice(list(there))
        return min(there, key=self._rarity.__getitem__)

    @property
    def all_asked(self) -> bool:
        """True when every block that is missing was asked of somebody: the endgame."""
        return not self._unstarted and not any(s.free for s in self._started.values())

    def ask_again(self, block: Block) -> None:
        """A block that is under way is asked of one more peer."""
        self._started[block.piece].asked[block] += 1

    def received(self, block: Block) -> tuple[bool, int] | None:
        """A block came: (whether its piece is whole, how many were asked for the block).

        None when it is not wanted (any more).
        """
        started = self._started.get(block.piece)
        if started is None or block not in started.asked:
            return None
        copies = started.asked.pop(block)
        if not copies:
            started.free.remove(block)
        started.missing -= 1
        return not started.missing, copies

    def returned(self, blocks: Iterable[Block]) -> None:
        """These blocks will not come from the peer that was asked for them."""
        for block in blocks:
            started = self._started.get(block.piece)
            if started is None or not started.asked.get(block):
                continue
            started.asked[block] -= 1
            if not started.asked[block]:
                started.free.append(block)

    def verified(self, index: int) -> None:
        """The piece is here and its hash is right."""
        del self._started[index]
        self.have[index] = 1
        self.lacks[index] = 0
        self.left -= 1
        self._fresh = False

    def failed(self, index: int) -> None:
        """The piece's hash was wrong: all of it is wanted again."""
        self._started[index] = _Started(self._blocks(index))

    def gained(self, index: int) -> None:
        """A connected peer has one more piece."""
        self.availability[index] += 1
        self._rarity[index] += len(self._rarity)

    def joined(self, has: bytearray) -> None:
        """A peer with these pieces is connected."""
        for index, flag in enumerate(has):
            if flag:
                self.gained(index)

    def left_swarm(self, has: bytearray) -> None:
        """A peer with these pieces is no longer connected."""
        for index, flag in enumerate(has):
            if flag:
                self.availability[index] -= 1
                self._rarity[index] -= len(self._rarity)

    def _blocks(self, index: int) -> list[Block]:
        size = self._piece_size(index)
        return [Block(index, at, min(BLOCK, size - at)) for at in range(0, size, BLOCK)]
