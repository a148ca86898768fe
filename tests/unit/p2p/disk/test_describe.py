"""The metainfo of what lies on disk: a file, or a folder with all that is in it."""

import os

import pytest
from torrents import MIXED, torrent_of

from p2p.disk.store import Store, describe
from p2p.errors import CorruptError, MetainfoError
from p2p.metainfo import File

ONE = torrent_of(1000, name="file.bin")
MANY = torrent_of(dict(sorted(MIXED.items())))


def test_a_file(tmp_path):
    ONE.write(tmp_path)
    path = tmp_path / "file.bin"
    assert describe(path, 300) == ONE.metainfo
    chosen = describe(path)
    assert (chosen.piece_length, chosen.piece_count) == (16 * 1024, 1)
    path.write_bytes(b"")
    assert describe(path).piece_count == 0


def test_a_folder(tmp_path):
    MANY.write(tmp_path)
    (tmp_path / "t/nothing in it").mkdir()
    assert describe(tmp_path / "t", 300) == MANY.metainfo
    assert [file.path[-1] for file in MANY.metainfo.files] == ["a", "c", "b", "empty", "z"]
    store = Store.seed(describe(tmp_path / "t", 7), tmp_path)
    assert all(store.check())
    store.close()


def test_a_folder_of_empty_files(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a").touch()
    found = describe(tmp_path / "t")
    assert (found.files, found.piece_count) == ((File(("t", "a"), 0, 0),), 0)


@pytest.mark.parametrize("length", [2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20 + 5])
@pytest.mark.parametrize("piece_length", [2**20 - 1, 2**20, 3 * 2**19, 2**22])
def test_pieces_larger_and_smaller_than_what_is_read_at_once(tmp_path, length, piece_length):
    torrent = torrent_of({"a": length, "b": 2**20 + 7}, piece_length=piece_length)
    torrent.write(tmp_path)
    assert describe(tmp_path / "t", piece_length) == torrent.metainfo


def test_it_tells_how_far_it_is(tmp_path):
    MANY.write(tmp_path)
    seen = []
    describe(tmp_path / "t", 500, seen.append)
    assert seen == [250, 251, 500, 1000, 1251, 1500, 1700]


def test_what_no_torrent_can_hold(tmp_path):
    folder = tmp_path / "t"
    (folder / "inner").mkdir(parents=True)
    with pytest.raises(MetainfoError, match="t is empty, expected at least one file"):
        describe(folder)
    (folder / "file").write_bytes(b"x")
    (folder / "inner/link").symlink_to("../file")
    with pytest.raises(MetainfoError, match="inner/link is a symlink, expected files and folders"):
        describe(folder)
    with pytest.raises(MetainfoError, match="link is a symlink"):
        describe(folder / "inner/link")
    (folder / "inner/link").unlink()
    os.mkfifo(folder / "inner/pipe")
    with pytest.raises(MetainfoError, match="inner/pipe is no regular file"):
        describe(folder)
    (folder / "inner/pipe").rename(folder / "FILE.")
    (folder / "FILE.").unlink()
    (folder / "FILE.").write_bytes(b"y")
    with pytest.raises(MetainfoError, match="two files are called 't/file'"):
        describe(folder)


def test_a_name_that_is_no_text(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff", "wb"):  # noqa: PTH123
        pass
    with pytest.raises(MetainfoError, match="UTF-8"):
        describe(next(tmp_path.iterdir()))


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        describe(tmp_path / "missing")


def test_a_file_that_changes_meanwhile(tmp_path):
    MANY.write(tmp_path)

    def cut(done):
        os.truncate(tmp_path / "t/z", 5)

    with pytest.raises(CorruptError, match="t/z changed while it was read"):
        describe(tmp_path / "t", 300, cut)
