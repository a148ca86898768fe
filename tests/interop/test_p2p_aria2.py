"""aria2, a download tool that also speaks BitTorrent: it seeds to our peer and leeches from it."""

import asyncio
import random
import shutil
import socket
from contextlib import asynccontextmanager

import pytest

from host.clock import run
from host.host import Host
from host.network import Network
from p2p.config import PeerConfig
from p2p.magnet import Magnet, parse
from p2p.peer import Peer
from p2p.store import describe

ARIA2 = shutil.which("aria2c")
if ARIA2 is None:  # a program of the system's, so CI may be without it
    pytest.skip("aria2c is not installed", allow_module_level=True)

SIZE = 3_000_001
QUIET = (
    "--no-conf",
    "--interface=127.0.0.1",
    "--quiet",
    "--enable-dht=false",
    "--enable-dht6=false",
    "--bt-enable-lpd=false",
    "--file-allocation=none",
)


@asynccontextmanager
async def _aria2(metainfo, folder, *options):
    """An aria2c at work on a torrent; gives the process and the address it listens at.

    It knows of no peer, so ours have to call it.
    """
    torrent = folder.parent / "file.torrent"
    torrent.write_bytes(metainfo.to_torrent())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    process = await asyncio.create_subprocess_exec(
        ARIA2, *QUIET, *options, f"--listen-port={address[1]}", f"--dir={folder}", torrent
    )
    try:
        await _listening(address)
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listening(address) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(*address)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        await writer.wait_closed()
        return


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


def test_our_peer_downloads_from_aria2(tmp_path):
    async def scene(file, client):
        metainfo = describe(file)
        async with _aria2(metainfo, tmp_path, "--bt-seed-unverified") as (_, address):
            link = str(Magnet(metainfo.infohash, peers=(address,)))
            path = await client.fetch(link, tmp_path / "peer-0")
        assert path.read_bytes() == file.read_bytes()

    _play(scene, 1, tmp_path)


def test_aria2_downloads_from_our_peers(tmp_path):
    """A leecher calls it, being told of it by its link; aria2 never hears of another way."""

    async def scene(file, origin, client):
        magnet = parse(await origin.publish(file))
        metainfo = describe(file)
        got = tmp_path / "got"
        got.mkdir()
        async with _aria2(metainfo, got, "--seed-time=0") as (process, address):
            both = Magnet(magnet.infohash, peers=(*magnet.peers, address))
            await client.fetch(str(both), tmp_path / "peer-1")
            assert await process.wait() == 0
        assert (got / "file.bin").read_bytes() == file.read_bytes()

    _play(scene, 2, tmp_path)
