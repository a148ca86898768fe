"""Extension messages: what is encoded comes back, and any payload is a message or a WireError."""

import hashlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p import extension
from p2p.bencode import MEMORY_FLOOR, encode
from p2p.errors import WireError
from p2p.wire import MAX_MESSAGE

few = settings(max_examples=60, deadline=None)

CODECS = [
    (extension.decode_handshake, extension.encode_handshake),
    (extension.decode_metadata, extension.encode_metadata),
    (extension.decode_pex, extension.encode_pex),
]

texts = st.text(max_size=20)
addresses = st.ip_addresses(v=4).map(str)
peers = st.lists(st.tuples(addresses, st.integers(1, 65535)), max_size=50).map(tuple)
integers = st.integers(-(10**19) + 1, 10**19 - 1)
values = st.recursive(
    integers | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=20,
)
nearly_bencoded = st.text("ilde0123:-ab", max_size=30).map(str.encode)
handshakes = st.builds(
    extension.ExtendedHandshake,
    st.dictionaries(texts, st.integers(0, 255)),
    st.none() | st.integers(1, 65535),
    st.none() | st.text(max_size=extension.MAX_CLIENT),
    st.none() | st.integers(1, extension.MAX_METADATA),
    st.none() | st.integers(1, 2000),
    st.none() | addresses | st.ip_addresses(v=6).map(str),
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
        st.binary(min_size=1, max_size=600),
    )
)


@few
@given(handshakes, metadata_messages, peers, peers, st.data())
def test_extension_messages_come_back(handshake, metadata, added, dropped, data):
    assert extension.decode_handshake(extension.encode_handshake(handshake)) == handshake
    assert extension.decode_metadata(extension.encode_metadata(metadata)) == metadata
    flags = tuple(data.draw(st.binary(min_size=len(added), max_size=len(added))))
    pex = extension.Pex(added, dropped, flags)
    assert extension.decode_pex(extension.encode_pex(pex)) == pex


keys = st.sampled_from(
    [
        "m", "p", "v", "metadata_size", "reqq", "yourip", "upload_only", "msg_type", "piece",
        "total_size", "added", "added.f", "dropped", "added6", "dropped6",
    ]
)  # fmt: skip
fields = values | st.integers(0, 3) | st.binary(max_size=200) | st.just(bytes(6))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, fields).map(encode) | nearly_bencoded, st.binary(max_size=5))
def test_any_payload_is_a_message_or_refused(payload, rest):
    for read, write in CODECS:
        try:
            message = read(payload + rest)
        except WireError as error:
            assert "\n" not in str(error)
            continue
        if message is not None:
            assert read(write(message)) == message


@pytest.mark.parametrize(
    "payload",
    [
        {"v": b"\xff" * 500_000},
        {"m": {b"%03d" % i + b"\xff" * 4000: 1 for i in range(255)}},
        {"m": {b"%03d" % i + b"\xf0\x9f\x92\xa9" * 1000: 1 for i in range(255)}},
        {"m": {b"%05d" % i: 1 for i in range(20_000)}},
        {"added": bytes(range(1, 61)) * 5_000, "added.f": bytes(50_000)},
        {"added": b"\1\2\3\4\5\6" * 30_000, "dropped": b"\1\2\3\4\5\6" * 30_000},
        {"msg_type": 1, "piece": 0, "total_size": 16384},
    ],
    ids=lambda payload: " and ".join(payload),
)
@pytest.mark.parametrize("end", [b"", bytes(extension.METADATA_BLOCK)], ids=["", "data"])
def test_memory_stays_within_ten_times_what_came(payload, end):
    encoded = encode(payload) + end
    assert len(encoded) < MAX_MESSAGE
    for read, _ in CODECS:
        tracemalloc.start()
        try:
            try:
                read(encoded)
            except WireError:
                pass
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10 * len(encoded) + MEMORY_FLOOR


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
