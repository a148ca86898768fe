"""central.http.ranges: RFC 9110, section 14."""

import pytest

from central.http.ranges import Range, parse_range


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # the RFC's own examples, of a representation of 10,000 bytes (section 14.1.2)
        (b"bytes=0-499", Range(0, 500)),
        (b"bytes=500-999", Range(500, 1000)),
        (b"bytes=-500", Range(9500, 10000)),
        (b"bytes=9500-", Range(9500, 10000)),
        (b"bytes=0-0", Range(0, 1)),
        (b"Bytes=0-0", Range(0, 1)),
        (b"bytes=9999-9999", Range(9999, 10000)),
        (b"bytes=0-9999999999999999999", Range(0, 10000)),
        (b"bytes=-10000", Range(0, 10000)),
        (b"bytes=-10001", Range(0, 10000)),
        # not to be satisfied
        (b"bytes=10000-", Range(10000, 10000)),
        (b"bytes=10000-10001", Range(10000, 10000)),
        (b"bytes=9999999999999999999-", Range(10000, 10000)),
        (b"bytes=-0", Range(10000, 10000)),
        # to be ignored
        (b"bytes=1-0", None),
        (b"bytes=-", None),
        (b"bytes=", None),
        (b"bytes", None),
        (b"", None),
        (b"0-1", None),
        (b"lines=0-1", None),
        (b"bytes=0-0,-1", None),
        (b"bytes=0-1,", None),
        (b"bytes=a-b", None),
        (b"bytes=0x0-0x1", None),
        (b"bytes=+1-2", None),
        (b"bytes=1--2", None),
        (b"bytes=1-2-3", None),
        (b"bytes= 1-2", None),
        (b"bytes=1 - 2", None),
        (b"bytes=1_0-2_0", None),
        (b"bytes=" + b"1" * 20 + b"-", None),
        (b"bytes=" + b"0-," * 1300, None),
    ],
)
def test_parsing(value: bytes, expected: Range | None) -> None:
    assert parse_range(value, 10_000) == expected


def test_an_empty_file_has_no_part() -> None:
    for value in (b"bytes=0-", b"bytes=0-0", b"bytes=-1"):
        part = parse_range(value, 0)
        assert part is not None
        assert not part
        assert part.content_range(0) == "bytes */0"


def test_how_it_is_written() -> None:
    assert Range(0, 500).content_range(1234) == "bytes 0-499/1234"
    assert Range(1234, 1234).content_range(1234) == "bytes */1234"
    assert Range(0, 500)
    assert not Range(7, 7)
