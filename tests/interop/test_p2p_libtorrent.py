"""libtorrent, the reference of the field: what it sees of us, makes for us and does to us."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from interop.stage import FILES, FOLDER, SIZE, Play, Stage, content
from interop.strangers import Aria2, Libtorrent, Stranger
from programs import needs_module

from p2p.disk.store import describe
from p2p.errors import NotFoundError
from p2p.exchange import CLIENT
from p2p.magnet import Magnet, parse
from p2p.metainfo import Metainfo

lt = needs_module("libtorrent")


def test_what_libtorrent_sees_of_our_peer(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        magnet = parse(await stage.peer(stage.host("origin's")).publish(path))
        metainfo = describe(path)
        # An origin shows what it has bit by bit; another seed says all at once.
        seed = stage.peer(stage.host("ours", up=300_000))
        await seed.fetch(str(magnet), stage.folder / "ours")
        leecher = Libtorrent(stage, "theirs")
        await leecher.fetch(Magnet(metainfo.infohash), [seed.address])
        await leecher.tells("peer_log", "<== HAVE_ALL")  # BEP 6
        await leecher.tells("peer_log", "<== ALLOWED_FAST")
        await leecher.tells("peer_log", "==> REQUEST")
        (seen,) = leecher.torrent.get_peer_info()
        assert (seen.client.decode(), seen.pid.to_bytes()[:8]) == (CLIENT, b"-FL0100-")
        assert seen.ip == seed.address
        flags = lt.peer_info
        for flag in (flags.supports_extensions, flags.outgoing_connection, flags.seed):
            assert seen.flags & flag
        (greeting,) = leecher.told("peer_log", "<== EXTENDED_HANDSHAKE")
        for said in (
            "'ut_metadata': 1",
            "'ut_pex': 2",
            f"'metadata_size': {len(metainfo.info_bytes)}",
            "'reqq': 500",
            "'p': 6881",
            "'yourip': '7f000001'",
        ):
            assert said in greeting

    play(scene)


def test_a_peer_that_learns_the_metainfo_passes_it_and_the_file_on(play: Play) -> None:
    """libtorrent is there first, when our peer knows no more than it does."""

    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        magnet = parse(await stage.peer(stage.host("origin's")).publish(path))
        theirs = Libtorrent(stage, "theirs")
        folder = await theirs.fetch(Magnet(magnet.infohash))
        host = stage.host("ours")
        peer = stage.peer(host)
        swarm = await peer.get(Magnet(magnet.infohash), host.directory, peers=[theirs.address])
        await theirs.tells("peer_connect", "incoming")
        await peer.get(magnet, host.directory)
        await theirs.finished()
        assert content(folder / path.name) == content(await swarm.done) == content(path)

    play(scene)


# ---- torrents that libtorrent makes


def made_by_libtorrent(path: Path, flags: int) -> bytes:
    files = lt.list_files(str(path))
    maker = lt.create_torrent(files, 64 * 1024, flags)
    lt.set_piece_hashes(maker, str(path.parent))
    torrent: bytes = lt.bencode(maker.generate())
    return torrent


PADDED = lt.create_torrent.v1_only | lt.create_torrent.canonical_files
HYBRID = 0
# aria2 takes the padding for files like others, and reckons a wrong infohash for what is hybrid.
NOT_ARIA2, TOO = (Libtorrent,), (Libtorrent, Aria2)


@pytest.mark.parametrize(
    ("flags", "leechers"), [(PADDED, TOO), (HYBRID, NOT_ARIA2)], ids=["version 1", "hybrid"]
)
def test_padding_is_fetched_and_given_and_never_on_disk(
    play: Play, flags: int, leechers: tuple[type[Stranger], ...]
) -> None:
    """From libtorrent to our peer, and from it to strangers (BEP 47)."""

    async def scene(stage: Stage) -> None:
        path = stage.make("folder")
        torrent = made_by_libtorrent(path, flags)
        metainfo = Metainfo.from_torrent(torrent)
        assert metainfo.infohash == lt.torrent_info(lt.bdecode(torrent)).info_hashes().v1.to_bytes()
        assert sum(file.padding for file in metainfo.files) >= 2
        seed = Libtorrent(stage, "seed")
        await seed.seed(torrent, path.parent)
        host = stage.host("ours")
        peer = stage.peer(host)
        swarm = await peer.get(metainfo, host.directory, peers=[seed.address])
        assert content(await swarm.done) == content(path)
        for kind in leechers:
            leecher = kind(stage, kind.__name__)
            folder = await leecher.fetch(torrent, [peer.address])
            await leecher.finished()
            got = content(folder / path.name)
            real = {name: data for name, data in got.items() if "/.pad/" not in name}
            assert real == content(path)
            assert all(not any(got[name]) for name in got.keys() - real.keys())

    play(scene)


def test_one_file_of_several(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("folder")
        metainfo = describe(path)
        seed = Libtorrent(stage, "theirs")
        await seed.seed(metainfo.to_torrent(), path.parent)
        host = stage.host("ours")
        wanted = next(i for i, file in enumerate(metainfo.files) if file.path[-1] == "c.bin")

        def select(found: Metainfo) -> list[int]:
            assert found == metainfo
            return [wanted]

        magnet = Magnet(metainfo.infohash)
        swarm = await stage.peer(host).get(magnet, host.directory, select, [seed.address])
        name = f"{FOLDER}/deep/c.bin"
        assert content(await swarm.done) == {name: content(path)[name]}
        progress = swarm.progress()
        assert progress.received == progress.bytes_wanted
        assert 0 <= progress.received - FILES["deep/c.bin"] < 2 * metainfo.piece_length

    play(scene)


# ---- in trouble


def test_what_is_proven_is_not_fetched_again(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        metainfo = describe(path)
        seed = Libtorrent(stage, "theirs")
        await seed.seed(metainfo.to_torrent(), path.parent)
        slow = stage.host("first try", down=1e6)
        folder = stage.directory("ours")
        peer = stage.peer(slow)
        swarm = await peer.get(metainfo, folder, peers=[seed.address])
        while swarm.progress().pieces_here < metainfo.piece_count / 2:
            await asyncio.sleep(0.02)
        await peer.close()
        here = swarm.progress().bytes_here
        assert metainfo.length / 2 <= here < metainfo.length
        again = await stage.peer(stage.host("second try")).get(
            metainfo, folder, peers=[seed.address]
        )
        assert content(await again.done) == content(path)
        assert again.progress().received == metainfo.length - here

    play(scene)


def corrupted(stage: Stage, path: Path, wrong: Iterable[int]) -> Path:
    """A folder with a copy of the file in which the bytes at these places are others."""
    data = bytearray(path.read_bytes())
    for at in wrong:
        data[at] ^= 0xFF
    folder = stage.directory("corrupted")
    (folder / path.name).write_bytes(data)
    return folder


def liar(stage: Stage) -> Libtorrent:
    """One that gives what it has without a look at it."""
    return Libtorrent(stage, "liar", disable_hash_checks=True)


def test_a_poisoned_file_is_never_finished(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        metainfo = describe(path)
        poisoner = liar(stage)
        await poisoner.seed(metainfo.to_torrent(), corrupted(stage, path, [SIZE // 2]))
        host = stage.host("ours")
        swarm = await stage.peer(host).get(metainfo, host.directory, peers=[poisoner.address])
        with pytest.raises(NotFoundError, match="no peer that has the file can be reached"):
            await swarm.done
        assert not (host.directory / path.name).exists()
        progress = swarm.progress()
        assert progress.bytes_here < progress.received <= SIZE

    play(scene)


def test_a_poisoned_file_is_completed_by_another_seed(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        metainfo = describe(path)
        poisoner, seed = liar(stage), Libtorrent(stage, "honest")
        every = range(0, SIZE, metainfo.piece_length)
        await poisoner.seed(metainfo.to_torrent(), corrupted(stage, path, every))
        await seed.seed(metainfo.to_torrent(), path.parent)
        host = stage.host("ours", down=1e6)  # time for both to take part
        both = [poisoner.address, seed.address]
        swarm = await stage.peer(host).get(metainfo, host.directory, peers=both)
        assert content(await swarm.done) == content(path)
        await poisoner.tells("block_uploaded")
        assert swarm.progress().received > SIZE

    play(scene)
