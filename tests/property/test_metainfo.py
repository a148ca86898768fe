"""Metainfo and layout: any bytes give a valid value or MetainfoError, and files tile the data."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from p2p.bencode import decode, encode
from p2p.disk.layout import Layout, wanted_pieces
from p2p.errors import BencodeError, MetainfoError
from p2p.metainfo import Metainfo

many = settings(max_examples=300)

BAD = ["..", ".", "", "a/b", "a\\b", "C:", "nul", "x\0", "A", "a", "é", "e\u0301", "x.part"]
names = st.sampled_from(["a", "b", "c d", "é", "日本", *BAD]) | st.text(max_size=8)
lengths = st.integers(0, 60) | st.integers(-2, 10**18)
entries = st.fixed_dictionaries(
    {"path": st.lists(names, max_size=4), "length": lengths},
    optional={"attr": st.sampled_from(["p", "l", "x", "", "hp"]), "sha1": st.binary(max_size=3)},
)


def _valid(metainfo):
    """All that a user of a Metainfo relies on."""
    assert metainfo.files
    assert metainfo.multi or len(metainfo.files) == 1
    offset = 0
    for file in metainfo.files:
        assert file.offset == offset
        assert file.length >= 0
        offset += file.length
        assert file.path[0] == metainfo.name
        assert len(file.path) > metainfo.multi
        for part in file.path:
            assert part.strip(". ")
            assert not set(part) & set("/\\\0")
            assert len(part.encode()) <= 255
    assert offset == metainfo.length
    shown = [file.path for file in metainfo.files if not file.padding]
    assert len(set(shown)) == len(shown) > 0
    folders = {path[:depth] for path in shown for depth in range(1, len(path))}
    assert not folders & set(shown)
    sizes = [metainfo.piece_size(index) for index in range(metainfo.piece_count)]
    assert sum(sizes) == metainfo.length
    assert len(metainfo.pieces) == 20 * len(sizes)
    assert metainfo.infohash == hashlib.sha1(metainfo.info_bytes).digest()
    assert Metainfo.from_torrent(metainfo.to_torrent()) == metainfo


def _read(data):
    """What any bytes give: a valid value, or our own error in a line."""
    for read in (Metainfo.from_info, Metainfo.from_torrent):
        try:
            _valid(read(data))
        except MetainfoError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 300


@many
@given(st.binary(max_size=60) | st.text("ilde0123456789:-path", max_size=60).map(str.encode))
def test_any_bytes(data):
    _read(data)


@many
@given(names, st.lists(entries, max_size=5), st.integers(1, 100), st.data())
def test_any_list_of_files(name, files, piece_length, data):
    total = sum(file["length"] for file in files)
    count = max(0, min(50, -(-total // piece_length)))
    pieces = bytes(20 * data.draw(st.sampled_from([count, count, count, count + 1])))
    info = {"name": name, "files": files, "piece length": piece_length, "pieces": pieces}
    try:
        _read(encode(info))
    except BencodeError:
        return  # lone surrogates and the like
    _read(encode({"info": info}))


def _torrent():
    files = [
        {"path": ["a", "b"], "length": 5000},
        {"path": [".pad", "1"], "length": 11384, "attr": "p"},
        {"path": ["c"], "length": 20000},
    ]
    info = {"name": "t", "files": files, "piece length": 16384, "pieces": bytes(range(60))}
    return encode({"info": info, "announce": "x"})


@many
@given(
    st.lists(
        st.tuples(st.integers(0, len(_torrent()) - 1), st.integers(0, 3), st.binary(max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_any_mutation_of_a_valid_torrent(changes):
    data = _torrent()
    _valid(Metainfo.from_torrent(data))
    for at, cut, new in changes:
        data = data[:at] + new + data[at + cut :]
    _read(data)


values = st.recursive(
    st.integers(-5, 10**18) | st.binary(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=6,
)


@many
@given(st.data())
def test_any_value_in_place_of_another(data):
    """One node of a valid torrent's values is replaced, so the rest still passes."""
    torrent = decode(_torrent())
    node = torrent
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(values | names.map(lambda name: name.encode(errors="replace")))
    _read(encode(torrent))


sizes = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=12)


def _of_sizes(sizes, piece_length):
    files = [
        {"path": [b"%d" % index], "length": length} | ({"attr": "p"} if padding and index else {})
        for index, (length, padding) in enumerate(sizes)
    ]
    count = -(-sum(length for length, _ in sizes) // piece_length)
    info = {"name": "t", "files": files, "piece length": piece_length, "pieces": bytes(20 * count)}
    return Metainfo.from_info(encode(info))


@many
@given(sizes, st.integers(1, 50))
def test_the_spans_of_all_pieces_tile_all_files(sizes, piece_length):
    metainfo = _of_sizes(sizes, piece_length)
    layout = Layout(metainfo.files)
    reached = [0] * len(metainfo.files)
    for index in range(metainfo.piece_count):
        spans = layout.spans(index * piece_length, metainfo.piece_size(index))
        assert sum(span.length for span in spans) == metainfo.piece_size(index)
        for span in spans:
            assert span.length > 0
            assert span.at == reached[span.file]
            reached[span.file] += span.length
            assert not any(reached[file] < metainfo.files[file].length for file in range(span.file))
    assert reached == [file.length for file in metainfo.files]


@many
@given(sizes, st.integers(1, 50), st.sets(st.integers(0, 12)) | st.none())
def test_wanted_are_the_pieces_with_a_selected_byte(sizes, piece_length, selected):
    metainfo = _of_sizes(sizes, piece_length)
    layout = Layout(metainfo.files)
    expected = [
        any(
            not metainfo.files[span.file].padding and (selected is None or span.file in selected)
            for span in layout.spans(index * piece_length, metainfo.piece_size(index))
        )
        for index in range(metainfo.piece_count)
    ]
    assert list(wanted_pieces(metainfo, selected)) == expected
