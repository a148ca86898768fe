"""Our peer and each stranger: who gives, what it is, and how it is named, in all combinations."""

import pytest
from interop.stage import Kind, Play, Stage, content
from interop.strangers import Aria2, Libtorrent, Stranger

from p2p.disk.store import describe
from p2p.magnet import Magnet, parse

each_way = pytest.mark.parametrize("way", ["torrent", "magnet"])
each_kind = pytest.mark.parametrize("kind", ["file", "folder"])
each_stranger = pytest.mark.parametrize("stranger", [Aria2, Libtorrent])


@each_way
@each_kind
@each_stranger
def test_a_stranger_downloads_from_our_peer(
    play: Play, stranger: type[Stranger], kind: Kind, way: str
) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make(kind)
        origin = stage.peer(stage.host("ours"))
        magnet = parse(await origin.publish(path))
        wanted = magnet if way == "magnet" else describe(path).to_torrent()
        leecher = stranger(stage, "theirs")
        folder = await leecher.fetch(wanted, [origin.address])
        await leecher.finished()
        assert content(folder / path.name) == content(path)

    play(scene)


@each_way
@each_kind
@each_stranger
def test_our_peer_downloads_from_a_stranger(
    play: Play, stranger: type[Stranger], kind: Kind, way: str
) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make(kind)
        metainfo = describe(path)
        seed = stranger(stage, "theirs")
        await seed.seed(metainfo.to_torrent(), path.parent)
        host = stage.host("ours")
        wanted = Magnet(metainfo.infohash) if way == "magnet" else metainfo
        swarm = await stage.peer(host).get(wanted, host.directory, peers=[seed.address])
        assert content(await swarm.done) == content(path)
        assert swarm.progress().received == metainfo.length

    play(scene)
