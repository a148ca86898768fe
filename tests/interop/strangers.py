"""Two programs that speak BitTorrent, aria2 and libtorrent, behind one small interface."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from interop.stage import Stage
from interop.tracker import tracker
from programs import needs, needs_module

from p2p.dht import DhtNode
from p2p.gossip import Address
from p2p.magnet import Magnet

SHORT_WAIT_S = 0.02
"""Between two looks at what cannot be waited for."""


class Stranger(Protocol):
    """A program with one torrent, listening on 127.0.0.1."""

    address: Address

    def __init__(self, stage: Stage, name: str, ways_in: Iterable[Address] | None = None) -> None:
        """With `ways_in` it is a DHT node and knows those; without, it is none."""

    async def seed(self, torrent: bytes, folder: Path) -> None:
        """Give what lies in `folder`, and never look whether it is right."""

    async def fetch(self, wanted: bytes | Magnet, peers: Iterable[Address] = ()) -> Path:
        """Begin to fetch by torrent file or magnet link, from `peers` and whoever calls.

        Returns the folder in which it will be.
        """

    async def finished(self) -> None:
        """Until it has everything, on disk."""


class Aria2:
    """aria2c, one process of it."""

    def __init__(self, stage: Stage, name: str, ways_in: Iterable[Address] | None = None) -> None:
        self._program = needs("aria2c")
        self._stage = stage
        self._folder = stage.directory(name)
        self._dht = ways_in is not None
        self._ways_in = list(ways_in or ())
        self.address = free_address()
        self.process: asyncio.subprocess.Process | None = None

    async def seed(self, torrent: bytes, folder: Path) -> None:
        options = ("--bt-seed-unverified", "--seed-ratio=0")
        await self._start(folder, *options, str(self._written(torrent)))
        while not await self._listens():
            await asyncio.sleep(SHORT_WAIT_S)

    async def fetch(
        self, wanted: bytes | Magnet, peers: Iterable[Address] = (), *options: str
    ) -> Path:
        """It hears of no peer but by trackers and the DHT: a tracker is there to name them."""
        if known := list(peers):
            options += (f"--bt-tracker={await tracker(self._stage, known)}",)
        if isinstance(wanted, Magnet):
            source = str(Magnet(wanted.infohash))
        else:
            source = str(self._written(wanted))
        into = self._stage.directory(f"{self._folder.name}/got")
        await self._start(into, "--seed-time=0", *options, source)
        return into

    async def finished(self) -> None:
        assert self.process is not None
        assert await self.process.wait() == 0

    async def close(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def _written(self, torrent: bytes) -> Path:
        path = self._folder / "it.torrent"
        path.write_bytes(torrent)
        return path

    async def _start(self, folder: Path, *options: str) -> None:
        dht = [f"--dht-entry-point={host}:{port}" for host, port in self._ways_in]
        dht += [f"--dht-listen-port={self.address[1]}", f"--dht-file-path={self._folder}/dht.dat"]
        self.process = await asyncio.create_subprocess_exec(
            self._program,
            "--no-conf",
            "--quiet",
            "--interface=127.0.0.1",
            f"--listen-port={self.address[1]}",
            f"--enable-dht={str(self._dht).lower()}",
            "--enable-dht6=false",
            "--bt-enable-lpd=false",
            "--file-allocation=none",
            *(dht if self._dht else ()),
            f"--dir={folder}",
            *options,
        )
        self._stage.exits.push_async_callback(self.close)

    async def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, "aria2c has ended"
        try:
            _, writer = await asyncio.open_connection(*self.address)
        except ConnectionRefusedError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Libtorrent:
    """A libtorrent session."""

    def __init__(
        self, stage: Stage, name: str, ways_in: Iterable[Address] | None = None, **settings: Any
    ) -> None:
        self._lt = needs_module("libtorrent")
        self._into = stage.directory(name)
        self.session = self._lt.session(self._settings(ways_in is not None) | settings)
        for way in ways_in or ():
            self.session.add_dht_node(way)
        self.address = ("127.0.0.1", self.session.listen_port())
        self.seen: list[tuple[str, str]] = []
        """The name and the text of every alert so far."""
        stage.exits.callback(self.close)

    def _settings(self, dht: bool) -> dict[str, Any]:
        """Loopback only, TCP only: libtorrent would try uTP for 4 s before."""
        category = self._lt.alert_category
        # The DHT's rules against many nodes at one address would leave nobody here.
        loose = ("restrict_routing_ips", "restrict_search_ips", "ignore_dark_internet")
        strict = ("enforce_node_id", "prefer_verified_node_ids")
        return {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": dht,
            "dht_bootstrap_nodes": "",
            **{f"dht_{rule}": False for rule in (*loose, *strict)},
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": category.status
            | category.storage
            | category.connect
            | category.peer
            | category.peer_log
            | category.dht
            | category.upload,
        }

    async def seed(self, torrent: bytes, folder: Path) -> None:
        """It would look before the first block of a piece goes out; `disable_hash_checks` helps."""
        params = self._params(torrent)
        params.flags |= self._lt.torrent_flags.seed_mode
        self._add(params, folder)

    async def fetch(self, wanted: bytes | Magnet, peers: Iterable[Address] = ()) -> Path:
        if isinstance(wanted, Magnet):
            params = self._lt.parse_magnet_uri(str(wanted))
        else:
            params = self._params(wanted)
        into = self._into / "got"
        self._add(params, into)
        for peer in peers:
            self.torrent.connect_peer(peer)
        return into

    async def finished(self) -> None:
        await self.tells("torrent_finished")
        told = len(self.seen)
        self.torrent.flush_cache()
        await self.tells("cache_flushed", after=told)

    async def tells(self, kind: str, text: str = "", after: int = 0) -> None:
        """Until there is an alert of that kind, with that text in it."""
        loop = asyncio.get_running_loop()
        while not self.told(kind, text, after):
            await loop.run_in_executor(None, self.session.wait_for_alert, 200)
            alerts = self.session.pop_alerts()
            self.seen += [(alert.what(), alert.message()) for alert in alerts]

    def told(self, kind: str, text: str = "", after: int = 0) -> list[str]:
        return [said for what, said in self.seen[after:] if what == kind and text in said]

    def close(self) -> None:
        self.session.pause()
        del self.session

    def _params(self, torrent: bytes) -> Any:
        params = self._lt.add_torrent_params()
        params.ti = self._lt.torrent_info(self._lt.bdecode(torrent))
        return params

    def _add(self, params: Any, folder: Path) -> None:
        flags = self._lt.torrent_flags
        params.save_path = str(folder)
        params.flags &= ~(flags.paused | flags.auto_managed)
        self.torrent = self.session.add_torrent(params)


async def announced(node: DhtNode, infohash: bytes, address: Address) -> None:
    """Until the node was told that this peer has the torrent.

    It is looked for in the node itself: libtorrent bars an address that asks it too often.
    """
    kept = node._answerer.announced
    while address not in kept.sample(infohash, 10, asyncio.get_running_loop().time()):
        await asyncio.sleep(SHORT_WAIT_S)


def free_address() -> Address:
    """A TCP port of 127.0.0.1 that nobody has, with the UDP port of that number."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as stream:
            address: Address = stream.getsockname()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind(address)
                except OSError:
                    continue
            return address
