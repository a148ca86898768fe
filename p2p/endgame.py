"""Which block to ask of a peer that has nothing else to send us: moved from a queue, or late.

When every block is asked of somebody, what is left waits in the queues of busy peers while others
are idle (Cohen 2003, section 2.4.4, "endgame mode").  Asking everybody for everything would send
many blocks twice, so a block is moved when it stands behind another in a peer's queue, and asked a
second time only when it is overdue.  Pure: takes what is known, decides, sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from p2p.picker import Block

K = TypeVar("K")


def last_in_line(
    queues: Iterable[tuple[K, dict[Block, float]]], has: Sequence[int]
) -> tuple[K, Block] | None:
    """The peer with the longest queue of our requests, and its last one, if `has` has the piece.

    A request that stands alone is not moved: it may be on its way already.
    """
    waiting = [(len(asked), key, asked) for key, asked in queues if len(asked) > 1]
    waiting.sort(key=lambda entry: -entry[0])
    for _, key, asked in waiting:
        block = next(reversed(asked))
        if has[block.piece]:
            return key, block
    return None


def overdue(
    queues: Iterable[tuple[K, dict[Block, float]]], has: Sequence[int], since: float
) -> Block | None:
    """The block asked for longest ago, before the time `since`, if `has` has any such piece."""
    late = [
        (when, block)
        for _, asked in queues
        for block, when in asked.items()
        if when < since and has[block.piece]
    ]
    return min(late)[1] if late else None
