"""Torrents that stop and go on: what is proven is not fetched again, what is changed is noticed."""

import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lab import Lab, RunLab

from p2p.config import PeerConfig
from p2p.disk.store import Store, describe
from p2p.errors import CorruptError, DiskError, NotFoundError
from p2p.magnet import parse
from p2p.metainfo import Metainfo
from p2p.peer import Peer
from p2p.swarm import Select, Swarm

RATE = 64 * 1024.0
PIECE = 16 * 1024
FILES = {"a/one.bin": 200_000, "a/two.bin": 5_000, "b.bin": 120_000, "empty": 0}
CONFIG = PeerConfig(piece_length=PIECE)
Body = Callable[[Lab, Path, str], Awaitable[None]]


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _seeded(run_lab: RunLab, body: Body) -> None:
    """Run `body(lab, original, link)` while an origin seeds a folder of files."""

    async def main(lab: Lab) -> None:
        original = lab.folder / "things"
        for name, size in FILES.items():
            (original / name).parent.mkdir(parents=True, exist_ok=True)
            (original / name).write_bytes(random.Random(name).randbytes(size))
        origin = Peer(lab.host("origin", up=RATE), CONFIG)
        link = await origin.publish(original)
        await body(lab, original, link)
        await origin.close()

    run_lab(main, deadline_s=1000.0)


async def _fetch(lab: Lab, link: str, into: Path, select: Select | None = None) -> Swarm:
    """Fetch with a peer of its own, to the end, and return its swarm."""
    peer = Peer(lab.host(f"client-{len(lab.network.hosts)}"), CONFIG)
    swarm = await peer.get(parse(link), into, select)
    try:
        await swarm.done
    finally:
        await peer.close()
    return swarm


async def _fetch_until(lab: Lab, link: str, into: Path, pieces: int) -> int:
    """Fetch until so many pieces are here, then stop; returns how many bytes are."""
    peer = Peer(lab.host(f"client-{len(lab.network.hosts)}"), CONFIG)
    swarm = await peer.get(parse(link), into)
    while swarm.progress().pieces_here < pieces:
        await _tick(lab)
    here = swarm.progress().bytes_here
    await peer.close()
    return here


async def _tick(lab: Lab) -> None:
    later = lab.network.loop.create_future()
    lab.network.loop.call_later(0.05, later.set_result, None)
    await later


def test_a_folder_arrives_as_it_is(run_lab: RunLab) -> None:
    async def body(lab: Lab, original: Path, link: str) -> None:
        swarm = await _fetch(lab, link, lab.folder / "client-1")
        assert _tree(lab.folder / "client-1" / "things") == _tree(original)
        assert swarm.done.result() == lab.folder / "client-1" / "things"

    _seeded(run_lab, body)


def test_what_was_proven_is_not_fetched_again(run_lab: RunLab, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()

    async def body(lab: Lab, original: Path, link: str) -> None:
        here = await _fetch_until(lab, link, into, 7)
        assert not (into / "things").exists()
        swarm = await _fetch(lab, link, into)
        progress = swarm.progress()
        assert 6 * PIECE < here < progress.bytes_here
        assert progress.received == progress.bytes_here - here
        assert _tree(into / "things") == _tree(original)
        assert [entry.name for entry in into.iterdir()] == ["things"]

    _seeded(run_lab, body)


def test_what_was_changed_meanwhile_is_fetched_again(run_lab: RunLab, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()

    async def body(lab: Lab, original: Path, link: str) -> None:
        here = await _fetch_until(lab, link, into, 15)
        [part] = [path for path in (into / "things.part").rglob("one.bin*") if path.is_file()]
        content = bytearray(part.read_bytes())
        whole = next(at for at in range(0, len(content), PIECE) if any(content[at : at + PIECE]))
        content[whole + 5] ^= 1
        stamp = part.stat()
        part.write_bytes(content)
        os.utime(part, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        swarm = await _fetch(lab, link, into)
        assert swarm.progress().received == sum(FILES.values()) - here + PIECE
        assert _tree(into / "things") == _tree(original)

    _seeded(run_lab, body)


def test_what_is_whole_is_not_fetched_at_all(run_lab: RunLab, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()

    async def body(lab: Lab, original: Path, link: str) -> None:
        await _fetch(lab, link, into)
        swarm = await _fetch(lab, link, into)
        assert swarm.progress().received == 0

    _seeded(run_lab, body)


def test_a_finished_file_that_was_changed_is_neither_used_nor_overwritten(
    run_lab: RunLab, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    into.mkdir()

    async def body(lab: Lab, original: Path, link: str) -> None:
        await _fetch(lab, link, into)
        changed = into / "things" / "b.bin"
        mine = changed.read_bytes()[:-6] + b"my own"
        changed.write_bytes(mine)
        with pytest.raises(CorruptError, match=r"b\.bin"):
            await _fetch(lab, link, into)
        assert changed.read_bytes() == mine

    _seeded(run_lab, body)


def test_one_of_several_files(run_lab: RunLab, tmp_path: Path) -> None:
    """Only the pieces that it lies in are fetched, and nothing else gets a name."""
    into = tmp_path / "into"
    into.mkdir()

    def select(metainfo: Metainfo) -> list[int]:
        return [n for n, file in enumerate(metainfo.files) if file.path[-1] == "b.bin"]

    async def body(lab: Lab, original: Path, link: str) -> None:
        swarm = await _fetch(lab, link, into, select)
        assert _tree(into / "things") == {"b.bin": (original / "b.bin").read_bytes()}
        assert swarm.progress().received < FILES["b.bin"] + 2 * PIECE
        assert swarm.progress().pieces_here == swarm.progress().pieces_wanted < 10
        swarm = await _fetch(lab, link, into)
        assert _tree(into / "things") == _tree(original)
        assert swarm.progress().received < sum(FILES.values()) - FILES["b.bin"] + 2 * PIECE

    _seeded(run_lab, body)


def test_a_selection_that_is_refused_fails_the_fetch(run_lab: RunLab, tmp_path: Path) -> None:
    def select(metainfo: Metainfo) -> list[int]:
        raise NotFoundError("no such file in it")

    async def body(lab: Lab, original: Path, link: str) -> None:
        with pytest.raises(NotFoundError, match="no such file in it"):
            await _fetch(lab, link, tmp_path, select)

    _seeded(run_lab, body)


def test_a_full_disk_stops_it_and_room_lets_it_go_on(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten pieces the disk takes nothing more; what is proven by then is not fetched again."""
    into = tmp_path / "into"
    into.mkdir()
    room = [10]
    put = Store.put

    def full(store: Store, index: int, piece: bytearray) -> bool:
        if not room[0]:
            raise DiskError(f"{store.path}: no space left on the disk")
        room[0] -= 1
        return put(store, index, piece)

    async def body(lab: Lab, original: Path, link: str) -> None:
        monkeypatch.setattr(Store, "put", full)
        with pytest.raises(DiskError, match="no space left on the disk"):
            await _fetch(lab, link, into)
        room[0] = 1000
        total = sum(FILES.values())
        swarm = await _fetch(lab, link, into)
        assert swarm.progress().received in (total - 10 * PIECE, total - 9 * PIECE - total % PIECE)
        assert _tree(into / "things") == _tree(original)

    _seeded(run_lab, body)


def test_a_peer_whose_disk_is_full_may_try_again_itself(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same peer, asked again, takes the torrent up again."""
    into = tmp_path / "into"
    into.mkdir()

    def full(store: Store, index: int, piece: bytearray) -> bool:
        raise DiskError("full")

    async def body(lab: Lab, original: Path, link: str) -> None:
        peer = Peer(lab.host("client"), CONFIG)
        with monkeypatch.context() as patched:
            patched.setattr(Store, "put", full)
            with pytest.raises(DiskError):
                await peer.fetch(link, into)
        await peer.fetch(link, into)
        assert _tree(into / "things") == _tree(original)
        await peer.close()

    _seeded(run_lab, body)


def test_a_seed_whose_file_changes_stops_giving_it(run_lab: RunLab, tmp_path: Path) -> None:
    """Nobody gets wrong bytes from it, and it says why."""
    into = tmp_path / "into"
    into.mkdir()

    async def main(lab: Lab) -> None:
        file = lab.folder / "file.bin"
        file.write_bytes(random.Random(1).randbytes(300_000))
        seed = Peer(lab.host("seed", up=RATE), CONFIG)
        swarm = await seed.seed(describe(file, PIECE), lab.folder)
        client = Peer(lab.host("client"), CONFIG)
        other = await client.get(seed.magnet(swarm), into)
        while other.progress().pieces_here < 3:
            await _tick(lab)
        file.write_bytes(bytes(299_999))
        for _ in range(20):
            await _tick(lab)
        assert isinstance(swarm.trouble, CorruptError | DiskError)
        assert "file.bin" in str(swarm.trouble)
        assert other.progress().peers == 0
        await client.close()
        await seed.close()

    run_lab(main, deadline_s=1000.0)


def test_what_is_to_be_seeded_is_verified_first(run_lab: RunLab) -> None:
    async def main(lab: Lab) -> None:
        file = lab.folder / "file.bin"
        file.write_bytes(random.Random(1).randbytes(300_000))
        metainfo = describe(file, PIECE)
        with file.open("r+b") as changed:
            changed.seek(PIECE + 1)
            changed.write(b"?")
        seed = Peer(lab.host("seed"), CONFIG)
        with pytest.raises(
            CorruptError, match=r"file\.bin is there and is not what the torrent says"
        ):
            await seed.seed(metainfo, lab.folder)
        file.unlink()
        with pytest.raises(NotFoundError, match=r"file\.bin"):
            await seed.seed(metainfo, lab.folder)
        await seed.close()

    run_lab(main)
