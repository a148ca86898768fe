"""Who poisoned a piece: one source is proven at once, several when the right bytes are known."""

from p2p.picker import Block
from p2p.suspects import Suspects

HALF = 8
ONE, TWO = Block(3, 0, HALF), Block(3, HALF, HALF)
GOOD, BAD = b"g" * HALF, b"b" * HALF


def _given(*gifts) -> Suspects[str]:
    suspects: Suspects[str] = Suspects()
    for source, block in gifts:
        suspects.gave(source, block)
    return suspects


def test_who_gave_all_of_a_wrong_piece_is_proven():
    assert _given(("liar", ONE), ("liar", TWO)).wrong(3, BAD + GOOD) == ["liar"]


def test_of_two_nobody_is_proven_until_the_piece_is_right():
    suspects = _given(("liar", ONE), ("honest", TWO))
    assert suspects.wrong(3, BAD + GOOD) == []
    assert suspects.sources(3) == ["liar", "honest"]
    suspects.gave("third", ONE)
    suspects.gave("third", TWO)
    assert suspects.right(3, GOOD + GOOD) == ["liar"]
    assert suspects.sources(3) == []


def test_the_honest_are_never_named_however_often_the_piece_was_wrong():
    suspects = _given(("one", ONE), ("two", TWO))
    assert suspects.wrong(3, BAD + GOOD) == []
    for source, block in (("two", ONE), ("one", TWO)):
        suspects.gave(source, block)
    assert suspects.wrong(3, GOOD + BAD) == [], "one lied again, in the other place"
    suspects.gave("honest", ONE)
    suspects.gave("honest", TWO)
    assert suspects.right(3, GOOD + GOOD) == ["one"]


def test_a_right_piece_accuses_nobody():
    assert _given(("one", ONE), ("two", TWO)).right(3, GOOD + GOOD) == []


def test_of_a_block_that_came_twice_the_copy_that_is_kept_counts():
    suspects = _given(("first", ONE), ("second", ONE), ("second", TWO))
    assert suspects.wrong(3, BAD + BAD) == ["second"]


def test_pieces_are_kept_apart():
    suspects = _given(("one", ONE), ("two", TWO), ("one", Block(4, 0, HALF)))
    assert suspects.wrong(3, BAD + GOOD) == []
    assert suspects.sources(4) == []
    assert suspects.right(4, GOOD) == []
    assert suspects.sources(3) == ["one", "two"]
