"""Codecs of the peer: what is encoded comes back, and any bytes give a value or our own error."""

import hashlib
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p.bencode import decode, decode_prefix, encode
from p2p.errors import BencodeError, MetainfoError
from p2p.metainfo import Metainfo, choose_piece_length
from p2p.names import check_name

few = settings(max_examples=60, deadline=None)

texts = st.text(max_size=20)
integers = st.integers(-(10**19) + 1, 10**19 - 1)
values = st.recursive(
    integers | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=20,
)
nearly_bencoded = st.text("ilde0123:-ab", max_size=30).map(str.encode)


@few
@given(values)
def test_bencoded_values_come_back(value):
    assert decode(encode(value)) == value


@few
@given(values, st.binary(max_size=8), st.binary(max_size=8))
def test_a_prefix_ends_where_its_value_does(value, before, after):
    data = encode(value)
    whole = before + data + after
    assert decode_prefix(whole, len(before)) == (value, len(before) + len(data))


@settings(max_examples=500, deadline=None)
@given(nearly_bencoded | st.binary(max_size=40))
def test_what_decodes_has_one_encoding(data):
    try:
        value = decode(data)
    except BencodeError:
        return
    assert encode(value) == data


@few
@given(values, st.data())
def test_no_part_of_an_encoding_is_an_encoding(value, data):
    encoded = encode(value)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(BencodeError):
        decode(encoded[:cut])


safe_names = st.text(string.ascii_letters + "é .-_", min_size=1, max_size=40).filter(
    lambda name: (
        name.strip(". ")
        and not re.match(r"(?i)(con|prn|aux|nul|conin|conout|com.|lpt.) *([.:]|$)", name)
    )
)


@few
@given(safe_names, st.integers(0, 10**6), st.sampled_from([1000, 2**14, 2**20]), st.randoms())
def test_torrents_come_back(name, length, piece_length, random):
    hashes = [random.randbytes(20) for _ in range(-(-length // piece_length))]
    torrent = Metainfo.build(name, length, piece_length, hashes)
    assert Metainfo.from_torrent(torrent.to_torrent()) == torrent
    assert torrent.infohash == hashlib.sha1(torrent.info_bytes).digest()
    assert (torrent.name, torrent.length, torrent.piece_count) == (name, length, len(hashes))
    assert [torrent.piece_hash(i) for i in range(len(hashes))] == hashes
    assert sum(torrent.piece_size(i) for i in range(len(hashes))) == length


@few
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": texts | integers,
            "length": integers | texts,
            "piece length": integers | st.integers(0, 100),
            "pieces": st.binary(max_size=60),
            "files": values,
            "attr": values,
        },
    ),
    values,
)
def test_any_info_dict_is_a_torrent_or_refused(info, other):
    for data in (encode(info), encode({"info": info, "other": other}), encode(other)):
        for read in (Metainfo.from_info, Metainfo.from_torrent):
            try:
                torrent = read(data)
            except MetainfoError:
                continue
            assert torrent.info_bytes == encode(info)


@few
@given(st.binary(max_size=30) | st.text("./\\:CONcon1\0 ", max_size=8).map(str.encode))
def test_a_name_that_is_kept_is_one_plain_component(raw):
    try:
        name = check_name(raw)
    except MetainfoError:
        return
    assert name.encode() == raw
    assert name.strip(" ") not in ("", ".", "..")
    assert not set(name) & {"/", "\\", "\0"}
    assert name[1:2] != ":" or not name[0].isalpha()


@few
@given(st.integers(0, 2**45))
def test_piece_lengths_are_powers_of_two_that_suit(length):
    piece_length = choose_piece_length(length)
    assert piece_length in [2**exponent for exponent in range(14, 25)]
    count = -(-length // piece_length)
    assert count <= 1024 or piece_length == 2**24
    assert count > 512 or piece_length == 2**14
