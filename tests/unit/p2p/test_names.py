"""Names in torrents: which are kept, and which are refused with the reason."""

import pytest

from p2p.bencode import encode
from p2p.errors import MetainfoError
from p2p.metainfo import Metainfo
from p2p.names import check_distinct, check_name, check_path, check_torrent_name

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
    (b"a\x7fb", "control character"),
    ("a\x85b".encode(), "control character"),
    ("annexe\u202etxt.exe".encode(), "control character"),
    ("a\u2066b".encode(), "control character"),
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
def test_names_refused_wherever_they_are(name, problem):
    one = {"name": name, "length": 0, "piece length": 1, "pieces": b""}
    file = {"path": [b"ok"], "length": 0}
    several = {"name": name, "files": [file], "piece length": 1, "pieces": b""}
    last = several | {"name": b"ok", "files": [file, {"path": [b"a", name], "length": 0}]}
    folder = several | {"name": b"ok", "files": [file, {"path": [name, b"a"], "length": 0}]}
    padding = {"path": [name], "length": 0, "attr": "p"}
    for info in (one, several, last, folder, several | {"name": b"ok", "files": [file, padding]}):
        with pytest.raises(MetainfoError, match=problem):
            Metainfo.from_info(encode(info))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"x.part", ".part is the mark of unfinished files"),
        (b"x.PART", ".part is the mark of unfinished files"),
        (b".part", ".part is the mark of unfinished files"),
        (b"x.part. ", ".part is the mark of unfinished files"),
        (b"x" * 251, "at most 250 bytes, found 251"),
    ],
)
def test_names_that_leave_no_place_for_what_is_unfinished(name, problem):
    assert check_name(name)
    with pytest.raises(MetainfoError, match=problem):
        check_torrent_name(name)
    assert check_path("ok", [name])  # further in nothing of ours lies beside it


def test_names_that_leave_a_place():
    assert check_torrent_name(b"x" * 250) == "x" * 250
    assert check_torrent_name(b"part") == "part"
    assert check_torrent_name(b"x.parts") == "x.parts"


def test_depth_and_length_of_paths():
    assert len(check_path("t", [b"d"] * 99)) == 100
    with pytest.raises(MetainfoError, match="a path of 100 names: expected between 1 and 99"):
        check_path("t", [b"d"] * 100)
    longest = [b"x" * 255] * 15 + [b"y" * 253]
    assert len("/".join(check_path("t", longest))) == 4095
    with pytest.raises(MetainfoError, match="a path of 4096 bytes: expected at most 4095"):
        check_path("tt", longest)


def _paths(*paths):
    return [tuple(path.split("/")) for path in paths]


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (["t/a", "t/b", "t/a"], "two files are called 't/a'"),
        (["t/a", "t/A"], "two files are called 't/a'"),
        (["t/straße", "t/STRASSE"], "two files are called 't/strasse'"),
        (["t/é", "t/e\u0301"], "two files are called 't/é'"),
        (["t/\u212b", "t/å"], "two files are called 't/å'"),
        (["t/É", "t/e\u0301"], "two files are called 't/é'"),
        (["t/\u03b1\u0345\u0301", "t/\u03ac\u0345"], "two files are called 't/άι'"),
        (["t/a.", "t/a"], "two files are called 't/a'"),
        (["t/a ", "t/A"], "two files are called 't/a'"),
        (["t/d/x", "t/D/X"], "two files are called 't/d/x'"),
        (["t/a", "t/a/b"], "'t/a' is a file and a folder"),
        (["t/a/b/c", "t/z", "t/A"], "'t/a' is a file and a folder"),
        (["t/a/b", "t/a b", "t/a!", "t/a"], "'t/a' is a file and a folder"),
    ],
)
def test_files_that_would_be_one(paths, problem):
    with pytest.raises(MetainfoError, match=problem):
        check_distinct(_paths(*paths))


def test_files_that_are_distinct():
    check_distinct(_paths("t/a", "t/b", "t/ab", "t/a b", "t/d/a", "t/D/b", "t/d.x", "t/a.b"))


def test_padding_may_be_called_the_same():
    file, pad = {"path": ["a"], "length": 0}, {"path": ["a"], "length": 0, "attr": "p"}
    info = {"name": "t", "files": [file, pad, pad], "piece length": 1, "pieces": b""}
    assert len(Metainfo.from_info(encode(info)).files) == 3
