"""The wire: what is encoded comes back, however it is cut, and a fault is told at once."""

import re
import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from p2p import wire
from p2p.allowed_fast import allowed_fast
from p2p.errors import WireError

few = settings(max_examples=60, deadline=None)

HELLO = wire.encode_handshake(bytes(20), bytes(20))

u32 = st.integers(0, 2**32 - 1)
digests = st.binary(min_size=20, max_size=20)
lengths = st.integers(1, wire.BLOCK)
blocks = st.binary(min_size=1, max_size=600) | st.integers(1, wire.BLOCK).map(bytes)
messages = st.one_of(
    st.sampled_from(
        [
            (wire.encode_keep_alive(), wire.KeepAlive()),
            (wire.encode_choke(), wire.Choke()),
            (wire.encode_unchoke(), wire.Unchoke()),
            (wire.encode_interested(), wire.Interested()),
            (wire.encode_not_interested(), wire.NotInterested()),
            (wire.encode_have_all(), wire.HaveAll()),
            (wire.encode_have_none(), wire.HaveNone()),
        ]
    ),
    st.builds(lambda i: (wire.encode_have(i), wire.Have(i)), u32),
    st.builds(lambda i: (wire.encode_allowed_fast(i), wire.AllowedFast(i)), u32),
    st.builds(lambda i: (struct.pack(">IBI", 5, 13, i), wire.Suggest(i)), u32),
    st.builds(lambda bits: (wire.encode_bitfield(bits), wire.Bitfield(bits)), st.binary()),
    st.builds(lambda *r: (wire.encode_request(*r), wire.Request(*r)), u32, u32, lengths),
    st.builds(lambda *r: (wire.encode_cancel(*r), wire.Cancel(*r)), u32, u32, lengths),
    st.builds(lambda *r: (wire.encode_reject(*r), wire.Reject(*r)), u32, u32, lengths),
    st.builds(lambda n: (wire.encode_port(n), wire.Port(n)), st.integers(0, 65535)),
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
cuts = st.lists(st.integers(0, 10**6), max_size=12)


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


@settings(max_examples=150, deadline=None)
@given(digests, digests, st.binary(min_size=8, max_size=8), st.lists(messages, max_size=8), cuts)
def test_streams_come_back_however_they_are_cut(infohash, peer_id, reserved, sent, cuts):
    stream = wire.encode_handshake(infohash, peer_id, reserved) + b"".join(raw for raw, _ in sent)
    expected = [wire.Handshake(infohash, peer_id, reserved), *(event for _, event in sent)]
    assert _feed(_cut(stream, cuts)) == (expected, None)
    if len(stream) < 4096:
        assert _feed([stream[i : i + 1] for i in range(len(stream))]) == (expected, None)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(messages.map(lambda message: message[0][:1000]) | st.binary(max_size=12), max_size=6),
    st.booleans(),
    cuts,
)
def test_any_bytes_are_events_or_one_error_however_they_are_cut(parts, hello, cuts):
    stream = HELLO * hello + b"".join(parts)
    events, error = _feed([stream[i : i + 1] for i in range(len(stream))])
    cut_events, cut_error = _feed(_cut(stream, cuts))
    assert (cut_error is None) == (error is None)
    assert events[: len(cut_events)] == cut_events
    if error is None:
        assert cut_events == events


@few
@given(st.lists(messages | st.binary(max_size=12).map(lambda raw: (raw,)), max_size=4), cuts)
def test_memory_stays_within_ten_times_what_came(parts, cuts):
    pattern = b"".join(raw for raw, *_ in parts) or b"\0"
    stream = pattern * (2**15 // len(pattern) + 1)
    chunks = _cut(stream, cuts)
    decoder = wire.Decoder()
    decoder.feed(HELLO)
    kept = []
    tracemalloc.start()
    try:
        try:
            kept.extend(map(decoder.feed, chunks))
        except WireError:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(stream)


def _announced(size, kind, payload=b""):
    return struct.pack(">IB", size, kind) + payload


RANGE = struct.Struct(">III")
FAULTS = [
    # Bytes that no peer may send, and how many of them tell that.
    (_announced(wire.MAX_MESSAGE + 1, 99), 4),
    (_announced(2, 0, b"x"), 5),  # a choke that says more
    (_announced(2, 14, b"x"), 5),  # have-all, likewise
    (_announced(4, 4, bytes(3)), 5),  # a have cut short
    (_announced(6, 17, bytes(5)), 5),
    (_announced(9, 7, bytes(8)), 5),  # a block of nothing
    (_announced(10 + wire.BLOCK, 7, bytes(9 + wire.BLOCK)), 5),
    (_announced(13, 6, RANGE.pack(1, 2, 0)), 17),
    (_announced(13, 8, RANGE.pack(1, 2, wire.BLOCK + 1)), 17),
    (_announced(13, 16, RANGE.pack(1, 2, 2**32 - 1)), 17),
]


class Dialogue(RuleBasedStateMachine):
    """A peer says what it may, at last perhaps what it may not; bytes come in any portions.

    The model knows after how many bytes of the stream each event is due, and the fault.
    """

    @initialize(wrong=st.none() | st.none() | st.integers(0, 19))
    def greet(self, wrong):
        self.decoder = wire.Decoder()
        self.stream = bytearray(HELLO)
        self.given = 0
        self.due = [(len(HELLO), wire.decode_handshake(HELLO))]
        self.fault = None
        self.error = None
        if wrong is not None:
            self.stream[wrong] ^= 0x20
            self.due = []
            self.fault = wrong + 1

    @rule(message=messages)
    def say(self, message):
        raw, event = message
        self.stream += raw
        if self.fault is None:
            self.due.append((len(self.stream), event))

    @rule(kind=st.sampled_from([10, 12, 18, 19, 21, 255]), payload=st.binary(max_size=40))
    def say_what_nobody_knows(self, kind, payload):
        self.stream += _announced(1 + len(payload), kind, payload)

    @precondition(lambda self: self.fault is None)
    @rule(fault=st.sampled_from(FAULTS))
    def break_the_protocol(self, fault):
        raw, telling = fault
        self.fault = len(self.stream) + telling
        self.stream += raw

    @rule(size=st.integers(0, 40) | st.integers(0, 2**17))
    def deliver(self, size):
        # The buffer is used again: only what the events need may be looked at after the call.
        buffer = self.stream[self.given : self.given + size]
        self.given += len(buffer)
        if self.fault is not None and self.given >= self.fault:
            with pytest.raises(WireError, match=self.error and re.escape(self.error)) as raised:
                self.decoder.feed(memoryview(buffer))
            self.error = str(raised.value)
            return
        events = self.decoder.feed(memoryview(buffer))
        assert events == [event for end, event in self.due if end <= self.given]
        self.due = [(end, event) for end, event in self.due if end > self.given]
        buffer[:] = bytes(len(buffer))

    def teardown(self):
        if not hasattr(self, "decoder"):
            return
        self.deliver(len(self.stream))
        assert self.fault is not None or self.due == []


class TestDialogue(Dialogue.TestCase):
    settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


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


@few
@given(digests, st.ip_addresses(v=4).map(str), st.integers(0, 60), st.integers(0, 20))
def test_an_allowed_fast_set_is_part_of_every_larger_one(infohash, address, piece_count, size):
    chosen = allowed_fast(infohash, address, piece_count, size)
    assert len(chosen) == len(set(chosen)) == min(size, piece_count)
    assert all(0 <= index < piece_count for index in chosen)
    if size + 1 < piece_count:
        assert allowed_fast(infohash, address, piece_count, size + 1)[:size] == chosen
