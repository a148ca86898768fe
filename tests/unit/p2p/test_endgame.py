"""The endgame: a waiting request is moved, a late one repeated, and nothing else is."""

import pytest

from p2p.endgame import last_in_line, overdue
from p2p.picker import Block
from p2p.wire import BLOCK

A, B, C, D = (Block(piece, 0, BLOCK) for piece in range(4))
ALL = [1, 1, 1, 1]


def test_the_last_request_of_the_longest_queue_moves():
    queues = [("short", {A: 0.0, B: 1.0}), ("long", {A: 0.0, C: 1.0, D: 2.0})]
    assert last_in_line(queues, ALL) == ("long", D)


def test_a_request_that_stands_alone_stays():
    assert last_in_line([("x", {A: 0.0}), ("y", {B: 0.0}), ("z", {})], ALL) is None
    assert last_in_line([], ALL) is None


def test_a_request_moves_only_to_a_peer_that_has_the_piece():
    queues = [("long", {A: 0.0, B: 1.0, D: 2.0}), ("short", {A: 0.0, C: 1.0})]
    assert last_in_line(queues, [1, 1, 1, 0]) == ("short", C)
    assert last_in_line(queues, [1, 1, 0, 0]) is None


def test_of_equal_queues_the_first_gives():
    assert last_in_line([("x", {A: 0.0, B: 0.0}), ("y", {C: 0.0, D: 0.0})], ALL) == ("x", B)


def test_the_block_that_waits_longest_is_repeated():
    queues = [("x", {A: 3.0, B: 1.5}), ("y", {C: 1.0})]
    assert overdue(queues, ALL, since=2.0) == C
    assert overdue(queues, [1, 1, 0, 1], since=2.0) == B


@pytest.mark.parametrize("since", [1.0, 0.5])
def test_nothing_is_repeated_before_it_is_late(since):
    assert overdue([("x", {A: 1.0})], ALL, since) is None


def test_a_late_block_is_not_asked_of_a_peer_without_it():
    assert overdue([("x", {D: 0.0})], [1, 1, 1, 0], since=9.0) is None
    assert overdue([], ALL, since=9.0) is None
