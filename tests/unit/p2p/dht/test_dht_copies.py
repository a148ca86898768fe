"""What many answers say about one item: which is the newest, and whether it is kept well."""

from dataclasses import replace

from p2p.dht.copies import ENOUGH, Copies
from p2p.dht.items import Immutable, Mutable, public_key, sign, target_of
from p2p.dht.messages import Contact, Reply

SECRET, SALT = bytes(32), b"salt"
TARGET = target_of(public_key(SECRET), SALT)


def node(number: int) -> Contact:
    return Contact(bytes([number]) * 20, (f"10.0.0.{number}", 6881))


def having(item: Mutable | Immutable) -> Reply:
    """The answer of who has it: a mutable one goes without its salt."""
    if isinstance(item, Mutable):
        return Reply(b"aa", bytes(20), item=replace(item, salt=b""), seq=item.seq)
    return Reply(b"aa", bytes(20), item=item)


def version(seq: int) -> Mutable:
    return sign(SECRET, seq, f"version {seq}", SALT)


def test_the_newest_genuine_version_wins_in_any_order() -> None:
    copies = Copies(TARGET, SALT)
    for number, seq in enumerate((2, 5, 3), 1):
        copies.heard(node(number), having(version(seq)))
    assert copies.item == version(5)


def test_lies_change_nothing() -> None:
    copies = Copies(TARGET, SALT, version(2))
    other_key = sign(b"\1" * 32, 9, "x", SALT)
    other_salt = sign(SECRET, 9, "x", b"other")
    forged = replace(version(2), seq=9)
    large = sign(SECRET, 9, bytes(1000), SALT)
    hashed = Immutable(b"1:x")
    for number, item in enumerate((other_key, other_salt, forged, large, hashed, version(1)), 1):
        copies.heard(node(number), having(item))
    assert copies.item == version(2)


def test_who_only_says_a_higher_number_is_worth_a_second_question() -> None:
    copies = Copies(TARGET, SALT, version(2))
    copies.heard(node(1), Reply(b"aa", bytes(20), seq=3))
    copies.heard(node(2), Reply(b"aa", bytes(20), seq=2))
    copies.heard(node(3), Reply(b"aa", bytes(20)))
    assert [copies.kept_back(node(number)) for number in (1, 2, 3)] == [True, False, False]
    copies.heard(node(1), having(version(3)))
    assert not copies.kept_back(node(1))


def test_of_an_immutable_item_nobody_says_so_before_it_is_here() -> None:
    item = Immutable(b"1:x")
    copies = Copies(item.target, None)
    copies.heard(node(1), Reply(b"aa", bytes(20)))
    assert copies.kept_back(node(1))
    copies.heard(node(2), having(item))
    assert copies.item == item
    assert not copies.kept_back(node(1))


def test_more_than_eight_copies_and_all_of_the_closest_are_well_kept() -> None:
    closest = [node(number) for number in range(1, 9)]
    copies = Copies(TARGET, SALT, version(2))
    for number in range(1, ENOUGH + 1):
        copies.heard(node(number), Reply(b"aa", bytes(20), seq=2))
    assert not copies.well_kept(closest)
    copies.heard(node(20), Reply(b"aa", bytes(20), seq=1))
    assert not copies.well_kept(closest), "an older version is no copy"
    copies.heard(node(21), having(version(2)))
    assert copies.well_kept(closest)
    assert not copies.well_kept([*closest, node(30)])
