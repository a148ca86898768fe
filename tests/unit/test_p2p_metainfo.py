"""Metainfo: sizes and hashes of pieces, the infohash, and torrents that must be refused."""

import hashlib

import pytest

from p2p.bencode import decode, encode
from p2p.errors import MetainfoError
from p2p.metainfo import Metainfo, check_name, choose_piece_length

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


def test_empty_file_has_no_pieces():
    torrent = Metainfo.build("empty", 0, 16384, [])
    assert (torrent.length, torrent.piece_count, torrent.pieces) == (0, 0, b"")
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
        (_info(files=[], length=None), "several files are not supported"),
        (_info(attr=b"l"), "symlink"),
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


NAMES = ["film.mkv", ".hidden", "a..b", "...a", "conquest", "CONSOLE.txt", "COM10", "ab:c.txt", "é",
         "x" * 255, "é" * 127]  # fmt: skip
BAD_NAMES = [
    (b"", "dots and spaces"),
    (b".", "dots and spaces"),
    (b"..", "dots and spaces"),
    (b".. ", "dots and spaces"),
    (b"...", "dots and spaces"),
    (b"/etc/passwd", "path separator"),
    (b"a/b", "path separator"),
    (b"../x", "path separator"),
    (b"..\\x", "path separator"),
    (b"\\\\host\\share", "path separator"),
    (b"C:\\x", "path separator"),
    (b"C:", "drive letter"),
    (b"c:x.txt", "drive letter"),
    (b"a\0b", "NUL"),
    (b"a\nb", "control character"),
    (b"CON", "reserved by Windows"),
    (b"con.txt", "reserved by Windows"),
    (b"Nul", "reserved by Windows"),
    (b"aux .tar.gz", "reserved by Windows"),
    (b"prn:x", "reserved by Windows"),
    (b"COM1", "reserved by Windows"),
    (b"lpt9.log", "reserved by Windows"),
    ("COM¹".encode(), "reserved by Windows"),
    (b"CONOUT$", "reserved by Windows"),
    (b"x" * 256, "at most 255 bytes, found 256"),
    ("é".encode() * 128, "at most 255 bytes, found 256"),
    (b"\xff", "expected UTF-8"),
]


@pytest.mark.parametrize("name", NAMES)
def test_names_kept_as_they_are(name):
    assert check_name(name.encode()) == name


@pytest.mark.parametrize(("name", "problem"), BAD_NAMES)
def test_names_refused(name, problem):
    with pytest.raises(MetainfoError, match=problem):
        Metainfo.from_info(_info(name=name))


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
