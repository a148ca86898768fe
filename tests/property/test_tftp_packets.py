"""central.tftp.packets and options: any bytes are a packet or one error, and packets survive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.tftp.options import Options, check_answer, read
from central.tftp.packets import (
    MAX_BLOCK,
    Ack,
    Data,
    Error,
    FileRequest,
    OptionAck,
    Packet,
    PacketError,
    encode,
    parse,
)

numbers = st.integers(0, 65_535)
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)
option_names = st.from_regex("[!-@\\[-~]{1,12}", fullmatch=True)
option_values = st.from_regex("[ -~]{0,20}", fullmatch=True)
options = st.dictionaries(option_names, option_values, max_size=5)
packets: st.SearchStrategy[Packet] = st.one_of(
    st.builds(FileRequest, st.booleans(), texts, st.sampled_from(["octet", "netascii"]), options),
    st.builds(Data, numbers, st.binary(max_size=600)),
    st.builds(Ack, numbers),
    st.builds(Error, numbers, texts),
    st.builds(OptionAck, options.filter(bool)),
)


def written(packet: Packet) -> bytes:
    """The packet's datagram; one that does not fit is left out."""
    try:
        return encode(packet)
    except PacketError:
        return encode(Ack(0))


@given(packets)
def test_a_packet_survives_the_way(packet: Packet) -> None:
    try:
        datagram = encode(packet)
    except PacketError:
        assert isinstance(packet, FileRequest | OptionAck)
    else:
        assert parse(datagram) == packet


@given(st.one_of(st.binary(max_size=700), st.binary(max_size=40).map(lambda tail: b"\0\1" + tail)))
def test_any_bytes_are_a_packet_or_an_error(datagram: bytes) -> None:
    try:
        packet = parse(datagram)
    except PacketError as error:
        assert str(error)
    else:
        if not isinstance(packet, Error):  # whose end may be missing
            assert parse(encode(packet)) == packet


@given(packets.map(written), st.integers(0, 600), st.binary(min_size=1, max_size=3))
def test_a_packet_that_was_damaged_is_a_packet_or_an_error(
    datagram: bytes, at: int, junk: bytes
) -> None:
    at = min(at, len(datagram))
    for damaged in (datagram[:at], datagram[:at] + junk + datagram[at:], datagram[:at] + junk):
        try:
            parse(damaged)
        except PacketError:
            pass


def test_a_block_may_be_as_large_as_a_datagram_takes() -> None:
    whole = Data(1, bytes(MAX_BLOCK))
    assert parse(encode(whole)) == whole
    with pytest.raises(PacketError):
        parse(encode(whole) + b"x")


known = st.builds(
    Options,
    blksize=st.none() | st.integers(8, 65_464),
    windowsize=st.none() | st.integers(1, 65_535),
    timeout=st.none() | st.integers(1, 255),
    tsize=st.none() | st.integers(0, 2**63),
    token=st.none() | st.from_regex("[!-~]{1,20}", fullmatch=True),
    etag=st.none() | st.from_regex("[!-~]{1,20}", fullmatch=True),
    offset=st.none() | st.integers(0, 2**63),
    sha256=st.none() | st.just("0") | st.from_regex("[0-9a-f]{64}", fullmatch=True),
)


@given(known)
def test_options_survive_the_way(asked: Options) -> None:
    assert read(asked.write()) == asked


@given(st.dictionaries(st.sampled_from(sorted(vars(Options()))), option_values))
def test_any_values_are_options_or_an_error(values: dict[str, str]) -> None:
    try:
        settled = read(values)
    except PacketError:
        return
    assert set(settled.write()) == set(values)


@given(known, known)
def test_an_answer_never_settles_more_than_was_asked_for(asked: Options, answer: Options) -> None:
    try:
        settled = check_answer(asked, answer.write())
    except PacketError:
        return
    assert settled.block_size <= max(asked.block_size, 512)
    assert settled.window <= asked.window
    assert not settled.offset or settled.etag == asked.etag
