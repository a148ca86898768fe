"""Bencoding: the examples of BEP 3, what strictness refuses, and bounds on hostile input."""

import tracemalloc

import pytest

from p2p import bencode
from p2p.bencode import decode, decode_prefix, encode
from p2p.errors import BencodeError

PAIRS = [
    (b"spam", b"4:spam"),
    (b"", b"0:"),
    (3, b"i3e"),
    (-3, b"i-3e"),
    (0, b"i0e"),
    (2**63 - 1, b"i9223372036854775807e"),
    (-(10**19) + 1, b"i-9999999999999999999e"),
    ([], b"le"),
    ([b"spam", b"eggs"], b"l4:spam4:eggse"),
    ({}, b"de"),
    ({b"cow": b"moo", b"spam": b"eggs"}, b"d3:cow3:moo4:spam4:eggse"),
    ({b"spam": [b"a", b"b"]}, b"d4:spaml1:a1:bee"),
    ({b"": {b"\xff": [[-1], {}]}}, b"d0:d1:\xfflli-1eedeeee"),
]


@pytest.mark.parametrize(("value", "data"), PAIRS)
def test_values_and_their_one_encoding(value, data):
    assert encode(value) == data
    assert decode(data) == value
    assert decode(memoryview(data)) == value


def test_str_goes_as_utf8_and_tuples_as_lists():
    assert encode({"é": ("x", b"\xff")}) == b"d2:\xc3\xa9l1:x1:\xffee"


def test_keys_are_sorted_by_their_bytes():
    assert encode({"b": 1, b"\xc3": 2, "a": 3, "Z": 4}) == b"d1:Zi4e1:ai3e1:bi1e1:\xc3i2ee"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (True, "found bool"),
        (1.5, "found float"),
        (None, "found NoneType"),
        ([{1}], "found set"),
        ({1: 2}, "expected a str or bytes key, found int"),
        ({"a": 1, b"a": 2}, "unique keys"),
        (10**19, "at most 19 digits"),
        (-(10**19), "at most 19 digits"),
        ("\ud800", "UTF-8"),
    ],
)
def test_encode_refuses(value, problem):
    with pytest.raises(BencodeError, match=problem):
        encode(value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "byte 0: expected a number, string, list or dict, found the end"),
        (b"x", "byte 0: expected a number, string, list or dict, found b'x'"),
        (b"e", "byte 1: found 'e' with no list or dict open"),
        (b"i03e", "byte 0: expected a number"),
        (b"i-0e", "byte 0: expected a number"),
        (b"i-e", "byte 0: expected a number"),
        (b"ie", "byte 0: expected a number"),
        (b"i+1e", "byte 0: expected a number"),
        (b"i1", "byte 0: expected a number"),
        (b"i 1e", "byte 0: expected a number"),
        (b"i1_0e", "byte 0: expected a number"),
        (b"i10000000000000000000e", "byte 0: expected a number"),
        (b"04:spam", "byte 0: expected a number"),
        (b"-1:a", "byte 0: expected a number"),
        (b"999999999:a", "byte 0: expected a number"),
        (b"99999999:a", "byte 9: expected a string of 99999999 bytes, found 1"),
        (b"5:spam", "byte 2: expected a string of 5 bytes, found 4"),
        (b"4spam", "byte 0: expected a number"),
        (b"li1e", "byte 4: .*found the end"),
        (b"i1ei2e", "byte 3: expected the end, found 3 more bytes"),
        (b"d1:ae", "byte 5: expected pairs"),
        (b"di1ei2ee", "byte 8: expected pairs"),
        (b"d1:ai1ei2ei3ee", "byte 14: expected pairs"),
        (b"d1:bi1e1:ai2ee", "byte 14: expected keys sorted and unique, found b'a'"),
        (b"d1:ai1e1:ai2ee", "byte 14: expected keys sorted and unique, found b'a'"),
        (b"d2:aai1e1:bi1e2:abi1ee", "expected keys sorted and unique, found b'ab'"),
    ],
)
def test_decode_refuses(data, problem):
    with pytest.raises(BencodeError, match=problem):
        decode(data)


def test_prefix_tells_where_the_rest_begins():
    data = b"xxd5:piecei0eeRAW"
    assert decode_prefix(data, 2) == ({b"piece": 0}, 14)
    assert decode_prefix(memoryview(data), 2) == ({b"piece": 0}, 14)


def test_depth_of_100_and_no_more():
    deepest = b"l" * 100 + b"e" * 100
    assert encode(decode(deepest)) == deepest
    with pytest.raises(BencodeError, match="byte 101: expected at most 100 levels"):
        decode(b"l" + deepest + b"e")
    with pytest.raises(BencodeError, match="expected at most 100 levels"):
        encode([decode(deepest)])
    with pytest.raises(BencodeError, match="byte 301: expected at most 100 levels"):
        decode(b"d0:" * 1_000_000)


def test_tokens_are_counted(monkeypatch):
    monkeypatch.setattr(bencode, "MAX_TOKENS", 4)
    assert decode(b"li1ei2ee") == [1, 2]
    with pytest.raises(BencodeError, match="at most 4 tokens"):
        decode(b"li1ei2ei3ee")


def _dict_of(count, value):
    return b"d" + b"".join(b"14:%014d%s" % (i, value) for i in range(count)) + b"e"


@pytest.mark.parametrize(
    "data",
    [
        b"l" + b"le" * 50_000 + b"e",
        b"l" + b"de" * 50_000 + b"e",
        b"l" + b"0:" * 50_000 + b"e",
        b"l" + b"d1:ai1ee" * 12_000 + b"e",
        b"l" + b"i300e" * 20_000 + b"e",
        b"l" + b"".join(b"2:%c%c" % divmod(i, 256) for i in range(25_000)) + b"e",
        b"l" + (b"l" * 90 + b"e" * 90) * 600 + b"e",
        _dict_of(6_000, b"0:"),
        _dict_of(6_000, b"le"),
    ],
    ids=["lists", "dicts", "strings", "one-key dicts", "integers", "pairs", "deep", "dict", "tree"],
)
def test_memory_stays_within_ten_times_the_input(data, monkeypatch):
    monkeypatch.setattr(bencode, "MEMORY_FLOOR", 0)
    assert len(data) > 95_000
    value = None
    tracemalloc.start()
    try:
        value = decode(data)
    except BencodeError as error:
        assert "times the input's size in memory" in str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10 * len(data)
    assert value is None or encode(value) == data


def test_a_torrent_of_many_small_files_fits_the_memory_bound():
    files = [{b"length": 1, b"path": [b"%05d" % i]} for i in range(4_000)]
    assert decode(encode(files)) == files
