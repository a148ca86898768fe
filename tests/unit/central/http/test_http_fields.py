"""central.http.fields, target and page: what is read from requests and written into answers."""

import pytest

from central.http.fields import (
    names_here,
    prefers_page,
    read_digest,
    read_token,
    wants_digest,
    write_digest,
    write_disposition,
)
from central.http.page import write_json, write_page
from central.http.target import Target, parse_target
from central.library.library import Entry

SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
FIELD = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (None, None),
        (b"Bearer abc_-.~+/9==", "abc_-.~+/9=="),
        (b"bEARER  abc", "abc"),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Bearer a b", None),
        (b"Bearer a, Bearer b", None),
        (b"Bearer \xe4", None),
        (b"Token abc", None),
        (b"abc", None),
        (b"", None),
        (b"Basic dXNlcjphYmM=", "abc"),
        (b"Basic OmFiYw==", "abc"),
        (b"Basic dXNlcjphYmM", None),
        (b"Basic !!!", None),
        (b"Basic dXNlcg==", None),  # user, without a colon
        (b"Basic dXNlcjo=", None),  # user and no password
        (b"Basic Ov8=", None),
    ],
)
def test_tokens(value: bytes | None, token: str | None) -> None:
    assert read_token(value) == token


def test_digests() -> None:
    assert write_digest(SHA256) == FIELD
    for value in (FIELD, f"sha-512=:AA==:, {FIELD}", f"{FIELD},md5=:AA==:", f" {FIELD} "):
        assert read_digest(value.encode()) == SHA256
    for value in ("", "sha-512=:AA==:", "x-sha-256=:AA==:", "sha-2560=:AA==:"):
        assert read_digest(value.encode()) is None
    for value in ("sha-256=:AA==:", "sha-256", f"{FIELD}, {FIELD}", FIELD[:-1], "sha-256=abc"):
        with pytest.raises(ValueError, match="malformed"):
            read_digest(value.encode())


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, False),
        (b"sha-256=1", True),
        (b"sha-256=10", True),
        (b"sha-512=3, sha-256=10, unixsum=0", True),
        (b"sha-256=0", False),
        (b"sha-512=5", False),
        (b"sha-256=11", False),
        (b"sha-256", False),
        (b"", False),
    ],
)
def test_wishes_for_a_digest(value: bytes | None, wanted: bool) -> None:
    assert wants_digest(value) is wanted


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (None, False),
        (b"", False),
        (b"*/*", False),
        (b"application/json", False),
        (b"text/html", True),
        (b"text/*", True),
        (b"TEXT/HTML", True),
        # Firefox, Chromium
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"text/html,application/xml;q=0.9,image/avif,*/*;q=0.8,application/signed;v=b3", True),
        (b"application/json, text/html;q=0.9", False),
        (b"application/json;q=0.1, text/html;q=0.9", True),
        (b"text/html;q=0, */*", False),
        (b"application/json;q=0, */*", True),
        (b"*/*;q=1, text/html;q=0.5", False),
        (b"application/*;q=0.2, text/*;q=0.3", True),
        (b"image/png", False),
        (b"text/html;level=1;q=0.5, application/json;q=0.4", True),
        (b";;;,,,=", False),
        (b"text/html;q=2", True),
    ],
)
def test_accept(accept: bytes | None, page: bool) -> None:
    assert prefers_page(accept) is page


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("a b;c=1.txt", 'attachment; filename="a b;c=1.txt"'),
        ('say "a".txt', "attachment; filename=\"say _a_.txt\"; filename*=UTF-8''say%20%22a%22.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("€ rates", "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),
        ("a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_disposition(name: str, field: str) -> None:
    assert write_disposition(name) == field


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", Target("", True)),
        (b"/?a", Target("", True)),
        (b"/a", Target("a", False)),
        (b"/a?b#c", Target("a", False)),
        (b"/a?%2f%zz", Target("a", False)),
        (b"/a/", Target("a", True)),
        (b"/a/b%20c", Target("a/b c", False)),
        (b"/%C3%A4", Target("ä", False)),
        (b"/%2541", Target("%41", False)),
        (b"/a+b", Target("a+b", False)),
        (b"/a;b", Target("a;b", False)),
        (b"http://h", Target("", True)),
        (b"http://h/", Target("", True)),
        (b"http://h?q", Target("", True)),
        (b"HTTP://u@h:1/a", Target("a", False)),
        (b"https://h/a", Target("a", False)),
        # For the library to judge: nothing here is repaired.
        (b"/../a", Target("../a", False)),
        (b"/%2e%2e/a", Target("../a", False)),
        (b"//a", Target("/a", False)),
        (b"/a//", Target("a/", True)),
        # Nothing that has a name.
        (b"//", None),
        (b"*", None),
        (b"a", None),
        (b"h:80", None),
        (b"ftp://h/a", None),
        (b"http:///a", None),
        (b"/a%2fb", None),
        (b"/a%2Fb", None),
        (b"/a%00", None),
        (b"/a#b", None),
        (b"/a%", None),
        (b"/a%4", None),
        (b"/a%4g", None),
        (b"/%ff", None),
        (b"/%c0%af", None),
        (b"/%ed%a0%80", None),
        (b"", None),
    ],
)
def test_targets(target: bytes, expected: Target | None) -> None:
    assert parse_target(target) == expected


def test_a_target_is_written_as_an_absolute_path() -> None:
    assert str(Target("ä b/c?", True)) == "/%C3%A4%20b/c%3F/"
    assert str(Target("", True)) == "/"


ENTRIES = [
    Entry(path="sub/a&b.txt", size=1500, modified_ns=1_714_564_800_999_999_999),
    Entry(path="sub/<i>x</i>:y?#.txt", size=0, modified_ns=0),
    Entry(path="sub/ä/", size=0, modified_ns=-5),
]


def test_a_listing_as_json() -> None:
    import json

    document = json.loads(write_json("sub", ENTRIES))
    assert document["path"] == "sub/"
    assert document["entries"][0] == {
        "name": "a&b.txt",
        "path": "sub/a&b.txt",
        "size": 1500,
        "modified": "2024-05-01T12:00:00Z",
        "modified_ns": 1_714_564_800_999_999_999,
        "etag": ENTRIES[0].etag,
        "folder": False,
    }
    folder = document["entries"][2]
    assert (folder["name"], folder["path"], folder["folder"]) == ("ä", "sub/ä/", True)
    assert (folder["etag"], folder["modified"]) == ("", "1970-01-01T00:00:00Z")
    assert json.loads(write_json("", [])) == {"path": "", "entries": []}


def test_a_listing_as_a_page() -> None:
    page = write_page("sub", ENTRIES).decode()
    assert "<title>/sub/</title>" in page
    assert '<a href="../">' in page
    assert '<a href="./a%26b.txt">a&amp;b.txt</a></td><td class="size">1.465 KiB</td>' in page
    assert '<a href="./%3Ci%3Ex%3C/i%3E%3Ay%3F%23.txt">' not in page  # a slash is no part of names
    assert '<a href="./%C3%A4/">ä/</a>' in page
    assert "<i>" not in page
    assert "<script" not in page
    assert '<a href="../">' not in write_page("", ENTRIES).decode()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        (b"127.0.0.1", True),
        (b"127.0.0.1:8080", True),
        (b"localhost:8080", True),
        (b"teacher:80", True),
        (b"a.localhost", True),
        (b"[::1]:8080", True),
        (b"", True),
        (b"evil.example", False),
        (b"evil.example:8080", False),
        (b"127.0.0.1.evil.example", False),
        (b"localhost.", False),
        (b"1.2.3", False),
        (b"\xff.\xff", False),
    ],
)
def test_a_name_with_a_dot_may_be_a_strangers(host: bytes, here: bool) -> None:
    assert names_here(host) is here
