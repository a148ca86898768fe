"""central.http.conditions and dates: RFC 9110, sections 13 and 5.6.7."""

import time

import pytest

from central.http.conditions import STRONG_S, Validators, judge, range_holds
from central.http.dates import parse_date, write_date

TIME = 784_111_777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE, AFTER = (write_date(TIME + shift).encode() for shift in (-1, 1))
NOW = Validators(b'"abc"', TIME)
GET, HEAD, PUT = "GET", "HEAD", "PUT"


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        (GET, {}, 200),
        # If-Match: strong comparison
        (GET, {b"if-match": b'"abc"'}, 200),
        (PUT, {b"if-match": b'"abc"'}, 200),
        (GET, {b"if-match": b"*"}, 200),
        (GET, {b"if-match": b'"x", "abc", "y"'}, 200),
        (GET, {b"if-match": b'W/"abc"'}, 412),
        (GET, {b"if-match": b'"abd"'}, 412),
        (HEAD, {b"if-match": b'"abd"'}, 412),
        (PUT, {b"if-match": b'"abd"'}, 412),
        (GET, {b"if-match": b"abc"}, 412),
        (GET, {b"if-match": b'"abc" "abc"'}, 412),
        (GET, {b"if-match": b""}, 412),
        # If-Unmodified-Since, which If-Match overrules
        (GET, {b"if-unmodified-since": DATE}, 200),
        (GET, {b"if-unmodified-since": AFTER}, 200),
        (GET, {b"if-unmodified-since": BEFORE}, 412),
        (PUT, {b"if-unmodified-since": BEFORE}, 412),
        (GET, {b"if-unmodified-since": b"yesterday"}, 200),
        (GET, {b"if-match": b'"abc"', b"if-unmodified-since": BEFORE}, 200),
        (GET, {b"if-match": b'"abd"', b"if-unmodified-since": AFTER}, 412),
        # If-None-Match: weak comparison
        (GET, {b"if-none-match": b'"abc"'}, 304),
        (HEAD, {b"if-none-match": b'W/"abc"'}, 304),
        (GET, {b"if-none-match": b"*"}, 304),
        (GET, {b"if-none-match": b',"x" ,, W/"abc",'}, 304),
        (PUT, {b"if-none-match": b'"abc"'}, 412),
        (PUT, {b"if-none-match": b"*"}, 412),
        (GET, {b"if-none-match": b'"abd"'}, 200),
        (GET, {b"if-none-match": b"abc"}, 200),
        (GET, {b"if-none-match": b'w/"abc"'}, 200),
        (GET, {b"if-none-match": b'"ab c"'}, 200),
        # If-Modified-Since, which If-None-Match overrules
        (GET, {b"if-modified-since": DATE}, 304),
        (HEAD, {b"if-modified-since": AFTER}, 304),
        (GET, {b"if-modified-since": BEFORE}, 200),
        (PUT, {b"if-modified-since": AFTER}, 200),
        (GET, {b"if-modified-since": b"today"}, 200),
        (GET, {b"if-none-match": b'"abd"', b"if-modified-since": DATE}, 200),
        (GET, {b"if-none-match": b'"abc"', b"if-modified-since": BEFORE}, 304),
        # the order between the two pairs
        (GET, {b"if-match": b'"abd"', b"if-none-match": b'"abc"'}, 412),
        (GET, {b"if-unmodified-since": BEFORE, b"if-modified-since": DATE}, 412),
        (GET, {b"if-match": b'"abc"', b"if-none-match": b'"abc"'}, 304),
    ],
)
def test_a_file_that_is_there(method: str, fields: dict[bytes, bytes], expected: int) -> None:
    assert judge(method, fields, NOW) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 200),
        ({b"if-match": b"*"}, 412),
        ({b"if-match": b'"abc"'}, 412),
        ({b"if-none-match": b"*"}, 200),
        ({b"if-none-match": b'"abc"'}, 200),
        ({b"if-unmodified-since": BEFORE}, 200),
    ],
)
def test_a_file_that_is_not(fields: dict[bytes, bytes], expected: int) -> None:
    assert judge(PUT, fields, None) == expected


def test_what_has_no_date_has_no_conditions_on_it() -> None:
    listing = Validators(b'"abc"', None)
    assert judge(GET, {b"if-modified-since": AFTER}, listing) == 200
    assert judge(GET, {b"if-unmodified-since": BEFORE}, listing) == 200
    assert judge(GET, {b"if-none-match": b'"abc"'}, listing) == 304


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        (b'"abc"', True),
        (b'W/"abc"', False),
        (b'"abd"', False),
        (b'"abc", "abd"', False),
        (b"*", False),
        (DATE, True),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", True),
        (BEFORE, False),
        (AFTER, False),
        (b"abc", False),
        (b"", False),
    ],
)
def test_if_range(value: bytes | None, expected: bool) -> None:
    fields = {} if value is None else {b"if-range": value}
    assert range_holds(fields, NOW, TIME + STRONG_S) is expected


def test_if_range_by_a_date_that_may_name_two_versions() -> None:
    """Within a second a file changes often; the date that it shows then is no strong validator."""
    assert not range_holds({b"if-range": DATE}, NOW, TIME)
    assert not range_holds({b"if-range": DATE}, NOW, TIME + STRONG_S - 1)
    assert range_holds({b"if-range": DATE}, NOW, TIME + 60)
    assert range_holds({b"if-range": b'"abc"'}, NOW, TIME)


def test_many_tags_and_commas_are_looked_at_once() -> None:
    """Nothing that fits into a head takes noticeable time."""
    begun = time.process_time()
    for value in (
        b'"x"' + b" , " * 5000 + b"x",
        b'"x",' * 4000 + b"x",
        b" " * 16_000 + b"x",
        b"," * 16_000 + b'"',
        b'"x"' + b" " * 16_000 + b"x",
        (b'"x"' + b" , " * 100) * 50 + b"x",
    ):
        assert judge(GET, {b"if-none-match": value}, NOW) == 200
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    "value", [DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"]
)
def test_dates_are_read_in_all_three_forms(value: bytes) -> None:
    assert parse_date(value) == TIME


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"784111777",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 nov 1994 08:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun Nov 06 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 GMT GMT",
        b"Sun, 06 Nov \xd9\xa1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date(value: bytes) -> None:
    assert parse_date(value) is None


def test_dates_at_their_ends() -> None:
    assert write_date(TIME).encode() == DATE
    assert write_date(0) == write_date(-1) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert write_date(10**15) == "Fri, 31 Dec 9999 23:59:59 GMT"
    assert parse_date(b"Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_799
    assert parse_date(b"Thursday, 01-Jan-70 00:00:00 GMT") == 0
    assert parse_date(b"Wednesday, 01-Jan-69 00:00:00 GMT") == 3_124_224_000
