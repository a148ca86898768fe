"""A BitTorrent peer: server and client at once, the same program on every host.

It listens, keeps its torrents, and looks for others that have them: in links (BEP 9), in the DHT
(BEP 5), and by what its peers tell it (BEP 11).  Of torrents that change it finds the newest
version (BEP 46).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from threading import Event

from host.host import Host
from host.listener import Listener
from p2p import magnet
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dht import FLOOD_LIMIT, DhtConfig, DhtNode
from p2p.dht.items import public_key
from p2p.disk.store import Store, describe
from p2p.errors import CorruptError, P2PError
from p2p.gossip import Address
from p2p.magnet import Magnet, UpdateMagnet
from p2p.metainfo import Metainfo
from p2p.reception import Reception
from p2p.search import Search
from p2p.swarm import Select, Swarm
from p2p.updates import CHECK_S, Follower, Publisher, Update, follow
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
        on_piece: Callable[[int], None] | None = None,
    ) -> None:
        """`ways_in` gives the DHT nodes to begin with, when the peer starts.

        `on_piece` is told the index of every piece that has come and is right.
        """
        self._host = host
        self._config = config
        self._ways_in = ways_in
        self._on_piece = on_piece
        self._upload = Upload(host, config)
        self._swarms: dict[bytes, Swarm] = {}
        self._searches: dict[bytes, Search] = {}
        peer_id = PEER_ID_PREFIX + host.rng.randbytes(12)
        self._reception = Reception(
            host, config, peer_id, self._upload, find=self._find, left=self._left
        )
        self._listener: Listener | None = None
        self._node: DhtNode | None = None
        self._publisher: Publisher | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ended: asyncio.Future[None] = host.loop.create_future()  # done when it is closed

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
            self._searches[swarm.infohash].begin()
        return str(self.magnet(swarm))

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch what a magnet link names into the directory, verified; returns its path."""
        wanted = magnet.parse_any(link)
        if isinstance(wanted, UpdateMagnet):
            wanted = Magnet((await self.newest(link)).infohash)
        swarm = await self.get(wanted, directory)
        return await asyncio.shield(swarm.done)

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every torrent's (bytes here, bytes in all)."""
        found = {}
        for swarm in self._swarms.values():
            progress = swarm.progress()
            if swarm.metainfo is not None and progress.phase != "checking":
                found[swarm.metainfo.name] = (progress.bytes_here, progress.bytes_wanted)
        return found

    def pieces(self) -> dict[str, int]:
        """The number of pieces of every torrent whose metainfo is here."""
        known = [swarm.metainfo for swarm in self._swarms.values()]
        return {metainfo.name: metainfo.piece_count for metainfo in known if metainfo is not None}

    async def close(self) -> None:
        """Leave every swarm; who is about to join one is refused."""
        if not self._ended.done():
            self._ended.set_result(None)
        if self._publisher is not None:
            self._publisher.close()
        if self._ticking is not None:
            self._ticking.cancel()
        there = [(self._searches[infohash], self._swarms[infohash]) for infohash in self._swarms]
        for search, swarm in there:
            await search.close()
            await swarm.close()
        self._reception.close()
        if self._listener is not None:
            self._listener.close()
        if self._node is not None:
            await self._node.close()

    # ---- the same, step by step

    async def start(self) -> None:
        """Listen for peers and DHT nodes at the same number.

        OSError when the port is taken, P2PError when the host is down.
        """
        async with self._starting:
            if self._listener is not None:
                return
            try:
                await self._open()
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    raise P2PError("the host is down") from None
                raise

    async def _open(self) -> None:
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
        if self._ended.done():  # meanwhile, and what was opened since is to be closed again
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
        """Where our DHT node answers, if there is one, it has started and is not closed."""
        return None if self._node is None or self._ended.done() else self._node.address

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
        self._searches[swarm.infohash].begin()
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
        self._searches[swarm.infohash].begin()
        self._learned_peers(swarm, [*named, *peers])
        return swarm

    def magnet(self, swarm: Swarm) -> Magnet:
        """The link to a torrent that we know."""
        metainfo = swarm.metainfo
        own = (self.address,) if self._config.names_itself else ()
        if metainfo is None:
            return Magnet(swarm.infohash, peers=own)
        return Magnet(metainfo.infohash, metainfo.name, metainfo.length, own)

    # ---- torrents that change

    async def publish_update(self, secret: bytes, infohash: bytes, salt: bytes = b"") -> str:
        """Say that a torrent is the newest of a key's owner, and keep the DHT saying so (BEP 46).

        `secret` is an Ed25519 key of 32 bytes.  Returns the link to follow, the same for every
        version.  Raises MagnetError for a salt of over 64 bytes, P2PError without DHT.
        """
        node = await self._dht()
        own = (self.address,) if self._config.names_itself else ()
        link = UpdateMagnet(public_key(secret), salt, own)
        if self._publisher is None:
            self._publisher = Publisher(self._host, node)
        await self._publisher.publish(secret, infohash, salt)
        return str(link)

    async def newest(self, link: str) -> Update:
        """The newest version behind a link. Raises NotFoundError, MagnetError, P2PError."""
        follower = await self.follower(link)
        return await follower.first(self._config.lonely_s(self._host.up.rate))

    def follow(
        self, link: str, directory: Path, every_s: float = CHECK_S
    ) -> AsyncGenerator[Path, None]:
        """Fetch every version that is the newest when looked for, `every_s` seconds apart.

        Gives the paths of those that are whole, below `directory` in folders named by number; see
        `p2p.updates.follow`.
        """
        return follow(self, link, directory, every_s)

    async def follower(self, link: str) -> Follower:
        """Who knows the newest version behind a link. Raises MagnetError, P2PError."""
        wanted = magnet.parse_update(link)
        node = await self._dht()
        node.meet(wanted.peers)
        return Follower(self._host, node, wanted, self._ended)

    async def leave(self, swarm: Swarm) -> None:
        """Neither fetch nor give a torrent any more; its files stay."""
        if self._swarms.get(swarm.infohash) is swarm:
            search = self._searches.pop(swarm.infohash)
            del self._swarms[swarm.infohash]
            await search.close()
            await swarm.close()

    async def _dht(self) -> DhtNode:
        await self.start()
        if self._node is None:
            raise P2PError("torrents that change are found in the DHT, which is off here")
        return self._node

    # ---- swarms

    async def _swarm(self, infohash: bytes, directory: Path, select: Select | None) -> Swarm:
        """A new swarm, in place of one that came to nothing."""
        if infohash in self._swarms:
            await self.leave(self._swarms[infohash])
        if self._ended.done():
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
            on_piece=self._on_piece,
        )
        self._swarms[infohash] = swarm
        self._searches[infohash] = Search(
            self._host, self._config, swarm, self._reception, self._node, own=self.address
        )
        return swarm

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
                self._searches[infohash].dial()
                for mate in swarm.mates():
                    swarm.gossip(mate)
                self.give_up_if_alone(swarm)
            self._reception.tend()

    # ---- who else is there

    def _learned_peers(self, swarm: Swarm, addresses: Iterable[Address]) -> None:
        if search := self._searches.get(swarm.infohash):
            search.learn(addresses)

    def _met_node(self, address: Address) -> None:
        if self._node is not None:
            self._node.meet([address])

    def give_up_if_alone(self, swarm: Swarm) -> None:
        """A fetch fails when nobody was there for so long, or nobody can be found."""
        if search := self._searches.get(swarm.infohash):
            search.give_up_if_alone()

    def _left(self, connection: Connection, swarm: Swarm) -> None:
        if search := self._searches.get(swarm.infohash):
            search.hung_up(connection)


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
