"""The frames of the persistent socket: round trips, and what any bytes at all lead to."""

import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.channel import frames
from central.channel.frames import (
    DATA_MOST,
    MAGIC,
    TO_CLIENT,
    TO_SERVER,
    BreachError,
    Data,
    Decoder,
    Frame,
    data_head,
    encode,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
ids = st.integers(0, 2**32 - 1)
sizes = st.integers(0, 2**63 - 1)
times = st.integers(-(2**63), 2**63 - 1)
digests = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
etags = texts
items = st.builds(frames.Item, texts, sizes, times, etags)
questions: st.SearchStrategy[Frame] = st.one_of(
    st.builds(frames.List, ids, texts),
    st.builds(frames.Get, ids, texts, sizes, st.none() | sizes, st.none() | etags, st.booleans()),
    st.builds(frames.Put, ids, texts, sizes, digests),
    st.builds(frames.Subscribe, ids, texts),
    st.builds(frames.Cancel, ids),
    st.builds(frames.Ping),
    st.builds(frames.Pong),
)
answers: st.SearchStrategy[Frame] = st.one_of(
    st.builds(frames.Listing, ids, st.lists(items, max_size=5), st.booleans()),
    st.builds(frames.File, ids, sizes, sizes, sizes, etags, times, digests),
    st.builds(frames.Done, ids),
    st.builds(frames.Go, ids),
    st.builds(frames.Stored, ids, items),
    st.builds(
        frames.Event, st.sampled_from(["added", "changed", "removed"]), texts, st.none() | items
    ),
    st.builds(frames.Error, st.integers(400, 599), texts, st.none() | ids),
    st.builds(frames.Ping),
)
pieces = st.builds(Data, ids, st.binary(min_size=1, max_size=300))
to_server = (TO_SERVER, frames.Hello(1, "token"), questions)
to_client = (TO_CLIENT, frames.Welcome(1, 1, 1), answers)


def wire(event: Frame | Data) -> bytes:
    if isinstance(event, Data):
        return data_head(event.id, len(event.data)) + event.data
    return encode(event)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def decode(decoder: Decoder, parts: list[bytes], room: int = DATA_MOST) -> list[Any]:
    events: list[Any] = []
    for part in parts:
        decoder.receive(part)
        while (event := decoder.next_event(room)) is not None:
            events.append(event)
    return events


def joined(events: list[Any]) -> list[Any]:
    """Events with neighbouring DATA of one request as one."""
    whole: list[Any] = []
    for event in events:
        last = whole[-1] if whole else None
        if isinstance(event, Data) and isinstance(last, Data) and last.id == event.id:
            whole[-1] = Data(event.id, last.data + event.data)
        else:
            whole.append(event)
    return whole


@pytest.mark.parametrize("side", [to_server, to_client], ids=["to the server", "to the client"])
@given(data=st.data(), cuts=st.lists(st.integers(0, 2**16)), room=st.integers(1, 400))
def test_what_is_encoded_comes_out_whatever_the_cuts(
    side: Any, data: st.DataObject, cuts: list[int], room: int
) -> None:
    accepted, hello, kinds = side
    said = [hello, *data.draw(st.lists(kinds | pieces, max_size=8))]
    stream = MAGIC + b"".join(map(wire, said))
    decoder = Decoder(accepted)
    assert joined(decode(decoder, chunks(stream, cuts), room)) == joined(said)
    assert not decoder.begun


@given(cuts=st.lists(st.integers(0, 2**16)), said=st.lists(pieces, min_size=1, max_size=4))
def test_data_may_be_read_elsewhere(cuts: list[int], said: list[Data]) -> None:
    stream = MAGIC + encode(frames.Welcome(1, 1, 1)) + b"".join(map(wire, said))
    decoder = Decoder(TO_CLIENT)
    got: list[Any] = []
    rest = memoryview(stream)
    sizes = iter(cuts * (len(stream) + 1) or [7] * len(stream))
    while rest:
        size = next(sizes) % 50 + 1
        if decoder.direct:
            size = min(size, decoder.direct, len(rest))
            got.append(Data(decoder.data_id, bytes(rest[:size])))
            decoder.took(size)
        else:
            decoder.receive(rest[:size])
            while (event := decoder.next_event()) is not None:
                got.append(event)
        rest = rest[size:]
    assert joined(got[1:]) == joined(list(said))
    assert decoder.direct == 0


@pytest.mark.parametrize("accepted", [TO_SERVER, TO_CLIENT], ids=["to the server", "to the client"])
@pytest.mark.parametrize("greeted", [False, True])
@given(noise=st.lists(st.binary(max_size=80), max_size=20), data=st.data())
def test_any_bytes_give_events_or_our_error(
    accepted: Any, greeted: bool, noise: list[bytes], data: st.DataObject
) -> None:
    hello = frames.Hello(1) if accepted is TO_SERVER else frames.Welcome(1, 1, 1)
    decoder = Decoder(accepted)
    if greeted:
        noise = [MAGIC + encode(hello), *noise]
    try:
        events = decode(decoder, noise)
    except BreachError as error:
        assert str(error) and len(str(error)) <= 200
        with pytest.raises(BreachError):
            decoder.next_event()
    else:
        assert all(isinstance(event, Frame | Data) for event in events)


numbers = st.sampled_from([*TO_SERVER, *TO_CLIENT, 0, 19, 255])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
bodies = st.dictionaries(
    st.sampled_from(["id", "path", "size", "offset", "length", "entries", "code", "reason", "x"]),
    st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)


@pytest.mark.parametrize("accepted", [TO_SERVER, TO_CLIENT], ids=["to the server", "to the client"])
@given(number=numbers, body=bodies.map(json.dumps).map(str.encode) | st.binary())
def test_any_body_gives_an_event_or_our_error(accepted: Any, number: int, body: bytes) -> None:
    hello = frames.Hello(1) if accepted is TO_SERVER else frames.Welcome(1, 1, 1)
    decoder = Decoder(accepted)
    frame = struct.pack(">IB", 1 + len(body), number) + body
    try:
        events = decode(decoder, [MAGIC + encode(hello), frame])
    except BreachError:
        return
    for event in events[1:]:
        if isinstance(event, Frame):
            assert type(event).number == number
            assert decode_one(accepted, hello, encode(event)) == event


def decode_one(accepted: Any, hello: Frame, frame: bytes) -> Frame:
    [_, event] = decode(Decoder(accepted), [MAGIC + encode(hello), frame])
    assert isinstance(event, Frame)
    return event


@pytest.mark.parametrize("kind", [*TO_SERVER.values(), *TO_CLIENT.values()])
def test_no_frame_is_longer_than_its_limit(kind: type[Frame]) -> None:
    accepted = TO_SERVER if kind.number in TO_SERVER else TO_CLIENT
    hello = frames.Hello(1) if accepted is TO_SERVER else frames.Welcome(1, 1, 1)
    begin = MAGIC if type(hello) is kind else MAGIC + encode(hello)
    for length, refused in ((1 + kind.most, False), (2 + kind.most, True), (0, True)):
        decoder = Decoder(accepted)
        decode(decoder, [begin])
        decoder.receive(struct.pack(">IB", length, kind.number))
        if refused:
            # Before any of it is kept.
            with pytest.raises(BreachError):
                decoder.next_event()
        else:
            assert decoder.next_event() is None


@given(begin=st.binary(min_size=1, max_size=4))
def test_who_begins_otherwise_is_told_at_the_first_byte(begin: bytes) -> None:
    decoder = Decoder(TO_SERVER)
    decoder.receive(begin)
    if MAGIC.startswith(begin):
        assert decoder.next_event() is None
    else:
        with pytest.raises(BreachError, match="it does not begin with FSL1"):
            decoder.next_event()
        assert not decoder.magic


def test_what_does_not_fit_is_not_sent() -> None:
    with pytest.raises(ValueError, match="do not fit a LIST"):
        encode(frames.List(1, "a" * 40_000))
    with pytest.raises(ValueError, match="surrogates"):
        encode(frames.List(1, "\ud800"))
