"""The routing table: who gets in, who stays, and whom it would ask."""

import random

import pytest

from p2p.dht.messages import Contact
from p2p.dht.routing import BAD_AFTER, QUIET_S, K, RoutingTable, distance

OWN = bytes(20)


def far(number, port=1):
    """A node of the half of all ids that is not ours; a smaller number is nearer."""
    return Contact(bytes([0x80]) + bytes(18) + bytes([number]), (f"10.0.0.{number + 1}", port))


def near(number):
    return Contact(bytes([0x10]) + bytes(18) + bytes([number]), (f"10.0.1.{number + 1}", 1))


def full_table(now=0.0):
    """A table of eight far nodes and one near, so that the far bucket is full for good."""
    table = RoutingTable(OWN, now)
    for number in range(K):
        table.answered(far(number), now)
    table.answered(near(0), now)
    return table


def test_who_answered_is_in_and_the_closest_come_first():
    table = RoutingTable(OWN, 0.0)
    nodes = [far(3), near(1), far(0)]
    for node in nodes:
        assert table.answered(node, 0.0) is None
    assert len(table) == 3
    assert table.closest(OWN) == [near(1), far(0), far(3)]
    assert table.closest(far(3).id, 2) == [far(3), far(0)]
    assert distance(far(3).id, far(0).id) == 3


def test_we_are_not_in_our_own_table():
    table = RoutingTable(OWN, 0.0)
    table.answered(Contact(OWN, ("10.0.0.1", 1)), 0.0)
    assert not table.heard(Contact(OWN, ("10.0.0.1", 1)), 0.0)
    assert len(table) == 0


def test_who_only_asks_is_worth_a_ping_but_not_in():
    table = RoutingTable(OWN, 0.0)
    assert table.heard(far(0), 0.0)
    assert not table.heard(far(0), 0.0)  # one ping is enough
    assert len(table) == 0
    table.failed(far(0))
    assert table.heard(far(0), 0.0)
    table.answered(far(0), 0.0)
    assert not table.heard(far(0), 0.0)
    assert table.closest(OWN) == [far(0)]


def test_no_more_are_invited_than_there_is_room():
    table = RoutingTable(OWN, 0.0)
    assert [table.heard(far(number), 0.0) for number in range(12)] == [True] * 8 + [False] * 4


def test_a_full_bucket_of_good_nodes_drops_newcomers():
    table = full_table()
    assert not table.heard(far(8), QUIET_S - 1)
    assert table.answered(far(8), QUIET_S - 1) is None
    assert table.closest(far(0).id, 20) == [*(far(number) for number in range(K)), near(0)]


def test_our_own_side_is_split_to_make_room():
    table = full_table()
    for number in range(1, K):
        assert table.heard(near(number), 0.0)
        table.answered(near(number), 0.0)
    assert len(table) == 2 * K


def test_a_newcomer_has_a_silent_node_asked_and_takes_its_place_when_that_fails():
    table = full_table()
    for number in range(1, K):
        table.answered(far(number), 10.0)
    assert table.answered(far(8), QUIET_S) == far(0)
    table.failed(far(0))
    assert far(0) in table.closest(OWN, 20)
    assert table.answered(far(9), QUIET_S) == far(0)
    table.failed(far(0))
    # The newcomer that was seen last is in.
    assert far(0) not in table.closest(OWN, 20)
    assert far(9) in table.closest(OWN, 20)
    assert far(8) not in table.closest(OWN, 20)
    assert len(table) == K + 1


def test_a_silent_node_that_answers_or_asks_is_good_again():
    table = full_table()
    assert not table.heard(far(0), QUIET_S)
    table.answered(far(1), QUIET_S)
    assert table.answered(far(8), QUIET_S) == far(2)


def test_a_bad_node_is_told_to_nobody_and_makes_room():
    table = full_table()
    for _ in range(BAD_AFTER):
        table.failed(far(2))
    assert len(table) == K
    assert far(2) not in table.closest(OWN, 20)
    assert table.heard(far(8), 0.0)
    table.answered(far(8), 0.0)
    assert far(8) in table.closest(OWN, 20)
    assert len(table) == K + 1


def test_a_bad_node_that_is_back_is_asked_and_good_again():
    table = full_table()
    for _ in range(BAD_AFTER):
        table.failed(far(2))
    assert table.heard(far(2), 0.0)
    table.answered(far(2), 0.0)
    table.failed(far(2))
    assert far(2) in table.closest(OWN, 20)


def test_failures_count_only_in_a_row():
    table = full_table()
    for _ in range(2 * BAD_AFTER):
        table.failed(far(2))
        table.answered(far(2), 0.0)
    assert far(2) in table.closest(OWN, 20)


def test_an_id_does_not_move_while_its_owner_is_well():
    table = full_table()
    thief = far(0, port=666)
    assert not table.heard(thief, 1.0)
    table.answered(thief, 1.0)
    table.failed(thief)
    table.failed(thief)
    assert far(0) in table.closest(OWN, 20)
    assert thief not in table.closest(OWN, 20)


def test_an_id_moves_when_the_new_address_answers_and_the_old_was_silent():
    table = full_table()
    moved = far(0, port=666)
    assert table.heard(moved, QUIET_S)
    assert far(0) in table.closest(OWN, 20)
    table.answered(moved, QUIET_S)
    assert moved in table.closest(OWN, 20)
    assert far(0) not in table.closest(OWN, 20)


def test_an_address_has_the_id_that_it_gave_last():
    table = full_table()
    anew = Contact(near(5).id, far(0).address)
    table.answered(anew, 1.0)
    assert anew in table.closest(OWN, 20)
    assert far(0) not in table.closest(OWN, 20)
    assert len(table) == K + 1


def test_the_doubtful_are_named_longest_silence_first():
    table = full_table()
    table.answered(far(4), 5.0)
    assert table.doubtful(QUIET_S - 1) is None
    for number in [0, 1, 2, 3, 5, 6, 7]:
        assert table.doubtful(QUIET_S) == far(number)
        table.answered(far(number), QUIET_S)
    assert table.doubtful(QUIET_S) == near(0)
    table.answered(near(0), QUIET_S)
    assert table.doubtful(QUIET_S) is None
    assert table.doubtful(QUIET_S + 5.0) == far(4)


@pytest.mark.parametrize("seed", range(5))
def test_a_stale_bucket_is_refreshed_by_an_id_of_its_own_once(seed):
    rng = random.Random(seed)
    table = full_table()
    table.answered(far(0), 1.0)
    assert table.stale(QUIET_S - 1, rng) is None
    assert table.stale(QUIET_S, rng)[0] < 0x80  # the bucket of the near ones
    assert table.stale(QUIET_S, rng) is None
    assert table.stale(QUIET_S + 1, rng)[0] >= 0x80
    assert table.stale(QUIET_S + 1, rng) is None


def test_there_are_at_most_160_buckets_however_near_the_ids_are():
    table = RoutingTable(OWN, 0.0)
    for bit in range(160):
        for low in range(12):
            node_id = ((1 << bit) | (low & ((1 << bit) - 1))).to_bytes(20, "big")
            address = (f"10.{bit}.0.{low}", 1)
            table.answered(Contact(node_id, address), 0.0)
    # A bucket of 2**i ids holds so many, and eight at most.
    assert len(table) == 1 + 2 + 4 + 8 * 157
