"""central.access.log: the line that log readers expect, and no line of a stranger's own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from central.access.log import Request, format_date, format_line, write_line

REQUEST = Request(
    address="127.0.0.1",
    user="frank",
    date=datetime(2000, 10, 10, 13, 55, 36, 999_999, tzinfo=timezone(-timedelta(hours=7))),
    line="GET /apache_pb.gif HTTP/1.0",
    status=200,
    sent=2326,
    referer="http://www.example.com/start.html",
    agent="Mozilla/4.08 [en] (Win98; I ;Nav)",
)


def test_the_example_of_the_documentation_of_httpd() -> None:
    assert format_line(REQUEST) == (
        '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 '
        '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
    )


def test_what_is_not_known_is_a_dash() -> None:
    plain = Request(
        address="127.0.0.9",
        user="-",
        date=datetime(2026, 1, 2, tzinfo=UTC),
        line="RRQ a.txt TFTP",
        status=404,
        sent=0,
    )
    assert format_line(plain) == (
        '127.0.0.9 - - [02/Jan/2026:00:00:00 +0000] "RRQ a.txt TFTP" 404 - "-" "-"'
    )


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        ('a"b', r"a\"b"),
        ("a\\b", r"a\\b"),
        ("a\nb\r\x00\t", r"a\x0ab\x0d\x00\x09"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x7f\x9b", r"\x7f\xc2\x9b"),
        ("é", r"\xc3\xa9"),
        ("\u2028\u202e", r"\xe2\x80\xa8\xe2\x80\xae"),
        ("\ud800", r"\xed\xa0\x80"),
        ("two words", "two words"),
    ],
)
def test_strangers_write_no_line_of_their_own(sent: str, logged: str) -> None:
    line = format_line(replace(REQUEST, line=sent, referer=sent, agent=sent))
    assert line.endswith(f'] "{logged}" 200 2326 "{logged}" "{logged}"')


@pytest.mark.parametrize(("user", "logged"), [("a b", r"a\x20b"), ("", "-"), ('"', r"\"")])
def test_a_field_without_quotes_stays_one_field(user: str, logged: str) -> None:
    line = format_line(replace(REQUEST, user=user, address=user))
    assert line.startswith(f"{logged} - {logged} [")


def test_months_are_english() -> None:
    assert [format_date(datetime(1, month, 1, tzinfo=UTC))[3:11] for month in (1, 5, 12)] == [
        "Jan/0001",
        "May/0001",
        "Dec/0001",
    ]
    named = [format_date(datetime(2000, month, 1, tzinfo=UTC))[3:6] for month in range(1, 13)]
    assert " ".join(named) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    assert format_date(datetime(2000, 2, 29, 1, 2, 3)) == "29/Feb/2000:01:02:03 +0000"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", "LIST / SOCKET/1"),
        ("a.txt", "LIST /a.txt SOCKET/1"),
        ("a b/c#?%", "LIST /a%20b/c%23%3F%25 SOCKET/1"),
        ('föhn"\n', "LIST /f%C3%B6hn%22%0A SOCKET/1"),
    ],
)
def test_a_line_has_three_words_whatever_the_path(path: str, line: str) -> None:
    assert write_line("LIST", path, "SOCKET/1") == line
