"""The file of a torrent on disk: only what verifies goes in, and it has a name once whole."""

import hashlib

import pytest

from p2p.metainfo import Metainfo
from p2p.store import Store, describe

DATA = bytes(range(250)) * 4
PIECE = 300


def _metainfo(data=DATA):
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    hashes = [hashlib.sha1(piece).digest() for piece in pieces]
    return Metainfo.build("file.bin", len(data), PIECE, hashes)


def _piece(index):
    return bytearray(DATA[index * PIECE : (index + 1) * PIECE])


def _filled(tmp_path, indices=(3, 0, 2, 1)):
    store = Store(_metainfo(), into=tmp_path)
    for index in indices:
        assert store.put(index, _piece(index))
    return store


def test_pieces_in_any_order_make_the_file(tmp_path):
    store = _filled(tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert store.commit() == tmp_path / "file.bin"
    assert (tmp_path / "file.bin").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]
    store.close()


def test_blocks_are_read_before_and_after_the_file_has_its_name(tmp_path):
    store = _filled(tmp_path)
    blocks = [(0, 0, 300), (1, 5, 10), (3, 99, 1)]
    expected = [DATA[:300], DATA[305:315], DATA[999:]]
    assert [store.get(*block) for block in blocks] == expected
    store.commit()
    assert [store.get(*block) for block in blocks] == expected
    store.close()


@pytest.mark.parametrize("spoil", [lambda p: p[::-1], lambda p: p[:-1], lambda p: p + b"\0"])
def test_a_wrong_piece_is_refused_and_not_written(tmp_path, spoil):
    store = _filled(tmp_path, [1])
    assert not store.put(0, bytearray(spoil(_piece(0))))
    assert store.get(0, 0, PIECE) == bytes(PIECE)
    assert store.get(1, 0, PIECE) == DATA[300:600]
    store.close()


def test_a_right_piece_at_the_wrong_place_is_refused(tmp_path):
    store = _filled(tmp_path, [])
    assert not store.put(1, _piece(0))
    store.close()


def test_what_was_not_whole_leaves_nothing_behind(tmp_path):
    store = _filled(tmp_path, [0, 1])
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin.part"]
    store.close()
    assert list(tmp_path.iterdir()) == []
    store.close()


def test_a_file_of_that_name_is_replaced_only_by_a_whole_one(tmp_path):
    (tmp_path / "file.bin").write_bytes(b"old")
    _filled(tmp_path, [0]).close()
    assert (tmp_path / "file.bin").read_bytes() == b"old"
    store = _filled(tmp_path)
    store.commit()
    store.close()
    assert (tmp_path / "file.bin").read_bytes() == DATA


def test_an_empty_file(tmp_path):
    store = Store(_metainfo(b""), into=tmp_path)
    assert store.commit().read_bytes() == b""
    store.close()


def test_the_origins_file_is_read_where_it_lies_and_stays(tmp_path):
    path = tmp_path / "mine.bin"
    path.write_bytes(DATA)
    store = Store(_metainfo(), whole=path)
    assert store.get(1, 1, 2) == DATA[301:303]
    store.close()
    assert path.read_bytes() == DATA


def test_a_file_that_has_become_shorter_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "mine.bin"
    path.write_bytes(DATA)
    store = Store(_metainfo(), whole=path)
    path.write_bytes(DATA[:-1])
    assert store.get(3, 0, 99) == DATA[900:999]
    with pytest.raises(OSError, match=r"mine\.bin has become shorter"):
        store.get(3, 0, 100)
    store.close()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Store(_metainfo(), into=tmp_path / "nowhere")


def test_describe_is_the_metainfo_of_the_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(DATA)
    assert describe(path, PIECE) == _metainfo()
    chosen = describe(path)
    assert (chosen.piece_length, chosen.piece_count) == (16 * 1024, 1)
    path.write_bytes(b"")
    assert describe(path).piece_count == 0
