"""Torrents that change: a mutable item of the DHT names the newest one (BEP 46)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from host.host import Host
from p2p.bencode import decode
from p2p.dht import DhtNode
from p2p.dht.items import Mutable, public_key, sign
from p2p.dht.messages import ID_LENGTH
from p2p.dht.routing import K
from p2p.errors import BencodeError, DiskError, NotFoundError
from p2p.magnet import Magnet, UpdateMagnet
from p2p.swarm import Swarm

REPUBLISH_S = 3600.0
"""Seconds until an item is put again, half the time that nodes keep it (BEP 44)."""

FEW_S = 60.0
"""Seconds until it is put again when few nodes took it, twice as long each time."""

CHECK_S = 60.0
"""Seconds between two looks for a newer version; BEP 46 only says periodically."""

SOON_S = 5.0
"""Seconds until the second look while none is known, three times as long each time up to CHECK_S:
who has just started knows few nodes."""


class Update(NamedTuple):
    """One version of a torrent that changes."""

    seq: int
    infohash: bytes


def read(item: Mutable | None) -> Update | None:
    """The version that an item names, None for one that is about something else."""
    if item is None:
        return None
    try:
        value = decode(item.value)
    except BencodeError:
        return None
    infohash = value.get(b"ih") if isinstance(value, dict) else None
    if not isinstance(infohash, bytes) or len(infohash) != ID_LENGTH:
        return None
    return Update(item.seq, infohash)


class Publisher:
    """Puts items under keys of its own, and keeps them in the DHT until it is closed."""

    def __init__(self, host: Host, node: DhtNode) -> None:
        self._host = host
        self._node = node
        self._turn = asyncio.Lock()
        self._keeping: dict[bytes, asyncio.Task[None]] = {}
        self._closed = False

    async def publish(self, secret: bytes, infohash: bytes, salt: bytes) -> Update:
        """Say that this torrent is the newest from now on; one version after what the DHT has."""
        async with self._turn:
            there = await self._node.get_item(public_key(secret), salt)
            item = sign(secret, 1 if there is None else there.seq + 1, {"ih": infohash}, salt)
            if there is not None and there.value == item.value:
                item = there
            if keeping := self._keeping.pop(item.target, None):
                keeping.cancel()
            copies = await self._node.put_item(item)
            if not self._closed:
                keeping = self._host.spawn(self._keep(item, copies), "keeps its item in the DHT")
                self._keeping[item.target] = keeping
            return Update(item.seq, infohash)

    async def _keep(self, item: Mutable, copies: int) -> None:
        few_s = FEW_S
        while True:
            await asyncio.sleep(REPUBLISH_S if copies >= K else min(few_s, REPUBLISH_S))
            few_s *= 2
            copies = await self._node.put_item(item)

    def close(self) -> None:
        """Put nothing any more."""
        self._closed = True
        for keeping in self._keeping.values():
            keeping.cancel()


class Follower:
    """Knows the newest version behind one link, and helps to keep it in the DHT."""

    def __init__(
        self, host: Host, node: DhtNode, link: UpdateMagnet, ended: asyncio.Future[None]
    ) -> None:
        """`ended` is done when the peer is closed."""
        self.ended = ended
        self._looks = 0
        self._host = host
        self._node = node
        self._link = link
        self._item: Mutable | None = None
        self._keep_at = self._later()

    async def newest(self) -> Update | None:
        """Ask the DHT; the newest so far, None while there is none."""
        self._looks += 1
        known = self._item
        self._item = await self._node.get_item(self._link.key, self._link.salt, known)
        if self._item is not None and self._item is not known:
            # Where nodes are few, the publisher's next version must not miss the number of this.
            self._node.keep(self._item)
        if self._item is not None and self._host.loop.time() >= self._keep_at:
            self._keep_at = self._later()
            await self._node.put_item(self._item, if_rare=True)
        return read(self._item)

    async def first(self, patience_s: float) -> Update:
        """The newest as soon as there is one.

        Raises NotFoundError after `patience_s`, or at once when there is nobody to ask.
        """
        loop = self._host.loop
        last = loop.time() + patience_s
        while (found := await self.newest()) is None:
            if self.ended.done() or loop.time() >= last or not self._node.knows_somebody:
                raise NotFoundError("no DHT node that can be reached knows of this torrent")
            await _first(min(last, loop.time() + self.pause_s(math.inf)), self.ended)
        return found

    def pause_s(self, every_s: float) -> float:
        """Seconds until the next look by who looks every so often."""
        if read(self._item) is not None:
            return every_s
        return min(every_s, CHECK_S, SOON_S * 3.0 ** min(self._looks - 1, 9))

    def _later(self) -> float:
        # Not all at once: those who come first spare the others the work (BEP 44).
        return self._host.loop.time() + REPUBLISH_S * self._host.rng.uniform(0.75, 1.0)


class Fetcher(Protocol):
    """What following needs of a peer."""

    async def follower(self, link: str) -> Follower:
        """Who asks the DHT; MagnetError and P2PError where that cannot be."""

    async def get(self, wanted: Magnet, directory: Path) -> Swarm:
        """Begin to fetch a torrent."""

    async def leave(self, swarm: Swarm) -> None:
        """Neither fetch nor give it any more."""


async def follow(
    peer: Fetcher, link: str, directory: Path, every_s: float
) -> AsyncGenerator[Path, None]:
    """The path of every version that was the newest at a look, once it is whole.

    Each comes into a folder named by its number.  The one before is given to others until then,
    and its swarm is left: who comes later is told of the newest alone.  A version that nobody
    can be found to have is tried again at the next look.  Ends when the peer is closed.
    """
    follower = await peer.follower(link)
    loop = asyncio.get_running_loop()
    coming: Swarm | None = None
    given: Swarm | None = None
    while not follower.ended.done():
        began = loop.time()
        version = await follower.newest()
        if follower.ended.done():
            return
        due = began + follower.pause_s(every_s)
        current = coming or given
        if version is not None and (current is None or version.infohash != current.infohash):
            if coming is not None:
                await peer.leave(coming)
            coming = await peer.get(Magnet(version.infohash), _folder(directory, version))
        elif coming is not None and coming.trouble is not None:
            coming = await peer.get(Magnet(coming.infohash), coming.directory)
        if coming is not None:
            await _first(due, follower.ended, coming.done)
        if coming is not None and _settled(coming) and not follower.ended.done():
            path = coming.done.result()
            if given is not None:
                await peer.leave(given)
            given, coming = coming, None
            yield path
        await _first(due, follower.ended)


def _settled(swarm: Swarm) -> bool:
    """Whether it is whole, or has failed for good."""
    return swarm.done.done() and not isinstance(swarm.done.exception(), NotFoundError)


def _folder(directory: Path, version: Update) -> Path:
    """The folder of one version, made if need be. Raises DiskError."""
    folder = directory / str(version.seq)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"{folder}: {error.strerror or error}") from None
    return folder


async def _first(due: float, *futures: asyncio.Future[Any]) -> None:
    """Until one of the futures is done, or it is `due` on the loop's clock."""
    patience_s = max(0.0, due - asyncio.get_running_loop().time())
    await asyncio.wait(futures, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
