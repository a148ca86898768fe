"""Super-seeding: no piece goes out twice before all are out, unless the uplink would idle."""

import random

import pytest

from p2p.superseed import SuperSeed

NONE = [0] * 6


def _seed(*keys, pieces=6, seed=1):
    superseed = SuperSeed(pieces, random.Random(seed))
    for key in keys:
        superseed.joins(key)
    return superseed


def test_every_piece_is_revealed_once_and_then_none():
    superseed = _seed("a", "b")
    shown = [superseed.reveal(key, NONE, NONE) for key in "ababab"]
    assert sorted(shown) == [0, 1, 2, 3, 4, 5]
    assert superseed.reveal("a", NONE, NONE) is None


def test_the_order_is_its_own():
    orders = [
        tuple(superseed.reveal("a", NONE, NONE) for _ in range(6))
        for superseed in (_seed("a", seed=seed) for seed in (1, 1, 2))
    ]
    assert orders[0] == orders[1] != orders[2]


def test_what_the_peer_has_is_not_revealed_to_it():
    superseed = _seed("a")
    assert superseed.reveal("a", [1, 1, 1, 0, 1, 1], NONE) == 3
    assert superseed.reveal("a", [1, 1, 1, 0, 1, 1], NONE) is None


def test_of_the_unsent_the_rarest_goes_first():
    superseed = _seed("a")
    assert superseed.reveal("a", NONE, [2, 2, 1, 0, 2, 2]) == 3
    assert superseed.reveal("a", NONE, [2, 2, 1, 0, 2, 2]) == 2


def test_a_sent_piece_is_not_revealed_again_while_another_is_unsent():
    superseed = _seed("a", "b")
    for _ in range(5):
        piece = superseed.reveal("a", NONE, NONE)
        assert superseed.settled("a", piece, sent=True)
    assert superseed.unsent == 1
    last = superseed.reveal("b", NONE, NONE)
    assert superseed.reveal("b", NONE, NONE) is None
    assert superseed.settled("b", last, sent=True)
    assert superseed.unsent == 0


def test_sending_a_piece_twice_counts_it_once():
    superseed = _seed("a", "b")
    for key in "ab":
        superseed.settled(key, 0, sent=True)
    assert superseed.unsent == 5


def test_when_all_are_out_there_is_nothing_left_to_reveal_one_by_one():
    superseed = _seed("a", "b")
    for index in range(6):
        superseed.settled("a", index, sent=True)
    assert superseed.unsent == 0
    assert superseed.reveal("b", NONE, NONE, idle=True) is None
    assert superseed.reveal_rest("b", NONE) == list(range(6))


def test_what_was_promised_to_a_peer_that_left_is_for_others():
    superseed = _seed("a", "b", pieces=1)
    assert superseed.reveal("a", [0], [0]) == 0
    assert superseed.reveal("b", [0], [0]) is None
    superseed.leaves("a")
    assert superseed.reveal("b", [0], [0]) == 0


def test_a_peer_that_comes_back_knows_nothing():
    superseed = _seed("a", pieces=1)
    superseed.reveal("a", [0], [0])
    superseed.leaves("a")
    superseed.joins("a")
    assert not superseed.promised("a")
    assert superseed.reveal("a", [0], [0]) == 0
    assert superseed.promised("a")


@pytest.mark.parametrize("sent", [True, False])
def test_settling_tells_whether_the_piece_was_promised(sent):
    superseed = _seed("a")
    piece = superseed.reveal("a", NONE, NONE)
    other = (piece + 1) % 6
    assert not superseed.settled("a", other, sent)
    assert superseed.settled("a", piece, sent)
    assert not superseed.settled("a", piece, sent)
    assert superseed.unsent == (4 if sent else 6)


def test_a_piece_had_from_elsewhere_is_promised_to_another():
    superseed = _seed("a", "b", pieces=1)
    superseed.reveal("a", [0], [0])
    superseed.settled("a", 0, sent=False)
    assert superseed.reveal("b", [0], [1]) == 0


def test_stalled_when_all_that_is_unsent_is_promised():
    superseed = _seed("a", "b", pieces=2)
    assert not superseed.stalled
    first = superseed.reveal("a", [0, 0], [0, 0])
    assert not superseed.stalled
    second = superseed.reveal("b", [0, 0], [0, 0])
    assert superseed.stalled
    assert superseed.reveal("a", [0, 0], [0, 0]) is None
    assert superseed.reveal("a", [0, 0], [0, 0], idle=True) == second
    superseed.settled("a", first, sent=True)
    assert superseed.reveal("b", [0, 0], [0, 0], idle=True) is None


def test_hidden_is_what_the_peer_lacks_and_was_not_told_of():
    superseed = _seed("a")
    shown = superseed.reveal("a", [1, 0, 0, 0, 0, 0], NONE)
    hidden = superseed.reveal_rest("a", [1, 0, 0, 0, 0, 0])
    assert sorted([*hidden, shown]) == [1, 2, 3, 4, 5]
    assert superseed.reveal_rest("a", [1, 0, 0, 0, 0, 0]) == []
