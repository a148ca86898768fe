"""Our side of a meeting with strangers: peers on hosts of their own, over the real clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

from host.clock import run
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.config import PeerConfig
from p2p.dht import DhtNode
from p2p.gossip import Address
from p2p.peer import Peer

DEADLINE_S = 60.0
"""For a busy machine; a scene takes seconds."""

FILE, FOLDER = "a file.bin", "a folder"
FILES = {
    "a.txt": 10,
    "deep/er/böhm.bin": 700_001,
    "deep/c.bin": 500_000,
    "empty": 0,
    "z.bin": 300_000,
}
"""What is in the folder: no piece but the middle ones lies in a single file."""
SIZE = sum(FILES.values())
"""Bytes of the file, and of the folder."""

Kind = Literal["file", "folder"]


def make(folder: Path, kind: Kind, size: int = SIZE) -> Path:
    """A file of `size` random bytes in that folder, or there a folder with FILES."""
    rng = random.Random(1)
    path = folder / (FILE if kind == "file" else FOLDER)
    if kind == "file":
        path.write_bytes(rng.randbytes(size))
        return path
    for name, length in FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.randbytes(length))
    return path


class Stage:
    """The network of one scene; what enters it is closed with it, last come first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = Network()
        self.exits = AsyncExitStack()
        self.exits.push_async_callback(self.network.close)

    def make(self, kind: Kind, size: int = SIZE) -> Path:
        """What is to be shared, in a folder of its own."""
        return make(self.directory("origin"), kind, size)

    def directory(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def host(self, name: str, up: float = float("inf"), down: float = float("inf")) -> Host:
        links = LinkConfig(rate=up), LinkConfig(rate=down)
        return Host(self.network, name, self.directory(name), up=links[0], down=links[1])

    def peer(self, host: Host, ways_in: Iterable[Address] | None = None) -> Peer:
        """A peer of ours; with `ways_in` it is a DHT node and knows those, without it is none."""
        known = list(ways_in or ())
        peer = Peer(host, PeerConfig(dht=ways_in is not None), lambda: known)
        self.exits.push_async_callback(peer.close)
        return peer

    async def node(self, name: str) -> DhtNode:
        """A node of ours that is no peer: somebody's way into the DHT."""
        node = DhtNode(self.host(name))
        self.exits.push_async_callback(node.close)
        await node.start(6881)
        return node


Scene = Callable[[Stage], Awaitable[None]]
Play = Callable[[Scene], None]


def play(scene: Scene, folder: Path) -> None:
    """Run a scene to its end; nothing of it is left afterwards."""

    async def main() -> None:
        stage = Stage(folder)
        async with stage.exits:
            await scene(stage)
        for _ in range(5):
            await asyncio.sleep(0)  # what is closed has a few turns to say so
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert [task.get_name() for task in left] == []

    run(main(), clock="real", deadline_s=DEADLINE_S)


def content(path: Path) -> dict[str, bytes]:
    """Every file by its path below the parent of `path`, a file or a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return {
        str(file.relative_to(path.parent)): file.read_bytes() for file in files if file.is_file()
    }
