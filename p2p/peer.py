"""A BitTorrent peer: server and client at once, the same program on every host.

It listens, keeps its torrents, and looks for others that have them: in links (BEP 9), in the DHT
(BEP 5), and by what its peers tell it (BEP 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from host.host import Host
from host.listener import Listener
from p2p import magnet
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dht import FLOOD_LIMIT, DhtConfig, DhtNode
from p2p.dialer import Dialer
from p2p.disk.store import Store, describe
from p2p.errors import CorruptError, NotFoundError, P2PError
from p2p.gossip import Address
from p2p.magnet import Magnet
from p2p.metainfo import Metainfo
from p2p.reception import Reception
from p2p.swarm import Select, Swarm
from p2p.upload import Upload

CLOSED = "the peer was closed"

PEER_ID_PREFIX = b"-FL0100-"
"""BEP 20: two letters for the client, four digits for its version."""


class Peer:
    """One node of the P2P backend."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        ways_in: Callable[[], Iterable[Address]] = tuple,
    ) -> None:
        """`ways_in` gives the DHT nodes to begin with, when the peer starts."""
        self._host = host
        self._config = config
        self._ways_in = ways_in
        self._upload = Upload(host, config)
        self._swarms: dict[bytes, Swarm] = {}
        self._dialers: dict[bytes, Dialer] = {}
        self._seeking: dict[bytes, asyncio.Task[None]] = {}
        peer_id = PEER_ID_PREFIX + host.rng.randbytes(12)
        self._reception = Reception(
            host, config, peer_id, self._upload, find=self._find, left=self._left
        )
        self._listener: Listener | None = None
        self._node: DhtNode | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    # ---- the node's contract

    async def publish(self, path: Path) -> str:
        """Offer the file or folder at `path` as its origin; returns a magnet link."""
        await self.start()
        metainfo = await self._host.compute(describe, path, self._config.piece_length)
        swarm = self._swarms.get(metainfo.infohash)
        if swarm is None or not swarm.seeding or swarm.trouble is not None:
            store = Store.seed(metainfo, path.parent)
            swarm = await self._swarm(metainfo.infohash, path.parent, None)
            swarm.offer(metainfo, store, superseed=True)
            self._seek(swarm)
        return str(self.magnet(swarm))

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch what a magnet link names into the directory, verified; returns its path."""
        swarm = await self.get(magnet.parse(link), directory)
        return await asyncio.shield(swarm.done)

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every torrent's (bytes here, bytes in all)."""
        found = {}
        for swarm in self._swarms.values():
            progress = swarm.progress()
            if swarm.metainfo is not None and progress.phase != "checking":
                found[swarm.metainfo.name] = (progress.bytes_here, progress.bytes_wanted)
        return found

    async def close(self) -> None:
        """Leave every swarm; who is about to join one is refused."""
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
        for swarm in list(self._swarms.values()):
            await self._leave(swarm)
        self._reception.close()
        if self._listener is not None:
            self._listener.close()
        if self._node is not None:
            await self._node.close()

    # ---- the same, step by step

    async def start(self) -> None:
        """Listen for peers and DHT nodes at the same number; OSError when the port is taken."""
        async with self._starting:
            if self._listener is not None:
                return
            listener = await self._host.listen(self._reception.called, self._config.port)
            if self._config.dht:
                sharers = self._host.network.sharers()
                node = DhtNode(self._host, DhtConfig(flood_limit=FLOOD_LIMIT * sharers))
                try:
                    await node.start(listener.port)
                except BaseException:
                    listener.close()
                    raise
                node.meet(self._ways_in())
                self._node, self._reception.node_port = node, node.address[1]
            self._listener = listener
            if self._closed:  # meanwhile, and what was opened since is to be closed again
                await self.close()
                raise P2PError(CLOSED)
            self._ticking = self._host.spawn(self._tick(), "ticks")

    @property
    def address(self) -> Address:
        """Where others reach us, once we have started."""
        assert self._listener is not None
        return self._listener.address

    @property
    def node_address(self) -> Address | None:
        """Where our DHT node answers, if there is one and it has started."""
        return None if self._node is None else self._node.address

    async def seed(self, metainfo: Metainfo, directory: Path, *, verified: bool = False) -> Swarm:
        """Offer files that lie whole under `directory`, hashed first unless they were just now.

        All at once and to anybody: BEP 16 is for who has the only copy.
        Raises NotFoundError, CorruptError or DiskError.
        """
        await self.start()
        stopped = Event()
        try:
            store = await self._host.compute(_whole, metainfo, directory, verified, stopped)
        finally:
            stopped.set()
        swarm = await self._swarm(metainfo.infohash, directory, None)
        swarm.offer(metainfo, store, superseed=False)
        self._seek(swarm)
        return swarm

    async def get(
        self,
        wanted: Magnet | Metainfo,
        directory: Path,
        select: Select | None = None,
        peers: Iterable[Address] = (),
    ) -> Swarm:
        """Begin to fetch a torrent, or those of its files that `select` chooses; see `done`."""
        await self.start()
        swarm = self._swarms.get(wanted.infohash)
        if swarm is None or swarm.trouble is not None:
            swarm = await self._swarm(wanted.infohash, directory, select)
            if isinstance(wanted, Metainfo):
                swarm.learned(wanted)
        elif swarm.directory != directory:
            raise P2PError(f"{wanted.infohash.hex()} is in {swarm.directory} already")
        named = wanted.peers if isinstance(wanted, Magnet) else ()
        self._seek(swarm)
        self._learned_peers(swarm, [*named, *peers])
        return swarm

    def magnet(self, swarm: Swarm) -> Magnet:
        """The link to a torrent that we know."""
        metainfo = swarm.metainfo
        own = (self.address,) if self._config.names_itself else ()
        if metainfo is None:
            return Magnet(swarm.infohash, peers=own)
        return Magnet(metainfo.infohash, metainfo.name, metainfo.length, own)

    # ---- swarms

    async def _swarm(self, infohash: bytes, directory: Path, select: Select | None) -> Swarm:
        """A new swarm, in place of one that came to nothing."""
        if infohash in self._swarms:
            await self._leave(self._swarms[infohash])
        if self._closed:
            raise P2PError(CLOSED)
        swarm = Swarm(
            self._host,
            self._config,
            infohash,
            self._upload,
            port=self.address[1],
            directory=directory,
            select=select,
            learned_peers=self._learned_peers,
            met_node=self._met_node,
            flush_later=self._reception.flush_later,
        )
        self._swarms[infohash] = swarm
        self._dialers[infohash] = Dialer(
            self._host,
            self._config,
            own=self.address,
            new=lambda: self._reception.calling(swarm),
            full=lambda: not swarm.seeks or self._reception.full,
            connected=lambda: {mate.listens_at for mate in swarm.mates()},
            gave_up=lambda: self.give_up_if_alone(swarm),
            eager=lambda: swarm.superseeding,
        )
        return swarm

    async def _leave(self, swarm: Swarm) -> None:
        if seeking := self._seeking.pop(swarm.infohash, None):
            seeking.cancel()
            await asyncio.wait([seeking])
        self._dialers[swarm.infohash].close()
        await swarm.close()

    def _find(self, infohash: bytes) -> Swarm | None:
        swarm = self._swarms.get(infohash)
        return swarm if swarm is not None and swarm.trouble is None else None

    async def _tick(self) -> None:
        """What is done at a steady pace: slots, silent peers, gossip, new connections."""
        rate = self._host.up.rate
        while True:
            await asyncio.sleep(self._config.rechoke_s(rate))
            self._upload.rechoke()
            for infohash, swarm in self._swarms.items():
                swarm.tend(self._config.snub_s(rate), self._config.greeting_s(rate))
                self._dialers[infohash].dial()
                for mate in swarm.mates():
                    swarm.gossip(mate)
                self.give_up_if_alone(swarm)
            self._reception.tend()

    # ---- who else is there

    def _learned_peers(self, swarm: Swarm, addresses: Iterable[Address]) -> None:
        if swarm.seeks:
            self._dialers[swarm.infohash].learn(addresses)

    def _met_node(self, address: Address) -> None:
        if self._node is not None:
            self._node.meet([address])

    def _seek(self, swarm: Swarm) -> None:
        """Look for the torrent's peers in the DHT from now on, and be found there."""
        if self._node is not None and not swarm.private and swarm.infohash not in self._seeking:
            seeking = self._host.spawn(self._search(self._node, swarm), "looks for peers")
            self._seeking[swarm.infohash] = seeking

    async def _search(self, node: DhtNode, swarm: Swarm) -> None:
        searches, known, rate = 0, 0, self._host.up.rate
        dialer, config = self._dialers[swarm.infohash], self._config
        while swarm.trouble is None and not swarm.private:
            await node.search(
                swarm.infohash,
                announce=self.address[1],
                found=lambda addresses: self._learned_peers(swarm, addresses),
            )
            searches += 1
            self.give_up_if_alone(swarm)
            few = swarm.seeks and sum(1 for _ in swarm.mates()) < config.enough
            # Where three searches have found the same few, there are no others.
            again = few and (searches < 3 or dialer.known != known)
            known = dialer.known
            await asyncio.sleep(
                config.search_s(rate, searches) if again else config.announce_s(rate)
            )

    def give_up_if_alone(self, swarm: Swarm) -> None:
        """A fetch fails when nobody was there for so long, or nobody can be found."""
        checking = swarm.metainfo is not None and swarm.download is None
        if swarm.done.done() or checking or any(True for _ in swarm.mates()):
            return
        left_s = swarm.lonely_since + self._config.lonely_s(self._host.up.rate)
        left_s -= self._host.loop.time()
        hopeless = self._node is None or not self._node.knows_somebody
        if left_s <= 0 or (hopeless and self._dialers[swarm.infohash].exhausted):
            swarm.failed(NotFoundError("no peer that has the file can be reached"))

    def _left(self, connection: Connection, swarm: Swarm) -> None:
        if connection.called is not None and swarm.infohash in self._dialers:
            self._dialers[swarm.infohash].hung_up(
                connection.called,
                answered=connection.peer_id != b"",
                useful=connection.joined and connection.pieces > 0,
                banned=swarm.bans(connection),
            )


def _whole(metainfo: Metainfo, directory: Path, verified: bool, stopped: Event) -> Store:
    """The store of files that are whole and right; blocking, until `stopped`."""

    def go_on(checked: int) -> None:
        if stopped.is_set():
            raise P2PError("given up while it was being checked")

    store = Store.seed(metainfo, directory)
    try:
        if not verified and (wrong := metainfo.piece_count - sum(store.check(go_on))):
            count = f"{wrong} of {metainfo.piece_count} pieces"
            raise CorruptError(f"{store.path}: {count} are not what the torrent says")
    except BaseException:
        store.close()
        raise
    return store
