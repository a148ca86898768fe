"""The peer wire protocol: exact bytes of each message, exact sizes, and any fragmentation."""

import struct
import tracemalloc

import pytest

from p2p import wire
from p2p.errors import WireError
from p2p.wire import BLOCK, Decoder

HASH, PEER = b"h" * 20, b"p" * 20
HELLO = b"\x13BitTorrent protocol" + b"\0\0\0\0\0\x10\0\0" + HASH + PEER
MIB = 1024 * 1024

MESSAGES = [
    (wire.encode_keep_alive(), "00000000", wire.KeepAlive()),
    (wire.encode_choke(), "0000000100", wire.Choke()),
    (wire.encode_unchoke(), "0000000101", wire.Unchoke()),
    (wire.encode_interested(), "0000000102", wire.Interested()),
    (wire.encode_not_interested(), "0000000103", wire.NotInterested()),
    (wire.encode_have(258), "000000050400000102", wire.Have(258)),
    (wire.encode_bitfield(b"\xa0"), "0000000205a0", wire.Bitfield(b"\xa0")),
    (
        wire.encode_request(1, 2, 16384),
        "0000000d06000000010000000200004000",
        wire.Request(1, 2, 16384),
    ),
    (
        wire.encode_piece_header(1, 16384, 2) + b"ab",
        "0000000b0700000001000040006162",
        wire.Piece(1, 16384, b"ab"),
    ),
    (wire.encode_cancel(1, 2, 3), "0000000d08000000010000000200000003", wire.Cancel(1, 2, 3)),
    (wire.encode_port(6881), "00000003091ae1", wire.Port(6881)),
    (wire.encode_have_all(), "000000010e", wire.HaveAll()),
    (wire.encode_have_none(), "000000010f", wire.HaveNone()),
    (wire.encode_reject(1, 2, 3), "0000000d10000000010000000200000003", wire.Reject(1, 2, 3)),
    (wire.encode_allowed_fast(1059), "000000051100000423", wire.AllowedFast(1059)),
    (wire.encode_extended(3, b"de"), "0000000414036465", wire.Extended(3, b"de")),
]


def _greeted():
    decoder = Decoder()
    decoder.feed(HELLO)
    return decoder


def _message(kind, size):
    return struct.pack(">IB", size, kind) + bytes(size - 1)


@pytest.mark.parametrize(("encoded", "digits", "event"), MESSAGES)
def test_bytes_and_event_of_each_message(encoded, digits, event):
    assert encoded.hex() == digits
    assert _greeted().feed(encoded) == [event]


def test_a_suggestion_is_understood():
    assert _greeted().feed(bytes.fromhex("000000050d00000007")) == [wire.Suggest(7)]


def test_handshake():
    assert wire.encode_handshake(HASH, PEER) == HELLO
    assert len(HELLO) == wire.HANDSHAKE_LENGTH
    handshake = wire.decode_handshake(HELLO)
    assert handshake == wire.Handshake(HASH, PEER, b"\0\0\0\0\0\x10\0\0")
    assert handshake.extended
    plain = wire.encode_handshake(HASH, PEER, b"\xff\xff\xff\xff\xff\xef\xff\xff")
    assert not wire.decode_handshake(plain).extended


@pytest.mark.parametrize(
    ("reserved", "extended", "fast", "dht"),
    [
        (wire.EXTENDED_BIT, True, False, False),
        (bytes.fromhex("0000000000000004"), False, True, False),
        (bytes.fromhex("0000000000000001"), False, False, True),
        (bytes.fromhex("ffffffffffeffffa"), False, False, False),
        (bytes.fromhex("0000000000100005"), True, True, True),
    ],
)
def test_what_the_reserved_bits_say(reserved, extended, fast, dht):
    handshake = wire.decode_handshake(wire.encode_handshake(HASH, PEER, reserved))
    assert (handshake.extended, handshake.fast, handshake.dht) == (extended, fast, dht)


def test_our_reserved_bits():
    assert wire.RESERVED.hex() == wire.reserved(dht=True).hex() == "0000000000100005"
    assert wire.reserved(dht=False).hex() == "0000000000100004"


@pytest.mark.parametrize("data", [b"", HELLO[:-1], HELLO + b"x", b"\x12" + HELLO[1:]])
def test_handshake_refused(data):
    with pytest.raises(WireError, match="expected a BitTorrent handshake"):
        wire.decode_handshake(data)


@pytest.mark.parametrize("parts", [(HASH[1:], PEER), (HASH, PEER + b"x"), (HASH, PEER, bytes(7))])
def test_handshake_parts_have_fixed_lengths(parts):
    with pytest.raises(ValueError, match="expected an infohash and a peer id of 20 bytes"):
        wire.encode_handshake(*parts)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 13, 17, 68, 1000])
def test_stream_in_chunks_of_any_size(size):
    stream = HELLO + b"".join(encoded for encoded, _, _ in MESSAGES)
    decoder = Decoder()
    events = []
    for start in range(0, len(stream), size):
        events += decoder.feed(stream[start : start + size])
    assert events == [wire.decode_handshake(HELLO), *(event for _, _, event in MESSAGES)]


def test_event_comes_with_the_last_byte_of_its_message():
    decoder = _greeted()
    encoded = wire.encode_have(7)
    for byte in encoded[:-1]:
        assert decoder.feed(bytes([byte])) == []
    assert decoder.feed(encoded[-1:]) == [wire.Have(7)]
    assert decoder.feed(b"") == []


def test_large_blocks_are_views_of_what_was_fed():
    block = bytes(range(256)) * 64
    chunk = wire.encode_piece_header(0, 0, BLOCK) + block
    (piece,) = _greeted().feed(chunk)
    assert piece == wire.Piece(0, 0, block)
    assert piece.data.obj is chunk


def test_a_block_that_came_in_parts_is_not_written_again():
    message = wire.encode_piece_header(0, 0, BLOCK) + bytes(range(256)) * 64
    decoder = _greeted()
    assert decoder.feed(message[:5000]) == []
    (first,) = decoder.feed(message[5000:] + message[:-1])
    (second,) = decoder.feed(message[-1:])
    assert first == second == wire.Piece(0, 0, message[13:])
    assert first.data.readonly and second.data.readonly


def test_the_start_of_a_message_outlives_a_buffer_used_again():
    block = bytes(range(256)) * 64
    stream = wire.encode_piece_header(0, 0, BLOCK) + block
    buffer = bytearray(10_000)
    decoder = _greeted()
    pieces = []
    for start in range(0, len(stream), len(buffer)):
        part = stream[start : start + len(buffer)]
        buffer[: len(part)] = part
        pieces += decoder.feed(memoryview(buffer)[: len(part)])
        buffer[:] = bytes(len(buffer))
    assert pieces == [wire.Piece(0, 0, block)]


SIZES = [
    (0, 1, 1),
    (1, 1, 1),
    (2, 1, 1),
    (3, 1, 1),
    (4, 5, 5),
    (5, 1, 1 + 2**18),
    (7, 10, 9 + BLOCK),
    (9, 3, 3),
    (13, 5, 5),
    (14, 1, 1),
    (15, 1, 1),
    (17, 5, 5),
    (20, 2, MIB),
]


@pytest.mark.parametrize(("kind", "low", "high"), SIZES)
def test_sizes_of_each_message(kind, low, high):
    for size in {low, high}:
        assert len(_greeted().feed(_message(kind, size))) == 1
    for size in {low - 1, high + 1} - {0}:
        expected = f"message {kind} of {size} bytes: expected {low} to {high}"
        if size > MIB:
            expected = f"message of {size} bytes: expected at most {MIB}"
        with pytest.raises(WireError, match=expected):
            _greeted().feed(_message(kind, size))


@pytest.mark.parametrize("kind", [6, 8, 16])
@pytest.mark.parametrize("size", [12, 14])
def test_requests_cancels_and_rejects_take_13_bytes(kind, size):
    with pytest.raises(WireError, match=f"message {kind} of {size} bytes: expected 13 to 13"):
        _greeted().feed(_message(kind, size))


@pytest.mark.parametrize("encode", [wire.encode_request, wire.encode_cancel, wire.encode_reject])
def test_blocks_of_1_byte_to_16_kib(encode):
    for length in (1, BLOCK):
        (event,) = _greeted().feed(encode(0, 0, length))
        assert event.length == length
    for length in (0, BLOCK + 1, 2**32 - 1):
        with pytest.raises(WireError, match=f"block of {length} bytes: expected 1 to 16384"):
            _greeted().feed(encode(0, 0, length))


@pytest.mark.parametrize("kind", [10, 12, 18, 19, 21, 255])
def test_unknown_messages_are_skipped_up_to_the_cap(kind):
    have = wire.encode_have(1)
    for size in (1, 100, MIB):
        assert _greeted().feed(have + _message(kind, size) + have) == [wire.Have(1)] * 2
    with pytest.raises(WireError, match="message of 1048577 bytes: expected at most 1048576"):
        _greeted().feed(struct.pack(">IB", MIB + 1, kind))


@pytest.mark.parametrize(
    "start",
    [
        b"\0\x10\0\x01",  # one byte over the cap
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02\x00",  # a choke with a payload
        b"\0\0\x40\x0a\x07",  # a block of 16 KiB and a byte
        b"\0\0\0\x09\x07",  # an empty block
        b"\0\0\0\x02\x0e",  # a have-all with a payload
    ],
)
def test_a_bad_header_is_refused_before_its_message_is_here(start):
    with pytest.raises(WireError):
        _greeted().feed(start)
    decoder = _greeted()
    decoder.feed(start[:-1])
    with pytest.raises(WireError):
        decoder.feed(start[-1:])


def test_another_protocol_is_refused_at_its_first_wrong_byte():
    with pytest.raises(WireError, match="expected a BitTorrent handshake, found b'G'"):
        Decoder().feed(b"G")
    decoder = Decoder()
    assert decoder.feed(b"\x13Bit") == []
    with pytest.raises(WireError, match="expected a BitTorrent handshake"):
        decoder.feed(b"x")


def test_a_failed_decoder_stays_failed():
    decoder = _greeted()
    for data in (b"\xff\xff\xff\xff", wire.encode_have(1), b""):
        with pytest.raises(WireError, match="message of 4294967295 bytes"):
            decoder.feed(data)


@pytest.mark.parametrize(
    "message",
    [encoded for encoded, _, _ in MESSAGES]
    + [
        wire.encode_bitfield(b"\x80"),
        wire.encode_bitfield(bytes(2)),
        wire.encode_extended(1, b""),
        wire.encode_extended(1, b"x"),
        wire.encode_extended(1, b"de"),
        wire.encode_piece_header(2**32 - 1, 2**32 - 1, 1) + b"x",
        wire.encode_piece_header(2**32 - 1, 2**32 - 1, 2) + b"xx",
        wire.encode_piece_header(2**32 - 1, 2**32 - 1, 255) + bytes(255),
        wire.encode_piece_header(2**32 - 1, 2**32 - 1, 256) + bytes(256),
        wire.encode_reject(2**32 - 1, 2**32 - 1, 1),
        wire.encode_have(2**32 - 1),
    ],
)
def test_memory_stays_within_ten_times_the_input(message):
    data = message * (2**16 // len(message))
    decoder = _greeted()
    tracemalloc.start()
    events = decoder.feed(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(events) == 2**16 // len(message)
    assert peak < 10 * len(data)
