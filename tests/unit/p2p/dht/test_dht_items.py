"""Items against the test vectors of BEP 44 and BEP 46, and what a node keeps of them."""

from dataclasses import replace

import pytest

from p2p.bencode import encode
from p2p.dht.items import (
    CHANGED,
    KEPT_S,
    MAX_ITEMS,
    NOT_SIGNED,
    OLD,
    SALT_TOO_BIG,
    TOO_BIG,
    Immutable,
    Items,
    Mutable,
    public_key,
    sign,
    signed_text,
    target_of,
)

HELLO = b"12:Hello World!"
KEY = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
PLAIN = bytes.fromhex(
    "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
    "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
)
SALTED = bytes.fromhex(
    "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
    "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
)
SECRET = bytes(range(32))
OWN = bytes(20)


def test_the_mutable_item_of_bep_44() -> None:
    item = Mutable(KEY, 1, HELLO, PLAIN)
    assert signed_text(1, HELLO, b"") == b"3:seqi1e1:v12:Hello World!"
    assert item.target.hex() == "4a533d47ec9c7d95b1ad75f576cffc641853b750"
    assert item.genuine


def test_the_mutable_item_with_salt_of_bep_44() -> None:
    item = Mutable(KEY, 1, HELLO, SALTED, b"foobar")
    assert signed_text(1, HELLO, b"foobar") == b"4:salt6:foobar3:seqi1e1:v12:Hello World!"
    assert item.target.hex() == "411eba73b6f087ca51a3795d9c8c938d365e32c1"
    assert item.genuine


def test_the_immutable_item_of_bep_44() -> None:
    assert Immutable(HELLO).target.hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"


def test_the_targets_of_bep_46() -> None:
    key = bytes.fromhex("8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e")
    assert target_of(key).hex() == "cc3f9d90b572172053626f9980ce261a850d050b"
    assert target_of(key, b"n").hex() == "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"


def test_the_first_key_of_rfc_8032() -> None:
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert public_key(secret).hex() == public


def test_signing_has_no_randomness() -> None:
    item = sign(SECRET, 7, {"ih": bytes(20)}, b"salt")
    assert item == sign(SECRET, 7, {"ih": bytes(20)}, b"salt")
    assert item.genuine
    assert (item.key, item.value) == (public_key(SECRET), encode({"ih": bytes(20)}))


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"value": b"12:Hello World?"},
        {"salt": b""},
        {"salt": b"foobaz"},
        {"signature": PLAIN},
        {"signature": bytes(64)},
        {"key": bytes(32)},
        {"key": b"\xff" * 32},
        {"key": public_key(SECRET)},
    ],
    ids=str,
)
def test_what_the_keys_owner_did_not_sign_is_not_genuine(change: dict[str, object]) -> None:
    assert not replace(Mutable(KEY, 1, HELLO, SALTED, b"foobar"), **change).genuine


def test_the_newest_version_is_kept() -> None:
    items = Items(OWN)
    first, second = sign(SECRET, 1, "one"), sign(SECRET, 2, "two")
    assert items.put(first, None, 0.0) is None
    assert items.put(second, None, 0.0) is None
    assert items.put(first, None, 0.0) == OLD == (302, OLD.text)
    assert items.put(sign(SECRET, 2, "other"), None, 0.0) == OLD
    assert items.get(first.target, 0.0) == second
    assert len(items) == 1


def test_what_is_compared_must_be_what_is_there() -> None:
    items = Items(OWN)
    assert items.put(sign(SECRET, 1, "a"), 5, 0.0) is None  # nothing is there to compare with
    assert items.put(sign(SECRET, 3, "b"), 2, 0.0) == CHANGED == (301, CHANGED.text)
    assert items.put(sign(SECRET, 3, "b"), 1, 0.0) is None


def test_what_is_too_large_or_not_signed_is_refused() -> None:
    items = Items(OWN)
    largest = Immutable(encode(bytes(996)))
    assert len(largest.value) == 1000
    assert items.put(largest, None, 0.0) is None
    for item, refusal, code in (
        (Immutable(encode(bytes(997))), TOO_BIG, 205),
        (sign(SECRET, 1, bytes(997)), TOO_BIG, 205),
        (sign(SECRET, 1, "x", bytes(65)), SALT_TOO_BIG, 207),
        (replace(sign(SECRET, 1, "x"), seq=2), NOT_SIGNED, 206),
    ):
        assert items.put(item, None, 0.0) == refusal
        assert refusal.code == code
        assert items.get(item.target, 0.0) is None
    assert items.put(sign(SECRET, 1, "x", bytes(64)), None, 0.0) is None


def test_an_item_lasts_two_hours_from_when_it_was_put_last() -> None:
    items = Items(OWN)
    item = sign(SECRET, 1, "x")
    items.put(item, None, 0.0)
    assert items.put(item, None, 7000.0) is None
    assert items.get(item.target, 7000.0 + KEPT_S - 1) == item
    assert items.get(item.target, 7000.0 + KEPT_S) is None
    assert len(items) == 0
    assert items.put(sign(SECRET, 0, "older"), None, 20_000.0) is None


def test_of_too_many_items_the_farthest_goes_but_first_what_has_expired() -> None:
    items = Items(OWN)
    many = sorted((Immutable(encode(n)) for n in range(MAX_ITEMS + 1)), key=lambda i: i.target)
    newest, farthest = many[0], many[-1]
    for item in many[1:]:
        items.put(item, None, 0.0)
    assert len(items) == MAX_ITEMS
    items.put(newest, None, 1.0)
    assert len(items) == MAX_ITEMS
    assert items.get(newest.target, 1.0) == newest
    assert items.get(farthest.target, 1.0) is None
    items.put(farthest, None, KEPT_S)
    assert len(items) == 2
