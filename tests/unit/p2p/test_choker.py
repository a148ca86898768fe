"""The choker: slots for those who give, one for luck, and a seed's for those who got least."""

import random
from collections import Counter

from p2p.choker import OPTIMISTIC_ROUNDS, SEED_QUOTA, Candidate, Choker


def _choker(slots=2, seed=1):
    return Choker(slots, random.Random(seed))


def _peer(key, gave=0, got=0, unchoked=False, pieces=0):
    return Candidate(key, gave=gave, got=got, unchoked=unchoked, pieces=pieces)


def _leechers(**gave):
    return [_peer(key, given) for key, given in gave.items()]


def test_a_leecher_unchokes_those_who_gave_most_and_one_more():
    for seed in range(20):
        chosen = _choker(seed=seed).rechoke(_leechers(a=1, b=9, c=5, d=0), seeding=False)
        assert chosen[:2] == ["b", "c"]
        assert len(chosen) == 3
        assert chosen[2] in "ad"


def test_a_seed_unchokes_those_who_have_least():
    peers = [
        _peer("a", gave=99, pieces=3),
        *(_peer(key, pieces=1) for key in "bc"),
        _peer("d", pieces=2),
    ]
    for seed in range(20):
        assert set(_choker(seed=seed).rechoke(peers, seeding=True)[:2]) == {"b", "c"}


def test_a_seed_lets_each_have_its_quota_first():
    served = [_peer("new", pieces=0), _peer("begun", unchoked=True, got=SEED_QUOTA - 1, pieces=9)]
    served += [_peer("done", unchoked=True, got=SEED_QUOTA, pieces=1), _peer("other", pieces=5)]
    for seed in range(20):
        assert _choker(seed=seed).rechoke(served, seeding=True)[:2] == ["begun", "new"]


def test_everybody_is_unchoked_while_there_are_places():
    choker = _choker()
    assert choker.places == 3
    assert choker.rechoke([], seeding=False) == []
    assert sorted(choker.rechoke(_leechers(a=0, b=0), seeding=False)) == ["a", "b"]
    assert sorted(choker.rechoke(_leechers(a=0, b=0, c=0), seeding=False)) == ["a", "b", "c"]


def test_nobody_is_chosen_twice():
    choker = _choker(slots=1)
    peers = _leechers(a=3, b=2, c=1, d=0)
    for _ in range(50):
        chosen = choker.rechoke(peers, seeding=False)
        assert len(chosen) == len(set(chosen)) == 2


def test_the_optimistic_slot_stays_for_three_rounds_and_reaches_all_in_the_end():
    choker = _choker(slots=1)
    peers = _leechers(best=9, a=0, b=0, c=0)
    lucky = [choker.rechoke(peers, seeding=False)[1] for _ in range(60 * OPTIMISTIC_ROUNDS)]
    rounds = [lucky[i : i + OPTIMISTIC_ROUNDS] for i in range(0, len(lucky), OPTIMISTIC_ROUNDS)]
    assert all(len(set(one)) == 1 for one in rounds)
    assert Counter(one[0] for one in rounds).keys() == {"a", "b", "c"}


def test_the_optimistic_slot_is_given_on_when_its_holder_has_gone_or_earned_another():
    choker = _choker(slots=1)
    [_, lucky] = choker.rechoke(_leechers(best=9, a=0, b=0), seeding=False)
    other = "a" if lucky == "b" else "b"
    assert choker.rechoke(_leechers(**{"best": 9, other: 0}), seeding=False) == ["best", other]
    assert choker.rechoke(_leechers(**{"best": 1, other: 9}), seeding=False) == [other, "best"]


def test_a_tie_is_broken_at_random():
    peers = _leechers(a=0, b=0, c=0, d=0)
    firsts = {_choker(seed=seed).rechoke(peers, seeding=False)[0] for seed in range(40)}
    assert firsts == {"a", "b", "c", "d"}


def test_a_free_place_goes_to_the_neediest():
    peers = [_peer("a", 99, pieces=3), _peer("b", pieces=1), _peer("c", pieces=1)]
    assert {_choker(seed=seed).fill(peers) for seed in range(20)} == {"b", "c"}


def test_without_regular_slots_the_optimistic_one_is_left():
    choker = _choker(slots=0)
    assert choker.places == 1
    assert len(choker.rechoke(_leechers(a=5, b=0), seeding=False)) == 1
