"""Turnover: who has been of no use for long, and who for longest."""

from p2p.turnover import Turnover


def test_who_was_of_no_use_for_so_long_is_named_who_was_so_for_longest_first():
    turnover: Turnover[str] = Turnover()
    assert turnover.idle({"b": False, "c": True}, 0.0, 30.0) == []
    assert turnover.idle({"a": False, "b": False, "c": False}, 10.0, 30.0) == []
    assert turnover.idle({"a": False, "b": False, "c": False}, 29.0, 30.0) == []
    assert turnover.idle({"a": False, "b": False, "c": False}, 30.0, 30.0) == ["b", "c"]
    assert turnover.idle({"a": False, "b": False, "c": False}, 40.0, 30.0) == ["b", "c", "a"]


def test_who_is_of_use_once_has_all_the_time_again():
    turnover: Turnover[str] = Turnover()
    turnover.idle({"a": False, "b": False}, 0.0, 30.0)
    assert turnover.idle({"a": True, "b": False}, 30.0, 30.0) == ["b"]
    assert turnover.idle({"a": False, "b": False}, 59.0, 30.0) == ["b"]
    assert turnover.idle({"a": False, "b": False}, 60.0, 30.0) == ["b", "a"]


def test_a_newcomer_is_given_time_and_who_left_and_came_back_is_one():
    turnover: Turnover[str] = Turnover()
    turnover.idle({"a": False}, 0.0, 30.0)
    assert turnover.idle({"b": False}, 30.0, 30.0) == []
    assert turnover.idle({"a": False, "b": False}, 60.0, 30.0) == ["b"]
    assert turnover.idle({"a": False}, 89.0, 30.0) == []
    assert turnover.idle({"a": False}, 90.0, 30.0) == ["a"]
