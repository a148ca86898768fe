"""Peers that know of no other, only of one DHT node of ours: they and strangers find each other."""

import asyncio

from interop.stage import Play, Stage, content
from interop.strangers import SHORT_WAIT_S, Aria2, Libtorrent, announced

from p2p.dht import DhtNode
from p2p.disk.store import describe
from p2p.gossip import Address
from p2p.magnet import Magnet, parse
from p2p.peer import Peer


async def joined(way: DhtNode, nodes: int) -> None:
    """Until so many others know the way in, for libtorrent asks nobody twice in a few seconds."""
    while way.nodes < nodes:
        await asyncio.sleep(SHORT_WAIT_S)


async def fetch_by_dht(stage: Stage, way: Address, infohash: bytes) -> Peer:
    """A peer of ours with everything that the bare link names, and the way in that it knew."""
    host = stage.host("ours")
    peer = stage.peer(host, [way])
    await peer.fetch(str(Magnet(infohash)), host.directory)
    return peer


def test_our_peer_finds_libtorrents_announcement(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        metainfo = describe(path)
        way = await stage.node("way")
        seed = Libtorrent(stage, "theirs", [way.address])
        await joined(way, 1)
        await seed.seed(metainfo.to_torrent(), path.parent)
        await announced(way, metainfo.infohash, seed.address)
        await fetch_by_dht(stage, way.address, metainfo.infohash)
        assert content(stage.folder / "ours" / path.name) == content(path)
        await seed.tells("incoming_connection")
        assert not seed.told("peer_connect", "outgoing")  # we called, it did not

    play(scene)


def test_libtorrent_finds_our_announcement(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        way = await stage.node("way")
        origin = stage.peer(stage.host("ours"), [way.address])
        magnet = parse(await origin.publish(path))
        await announced(way, magnet.infohash, origin.address)
        leecher = Libtorrent(stage, "theirs", [way.address])
        await joined(way, 2)
        folder = await leecher.fetch(Magnet(magnet.infohash))
        await leecher.finished()
        assert content(folder / path.name) == content(path)

    play(scene)


def test_libtorrents_node_is_a_way_in_for_ours(play: Play) -> None:
    """Nobody but libtorrent keeps what is announced."""

    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        way = Libtorrent(stage, "theirs", [])
        origin = stage.peer(stage.host("origin's"), [way.address])
        magnet = parse(await origin.publish(path))
        await way.tells("dht_announce", magnet.infohash.hex())
        await fetch_by_dht(stage, way.address, magnet.infohash)
        assert content(stage.folder / "ours" / path.name) == content(path)

    play(scene)


def test_aria2_and_ours_find_each_other(play: Play) -> None:
    """aria2 asks the DHT 6 s after it was started, so it fetches one torrent and gives another.

    Of the one it takes no more than the metadata: it would wait 10 s before it calls for the rest.
    """

    async def scene(stage: Stage) -> None:
        given = stage.make("file")
        wanted = stage.make("folder")
        way = await stage.node("way")
        origin = stage.peer(stage.host("origin's"), [way.address])
        magnet = parse(await origin.publish(wanted))
        leecher = Aria2(stage, "their leecher", [way.address])
        folder = await leecher.fetch(
            Magnet(magnet.infohash), (), "--bt-metadata-only", "--bt-save-metadata"
        )
        metainfo = describe(given)
        seed = Aria2(stage, "their seed", [way.address])
        await seed.seed(metainfo.to_torrent(), given.parent)
        await announced(way, metainfo.infohash, seed.address)
        await fetch_by_dht(stage, way.address, metainfo.infohash)
        assert content(stage.folder / "ours" / given.name) == content(given)
        await leecher.finished()
        torrent = (folder / f"{magnet.infohash.hex()}.torrent").read_bytes()
        assert describe(wanted).info_bytes in torrent

    play(scene)
