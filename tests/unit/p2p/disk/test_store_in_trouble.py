"""Disks that fill up, links in the way, files that others touch: an error that names the file."""

import errno
import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from torrents import MIXED, torrent_of, tree

from p2p.disk.store import Store
from p2p.errors import CorruptError, DiskError

ROOT = Path(__file__).parents[3]
ONE = torrent_of(1000, name="file.bin")
MANY = torrent_of(MIXED)
BOTH = pytest.mark.parametrize("torrent", [ONE, MANY], ids=["one", "many"])
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _download(torrent, directory, selected=None):
    store = Store.download(torrent.metainfo, directory, selected)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _seed(torrent, directory):
    store = Store.seed(torrent.metainfo, directory)
    try:
        yield store
    finally:
        store.close()


# ---- no room


@contextmanager
def _disk_of(monkeypatch, room):
    """A disk with `room` bytes left takes what fits, as a real one does, and then no more."""
    write = os.pwrite

    def pwrite(descriptor, data, offset):
        nonlocal room
        if not room:
            raise FULL
        written = write(descriptor, data[:room], offset)
        room -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        yield


@pytest.mark.parametrize("room", [0, 1, 299, 300, 450, 1250, 1699])
def test_a_full_disk_then_room_again(tmp_path, monkeypatch, room):
    put = []
    with _disk_of(monkeypatch, room), _download(MANY, tmp_path) as store:
        with pytest.raises(DiskError, match=r"t\.part/.*: no space left: make room, then start"):
            for index in range(6):
                MANY.fill(store, [index])
                put.append(index)
        assert store.get(put[-1], 0, 10) == MANY.piece(put[-1])[:10] if put else True
    assert len(put) == room // 300
    with _download(MANY, tmp_path) as store:
        found = [index for index, have in enumerate(store.check()) if have]
        assert found == put
        MANY.fill(store, [index for index in range(6) if index not in put]).commit()
    with _seed(MANY, tmp_path) as seed:
        assert seed.check() == bytes([1] * 6)


def test_a_limit_on_the_size_of_files_for_real(tmp_path):
    """RLIMIT_FSIZE: the kernel writes up to the limit, short, and refuses the rest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with _download(ONE, tmp_path) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (450, hard))
            ONE.fill(store, [0])
            with pytest.raises(DiskError, match=r"file\.bin\.part: larger than"):
                store.put(1, ONE.piece(1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert (tmp_path / "file.bin.part").stat().st_size == 450
            assert list(store.check()) == [1, 0, 0, 0]
            assert ONE.fill(store, [1, 2, 3]).commit().read_bytes() == ONE.data
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_no_room_for_a_folder_or_a_name(tmp_path, monkeypatch, call):
    def full(*args, **options):
        raise FULL

    with _download(MANY, tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(DiskError, match="no space left"):
                store.put(1, MANY.piece(1))
        MANY.fill(store).commit()
    assert tree(tmp_path / "t") == sorted(MIXED)


@pytest.mark.parametrize("call", ["fsync", "rename", "open", "mkdir"])
@pytest.mark.parametrize("after", [0, 1, 2, 4])
@pytest.mark.parametrize("selected", [None, {1, 2, 3}])
def test_no_room_while_names_are_given(tmp_path, monkeypatch, call, after, selected):
    real = getattr(os, call)
    left = after
    failed = False

    def full(*args, **options):
        nonlocal left, failed
        if not left:
            failed = True
            raise FULL
        left -= 1
        return real(*args, **options)

    with _download(MANY, tmp_path, selected) as store:
        MANY.fill(store, [0, 1, 2, 3, 4])
        if selected is None:
            MANY.fill(store, [5])
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            try:
                store.commit()
            except DiskError as error:
                assert "no space left" in str(error)
                assert failed
            else:
                assert not failed
        for index in range(5):
            assert store.get(index, 0, 100) == MANY.piece(index)[:100]
    for index in selected or ():
        final = tmp_path.joinpath(*MANY.metainfo.files[index].path)
        assert not final.exists() or final.read_bytes() == MANY.content(index)
    with _download(MANY, tmp_path, selected) as store:
        assert list(store.check())[:5] == [1, 1, 1, 1, 1]
        store.commit()
        for index in selected or range(5):
            final = tmp_path.joinpath(*MANY.metainfo.files[index].path)
            assert final.read_bytes() == MANY.content(index)


# ---- others at the same files


@BOTH
def test_two_at_one_target(tmp_path, torrent):
    with _download(torrent, tmp_path) as store:
        with pytest.raises(DiskError, match=r"\.part is being written by another transfer"):
            Store.download(torrent.metainfo, tmp_path)
        torrent.fill(store).commit()
        with _download(torrent, tmp_path) as second:
            assert all(second.check())


@pytest.mark.parametrize("third", [False, True])
def test_the_lock_of_a_file_that_got_its_name_meanwhile(tmp_path, monkeypatch, third):
    """Whoever had it before commits between our opening the file and our locking it."""
    lock, part = fcntl.flock, tmp_path / "file.bin.part"

    def late(descriptor, how):
        part.rename(tmp_path / "file.bin")
        if third:
            part.touch()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(DiskError, match=r"\.part is being written by another transfer"):
        Store.download(ONE.metainfo, tmp_path)


def test_a_file_that_is_finished_just_before_we_have_the_lock(tmp_path, monkeypatch):
    lock = fcntl.flock

    def late(descriptor, how):
        (tmp_path / "file.bin").write_bytes(ONE.data)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with _download(ONE, tmp_path) as store:
        assert all(store.check())
        store.commit()
    assert tree(tmp_path) == ["file.bin"]


def test_two_at_what_is_left_of_a_finished_selection(tmp_path):
    with _download(MANY, tmp_path, {3}) as store:
        MANY.fill(store, [4]).commit()
    with (
        _download(MANY, tmp_path, {3}),
        pytest.raises(DiskError, match=r"t\.part is being written by another transfer"),
    ):
        Store.download(MANY.metainfo, tmp_path, {3})


def test_two_when_the_place_for_what_is_unfinished_had_gone(tmp_path):
    with _download(MANY, tmp_path, {2}) as store:
        store.commit()
        assert tree(tmp_path) == ["t/empty"]
        assert not (tmp_path / "t.part").exists()
        MANY.fill(store, [1])
        with pytest.raises(DiskError, match=r"t\.part is being written by another transfer"):
            Store.download(MANY.metainfo, tmp_path)


def test_a_folder_of_that_name_with_other_files(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/mine").write_bytes(b"mine")
    with _download(MANY, tmp_path) as store:
        MANY.fill(store).commit()
    assert tree(tmp_path) == sorted(["t/mine", *(f"t/{name}" for name in MIXED)])
    assert not (tmp_path / "t.part").exists()


@pytest.mark.parametrize("selected", [None, {0, 3}])
def test_first_the_data_then_the_names_then_the_folders(tmp_path, monkeypatch, selected):
    calls = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append(str(path.relative_to(tmp_path)))
        fsync(descriptor)

    def record_rename(old, new, **folders):
        calls.append((old, new))
        rename(old, new, **folders)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    with _download(MANY, tmp_path, selected) as store:
        MANY.fill(store).commit()
    if selected is None:
        parts = ["a", "deep/er/b", "empty", "deep/c", "z", "deep/er", "deep"]
        assert calls == [*(f"t.part/{part}" for part in parts), "t.part", ".", ("t.part", "t"), "."]
    else:
        files = ["t.part/a", "t.part/deep/c"]
        assert calls == [*files, ("a", "a"), ("c", "c"), "t/deep", "t", "."]


def test_a_finished_file_that_differs_is_not_touched(tmp_path):
    MANY.write(tmp_path)
    (tmp_path / "t/deep/er/b").write_bytes(bytes(1000))
    with (
        _download(MANY, tmp_path) as store,
        pytest.raises(CorruptError, match=r"t/a is there and is not .* move it away"),
    ):
        store.check()
    (tmp_path / "t/a").unlink()
    with _download(MANY, tmp_path) as store:
        with pytest.raises(CorruptError, match=r"t/deep/er/b is there and is not .* move it away"):
            store.check()
        with pytest.raises(CorruptError, match=r"t/deep/er/b is there and is not .* move it away"):
            store.put(0, MANY.piece(0))
    assert (tmp_path / "t/deep/er/b").read_bytes() == bytes(1000)


def test_a_finished_file_of_another_size(tmp_path):
    (tmp_path / "file.bin").write_bytes(b"mine")
    with pytest.raises(
        CorruptError, match=r"file\.bin is there .*\(4 bytes, expected 1000\): move"
    ):
        Store.download(ONE.metainfo, tmp_path)
    assert tree(tmp_path) == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["t", "t/deep"])
def test_a_file_where_a_folder_should_be(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(CorruptError, match="is there and is not what the torrent says: move"):
        Store.download(MANY.metainfo, tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: os.mkfifo(path)])
def test_no_regular_file_where_one_should_be(tmp_path, make):
    make(tmp_path / "file.bin")
    with pytest.raises(CorruptError, match=r"file\.bin is there and is not what the torrent says"):
        Store.download(ONE.metainfo, tmp_path)
    (tmp_path / "file.bin").rename(tmp_path / "file.bin.part")
    with pytest.raises(DiskError, match=r"file\.bin\.part: (is no regular file|Is a directory)"):
        Store.download(ONE.metainfo, tmp_path)


def test_a_name_taken_while_we_were_at_it(tmp_path):
    with _download(ONE, tmp_path) as store:
        ONE.fill(store)
        (tmp_path / "file.bin").write_bytes(b"mine")
        with pytest.raises(CorruptError, match=r"file\.bin is there .* move it away"):
            store.commit()
        assert (tmp_path / "file.bin").read_bytes() == b"mine"
        (tmp_path / "file.bin").unlink()
        assert store.commit().read_bytes() == ONE.data


def _overwrite(path):
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(1, 1))  # two writes within a tick of the kernel's clock look alike


def _shorten(path):
    os.truncate(path, 10)


@pytest.mark.parametrize("change", [_overwrite, _shorten])
@pytest.mark.parametrize("start", [_seed, _download])
def test_a_file_that_changes_under_a_seed(tmp_path, change, start):
    MANY.write(tmp_path)
    with start(MANY, tmp_path) as store:
        assert store.get(5, 0, 10) == MANY.piece(5)[:10]
        change(tmp_path / "t/z")
        with pytest.raises(CorruptError, match="t/z has changed since it was checked"):
            store.get(5, 0, 10)
        assert store.get(1, 0, 300) == MANY.piece(1)


def test_a_file_that_changes_before_it_is_checked(tmp_path):
    ONE.write(tmp_path)
    with _seed(ONE, tmp_path) as store:
        os.utime(tmp_path / "file.bin", ns=(1, 1))
        with pytest.raises(CorruptError, match=r"file\.bin has changed since it was checked"):
            store.check()


def test_a_file_that_changes_after_it_got_its_name(tmp_path):
    with _download(ONE, tmp_path) as store:
        ONE.fill(store).commit()
        _overwrite(tmp_path / "file.bin")
        with pytest.raises(CorruptError, match=r"file\.bin has changed since it was checked"):
            store.get(0, 0, 1)


def test_a_part_that_somebody_shortens(tmp_path):
    with _download(ONE, tmp_path) as store:
        ONE.fill(store)
        _shorten(tmp_path / "file.bin.part")
        with pytest.raises(CorruptError, match=r"file\.bin\.part has become shorter"):
            store.get(0, 0, 11)
        with pytest.raises(CorruptError, match=r"file\.bin\.part has become shorter"):
            store.commit()
    assert tree(tmp_path) == ["file.bin.part"]


def test_a_store_that_is_closed(tmp_path):
    with _download(ONE, tmp_path) as store:
        ONE.fill(store)
    with pytest.raises(DiskError, match=r"file\.bin\.part: closed"):
        store.get(0, 0, 1)


# ---- symbolic links


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("t", "outside"),
        ("t/deep", "../outside"),
        ("t/a", "../outside/a"),
        ("t.part", "outside"),
        ("t.part/deep", "../outside"),
        ("t.part/a", "../outside/a"),
        ("t", "nowhere"),
    ],
)
def test_links_are_not_followed(tmp_path, link, target):
    here = tmp_path / "here"
    (here / link).parent.mkdir(parents=True)
    (here / "outside").mkdir()
    (here / "outside/a").write_bytes(b"secret")
    (here / link).symlink_to(target)
    with (
        pytest.raises(DiskError, match="a symbolic link is in the way"),
        _download(MANY, here) as store,
    ):
        MANY.fill(store).commit()
    assert tree(here / "outside") == ["a"]
    assert (here / "outside/a").read_bytes() == b"secret"
    assert not (here / "nowhere").exists()


@pytest.mark.parametrize("link", ["t", "t/deep"])
def test_links_made_before_names_are_given(tmp_path, link):
    with _download(MANY, tmp_path, {1, 3}) as store:
        MANY.fill(store, [0, 1, 2, 3, 4])
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / "outside").mkdir()
        (tmp_path / link).symlink_to(tmp_path / "outside")
        with pytest.raises(DiskError, match="a symbolic link is in the way"):
            store.commit()
    assert tree(tmp_path / "outside") == []


def test_a_link_in_place_of_the_only_file(tmp_path):
    (tmp_path / "secret").write_bytes(b"x" * 1000)
    for name in ("file.bin.part", "file.bin"):
        (tmp_path / name).symlink_to("secret")
        with pytest.raises(DiskError, match=re.escape(f"{name}: a symbolic link is in the way")):
            Store.download(ONE.metainfo, tmp_path)
    assert (tmp_path / "secret").read_bytes() == b"x" * 1000


# ---- killed, and threads


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests")
from torrents import MIXED, torrent_of
from p2p.disk.store import Store

torrent = torrent_of(MIXED) if sys.argv[2] == "many" else torrent_of(1000, name="file.bin")
left = int(sys.argv[3])
write = os.pwrite

def pwrite(descriptor, data, offset):
    global left
    if not left:
        write(descriptor, data[: len(data) // 2], offset)
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return write(descriptor, data, offset)

os.pwrite = pwrite
store = Store.download(torrent.metainfo, Path(sys.argv[1]))
for index in range(torrent.metainfo.piece_count):
    assert store.put(index, torrent.piece(index))
    print(index, flush=True)
"""


@pytest.mark.parametrize(
    ("kind", "writes", "put"),
    [("one", 0, 0), ("one", 2, 2), ("many", 1, 0), ("many", 2, 1), ("many", 6, 4)],
)
def test_killed_in_the_middle_of_a_write(tmp_path, kind, writes, put):
    command = [sys.executable, "-c", KILLED, str(tmp_path), kind, str(writes)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, "")
    assert killed.stdout.split() == [str(index) for index in range(put)]
    torrent = MANY if kind == "many" else ONE
    count = torrent.metainfo.piece_count
    with _download(torrent, tmp_path) as store:
        assert store.check() == bytes([1] * put + [0] * (count - put))
        torrent.fill(store, range(put, count)).commit()
    with _seed(torrent, tmp_path) as store:
        assert all(store.check())


def test_threads_put_while_blocks_are_read(tmp_path):
    """More files than may be open: descriptors go while others read and write through theirs."""
    torrent = torrent_of({f"{number:03}": 40 for number in range(300)}, piece_length=50)
    troubles = []

    def work(store, indices):
        try:
            for index in indices:
                torrent.fill(store, [index])
                assert store.get(index, 0, 50) == torrent.piece(index)
        except BaseException as error:
            troubles.append(error)

    with _download(torrent, tmp_path) as store:
        threads = [
            threading.Thread(target=work, args=(store, range(start, 240, 4))) for start in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert troubles == []
        assert store.check() == bytes([1] * 240)
        naming = threading.Thread(target=store.commit)
        naming.start()
        for index in range(240):
            assert store.get(index, 0, 50) == torrent.piece(index)
        naming.join()
    assert len(tree(tmp_path / "t")) == 300
