"""Peers that find each other without any address in the link: by the DHT, by gossip, by both."""

import asyncio
import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from lab import Lab, RunLab

from p2p.backend import P2PBackend
from p2p.bencode import decode, encode
from p2p.config import PeerConfig
from p2p.disk.store import describe
from p2p.errors import NotFoundError
from p2p.magnet import parse
from p2p.metainfo import Metainfo
from p2p.peer import Peer

RATE = 256 * 1024.0
SIZE = 512 * 1024
BOTH = PeerConfig(piece_length=16 * 1024, names_itself=False)
DHT_ALONE = PeerConfig(piece_length=16 * 1024, names_itself=False, pex=False)
PEX_ALONE = PeerConfig(piece_length=16 * 1024, dht=False)


class Scene:
    """Peers of one backend, the first of which has the file."""

    def __init__(self, lab: Lab, config: PeerConfig, peers: int) -> None:
        self.lab = lab
        self.backend = P2PBackend(config)
        self.file = lab.folder / "file.bin"
        self.file.write_bytes(random.Random(1).randbytes(SIZE))
        self.hosts = [lab.host(f"peer-{n}", up=RATE, latency=0.02) for n in range(peers)]
        self.peers = [self.backend.client(host) for host in self.hosts]

    async def fetch(self, link: str, numbers: Sequence[int]) -> None:
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(self._fetch(link, number), name=f"peer-{number}")

    async def _fetch(self, link: str, number: int) -> None:
        path = await self.peers[number].fetch(link, self.hosts[number].directory)
        assert path.read_bytes() == self.file.read_bytes()

    async def close(self) -> None:
        for peer in self.peers:
            await peer.close()


@pytest.mark.parametrize("config", [BOTH, DHT_ALONE], ids=["dht and pex", "dht alone"])
def test_a_link_without_addresses_does_when_each_knows_one_node(
    run_lab: RunLab, config: PeerConfig
) -> None:
    async def body(lab: Lab) -> None:
        scene = Scene(lab, config, 12)
        link = await scene.peers[0].publish(scene.file)
        assert parse(link).peers == ()
        await scene.fetch(link, range(1, 12))
        uploads = [host.meter.up_bytes for host in scene.hosts[1:]]
        assert sum(uploads) > 5 * SIZE, "they have met each other, not the origin alone"
        await scene.close()

    run_lab(body, deadline_s=200.0)


def test_by_gossip_alone_the_link_names_the_origin(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        scene = Scene(lab, PEX_ALONE, 6)
        link = await scene.peers[0].publish(scene.file)
        assert parse(link).peers == ((scene.hosts[0].address, 6881),)
        await scene.fetch(link, range(1, 6))
        assert all(not peer._reception.node_port for peer in scene.peers)
        await scene.close()

    run_lab(body, deadline_s=200.0)


def test_any_peer_is_a_way_in_and_the_origin_is_not_missed(run_lab: RunLab) -> None:
    """The origin, the first way in of all, leaves; who comes then knows a peer that came later."""

    async def body(lab: Lab) -> None:
        scene = Scene(lab, DHT_ALONE, 8)
        link = await scene.peers[0].publish(scene.file)
        await scene.fetch(link, range(1, 6))
        await scene.peers[0].close()
        await scene.hosts[0].close()
        way_in = scene.peers[5].address
        late = Peer(scene.hosts[6], DHT_ALONE, lambda: [way_in])
        before = scene.hosts[0].meter.up_bytes
        scene.peers[6] = late
        await scene.fetch(link, [6])
        assert scene.hosts[0].meter.up_bytes == before
        await scene.close()

    run_lab(body, deadline_s=2000.0)


def test_a_peer_tells_others_of_its_node_and_is_their_way_in(run_lab: RunLab) -> None:
    """Who comes by an address in the link gets into the DHT by the Port message (BEP 5)."""

    async def body(lab: Lab) -> None:
        scene = Scene(lab, PeerConfig(piece_length=16 * 1024), 3)
        link = await scene.peers[0].publish(scene.file)
        stranger = Peer(scene.hosts[1], PeerConfig())
        await stranger.fetch(link, scene.hosts[1].directory)
        assert stranger._node.nodes == scene.peers[0]._node.nodes == 1
        await stranger.close()
        await scene.close()

    run_lab(body, deadline_s=200.0)


def test_nobody_knows_of_it(run_lab: RunLab) -> None:
    """With a DHT to ask, a fetch waits a minute for somebody; with none it fails at once."""

    async def body(lab: Lab) -> list[float]:
        scene = Scene(lab, dataclasses.replace(DHT_ALONE, patience_s=60.0), 3)
        await scene.peers[0].start()
        link = f"magnet:?xt=urn:btih:{'5a' * 20}"
        times = []
        lonely = Peer(scene.hosts[2], DHT_ALONE)
        for peer in (scene.peers[1], lonely):
            start = lab.now
            with pytest.raises(NotFoundError, match="no peer that has the file can be reached"):
                await peer.fetch(link, Path(lab.folder))
            times.append(lab.now - start)
        await lonely.close()
        await scene.close()
        return times

    asked, alone = run_lab(body, deadline_s=500.0)
    assert 60.0 <= asked < 90.0
    assert alone == 0.0


def test_who_asks_first_is_found_by_who_has_it_later(run_lab: RunLab) -> None:
    """A fetch that began before the file was published finds it by searching again."""

    async def body(lab: Lab) -> float:
        scene = Scene(lab, DHT_ALONE, 3)
        await scene.peers[0].start()
        described = Peer(lab.host("elsewhere"), DHT_ALONE)
        link = await described.publish(scene.file)
        await described.close()
        waiting = asyncio.create_task(scene.fetch(link, [1, 2]))
        await asyncio.sleep(30.0)
        assert not waiting.done()
        start = lab.now
        await scene.peers[0].publish(scene.file)
        await waiting
        await scene.close()
        return lab.now - start

    assert run_lab(body, deadline_s=500.0) < 60.0


def test_a_private_torrent_is_neither_announced_nor_gossiped(run_lab: RunLab) -> None:
    """BEP 27: who has it is named by hand, and meets nobody else."""

    async def body(lab: Lab) -> None:
        scene = Scene(lab, PeerConfig(piece_length=16 * 1024), 3)
        file = describe(scene.file, 16 * 1024)
        info = {**decode(file.info_bytes), b"private": 1}
        metainfo = Metainfo.from_info(encode(info))
        assert metainfo.private and not file.private
        for peer in scene.peers:
            await peer.start()
        await scene.peers[0].seed(metainfo, lab.folder)
        swarms = [
            await peer.get(metainfo, host.directory, peers=[scene.peers[0].address])
            for peer, host in zip(scene.peers[1:], scene.hosts[1:], strict=True)
        ]
        for swarm in swarms:
            await swarm.done
        assert [len(list(peer._reception.connections)) for peer in scene.peers[1:]] <= [1, 1]
        assert not any(search._asking for peer in scene.peers for search in peer._searches.values())
        for swarm in swarms:
            assert "ut_pex" not in str([mate.extensions for mate in swarm.mates()])
        assert scene.hosts[2].meter.down_by_remote.keys() <= {
            host.address for host in scene.hosts[:2]
        }
        blocks = scene.hosts[2].meter.down_by_remote
        assert blocks[scene.hosts[0].address] > SIZE
        await scene.close()

    run_lab(body, deadline_s=200.0)
