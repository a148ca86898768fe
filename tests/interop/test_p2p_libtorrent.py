"""libtorrent, the reference of the field, and our peer: each downloads from the other for real."""

import asyncio
import os
import random
from contextlib import contextmanager

import pytest

from host.clock import run
from host.host import Host
from host.network import Network
from p2p.config import PeerConfig
from p2p.magnet import Magnet, parse
from p2p.metainfo import Metainfo
from p2p.peer import Peer
from p2p.store import describe

try:
    import libtorrent as lt
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("libtorrent is not installed", allow_module_level=True)

SIZE = 3_000_001
QUIET = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # Our peer speaks TCP; libtorrent would try uTP for 4 s first.
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": lt.alert_category.status | lt.alert_category.storage | lt.alert_category.connect,
}


class Stranger:
    """A libtorrent session with one torrent."""

    def __init__(self):
        self.session = lt.session(QUIET)

    @property
    def address(self):
        return "127.0.0.1", self.session.listen_port()

    def seed(self, metainfo: Metainfo, folder) -> None:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(lt.bdecode(metainfo.to_torrent()))
        params.flags |= lt.torrent_flags.seed_mode
        self._add(params, folder)

    def fetch(self, link: str, folder) -> None:
        self._add(lt.parse_magnet_uri(link), folder)

    def _add(self, params, folder) -> None:
        params.save_path = str(folder)
        params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
        self.torrent = self.session.add_torrent(params)

    async def finish(self) -> None:
        """Until the file is whole and on disk."""
        await self.wait_for(lt.torrent_finished_alert)
        self.torrent.flush_cache()
        await self.wait_for(lt.cache_flushed_alert)

    async def wait_for(self, kind) -> None:
        """Until libtorrent reports an alert of this kind."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, self.session.wait_for_alert, 200)
            alerts = self.session.pop_alerts()
            if any(isinstance(alert, kind) for alert in alerts):
                return


@contextmanager
def _stranger():
    stranger = Stranger()
    try:
        yield stranger
    finally:
        stranger.session.pause()


def _play(scene, peers: int, tmp_path) -> None:
    """Run `scene(file, *peers)` in real time; each peer has a host and a folder of its own."""

    async def main():
        network = Network()
        file = tmp_path / "file.bin"
        file.write_bytes(random.Random(1).randbytes(SIZE))
        nodes = []
        for number in range(peers):
            folder = tmp_path / f"peer-{number}"
            folder.mkdir()
            nodes.append(Peer(Host(network, folder.name, folder), PeerConfig()))
        try:
            await scene(file, *nodes)
        finally:
            for node in nodes:
                await node.close()
            await network.close()

    run(main(), clock="real", deadline_s=10)


def test_libtorrent_downloads_from_our_peer_by_magnet_link(tmp_path):
    async def scene(file, origin):
        with _stranger() as stranger:
            stranger.fetch(await origin.publish(file), tmp_path / "got")
            await stranger.finish()
        assert (tmp_path / "got" / "file.bin").read_bytes() == file.read_bytes()

    _play(scene, 1, tmp_path)


def test_our_peer_downloads_from_libtorrent_by_magnet_link(tmp_path):
    async def scene(file, client):
        metainfo = describe(file)
        with _stranger() as stranger:
            stranger.seed(metainfo, tmp_path)
            link = str(Magnet(metainfo.infohash, peers=(stranger.address,)))
            path = await client.fetch(link, tmp_path / "peer-0")
        assert path.read_bytes() == file.read_bytes()

    _play(scene, 1, tmp_path)


def test_a_peer_that_learns_the_metainfo_passes_it_and_the_file_on_to_libtorrent(tmp_path):
    """libtorrent is there first, when our peer knows no more than it does."""

    async def scene(file, origin, client):
        magnet = parse(await origin.publish(file))
        with _stranger() as stranger:
            stranger.fetch(str(Magnet(magnet.infohash)), tmp_path / "got")
            both = Magnet(magnet.infohash, peers=(stranger.address,))
            fetching = asyncio.create_task(client.fetch(str(both), tmp_path / "peer-1"))
            await stranger.wait_for(lt.peer_connect_alert)
            again = asyncio.create_task(client.fetch(str(magnet), tmp_path / "peer-1"))
            await stranger.finish()
            assert await fetching == await again
        assert (tmp_path / "got" / "file.bin").read_bytes() == file.read_bytes()

    _play(scene, 2, tmp_path)
