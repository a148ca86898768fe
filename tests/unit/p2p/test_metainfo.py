"""Metainfo: sizes and hashes of pieces, the infohash, and torrents that must be refused."""

import hashlib

import pytest

from p2p.bencode import decode, encode
from p2p.errors import MetainfoError
from p2p.metainfo import File, Metainfo, choose_piece_length

KIB = 1024
HASHES = [bytes([i]) * 20 for i in range(3)]
INFO = (
    b"d6:lengthi40000e4:name8:film.mkv12:piece lengthi16384e6:pieces60:" + b"".join(HASHES) + b"e"
)


def _info(**changes):
    info = decode(INFO)
    for key, value in changes.items():
        info[key.replace("_", " ").encode()] = value
    return encode({key: value for key, value in info.items() if value is not None})


def test_fields_of_an_info_dict():
    torrent = Metainfo.from_info(INFO)
    assert (torrent.name, torrent.length, torrent.piece_length) == ("film.mkv", 40000, 16384)
    assert torrent.info_bytes == INFO
    assert torrent.infohash == hashlib.sha1(INFO).digest()
    assert torrent.piece_count == 3
    assert [torrent.piece_size(i) for i in range(3)] == [16384, 16384, 7232]
    assert [torrent.piece_hash(i) for i in range(3)] == HASHES


@pytest.mark.parametrize("index", [-1, 3])
def test_no_piece_outside_the_file(index):
    torrent = Metainfo.from_info(INFO)
    with pytest.raises(IndexError, match=f"piece {index} of 3"):
        torrent.piece_size(index)
    with pytest.raises(IndexError, match=f"piece {index} of 3"):
        torrent.piece_hash(index)


def test_build_gives_the_same_as_reading():
    assert Metainfo.build("film.mkv", 40000, 16384, iter(HASHES)) == Metainfo.from_info(INFO)


def test_torrent_file_there_and_back():
    torrent = Metainfo.from_info(INFO)
    assert torrent.to_torrent() == b"d4:info" + INFO + b"e"
    assert Metainfo.from_torrent(torrent.to_torrent()) == torrent


def test_infohash_covers_unknown_keys_and_nothing_outside_info():
    info = _info(private=1, zzz=[{}])
    data = b"d8:announce3:url4:info" + info + b"5:nodesli1eee"
    torrent = Metainfo.from_torrent(data)
    assert torrent.info_bytes == info
    assert torrent.infohash == hashlib.sha1(info).digest() != hashlib.sha1(INFO).digest()


@pytest.mark.parametrize(("length", "last"), [(16384, 16384), (1, 1), (16385, 1), (32768, 16384)])
def test_size_of_the_last_piece(length, last):
    count = -(-length // 16384)
    torrent = Metainfo.build("x", length, 16384, [bytes(20)] * count)
    assert torrent.piece_count == count
    assert torrent.piece_size(count - 1) == last


def test_one_file_is_called_what_the_torrent_is():
    torrent = Metainfo.from_info(INFO)
    assert torrent.files == (File(("film.mkv",), 40000, 0),)
    assert not torrent.multi
    # BEP 47 pads between files: with a single one there is nothing to pad.
    assert Metainfo.from_info(_info(attr=b"p")).files == torrent.files


def test_empty_file_has_no_pieces():
    torrent = Metainfo.build("empty", 0, 16384, [])
    assert (torrent.length, torrent.piece_count, torrent.pieces) == (0, 0, b"")
    assert torrent.files == (File(("empty",), 0, 0),)
    assert Metainfo.from_torrent(torrent.to_torrent()) == torrent


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        (b"", "not bencoded: byte 0"),
        (b"i1e", "expected a bencoded dict, found int"),
        (INFO + b"e", f"not bencoded: byte {len(INFO)}: expected the end"),
        (_info(name=None), "name: expected a string"),
        (_info(name=5), "name: expected a string"),
        (_info(length=None), "length: expected a number from 0"),
        (_info(length=-1), "length: expected a number from 0"),
        (_info(length=b"40000"), "length: expected a number from 0"),
        (_info(piece_length=0), "piece length: expected a number from 1"),
        (_info(piece_length=2**29 + 1), "piece length 536870913: expected at most 536870912"),
        (_info(pieces=None), "pieces: expected a string"),
        (_info(pieces=bytes(59)), "pieces of 59 bytes: expected 3 hashes of 20"),
        (_info(pieces=bytes(40)), "pieces of 40 bytes: expected 3 hashes of 20"),
        (_info(pieces=bytes(80)), "pieces of 80 bytes: expected 3 hashes of 20"),
        (_info(length=0), "pieces of 60 bytes: expected 0 hashes of 20"),
        (_info(length=2**21 + 1, piece_length=1), "2097153 pieces: expected at most 2097152"),
        (_info(length=10**18, piece_length=1), "pieces: expected at most 2097152"),
        (_info(attr=b"l"), "'film.mkv' is a symlink"),
        (_info(files=[{"length": 40000, "path": ["a"]}]), "length and files: expected one of them"),
        (_info(meta_version=2, pieces=None), "version 2 only .BEP 52.: expected version 1 too"),
        (_info(file_tree={}, pieces=None, length=None), "version 2 only"),
        (_info(attr=7), "attr: expected a string"),
        (_info(x=bytes(10_000_000)), "expected at most 10000000"),
    ],
)
def test_info_dicts_refused(info, problem):
    with pytest.raises(MetainfoError, match=problem):
        Metainfo.from_info(info)
    with pytest.raises(MetainfoError):
        Metainfo.from_torrent(b"d4:info" + info + b"e")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"de", "expected a dict under the key info"),
        (b"d4:infolee", "expected a dict under the key info"),
        (b"le", "expected a bencoded dict, found list"),
        (b"d4:info" + INFO, "not bencoded"),
        (bytes(10_000_001), "torrent of 10000001 bytes: expected at most 10000000"),
    ],
)
def test_torrents_refused(data, problem):
    with pytest.raises(MetainfoError, match=problem):
        Metainfo.from_torrent(data)


def test_build_refuses_what_cannot_be_said():
    with pytest.raises(MetainfoError, match="UTF-8"):
        Metainfo.build("\ud800", 0, 16384, [])
    with pytest.raises(MetainfoError, match="19 digits"):
        Metainfo.build("x", 10**19, 16384, [])
    with pytest.raises(MetainfoError, match="hashes of 20"):
        Metainfo.build("x", 1, 16384, [])


@pytest.mark.parametrize(
    ("length", "piece_length"),
    [
        (0, 16 * KIB),
        (4 * KIB**2, 16 * KIB),
        (16 * KIB**2, 16 * KIB),
        (16 * KIB**2 + 1, 32 * KIB),
        (KIB**3, KIB**2),
        (16 * KIB**3, 16 * KIB**2),
        (KIB**4, 16 * KIB**2),
    ],
)
def test_piece_length_for_a_file(length, piece_length):
    assert choose_piece_length(length) == piece_length


# ---- several files


def _folder(*entries, **changes):
    info = {"name": "film", "piece length": 16384, "pieces": b"".join(HASHES), "files": entries}
    return encode(info | changes)


def _entry(path, length=40000, **more):
    return {"path": path.split("/"), "length": length} | more


def test_files_in_a_folder():
    torrent = Metainfo.from_info(
        _folder(
            _entry("b", 16000),
            _entry(".pad/384", 384, attr=b"p"),
            _entry("a/x.txt", 0, attr=b"xh"),
            _entry(".pad/384", 384, attr=b"p"),
            _entry("a/y", 23232, sha1=bytes(20)),
        )
    )
    assert torrent.multi
    assert (torrent.name, torrent.length, torrent.piece_count) == ("film", 40000, 3)
    assert torrent.files == (
        File(("film", "b"), 16000, 0),
        File(("film", ".pad", "384"), 384, 16000, padding=True),
        File(("film", "a", "x.txt"), 0, 16384),
        File(("film", ".pad", "384"), 384, 16384, padding=True),
        File(("film", "a", "y"), 23232, 16768),
    )
    assert Metainfo.from_torrent(torrent.to_torrent()) == torrent


def test_a_folder_may_have_one_file():
    torrent = Metainfo.build("d", [(("f",), 40000)], 16384, HASHES)
    assert torrent.multi
    assert torrent.files == (File(("d", "f"), 40000, 0),)


def test_building_a_folder_gives_the_same_as_reading():
    content = [(("a", "b"), 30000), (("c",), 10000)]
    read = Metainfo.from_info(_folder(_entry("a/b", 30000), _entry("c", 10000)))
    assert Metainfo.build("film", content, 16384, HASHES) == read


def test_a_hybrid_torrent_is_read_as_version_1():
    tree = {"film.mkv": {"": {"length": 40000, "pieces root": bytes(32)}}}
    info = decode(_info(meta_version=2, file_tree=tree))
    torrent = Metainfo.from_info(encode(info))
    assert (torrent.files, torrent.pieces) == (Metainfo.from_info(INFO).files, b"".join(HASHES))


def test_other_spellings_of_names_are_not_read():
    other = {"path.utf-8": ["..", "x"]}
    torrent = Metainfo.from_info(_folder(_entry("a") | other, **{"name.utf-8": "../x"}))
    assert torrent.files == (File(("film", "a"), 40000, 0),)


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        (_folder(), "files: expected a list of 1 to 375000 dicts"),
        (_folder(files={}), "files: expected a list of 1 to 375000 dicts"),
        (_folder(files=5), "files: expected a list of 1 to 375000 dicts"),
        (_folder(files=[5]), "files: expected dicts, found int"),
        (_folder({"length": 40000}), "path: expected a list of names"),
        (_folder({"length": 40000, "path": "a"}), "path: expected a list of names"),
        (_folder({"length": 40000, "path": []}), "a path of 0 names: expected between 1 and 99"),
        (_folder({"length": 40000, "path": [["a"]]}), "expected names only"),
        (_folder({"path": ["a"]}), "length: expected a number from 0"),
        (_folder(_entry("a", -1)), "length: expected a number from 0"),
        (_folder(_entry("a", 40001), _entry("b", -1)), "length: expected a number from 0"),
        (_folder(_entry("a", "x")), "length: expected a number from 0"),
        (_folder(_entry("a", 40000, attr=5)), "attr: expected a string"),
        (_folder(_entry("a/b", 40000, attr=b"l")), "'b' is a symlink, expected a regular file"),
        (_folder(_entry("a", 40000, attr=b"p")), "expected one that is not padding"),
        (_folder(_entry("a", 30000)), "pieces of 60 bytes: expected 2 hashes of 20"),
        (_folder(_entry("a", 10**18), _entry("b", 10**18)), "pieces: expected at most 2097152"),
    ],
)
def test_folders_refused(info, problem):
    with pytest.raises(MetainfoError, match=problem):
        Metainfo.from_info(info)
    with pytest.raises(MetainfoError):
        Metainfo.from_torrent(b"d4:info" + info + b"e")


def test_too_many_files(monkeypatch):
    monkeypatch.setattr("p2p.metainfo.MAX_FILES", 2)
    entries = [_entry("a"), _entry("b", 0), _entry("c", 0)]
    assert len(Metainfo.from_info(_folder(*entries[:2])).files) == 2
    with pytest.raises(MetainfoError, match="expected a list of 1 to 2 dicts"):
        Metainfo.from_info(_folder(*entries))
