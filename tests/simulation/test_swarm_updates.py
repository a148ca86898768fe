"""Torrents that change: how a new version comes to those who follow it (BEP 46)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lab import Lab, RunLab

from host.clock import run
from host.host import Host
from p2p.backend import P2PBackend
from p2p.config import PeerConfig
from p2p.dht.items import KEPT_S, public_key, sign
from p2p.errors import MagnetError, NotFoundError, P2PError
from p2p.magnet import UpdateMagnet, parse
from p2p.peer import Peer
from p2p.updates import Update

CONFIG = PeerConfig(piece_length=16 * 1024, names_itself=False)
SECRET = random.Random(1).randbytes(32)
LINK = str(UpdateMagnet(public_key(SECRET)))
SIZE = 200_000


class Scene:
    """Peers of one backend: the publisher, number 0, and those who may follow it."""

    def __init__(self, lab: Lab, peers: int, config: PeerConfig = CONFIG) -> None:
        self.lab = lab
        self.backend = P2PBackend(config)
        self.peers: list[Peer] = []
        self.hosts: list[Host] = []
        for _ in range(peers):
            self.comes()
        self.seen: list[tuple[float, int, str]] = []
        """When a version was whole at whom, and the name of its folder."""
        self.followers: list[asyncio.Task[None]] = []

    def comes(self) -> int:
        """One more peer; returns its number."""
        host = self.lab.host(f"peer-{len(self.peers)}", up=1e6, latency=0.02)
        self.hosts.append(host)
        self.peers.append(self.backend.client(host))
        return len(self.peers) - 1

    def content(self, version: int, size: int = SIZE) -> bytes:
        return random.Random(version).randbytes(size)

    async def offer(self, version: int, size: int = SIZE) -> bytes:
        """Publish a version, always under the same file name, and say that it is the newest."""
        path = self.hosts[0].directory / f"made-{version}" / "song"
        path.parent.mkdir()
        path.write_bytes(self.content(version, size))
        infohash = parse(await self.peers[0].publish(path)).infohash
        assert await self.peers[0].publish_update(SECRET, infohash) == LINK
        return infohash

    def follow(self, *numbers: int, every_s: float = 60.0) -> None:
        self.followers += [
            asyncio.create_task(self._follow(number, every_s), name=f"{number} follows")
            for number in numbers
        ]

    async def _follow(self, number: int, every_s: float) -> None:
        folder = self.hosts[number].directory
        async for path in self.peers[number].follow(LINK, folder, every_s):
            version = int(path.parent.name)
            assert path == folder / str(version) / "song"
            assert path.read_bytes() == self.content(version)
            self.seen.append((self.lab.now, number, path.parent.name))

    def of(self, version: int) -> list[int]:
        return sorted(number for _, number, name in self.seen if name == str(version))

    async def close(self) -> None:
        for peer in self.peers:
            await peer.close()
        await asyncio.gather(*self.followers)


def play(run_lab: RunLab, peers: int, scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def body(lab: Lab) -> None:
        stage = Scene(lab, peers)
        await scene(stage)
        await stage.close()

    run_lab(body)


def test_every_follower_has_the_new_version_soon_after_its_next_look(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        await stage.offer(1)
        stage.follow(*range(1, 10))
        await asyncio.sleep(100.0)
        assert stage.of(1) == list(range(1, 10))
        published = stage.lab.now
        await stage.offer(2)
        await asyncio.sleep(70.0)
        assert stage.of(2) == list(range(1, 10))
        times = [when - published for when, _, name in stage.seen if name == "2"]
        assert max(times) < 65.0
        assert max(times) > 10.0, "nobody is told: they look"

    play(run_lab, 10, scene)


def test_the_old_version_stays_on_disk_and_its_swarm_is_left(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        old = await stage.offer(1)
        stage.follow(1)
        await asyncio.sleep(30.0)
        await stage.offer(2)
        await asyncio.sleep(90.0)
        assert stage.of(1) == stage.of(2) == [1]
        assert (stage.hosts[1].directory / "1" / "song").read_bytes() == stage.content(1)
        assert stage.peers[1].holdings() == {"song": (SIZE, SIZE)}
        assert old not in stage.peers[1]._swarms
        assert stage.peers[1].pieces() == {"song": 13}
        await asyncio.sleep(600.0)
        assert len(stage.seen) == 2, "the same version is told once"

    play(run_lab, 2, scene)


def test_a_version_that_was_overtaken_while_it_came_is_given_up(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        await stage.offer(1, size=40_000_000)
        stage.follow(1, every_s=20.0)
        await asyncio.sleep(15.0)
        assert stage.seen == []
        await stage.offer(2)
        await asyncio.sleep(30.0)
        assert stage.of(2) == [1]
        assert stage.of(1) == []

    play(run_lab, 2, scene)


def test_who_follows_before_there_is_anything_gets_the_first_version(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        await stage.peers[0].start()
        stage.follow(1)
        await asyncio.sleep(500.0)
        await stage.offer(1)
        await asyncio.sleep(70.0)
        assert stage.of(1) == [1]

    play(run_lab, 2, scene)


def test_who_waits_very_long_for_a_first_version_still_gets_it(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        await stage.peers[0].start()
        stage.follow(1, every_s=0.5)
        await asyncio.sleep(400.0)
        await stage.offer(1)
        await asyncio.sleep(2.0)
        assert stage.of(1) == [1]

    play(run_lab, 2, scene)


def test_the_number_goes_on_where_it_was_and_the_same_torrent_keeps_its_number(
    run_lab: RunLab,
) -> None:
    async def scene(stage: Scene) -> None:
        first = await stage.offer(1)
        for peer in stage.peers:
            await peer.start()
        await asyncio.sleep(70.0)
        second = await stage.offer(2)
        assert await stage.peers[1].newest(LINK) == Update(2, second)
        await stage.peers[0].publish_update(SECRET, second)
        assert await stage.peers[1].newest(LINK) == Update(2, second)
        await stage.peers[0].close()  # the owner of the key goes on at another computer
        await stage.peers[2].publish_update(SECRET, first)
        assert await stage.peers[1].newest(LINK) == Update(3, first)

    play(run_lab, 3, scene)


@pytest.mark.parametrize("follower", [True, False])
def test_followers_keep_alive_what_a_publisher_that_has_left_put_there(
    run_lab: RunLab, follower: bool
) -> None:
    async def scene(stage: Scene) -> None:
        infohash = await stage.offer(1)
        if follower:
            stage.follow(1, every_s=300.0)
        for peer in stage.peers:
            await peer.start()
        await asyncio.sleep(900.0)
        await stage.peers[0].close()
        await asyncio.sleep(2 * KEPT_S)
        late = stage.comes()
        if follower:
            assert await stage.peers[late].newest(LINK) == Update(1, infohash)
            path = await stage.peers[late].fetch(LINK, stage.hosts[late].directory)
            assert path.read_bytes() == stage.content(1)
        else:
            with pytest.raises(NotFoundError, match="no DHT node that can be reached knows"):
                await stage.peers[late].newest(LINK)

    play(run_lab, 6, scene)


def test_a_publisher_puts_its_item_again_every_hour(run_lab: RunLab) -> None:
    async def scene(stage: Scene) -> None:
        infohash = await stage.offer(1)
        for peer in stage.peers[1:]:
            await peer.start()
        await asyncio.sleep(3 * KEPT_S)
        assert await stage.peers[3].newest(LINK) == Update(1, infohash)

    play(run_lab, 4, scene)


def test_who_has_another_key_an_older_number_or_no_torrent_to_name_changes_nothing(
    run_lab: RunLab,
) -> None:
    async def scene(stage: Scene) -> None:
        await stage.offer(1)
        infohash = await stage.offer(2)
        thief = stage.peers[1]
        await thief.start()
        await thief.publish_update(b"\1" * 32, bytes(20))
        await thief.publish_update(SECRET, bytes(20), b"other salt")
        assert thief._node is not None
        await thief._node.put_item(sign(SECRET, 1, {"ih": bytes(20)}))
        assert await stage.peers[2].newest(LINK) == Update(2, infohash)
        await thief._node.put_item(sign(SECRET, 3, "no torrent"))
        stage.follow(2)
        await asyncio.sleep(100.0)
        assert stage.seen == []

    play(run_lab, 3, scene)


def test_links_and_peers_that_cannot_follow_are_told_why(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        alone = Peer(lab.host("alone"), CONFIG)
        with pytest.raises(NotFoundError, match="no DHT node that can be reached knows"):
            await alone.newest(LINK)
        assert lab.now == 0.0
        with pytest.raises(MagnetError, match="expected the link of a publisher"):
            await alone.newest("magnet:?xt=urn:btih:" + "0" * 40)
        with pytest.raises(MagnetError, match="salt of 65 bytes: expected at most 64"):
            await alone.publish_update(SECRET, bytes(20), bytes(65))
        without = Peer(lab.host("without"), PeerConfig(dht=False))
        with pytest.raises(P2PError, match="found in the DHT, which is off here"):
            await without.publish_update(SECRET, bytes(20))
        with pytest.raises(P2PError, match="found in the DHT, which is off here"):
            await anext(without.follow(LINK, Path()))
        await alone.close()
        await without.close()

    run_lab(body)


def test_the_same_seed_gives_the_same_times(tmp_path: Path) -> None:
    async def times(folder: Path) -> list[tuple[float, int, str]]:
        lab = Lab(folder)
        stage = Scene(lab, 6)
        await stage.offer(1)
        stage.follow(*range(1, 6))
        await asyncio.sleep(45.0)
        await stage.offer(2)
        await asyncio.sleep(70.0)
        await stage.close()
        await lab.network.close()
        return stage.seen

    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        found.append(run(times(tmp_path / name), deadline_s=1e6))
    assert found[0] == found[1]
    assert len(found[0]) == 10
