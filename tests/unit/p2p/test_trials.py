"""A wrong piece is asked of one peer alone, for so long; then of another, for twice as long."""

import random

from p2p.trials import PATIENT_BLOCKS, Trials
from p2p.wire import BLOCK

PIECE = PATIENT_BLOCKS * BLOCK


def _begun(*peers, seed=1):
    trials: Trials[str] = Trials(random.Random(seed))
    trials.begin(7, PIECE, peers, 10.0, now=100.0)
    return trials


def test_only_one_is_asked():
    trials = _begun("a")
    assert trials.admits(7, "a") and not trials.admits(7, "b")
    assert trials.admits(8, "b")
    assert (trials.barred("a"), trials.barred("b")) == ([], [7])


def test_with_nobody_to_ask_anybody_may_give_it():
    trials = _begun()
    assert trials.admits(7, "a")
    assert trials.barred("a") == []


def test_each_of_them_may_be_the_one():
    chosen = {
        seed: next(p for p in "abc" if _begun(*"abc", seed=seed).admits(7, p)) for seed in range(20)
    }
    assert set(chosen.values()) == set("abc")


def test_a_large_piece_is_given_more_time():
    assert _begun("a").overdue(120.0) == []
    assert _begun("a").overdue(120.1) == [(7, "a")]


def test_who_is_too_slow_makes_way_for_another_and_may_not_be_chosen_next():
    for seed in range(20):
        trials = _begun("a", seed=seed)
        trials.pass_on(7, ["a", "b"], now=121.0)
        assert trials.admits(7, "b") and not trials.admits(7, "a")
        assert trials.overdue(161.0) == []
        assert trials.overdue(161.1) == [(7, "b")]


def test_with_no_other_it_is_anybodys():
    trials = _begun("a")
    trials.pass_on(7, ["a"], now=121.0)
    assert trials.admits(7, "b") and trials.admits(7, "a")


def test_who_refuses_or_leaves_is_not_waited_for():
    for let_go in (lambda t: t.refuses(7, "a"), lambda t: t.leaves("a"), lambda t: t.ended(7)):
        trials = _begun("a")
        let_go(trials)
        assert trials.admits(7, "b")
    trials = _begun("a")
    trials.refuses(7, "b")
    trials.leaves("b")
    assert not trials.admits(7, "b")
