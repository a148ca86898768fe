"""Torrents made to do harm: each is refused with its reason, or does none.

Every torrent is whole and valid but for one thing, so the reason is that thing.
"""

import hashlib
import tracemalloc

import pytest
from torrents import tree

from p2p import bencode
from p2p.bencode import encode
from p2p.disk.store import Store
from p2p.errors import DiskError, MetainfoError
from p2p.metainfo import MAX_TORRENT, Metainfo

DATA = b"owned"
PIECES = hashlib.sha1(DATA).digest()


def _one(name, **changes):
    return _torrent({"name": name, "length": 5} | changes)


def _several(*paths, **changes):
    first, *others = paths
    files = [{"path": first, "length": 5}, *({"path": path, "length": 0} for path in others)]
    return _torrent({"name": "t", "files": files} | changes)


def _torrent(info):
    whole = {"piece length": 16384, "pieces": PIECES} | info
    return encode({"info": {key: value for key, value in whole.items() if value is not None}})


def _entry(**changes):
    return _torrent({"name": "t", "files": [{"path": ["a"], "length": 5} | changes]})


CORPUS = {
    "one absolute": (_one("/etc/cron.d/x"), "no path separator"),
    "one climbs": (_one("../x"), "no path separator"),
    "one is the parent": (_one(".."), "more than dots and spaces"),
    "one is nameless": (_one(""), "more than dots and spaces"),
    "one on a share": (_one("\\\\host\\share\\x"), "no path separator"),
    "one on a drive": (_one("C:x"), "no drive letter"),
    "one is a device": (_one("nul.txt"), "reserved by Windows"),
    "one ends early": (_one("x.txt\0.exe"), "no NUL"),
    "one rings": (_one("x\a"), "control character"),
    "one reads backwards": (_one("cod\u202ecexe.doc"), "control character"),
    "one too long": (_one("x" * 300), "at most 255 bytes"),
    "one is no text": (_one(b"\xc0\xae\xc0\xae"), "expected UTF-8"),
    "one is a surrogate": (_one(b"\xed\xa0\x80"), "expected UTF-8"),
    "one is anothers part": (_one("film.mkv.part"), "mark of unfinished files"),
    "one is a symlink": (_one("x", attr="l", **{"symlink path": ["..", "x"]}), "is a symlink"),
    "folder absolute": (_several(["", "etc", "passwd"]), "more than dots and spaces"),
    "folder climbs": (_several(["..", "..", "x"]), "more than dots and spaces"),
    "folder climbs late": (_several(["a", "..", "..", "..", "x"]), "more than dots and spaces"),
    "folder stands still": (_several([".", "x"]), "more than dots and spaces"),
    "folder hides a step": (_several(["a/../../x"]), "no path separator"),
    "folder hides a step the other way": (_several(["a\\..\\..\\x"]), "no path separator"),
    "folder climbs on Windows": (_several([".. ", "x"]), "more than dots and spaces"),
    "folder on a drive": (_several(["C:", "x"]), "no drive letter"),
    "folder is a device": (_several(["aux", "x"]), "reserved by Windows"),
    "folder is called so": (_several(["x"], name=".."), "more than dots and spaces"),
    "second file": (_several(["a"], ["..", "x"]), "more than dots and spaces"),
    "padding climbs": (_entry(path=["..", "x"], attr="p"), "more than dots and spaces"),
    "symlink out": (_entry(attr="l", **{"symlink path": ["..", "x"]}), "is a symlink"),
    "hidden symlink": (_entry(attr="hxl"), "is a symlink"),
    "twice the same": (_several(["a"], ["a"]), "two files are called"),
    "twice but for case": (_several(["a"], ["A"]), "two files are called"),
    "twice but for accents": (_several(["\u00e9"], ["e\u0301"]), "two files are called"),
    "twice but for a dot": (_several(["a"], ["a."]), "two files are called"),
    "file in a file": (_several(["a"], ["a", "b"]), "is a file and a folder"),
    "file in a file elsewhere": (_several(["d", "A", "b"], ["d", "a"]), "is a file and a folder"),
    "very deep": (_several(["d"] * 200), "a path of 200 names"),
    "deeper": (_entry(path=["d"] * 50_000), "a path of 50000 names"),
    "long path": (_several(["d" * 250] * 17), "a path of 4268 bytes"),
    "no path": (_several([]), "a path of 0 names"),
    "path in a path": (_several([["a"]]), "expected names only"),
    "number in a path": (_several([5]), "expected names only"),
    "text for a path": (_several("../x"), "expected a list of names"),
    "no files": (_torrent({"name": "t", "files": []}), "a list of 1 to"),
    "only padding": (_entry(attr="p"), "expected one that is not padding"),
    "both kinds": (_several(["a"], length=5), "length and files: expected one"),
    "neither kind": (_one("x", length=None), "length: expected a number"),
    "version 2": (
        _torrent({"name": "t", "meta version": 2, "file tree": {}, "pieces": None}),
        "version 2 only",
    ),
    "less than nothing": (_one("x", length=-5), "length: expected a number from 0"),
    "negative to fit": (
        _torrent({"name": "t", "files": [{"path": ["a"], "length": 10},
                                         {"path": ["b"], "length": -5}]}),
        "length: expected a number from 0",
    ),
    "more than a disk": (_one("x", length=2**62), "pieces: expected at most"),
    "more in sum": (
        _torrent({"name": "t", "files": [{"path": [b"%d" % i], "length": 2**62}
                                         for i in range(4)]}),
        "pieces: expected at most",
    ),
    "a number without end": (
        b"d4:infod6:lengthi" + b"9" * 100_000 + b"e4:name1:xee",
        "not bencoded",
    ),
    "padding without end": (
        _torrent({"name": "t", "files": [{"path": ["a"], "length": 5},
                                         {"path": ["p"], "length": 2**60, "attr": "p"}]}),
        "pieces: expected at most",
    ),
    "huge pieces": (_one("x", **{"piece length": 2**40}), "piece length .* expected at most"),
    "no piece length": (_one("x", **{"piece length": 0}), "expected a number from 1"),
    "too few hashes": (_one("x", length=16385), "expected 2 hashes of 20"),
    "half a hash": (_one("x", pieces=PIECES[:-1]), "expected 1 hashes of 20"),
    "nested": (b"d4:info" + b"l" * 5_000_000, "not bencoded"),
    "nested dicts": (b"d4:info" + b"d1:a" * 1_000_000, "not bencoded"),
    "many empty lists": (b"d4:infol" + b"le" * 500_000 + b"ee", "not bencoded"),
    "longer than it is": (b"d4:info99999999:", "not bencoded"),
    "large": (_one("x", pad=bytes(MAX_TORRENT)), "expected at most 10000000"),
}  # fmt: skip


@pytest.mark.parametrize("what", CORPUS)
def test_refused_with_the_reason(what):
    data, reason = CORPUS[what]
    with pytest.raises(MetainfoError, match=reason) as refused:
        Metainfo.from_torrent(data)
    text = str(refused.value)
    assert len(text) < 250
    assert text.isprintable()


@pytest.mark.parametrize("torrent", [_one("x"), _several(["a"], ["d", "b"])])
def test_what_the_corpus_is_made_of_is_fine_without_the_harm(torrent, tmp_path):
    store = Store.download(Metainfo.from_torrent(torrent), tmp_path)
    assert store.put(0, bytearray(DATA))
    assert store.commit().exists()
    store.close()


@pytest.mark.parametrize(
    "name", ["...a", "a..b", "~", "-rf", "$HOME", "`x`", "%2e%2e", "ab:c", "*"]
)
def test_names_that_look_worse_than_they_are_stay_inside(name, tmp_path):
    jail = tmp_path / "jail"
    jail.mkdir()
    for torrent, path in ((_one(name), name), (_several([name, name]), f"t/{name}/{name}")):
        store = Store.download(Metainfo.from_torrent(torrent), jail)
        assert store.put(0, bytearray(DATA))
        store.commit()
        store.close()
        assert (jail / path).read_bytes() == DATA
    assert tree(tmp_path) == sorted([f"jail/{name}", f"jail/t/{name}/{name}"])


def test_one_torrent_cannot_have_anothers_link_lead_it_out(tmp_path):
    """Were links made, the second torrent would follow the first one's."""
    (tmp_path / "jail").mkdir()
    (tmp_path / "jail/t").symlink_to(tmp_path)
    with pytest.raises(DiskError, match="a symbolic link is in the way"):
        Store.download(Metainfo.from_torrent(_several(["a"])), tmp_path / "jail")
    assert [path.name for path in tmp_path.iterdir()] == ["jail"]


def test_128_tebibytes_take_no_room_before_they_come(tmp_path):
    pieces = PIECES * 2**18
    huge = _one("huge", length=2**47, pieces=pieces, **{"piece length": 2**29})
    store = Store.download(Metainfo.from_torrent(huge), tmp_path)
    assert len(store.wanted) == 2**18
    assert (tmp_path / "huge.part").stat().st_size == 0
    store.close()


@pytest.mark.parametrize(
    "paths",
    [
        [[b"photos", b"picture %05d.jpg" % i] for i in range(5_000)],
        [[b"%x" % (i % 16)] * 90 + [b"%d" % i] for i in range(400)],
        [["ΐ" * 100 + f"\U0001d15e{i}"] for i in range(1_000)],
        [[b"d" * 200, b"%05d" % i] for i in range(1_000)],
    ],
    ids=["many", "deep", "growing when folded", "long"],
)
def test_memory_stays_within_ten_times_the_torrent(paths, monkeypatch):
    monkeypatch.setattr(bencode, "MEMORY_FLOOR", 300_000)
    data = _several(*paths)
    assert len(data) > 100_000
    tracemalloc.start()
    try:
        files = Metainfo.from_torrent(data).files
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(files) == len(paths)
    assert peak < 10 * len(data) + 300_000
