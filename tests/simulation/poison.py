"""Makes liars of some nodes of a swarm: what they read from their disks is not what is there."""

from collections.abc import Callable

import pytest

from p2p.disk.store import Store
from p2p.wire import BLOCK


def poison(
    monkeypatch: pytest.MonkeyPatch,
    forged: Callable[[int, int], bool] = lambda index, begin: True,
) -> None:
    """Nodes called "poisoner…" send zeros for the blocks (piece, begin) that are `forged`."""
    read = Store.get

    def get(store: Store, index: int, begin: int, length: int) -> bytes:
        data = read(store, index, begin, length)
        if not store.path.parent.name.startswith("poisoner"):
            return data
        blocks = ((at, data[at : at + BLOCK]) for at in range(0, length, BLOCK))
        return b"".join(
            bytes(len(block)) if forged(index, begin + at) else block for at, block in blocks
        )

    monkeypatch.setattr(Store, "get", get)
