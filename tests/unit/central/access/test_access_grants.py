"""central.access.grants: what makes sense, who is permitted what, and which grant is meant."""

import dataclasses
import hashlib
import math
from typing import Any

import pytest

from central.access.grants import Grant, find, hash_token, lives, permits
from central.errors import GrantError


def grant(name: str = "bob", digest: str = "a" * 64, **fields: Any) -> Grant:
    terms: dict[str, Any] = {"rights": frozenset(["read"]), "granted": 100.0, **fields}
    return Grant(name=name, digest=digest, **terms)


def test_a_token_is_kept_as_its_sha256() -> None:
    assert hash_token("fsl_x") == hashlib.sha256(b"fsl_x").hexdigest()


@pytest.mark.parametrize("token", ["", "\0", "é", "\ud800", "x" * 100_000])
def test_any_text_has_a_hash(token: str) -> None:
    assert len(hash_token(token)) == 64


def test_a_grant_is_shown_by_the_beginning_of_its_hash() -> None:
    assert grant(digest="0123456789abcdef" * 4).id == "0123456789ab"


@pytest.mark.parametrize("name", ["b", "Bob-2", "bob@example.org", "a_b+c.d", "0", "x" * 64])
def test_names_that_will_do(name: str) -> None:
    assert grant(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "-", ".hidden", "two words", 'a"b', "a\n", "a\\b", "é", "x" * 65, "a\x1b[2J", "a\0"],
)
def test_names_that_would_garble_a_log_are_refused(name: str) -> None:
    with pytest.raises(GrantError) as caught:
        grant(name)
    assert str(caught.value) == (
        f"{name!r} is no name for a grant; expected at most 64 letters, digits and any of "
        ". _ @ + - behind the first"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rights": frozenset()}, "the rights read, write or both"),
        ({"rights": frozenset(["delete"])}, "the rights read, write or both"),
        ({"expires": 100.0}, "a date of expiry in the future, or none"),
        ({"expires": math.inf}, "a date of expiry in the future, or none"),
        ({"expires": math.nan}, "a date of expiry in the future, or none"),
        ({"rate": 0.5}, "a rate of at least 1 byte/s, or none"),
        ({"rate": -1.0}, "a rate of at least 1 byte/s, or none"),
        ({"rate": math.inf}, "a rate of at least 1 byte/s, or none"),
        ({"rate": math.nan}, "a rate of at least 1 byte/s, or none"),
        ({"downloads": 0}, "at least one download, or no limit"),
    ],
)
def test_terms_that_make_no_sense_are_refused(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(GrantError) as caught:
        grant(**fields)
    assert str(caught.value) == f"bob: expected {expected}"


def test_it_lives_until_the_very_moment_of_expiry() -> None:
    short = grant(expires=200.0)
    assert lives(short, math.nextafter(200.0, 0))
    assert not lives(short, 200.0)
    assert lives(grant(), 1e18)


def test_what_was_revoked_is_dead_at_any_time() -> None:
    assert not lives(grant(revoked=150.0), 120.0)


def test_rights_are_those_granted_and_no_others() -> None:
    reader, writer = grant(), grant(rights=frozenset(["write"]))
    assert [permits(reader, right, 100) for right in ("read", "write")] == [True, False]
    assert [permits(writer, right, 100) for right in ("read", "write")] == [False, True]
    assert not permits(dataclasses.replace(reader, revoked=100.0), "read", 100)


def test_a_grant_is_found_by_name_or_by_the_beginning_of_its_id() -> None:
    one, two = grant("one", "abcd1" + "0" * 59), grant("two", "abcd2" + "0" * 59)
    assert find([one, two], "two", 100) is two
    assert find([one, two], "ABCD1", 100) is one
    assert find([one, two], one.id, 100) is one


def test_a_name_goes_before_an_id() -> None:
    named, other = grant("abcd", "1" * 64), grant("other", "abcd" + "0" * 60)
    assert find([other, named], "abcd", 100) is named


@pytest.mark.parametrize("who", ["", "x", "abc", "zzzz", "One", "0" * 64])
def test_nobody_is_found_by_less(who: str) -> None:
    with pytest.raises(GrantError, match="no grant in force is called"):
        find([grant("one", "abcd1" + "0" * 59)], who, 100)


def test_several_are_not_one() -> None:
    both = [grant("one", "abcd1" + "0" * 59), grant("two", "abcd2" + "0" * 59)]
    with pytest.raises(GrantError) as caught:
        find(both, "abcd", 100)
    assert str(caught.value) == (
        "'abcd' begins several ids: abcd10000000, abcd20000000; expected more digits"
    )


def test_the_dead_are_not_found() -> None:
    dead = [grant("one", revoked=150.0), grant("two", "b" * 64, expires=160.0)]
    for who in ("one", "two", "aaaa", "bbbb"):
        with pytest.raises(GrantError):
            find(dead, who, 160.0)
