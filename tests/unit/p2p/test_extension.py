"""Extension messages: the examples of BEP 9, 10 and 11, and what is refused."""

import hashlib

import pytest

from p2p.bencode import encode
from p2p.errors import WireError
from p2p.extension import (
    MAX_CLIENT,
    MAX_METADATA,
    METADATA_BLOCK,
    SEED,
    ExtendedHandshake,
    MetadataAssembly,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    Pex,
    decode_handshake,
    decode_metadata,
    decode_pex,
    encode_handshake,
    encode_metadata,
    encode_pex,
)

METADATA = bytes(range(256)) * 140  # 35,840 bytes: two whole blocks and 3,072 bytes


def test_handshake_there_and_back():
    handshake = ExtendedHandshake({"ut_pex": 2, "ut_metadata": 1}, 6881, "µTorrent 1.2", 31235, 250)
    data = (
        b"d1:md11:ut_metadatai1e6:ut_pexi2ee13:metadata_sizei31235e1:pi6881e"
        b"4:reqqi250e1:v13:\xc2\xb5Torrent 1.2e"
    )
    assert encode_handshake(handshake) == data
    assert decode_handshake(data) == handshake


def test_handshake_fields_are_optional():
    assert encode_handshake(ExtendedHandshake()) == b"d1:mdee"
    assert decode_handshake(b"de") == ExtendedHandshake()
    zeros = encode({"p": 0, "metadata_size": 0, "reqq": 0, "yourip": b"", "e": 1})
    assert decode_handshake(zeros) == ExtendedHandshake()
    assert decode_handshake(encode({"upload_only": 1, "ipv4": b"????"})) == ExtendedHandshake()


@pytest.mark.parametrize(
    ("address", "packed"),
    [("127.0.0.1", b"\x7f\0\0\1"), ("2001:db8::1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\1")],
)
def test_handshake_tells_the_other_its_address(address, packed):
    payload = encode({"m": {}, "yourip": packed})
    assert encode_handshake(ExtendedHandshake(your_ip=address)) == payload
    assert decode_handshake(payload).your_ip == address


def test_handshake_tells_addresses_only():
    with pytest.raises(ValueError, match="'localhost' does not appear to be an IPv4 or IPv6"):
        encode_handshake(ExtendedHandshake(your_ip="localhost"))


@pytest.mark.parametrize("letter", ["x", "\N{PILE OF POO}"])
def test_handshake_keeps_the_start_of_a_long_name(letter):
    payload = encode({"v": letter * (MAX_CLIENT + 1)})
    assert decode_handshake(payload).client == letter * MAX_CLIENT


def test_handshake_switches_an_extension_off():
    assert decode_handshake(b"d1:md6:ut_pexi0eee").messages == {"ut_pex": 0}


def test_handshake_text_need_not_be_utf8():
    handshake = decode_handshake(b"d1:md6:\xb5T_PEXi1ee1:v2:\xb5Te")
    assert handshake == ExtendedHandshake({"\ufffdT_PEX": 1}, client="\ufffdT")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "byte 0: expected"),
        (b"le", "expected a dict, found list"),
        (b"dex", "expected its end, found 1 more bytes"),
        (encode({"m": []}), "expected a dict under m"),
        (encode({"m": {"ut_pex": 256}}), "expected 0 to 255 under 'ut_pex'"),
        (encode({"m": {"ut_pex": -1}}), "expected 0 to 255 under 'ut_pex'"),
        (encode({"m": {"ut_pex": b"1"}}), "expected 0 to 255 under 'ut_pex'"),
        (encode({"m": {str(i): 1 for i in range(256)}}), "expected at most 255 names under m"),
        (encode({"p": 65536}), "expected 0 to 65535 under 'p'"),
        (encode({"p": b"x"}), "expected 0 to 65535 under 'p'"),
        (encode({"metadata_size": MAX_METADATA + 1}), "expected 0 to 31457280"),
        (encode({"metadata_size": -1}), "expected 0 to 31457280"),
        (encode({"reqq": -1}), "under 'reqq'"),
        (encode({"v": 1}), "expected a string under v"),
        (encode({"yourip": 1}), "expected a string under yourip"),
        (encode({"yourip": bytes(5)}), "expected 4 or 16 bytes under yourip"),
    ],
)
def test_handshakes_refused(payload, problem):
    with pytest.raises(WireError, match=problem):
        decode_handshake(payload)


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        (MetadataRequest(0), b"d8:msg_typei0e5:piecei0ee"),
        (
            MetadataData(1, METADATA_BLOCK + 5, b"xxxxx"),
            b"d8:msg_typei1e5:piecei1e10:total_sizei16389eexxxxx",
        ),
        (MetadataReject(7), b"d8:msg_typei2e5:piecei7ee"),
    ],
)
def test_metadata_messages(message, payload):
    assert encode_metadata(message) == payload
    assert decode_metadata(payload) == message


def test_unknown_metadata_messages_are_ignored():
    assert decode_metadata(b"d8:msg_typei3ee???") is None


def _data(piece, total_size, size):
    return encode({"msg_type": 1, "piece": piece, "total_size": total_size}) + bytes(size)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "byte 0: expected"),
        (b"i1e", "expected a dict, found int"),
        (b"de", "under 'msg_type'"),
        (encode({"msg_type": -1, "piece": 0}), "under 'msg_type'"),
        (encode({"msg_type": 0}), "under 'piece'"),
        (encode({"msg_type": 0, "piece": -1}), "under 'piece'"),
        (encode({"msg_type": 0, "piece": 2000}), "under 'piece'"),
        (encode({"msg_type": 0, "piece": 0}) + b"x", "expected no data in message type 0"),
        (encode({"msg_type": 2, "piece": 0}) + b"x", "expected no data in message type 2"),
        (encode({"msg_type": 1, "piece": 0}), "under 'total_size'"),
        (_data(0, MAX_METADATA + 1, METADATA_BLOCK), "under 'total_size'"),
        (_data(0, 100, 99), "block 0 of 99 bytes, expected 100"),
        (_data(0, 100, 101), "block 0 of 101 bytes, expected 100"),
        (_data(0, 20000, 20000), "block 0 of 20000 bytes, expected 16384"),
        (_data(1, 16384, 0), "no block 1 in 16384 bytes"),
        (_data(0, 0, 0), "no block 0 in 0 bytes"),
    ],
)
def test_metadata_messages_refused(payload, problem):
    with pytest.raises(WireError, match=problem):
        decode_metadata(payload)


def test_pex_there_and_back():
    pex = Pex((("127.0.0.1", 6881), ("10.255.0.3", 80)), (("1.2.3.4", 65535),), (0, SEED))
    payload = (
        b"d5:added12:\x7f\0\0\1\x1a\xe1\x0a\xff\0\3\0\x507:added.f2:\0\2"
        b"7:dropped6:\1\2\3\4\xff\xffe"
    )
    assert encode_pex(pex) == payload
    assert decode_pex(payload) == pex


def test_pex_fields_are_optional_and_ipv6_ignored():
    assert decode_pex(b"de") == Pex()
    others = {"added": b"\1\2\3\4\0\5", "added6": bytes(18), "added6.f": 1, "dropped6": []}
    assert decode_pex(encode(others)) == Pex((("1.2.3.4", 5),))


@pytest.mark.parametrize(
    ("given", "flags"),
    [(b"", (0, 0)), (b"\x12", (0x12, 0)), (b"\1\2", (1, 2)), (b"\1\2\3", (1, 2))],
)
def test_pex_has_a_flag_for_each_peer_added(given, flags):
    payload = encode({"added": b"\1\2\3\4\0\5\1\2\3\4\0\6", "added.f": given})
    assert decode_pex(payload).flags == flags
    assert Pex((("1.2.3.4", 5), ("1.2.3.4", 6))).flags == (0, 0)


@pytest.mark.parametrize("flags", [(1,), (1, 2, 3)])
def test_pex_gives_a_flag_for_each_peer_or_none(flags):
    with pytest.raises(ValueError, match=f"{len(flags)} flags: expected one for each peer added"):
        Pex((("1.2.3.4", 5), ("1.2.3.4", 6)), flags=flags)


def test_pex_leaves_out_peers_with_port_0():
    compact = b"\1\2\3\4\0\0\1\2\3\5\0\1"
    payload = encode({"added": compact, "added.f": b"\1\2", "dropped": compact})
    assert decode_pex(payload) == Pex((("1.2.3.5", 1),), (("1.2.3.5", 1),), (2,))


def test_pex_takes_and_gives_fifty_peers_at_most():
    peers = tuple((f"10.0.0.{i}", 1000 + i) for i in range(51))
    compact = b"".join(bytes((10, 0, 0, i)) + (1000 + i).to_bytes(2, "big") for i in range(51))
    payload = encode({"added": compact, "dropped": compact})
    assert decode_pex(payload) == Pex(peers[:50], peers[:50])
    assert decode_pex(encode_pex(Pex(peers[:50]))) == Pex(peers[:50])
    for pex in (Pex(added=peers), Pex(dropped=peers)):
        with pytest.raises(ValueError, match="expected at most 50 peers"):
            encode_pex(pex)


def test_pex_gives_ipv4_only():
    with pytest.raises(ValueError, match="::1"):
        encode_pex(Pex((("::1", 80),)))


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"d5:added5:12345e", "expected 6 bytes a peer under added"),
        (b"d5:addedi1ee", "expected a string under added"),
        (b"d7:added.fi1ee", "expected a string under added.f"),
        (b"d7:dropped7:1234567e", "expected 6 bytes a peer under dropped"),
        (b"le", "expected a dict, found list"),
        (b"de0", "expected its end"),
    ],
)
def test_pex_refused(payload, problem):
    with pytest.raises(WireError, match=problem):
        decode_pex(payload)


def _blocks():
    return [METADATA[at : at + METADATA_BLOCK] for at in range(0, len(METADATA), METADATA_BLOCK)]


def test_metadata_is_assembled_in_any_order():
    assembly = MetadataAssembly(hashlib.sha1(METADATA).digest(), len(METADATA))
    blocks = _blocks()
    assert assembly.missing() == [0, 1, 2]
    for piece, still_missing in ((2, [0, 1]), (0, [1]), (0, [1])):
        assembly.add(piece, blocks[piece])
        assert assembly.missing() == still_missing
        assert assembly.complete() is None
    assembly.add(1, blocks[1])
    assert assembly.missing() == []
    assert assembly.complete() == METADATA


def test_metadata_with_the_wrong_hash_is_forgotten():
    infohash = hashlib.sha1(METADATA).digest()
    assembly = MetadataAssembly(infohash, len(METADATA))
    blocks = _blocks()
    for piece, block in enumerate([*blocks[:2], bytes(len(blocks[2]))]):
        assembly.add(piece, block)
    with pytest.raises(WireError, match=f"metadata: expected SHA-1 {infohash.hex()}, found"):
        assembly.complete()
    assert assembly.missing() == [0, 1, 2]
    for piece, block in enumerate(blocks):
        assembly.add(piece, block)
    assert assembly.complete() == METADATA


@pytest.mark.parametrize(
    ("piece", "size", "problem"),
    [
        (-1, METADATA_BLOCK, "no block -1 in 35840 bytes"),
        (3, METADATA_BLOCK, "no block 3 in 35840 bytes"),
        (0, METADATA_BLOCK - 1, "block 0 of 16383 bytes, expected 16384"),
        (2, METADATA_BLOCK, "block 2 of 16384 bytes, expected 3072"),
    ],
)
def test_metadata_blocks_that_have_no_place(piece, size, problem):
    assembly = MetadataAssembly(bytes(20), len(METADATA))
    with pytest.raises(WireError, match=problem):
        assembly.add(piece, bytes(size))


@pytest.mark.parametrize("size", [-1, 0, MAX_METADATA + 1])
def test_metadata_sizes_refused(size):
    with pytest.raises(WireError, match="expected 1 to 31457280"):
        MetadataAssembly(bytes(20), size)
