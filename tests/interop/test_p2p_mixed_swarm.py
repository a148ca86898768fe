"""Several of ours, of aria2 and of libtorrent in one swarm, around one seed that all know of."""

import asyncio

from interop.stage import Play, Stage, content
from interop.strangers import Aria2, Libtorrent, Stranger

from p2p.disk.store import describe
from p2p.magnet import Magnet

SIZE = 4_000_000
SEED_RATE = 4_000_000.0
"""Bytes per second of the seed: it alone would need 6 s for all."""
EACH = 2


def test_ours_aria2_and_libtorrent_complete_together(play: Play) -> None:
    """They know the seed only and hear of each other from it (BEP 11), then give to each other."""

    async def scene(stage: Stage) -> None:
        path = stage.make("file", SIZE)
        metainfo = describe(path)
        torrent = metainfo.to_torrent()
        origin = stage.host("origin's", up=SEED_RATE)
        seed = await stage.peer(origin).seed(metainfo, path.parent)
        at = (origin.address, 6881)
        strangers: list[Stranger] = [
            kind(stage, f"{kind.__name__} {number}")
            for kind in (Aria2, Libtorrent)
            for number in range(EACH)
        ]
        folders = [await each.fetch(torrent, [at]) for each in strangers]
        hosts = [stage.host(f"ours {number}") for number in range(EACH)]
        swarms = [
            await stage.peer(host).get(Magnet(metainfo.infohash), host.directory, peers=[at])
            for host in hosts
        ]
        waiting = [each.finished() for each in strangers]
        await asyncio.gather(*waiting, *(swarm.done for swarm in swarms))
        for folder in (*folders, *(host.directory for host in hosts)):
            assert content(folder / path.name) == content(path)
        assert seed.progress().sent < 5 * SIZE  # of six: the others came from each other

    play(scene)
