"""A torrent's data on disk: only what verifies goes in, and it has a name once whole."""

import hashlib
import os
from pathlib import Path

import pytest
from torrents import MIXED, lying_padding, torrent_of, tree

from p2p.disk.descriptors import MOST_OPEN
from p2p.disk.store import Store
from p2p.errors import CorruptError, DiskError, NotFoundError
from p2p.metainfo import Metainfo

ONE = torrent_of(1000, name="file.bin")
MANY = torrent_of(MIXED)
PADDED = torrent_of({"a": 250, ".pad/50": 50, "b": 400, ".pad/200": 200, "c": 1},
                    padding=(".pad/50", ".pad/200"))  # fmt: skip
BOTH = pytest.mark.parametrize("torrent", [ONE, MANY, PADDED], ids=["one", "many", "padded"])
NAMES = [f"t/{name}" for name in sorted(MIXED)]


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Stores that a test opened; they are closed after it."""
    found = []
    init = Store.__init__

    def remember(store, *args):
        init(store, *args)
        found.append(store)

    monkeypatch.setattr(Store, "__init__", remember)
    yield found
    for store in found:
        store.close()


def _start(torrent, directory, selected=None):
    return Store.download(torrent.metainfo, directory, selected)


# ---- from the first piece to the names


@BOTH
def test_pieces_in_any_order_make_the_files(tmp_path, torrent):
    store = _start(torrent, tmp_path)
    assert store.path == tmp_path / torrent.metainfo.name
    torrent.fill(store, [*range(1, torrent.metainfo.piece_count), 0])
    assert not store.path.exists()
    assert store.commit() == store.path
    for index, file in enumerate(torrent.metainfo.files):
        if not file.padding:
            assert tmp_path.joinpath(*file.path).read_bytes() == torrent.content(index)
    assert [path.name for path in tmp_path.iterdir()] == [torrent.metainfo.name]


def test_padding_is_not_on_disk(tmp_path):
    PADDED.fill(_start(PADDED, tmp_path)).commit()
    assert tree(tmp_path) == ["t/a", "t/b", "t/c"]


@BOTH
def test_blocks_are_read_before_and_after_the_files_have_names(tmp_path, torrent):
    store = torrent.fill(_start(torrent, tmp_path))

    def read():
        for index in range(torrent.metainfo.piece_count):
            piece = torrent.piece(index)
            size = len(piece)
            for begin, length in [(0, size), (0, 1), (size - 1, 1), (size // 3, size // 2)]:
                assert store.get(index, begin, length) == piece[begin : begin + length]

    read()
    store.commit()
    read()
    store.commit()
    read()


@pytest.mark.parametrize("spoil", [lambda p: p[::-1], lambda p: p[:-1], lambda p: p + b"\0"])
@BOTH
def test_a_wrong_piece_is_refused_and_not_written(tmp_path, torrent, spoil):
    store = torrent.fill(_start(torrent, tmp_path), [1])
    before = {name: (tmp_path / name).read_bytes() for name in tree(tmp_path)}
    assert store.put(0, bytearray(spoil(torrent.piece(0)))) is False
    assert store.put(0, torrent.piece(1)) is False
    assert {name: (tmp_path / name).read_bytes() for name in tree(tmp_path)} == before


def test_blocks_beyond_the_end(tmp_path):
    store = ONE.fill(_start(ONE, tmp_path))
    with pytest.raises(IndexError, match="bytes 900 to 1001: outside the torrent"):
        store.get(3, 0, 101)


def test_an_empty_file(tmp_path):
    torrent = torrent_of(0, name="nothing")
    store = _start(torrent, tmp_path)
    assert (store.wanted, store.check()) == (b"", b"")
    assert store.commit().read_bytes() == b""


def test_padding_that_is_not_zeros_is_found_out(tmp_path):
    torrent = lying_padding(PADDED)
    store = _start(torrent, tmp_path)
    with pytest.raises(CorruptError, match="padding that is not zeros"):
        store.put(0, torrent.piece(0))


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(DiskError, match="nowhere: No such file or directory"):
        _start(ONE, tmp_path / "nowhere")


def test_the_download_directory_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    MANY.fill(_start(MANY, tmp_path / "link")).commit()
    assert tree(tmp_path / "real") == NAMES


# ---- selection


@pytest.mark.parametrize(
    ("selected", "wanted"),
    [
        (None, [1, 1, 1, 1, 1, 1]),
        ({0}, [1, 0, 0, 0, 0, 0]),
        ({1}, [1, 1, 1, 1, 1, 0]),
        ({2}, [0, 0, 0, 0, 0, 0]),
        ({3}, [0, 0, 0, 0, 1, 0]),
        (range(3, 5), [0, 0, 0, 0, 1, 1]),
        ((), [0, 0, 0, 0, 0, 0]),
    ],
)
def test_pieces_of_the_selected_files_are_wanted(tmp_path, selected, wanted):
    assert list(_start(MANY, tmp_path, selected).wanted) == wanted


def test_a_piece_of_padding_alone_is_not_wanted_and_counts_as_here(tmp_path):
    torrent = torrent_of({"a": 300, "pad": 600, "b": 10}, padding=("pad",))
    store = _start(torrent, tmp_path)
    assert list(store.wanted) == [1, 0, 0, 1]
    assert list(store.check()) == [0, 1, 1, 0]


def test_only_selected_files_get_names_and_all_blocks_stay_readable(tmp_path):
    store = MANY.fill(_start(MANY, tmp_path, {2, 3}), [4])
    store.commit()
    # What the shared piece says of others waits for a time when they are asked for.
    assert tree(tmp_path) == ["t.part/deep/er/b", "t.part/z", "t/deep/c", "t/empty"]
    assert store.get(4, 0, 300) == MANY.piece(4)
    store.close()
    again = _start(MANY, tmp_path, {2, 3})
    assert list(again.check()) == [0, 0, 0, 0, 1, 0]
    again.commit()


def test_the_rest_comes_later_and_nothing_twice(tmp_path):
    store = MANY.fill(_start(MANY, tmp_path, {3}), [4])
    store.commit()
    store.close()
    store = _start(MANY, tmp_path)
    assert list(store.check()) == [0, 0, 0, 0, 1, 0]
    MANY.fill(store, [0, 1, 2, 3, 5]).commit()
    assert tree(tmp_path) == NAMES
    assert not (tmp_path / "t.part").exists()
    assert Store.seed(MANY.metainfo, tmp_path).check() == bytes([1] * 6)


def test_nothing_selected_is_nothing_to_do(tmp_path):
    _start(MANY, tmp_path, ()).commit()
    assert tree(tmp_path) == []


# ---- resume


@BOTH
def test_what_was_put_is_found_again(tmp_path, torrent):
    store = torrent.fill(_start(torrent, tmp_path), [2, 0])
    store.close()
    store.close()
    found = _start(torrent, tmp_path).check()
    assert [index for index, have in enumerate(found) if have] == [0, 2]


@BOTH
def test_every_changed_byte_is_noticed(tmp_path, torrent):
    torrent.fill(_start(torrent, tmp_path)).close()
    part = torrent.metainfo.name + ".part"
    for index, file in enumerate(torrent.metainfo.files):
        path = tmp_path.joinpath(part, *file.path[1:])
        for at in {0, file.length // 2, file.length - 1} if file.length > 0 else ():
            if file.padding:
                continue
            content = bytearray(torrent.content(index))
            content[at] ^= 1
            path.write_bytes(content)
            store = Store.download(torrent.metainfo, tmp_path)
            wrong = [piece for piece, have in enumerate(store.check()) if not have]
            assert wrong == [(file.offset + at) // torrent.metainfo.piece_length]
            store.close()
            path.write_bytes(torrent.content(index))


def test_a_part_that_became_shorter_or_longer(tmp_path):
    ONE.fill(_start(ONE, tmp_path)).close()
    part = tmp_path / "file.bin.part"
    part.write_bytes(ONE.data[:950])
    store = _start(ONE, tmp_path)
    assert list(store.check()) == [1, 1, 1, 0]
    store.close()
    part.write_bytes(ONE.data + b"more")
    store = _start(ONE, tmp_path)
    assert list(store.check()) == [1, 1, 1, 1]
    assert store.commit().read_bytes() == ONE.data


def test_check_tells_how_far_it_is(tmp_path):
    seen = []
    _start(MANY, tmp_path).check(seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_zeros_that_were_never_written_are_known_by_their_hash(tmp_path):
    zeros = hashlib.sha1(bytes(300)).digest()
    metainfo = Metainfo.build("zeros", 900, 300, [zeros, bytes(20), zeros])
    for size, found in ((900, [1, 0, 1]), (899, [1, 0, 0]), (0, [0, 0, 0])):
        with (tmp_path / "zeros.part").open("wb") as file:
            file.truncate(size)
        store = Store.download(metainfo, tmp_path)
        assert list(store.check()) == found
        store.close()


def test_a_file_that_is_not_there_is_looked_for_once(tmp_path, monkeypatch):
    torrent = torrent_of({"a": 30_000, "b": 1})
    store = _start(torrent, tmp_path)
    opens = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda *args, **more: opens.append(args) or real(*args, **more))
    assert store.check() == bytes(101)
    assert [path for path, *_ in opens] == ["t.part", "a", "t.part", "b"]


def test_nothing_put_leaves_nothing_behind(tmp_path):
    for torrent in (ONE, MANY):
        _start(torrent, tmp_path).close()
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_a_finished_download_is_whole_at_once(tmp_path, torrent):
    torrent.write(tmp_path)
    store = _start(torrent, tmp_path)
    assert store.check() == bytes([1] * torrent.metainfo.piece_count)
    assert store.commit() == store.path
    assert [path.name for path in tmp_path.iterdir()] == [torrent.metainfo.name]


def test_what_was_being_named_when_the_machine_went_down(tmp_path):
    MANY.fill(_start(MANY, tmp_path)).close()
    (tmp_path / "t/deep").mkdir(parents=True)
    (tmp_path / "t.part/deep/c").rename(tmp_path / "t/deep/c")
    store = _start(MANY, tmp_path)
    assert store.check() == bytes([1] * 6)
    store.commit()
    assert tree(tmp_path) == NAMES
    assert not (tmp_path / "t.part").exists()


# ---- seeds


@BOTH
def test_a_seed_reads_files_where_they_lie(tmp_path, torrent):
    torrent.write(tmp_path)
    before = tree(tmp_path)
    store = Store.seed(torrent.metainfo, tmp_path)
    assert store.check() == bytes([1] * torrent.metainfo.piece_count)
    assert store.wanted == bytes([1] * torrent.metainfo.piece_count)
    assert store.get(1, 1, 2) == torrent.piece(1)[1:3]
    assert store.commit() == store.path
    store.close()
    assert tree(tmp_path) == before


def test_a_seed_without_a_file_or_with_another(tmp_path):
    MANY.write(tmp_path)
    (tmp_path / "t/z").unlink()
    with pytest.raises(NotFoundError, match=r"t/z is not there, expected all files"):
        Store.seed(MANY.metainfo, tmp_path)
    (tmp_path / "t/z").write_bytes(bytes(450))
    with pytest.raises(CorruptError, match=r"t/z is there .*\(450 bytes, expected 449\)"):
        Store.seed(MANY.metainfo, tmp_path)
    (tmp_path / "t/z").write_bytes(bytes(449))
    with pytest.raises(CorruptError, match=r"t/deep/er/b is there .* \(it or one of the 2 after"):
        Store.seed(MANY.metainfo, tmp_path).check()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not say")
def test_more_files_than_are_kept_open(tmp_path):
    torrent = torrent_of({f"{number:03}": 10 for number in range(200)}, piece_length=25)
    store = torrent.fill(_start(torrent, tmp_path))
    assert store.get(0, 0, 25) == torrent.piece(0)
    store.commit()
    assert [store.get(index, 0, 25) for index in range(80)] == [
        torrent.piece(index) for index in range(80)
    ]
    assert len(tree(tmp_path / "t")) == 200
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert sum(tmp_path in link.parents for link in links) == MOST_OPEN
