"""One lookup: whom it asks, in which order, and when it ends."""

import random

from p2p.dht.lookup import MOST_CANDIDATES, MOST_QUESTIONS, Lookup
from p2p.dht.messages import Contact, Reply
from p2p.dht.routing import K

TARGET = bytes(20)
OWN = b"\xff" * 20


def node(number):
    """The node whose distance to the target is `number`."""
    return Contact(
        number.to_bytes(20, "big"), (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 7)
    )


def reply(contact, nodes=(), token=None):
    return Reply(b"aa", contact.id, tuple(nodes), (), token)


def finish(lookup, known):
    """Answer every question with what `known` says; returns who was asked."""
    asked = []
    while batch := lookup.next():
        for contact in batch:
            asked.append(contact)
            if contact in known:
                lookup.answered(contact, reply(contact, known[contact], b"token"))
            else:
                lookup.failed(contact)
    return asked


def test_three_are_asked_at_a_time_nearest_first():
    lookup = Lookup(TARGET, OWN, [node(5), node(9), node(2), node(7)])
    assert lookup.next() == [node(2), node(5), node(7)]
    assert lookup.next() == []
    lookup.answered(node(5), reply(node(5), [node(1)]))
    assert lookup.next() == [node(1)]
    lookup.failed(node(2))
    assert lookup.next() == [node(9)]


def test_it_ends_when_the_eight_closest_have_answered():
    chain = {node(n): [node(max(1, n - step)) for step in (1, 2, 3)] for n in range(1, 101)}
    lookup = Lookup(TARGET, OWN, [node(100)])
    asked = finish(lookup, chain)
    assert lookup.closest() == [node(n) for n in range(1, K + 1)]
    assert lookup.tokens() == [(node(n), b"token") for n in range(1, K + 1)]
    assert len(asked) == len(set(asked))


def test_nodes_farther_than_eight_that_answered_are_not_asked():
    lookup = Lookup(TARGET, OWN, [node(n) for n in range(1, 21)])
    assert finish(lookup, {node(n): [] for n in range(1, 21)}) == [node(n) for n in range(1, K + 1)]


def test_who_fails_is_replaced_by_the_next():
    lookup = Lookup(TARGET, OWN, [node(n) for n in range(1, 21)])
    finish(lookup, {node(n): [] for n in range(1, 21) if n % 2})
    assert lookup.closest() == [node(n) for n in range(1, 16, 2)]


def test_we_ask_neither_ourselves_nor_an_address_twice():
    lookup = Lookup(TARGET, OWN, [node(3), Contact(node(2).id, node(3).address)])
    assert lookup.next() == [node(3)]
    own = Contact(OWN, ("10.0.0.99", 7))
    lookup.answered(node(3), reply(node(3), [own, node(3)]))
    assert lookup.next() == []


def test_what_a_node_says_of_itself_counts():
    named = Contact(node(1).id, node(50).address)
    lookup = Lookup(TARGET, OWN, [named, node(4)])
    finish(lookup, {node(4): []})
    assert lookup.closest() == [node(4)]
    lookup = Lookup(TARGET, OWN, [named, node(4)])
    lookup.next()
    lookup.answered(named, reply(node(50), [], b"a"))
    lookup.answered(node(4), reply(node(4), [], b"b"))
    assert lookup.tokens() == [(node(4), b"b"), (node(50), b"a")]


def test_an_address_that_answers_as_ourselves_is_nobody():
    mirror = Contact(node(1).id, ("10.0.0.9", 7))
    lookup = Lookup(TARGET, OWN, [mirror])
    lookup.next()
    lookup.answered(mirror, Reply(b"aa", OWN, (node(2),)))
    assert lookup.next() == []
    assert lookup.closest() == []


def test_answers_that_nobody_waits_for_change_nothing():
    lookup = Lookup(TARGET, OWN, [node(3)])
    lookup.answered(node(3), reply(node(3), [node(1)]))
    lookup.failed(node(8))
    assert lookup.next() == [node(3)]
    lookup.failed(node(3))
    lookup.answered(node(3), reply(node(3), [node(1)], b"t"))
    assert lookup.next() == []
    assert lookup.tokens() == []


def test_liars_with_ever_closer_nodes_are_asked_a_bounded_number_of_times():
    start = 1 << 24
    lookup = Lookup(TARGET, OWN, [node(start)])
    asked = 0
    while batch := lookup.next():
        for contact in batch:
            asked += 1
            low = int.from_bytes(contact.id, "big") - 1000
            lookup.answered(contact, reply(contact, [node(low - n) for n in range(16)]))
    assert asked == MOST_QUESTIONS


def test_a_bounded_number_of_candidates_is_kept_the_closest():
    rng = random.Random(1)
    numbers = rng.sample(range(1, 100_000), 2_000)
    lookup = Lookup(TARGET, OWN, [node(number) for number in numbers])
    assert len(lookup._order) == len(lookup._known) == MOST_CANDIDATES
    asked = finish(lookup, {})
    assert asked == [node(number) for number in sorted(numbers)[:MOST_QUESTIONS]]
