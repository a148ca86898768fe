"""central.paths: a path is used as it is or refused as a whole."""

import attacks
import pytest

from central.paths import MAX_DEPTH, MAX_NAME, MAX_PATH, parse_path


@pytest.mark.parametrize("path", attacks.GOOD, ids=lambda path: repr(path[:30]))
def test_plain_paths_are_used_as_they_are(path: str) -> None:
    assert parse_path(path) == tuple(path.split("/"))


REFUSED = [
    "", ".", "..", "/", "a/", "/a", "a//b", "a/./b", "a/../b", "../a", "a/..", ".hidden",
    "a/.hidden", "...", ".hidden/a", "a\\b", "\\", "a\0", "\0", "a\nb", "a\rb", "\t", "\x1f",
    "\x7f", "\x80", "\x9f", "\ud800", "a/\udcff", "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("path", REFUSED, ids=repr)
def test_others_are_refused(path: str) -> None:
    assert parse_path(path) is None


@pytest.mark.parametrize(
    "path", [" ", "a.", "-", "~", "\xa0", "\u2028", "%2e%2e", "C:", "a:b", "*"]
)
def test_what_is_odd_but_a_name(path: str) -> None:
    assert parse_path(path) == (path,)


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🙂"])
def test_names_are_measured_in_bytes(letter: str) -> None:
    most = MAX_NAME // len(letter.encode())
    assert parse_path(letter * most) == (letter * most,)
    assert parse_path(letter * (most + 1)) is None
    assert parse_path("a/" + letter * (most + 1)) is None


def test_a_path_is_measured_too() -> None:
    name = "a" * 200
    longest = "/".join([name] * 20 + ["a" * (MAX_PATH - 20 * 201)])
    assert len(longest) == MAX_PATH
    assert parse_path(longest) is not None
    assert parse_path(longest + "a") is None


def test_a_path_has_so_many_names() -> None:
    assert parse_path("/".join("a" * MAX_DEPTH)) == ("a",) * MAX_DEPTH
    assert parse_path("/".join("a" * (MAX_DEPTH + 1))) is None
