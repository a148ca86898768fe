"""Codecs of the peer: what is encoded comes back, and any bytes give a value or our own error."""

import hashlib
import re
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p import extension, magnet, wire
from p2p.bencode import decode, decode_prefix, encode
from p2p.errors import BencodeError, MagnetError, MetainfoError, WireError
from p2p.metainfo import Metainfo, check_name, choose_piece_length

few = settings(max_examples=60, deadline=None)

u32 = st.integers(0, 2**32 - 1)
ports = st.integers(1, 65535)
digests = st.binary(min_size=20, max_size=20)
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


hosts = (
    st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
    | st.text(string.ascii_letters + string.digits + "-.", min_size=1, max_size=30)
)


@few
@given(
    digests,
    st.none() | st.text(min_size=1, max_size=40),
    st.none() | st.integers(0, 2**63 - 1),
    st.lists(st.tuples(hosts, ports), max_size=8).map(tuple),
)
def test_magnets_come_back(infohash, name, length, peers):
    link = magnet.Magnet(infohash, name, length, peers)
    assert magnet.parse(str(link)) == link


@few
@given(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["xt=urn:btih:", "x.pe=", "xl=", "dn=", "&", "%", "[", "]:1", "a" * 40])
    ),
)
def test_any_text_is_a_magnet_or_refused(text, parts):
    for candidate in (text, "magnet:?" + text, "magnet:?" + "".join(parts) + text):
        try:
            link = magnet.parse(candidate)
        except MagnetError:
            continue
        assert magnet.parse(str(link)) == link


blocks = st.binary(min_size=1, max_size=600)
lengths = st.integers(1, wire.BLOCK)
messages = st.one_of(
    st.sampled_from(
        [
            (wire.encode_keep_alive(), wire.KeepAlive()),
            (wire.encode_choke(), wire.Choke()),
            (wire.encode_unchoke(), wire.Unchoke()),
            (wire.encode_interested(), wire.Interested()),
            (wire.encode_not_interested(), wire.NotInterested()),
        ]
    ),
    st.builds(lambda i: (wire.encode_have(i), wire.Have(i)), u32),
    st.builds(lambda bits: (wire.encode_bitfield(bits), wire.Bitfield(bits)), st.binary()),
    st.builds(lambda *r: (wire.encode_request(*r), wire.Request(*r)), u32, u32, lengths),
    st.builds(lambda *r: (wire.encode_cancel(*r), wire.Cancel(*r)), u32, u32, lengths),
    st.builds(lambda port: (wire.encode_port(port), wire.Port(port)), ports),
    st.builds(
        lambda kind, data: (wire.encode_extended(kind, data), wire.Extended(kind, data)),
        st.integers(0, 255),
        st.binary(),
    ),
    st.builds(
        lambda i, b, data: (
            wire.encode_piece_header(i, b, len(data)) + data,
            wire.Piece(i, b, data),
        ),
        u32,
        u32,
        blocks,
    ),
)


def _cut(stream, cuts):
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def _feed(chunks):
    """The events that come out, and the error that ends them."""
    decoder = wire.Decoder()
    events = []
    for chunk in chunks:
        try:
            events += decoder.feed(chunk)
        except WireError as error:
            with pytest.raises(WireError, match=re.escape(str(error))):
                decoder.feed(b"")
            return events, str(error)
    return events, None


cuts = st.lists(st.integers(0, 10**6), max_size=12)


@settings(max_examples=150, deadline=None)
@given(digests, digests, st.binary(min_size=8, max_size=8), st.lists(messages, max_size=8), cuts)
def test_streams_come_back_however_they_are_cut(infohash, peer_id, reserved, sent, cuts):
    stream = wire.encode_handshake(infohash, peer_id, reserved) + b"".join(raw for raw, _ in sent)
    expected = [wire.Handshake(infohash, peer_id, reserved), *(event for _, event in sent)]
    assert _feed(_cut(stream, cuts)) == (expected, None)
    assert _feed([stream[i : i + 1] for i in range(len(stream))]) == (expected, None)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(messages.map(lambda message: message[0]) | st.binary(max_size=12), max_size=6),
    st.booleans(),
    cuts,
)
def test_any_bytes_are_events_or_one_error_however_they_are_cut(parts, hello, cuts):
    start = wire.encode_handshake(bytes(20), bytes(20)) if hello else b""
    stream = start + b"".join(parts)
    events, error = _feed([stream[i : i + 1] for i in range(len(stream))])
    cut_events, cut_error = _feed(_cut(stream, cuts))
    assert (cut_error is None) == (error is None)
    assert events[: len(cut_events)] == cut_events
    if error is None:
        assert cut_events == events


@few
@given(st.lists(st.booleans(), max_size=100).map(bytearray))
def test_bitfields_come_back(flags):
    bits = wire.pack_bitfield(flags)
    assert wire.unpack_bitfield(bits, len(flags)) == flags
    assert [bits[i // 8] >> (7 - i % 8) & 1 for i in range(len(flags))] == list(flags)


@few
@given(st.binary(max_size=4), st.integers(0, 40))
def test_a_bitfield_fits_exactly_or_is_refused(bits, count):
    try:
        flags = wire.unpack_bitfield(bits, count)
    except WireError:
        return
    assert len(flags) == count
    assert wire.pack_bitfield(flags) == bits


peers = st.lists(st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 65535)), max_size=50)
handshakes = st.builds(
    extension.ExtendedHandshake,
    st.dictionaries(texts, st.integers(0, 255)),
    st.none() | ports,
    st.none() | texts,
    st.none() | st.integers(1, extension.MAX_METADATA),
    st.none() | st.integers(1, 2000),
)
pieces = st.integers(0, extension.MAX_METADATA // extension.METADATA_BLOCK)
metadata_messages = (
    st.builds(extension.MetadataRequest, pieces)
    | st.builds(extension.MetadataReject, pieces)
    | st.builds(
        lambda piece, data: extension.MetadataData(
            piece, piece * extension.METADATA_BLOCK + len(data), data
        ),
        st.integers(0, 1919),
        blocks,
    )
)


@few
@given(handshakes, metadata_messages, peers.map(tuple), peers.map(tuple))
def test_extension_messages_come_back(handshake, metadata, added, dropped):
    assert extension.decode_handshake(extension.encode_handshake(handshake)) == handshake
    assert extension.decode_metadata(extension.encode_metadata(metadata)) == metadata
    pex = extension.Pex(added, dropped)
    assert extension.decode_pex(extension.encode_pex(pex)) == pex


keys = st.sampled_from(
    ["m", "p", "v", "metadata_size", "reqq", "msg_type", "piece", "total_size", "added", "dropped"]
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(keys, values | st.integers(0, 3)).map(encode) | nearly_bencoded,
    st.binary(max_size=5),
)
def test_any_payload_is_a_message_or_refused(payload, rest):
    for read, write in (
        (extension.decode_handshake, extension.encode_handshake),
        (extension.decode_metadata, extension.encode_metadata),
        (extension.decode_pex, extension.encode_pex),
    ):
        try:
            message = read(payload + rest)
        except WireError:
            continue
        if message is not None:
            assert read(write(message)) == message


@few
@given(st.integers(1, 3 * extension.METADATA_BLOCK), st.randoms(), st.booleans())
def test_metadata_is_assembled_whole_or_refused(size, random, lie):
    metadata = random.randbytes(size)
    infohash = hashlib.sha1(metadata + b"x" * lie).digest()
    assembly = extension.MetadataAssembly(infohash, size)
    order = assembly.missing()
    random.shuffle(order)
    for piece in order:
        assert assembly.complete() is None
        start = piece * extension.METADATA_BLOCK
        assembly.add(piece, metadata[start : start + extension.METADATA_BLOCK])
    if lie:
        with pytest.raises(WireError, match="expected SHA-1"):
            assembly.complete()
        assert sorted(order) == assembly.missing()
    else:
        assert assembly.complete() == metadata
