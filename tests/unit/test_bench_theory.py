"""bench.theory against the figures of the textbook and the papers."""

import math
from collections.abc import Iterator
from itertools import combinations, permutations, product

import pytest

from bench.catalogue import find
from bench.scenario import override_all
from bench.theory import (
    bound,
    chance_all_left,
    chance_of_loss,
    chunked_optimum,
    client_server_bound,
    client_server_rate,
    gini,
    kumar_ross_bound,
    lorenz,
    p2p_bound,
    p2p_rate,
)

UNLIMITED = math.inf


# Kurose and Ross, section 2.5: hours where F/u = 1 h, us = 10 u.
@pytest.mark.parametrize(
    ("clients", "client_server", "p2p"),
    [
        (1, 0.1, 0.1),
        (5, 0.5, 0.333),
        (10, 1.0, 0.5),
        (20, 2.0, 0.667),
        (30, 3.0, 0.75),
        (35, 3.5, 0.778),
    ],
)
def test_the_books_figure(clients: int, client_server: float, p2p: float) -> None:
    ups, downs = [1.0] * clients, [UNLIMITED] * clients
    assert client_server_bound(1, 10, downs) == pytest.approx(client_server, abs=1e-12)
    assert round(p2p_bound(1, 10, ups, downs), 3) == p2p
    scenario = find("kurose-ross")
    hours = [bound(scenario, backend, clients) / 3600 for backend in ("central", "p2p")]
    assert hours[0] == pytest.approx(client_server, abs=1e-12)
    assert round(hours[1], 3) == p2p


# Kurose and Ross, the homework: F = 15 Gbit, us = 30 Mbit/s, d = 2 Mbit/s; seconds.
@pytest.mark.parametrize(
    ("clients", "client_server", "p2p"),
    [
        (10, 7500, {"300 kbit/s": 7500, "700 kbit/s": 7500, "2 Mbit/s": 7500}),
        (100, 50_000, {"300 kbit/s": 25_000, "700 kbit/s": 15_000, "2 Mbit/s": 7500}),
        (1000, 500_000, {"300 kbit/s": 45_455, "700 kbit/s": 20_548, "2 Mbit/s": 7500}),
    ],
)
def test_the_books_homework(clients: int, client_server: int, p2p: dict[str, int]) -> None:
    for peer_up, seconds in p2p.items():
        scenario = override_all(find("homework"), {"peer_up": peer_up})
        assert bound(scenario, "central", clients) == client_server
        assert round(bound(scenario, "p2p", clients)) == seconds


def test_the_rate_for_a_deadline_by_hand() -> None:
    downs = [UNLIMITED] * 30
    # F = 60, T = 10 s: a copy is 6 a second, and 30 peers want 180.
    assert client_server_rate(60, downs, 10) == 180.0
    assert p2p_rate(60, [6.0] * 30, downs, 10) == 6.0
    assert p2p_rate(60, [5.0] * 30, downs, 10) == 30.0
    assert p2p_rate(60, [UNLIMITED] * 30, downs, 10) == 6.0
    assert p2p_rate(60, [0.0] * 30, downs, 10) == 180.0


@pytest.mark.parametrize("clients", [1, 2, 7, 30])
@pytest.mark.parametrize("up", [0.5, 6.0, 40.0])
@pytest.mark.parametrize("deadline_s", [3.0, 10.0, 500.0])
def test_the_rate_for_a_deadline_is_the_bounds_inverse(
    clients: int, up: float, deadline_s: float
) -> None:
    ups, downs = [up] * clients, [25.0] * clients
    alone = client_server_rate(60, downs, deadline_s)
    shared = p2p_rate(60, ups, downs, deadline_s)
    assert client_server_bound(60, alone, downs) == pytest.approx(deadline_s)
    assert p2p_bound(60, shared, ups, downs) == pytest.approx(deadline_s)


def test_no_origin_makes_up_for_a_slow_downlink() -> None:
    assert client_server_rate(60, [100.0, 5.0], 10) == UNLIMITED
    assert p2p_rate(60, [100.0] * 2, [100.0, 5.0], 10) == UNLIMITED


def test_a_slow_downlink_bounds_both() -> None:
    downs = [100.0, 1.0, 100.0]
    assert client_server_bound(60, 30, downs) == 60.0
    assert p2p_bound(60, 30, [50.0] * 3, downs) == 60.0


def test_a_slow_origin_bounds_the_peers() -> None:
    assert p2p_bound(60, 2, [1000.0] * 3, [UNLIMITED] * 3) == 30.0


def test_unlimited_links_take_no_time() -> None:
    assert client_server_bound(60, UNLIMITED, [UNLIMITED]) == 0.0
    assert p2p_bound(60, UNLIMITED, [UNLIMITED], [UNLIMITED]) == 0.0
    assert bound(find("loopback"), "p2p", 1) == 0.0


def test_kumar_and_ross_over_one_seed_and_ten_leechers() -> None:
    ups, downs = [2.0] * 10, [50.0] * 10
    assert kumar_ross_bound(100, [5], ups, downs) == 10 * 100 / 25
    assert kumar_ross_bound(100, [1], ups, downs) == 100 / 1
    assert kumar_ross_bound(100, [5], ups, [*downs[1:], 1.0]) == 100 / 1
    assert kumar_ross_bound(100, [3, 2], ups, downs) == 10 * 100 / 25


def test_unequal_links_are_cycled_over_the_clients() -> None:
    scenario = find("kumar-ross")
    uplinks = 2 * (256_000 + 512_000 + 1_000_000 + 2_000_000 + 5_000_000) / 8
    assert bound(scenario, "p2p", 10) == 10 * 2**24 / (500_000 + uplinks)
    assert bound(scenario, "p2p", 1) == 2**24 / 500_000


# Mundinger, Weber and Weiss: (F/u)(1 + floor(log2 N)/M).
@pytest.mark.parametrize(
    ("receivers", "parts", "rounds"),
    [(1, 1, 1), (2, 1, 2), (3, 1, 2), (4, 1, 3), (7, 4, 6), (8, 4, 7), (100, 256, 262)],
)
def test_chunked_optimum_in_rounds_of_one_part(receivers: int, parts: int, rounds: int) -> None:
    assert chunked_optimum(parts * 10, 10, receivers, parts) == rounds


@pytest.mark.parametrize(("receivers", "parts"), [(1, 3), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)])
def test_chunked_optimum_is_what_an_exhaustive_search_finds(receivers: int, parts: int) -> None:
    assert chunked_optimum(parts, 1, receivers, parts) == least_rounds(receivers, parts)


def least_rounds(receivers: int, parts: int) -> int:
    """Breadth-first over all schedules: each host uploads at most one part a round."""
    whole = (1 << parts) - 1
    states, rounds = {(0,) * receivers}, 0
    while (whole,) * receivers not in states:
        states = {after for before in states for after in next_states(before, whole)}
        rounds += 1
    return rounds


def next_states(held: tuple[int, ...], whole: int) -> Iterator[tuple[int, ...]]:
    hosts = (whole, *held)
    choices = [
        [
            (target, part)
            for target, part in product(range(len(held)), bits(source))
            if not held[target] & part
        ]
        or [None]
        for source in hosts
    ]
    for sends in product(*choices):
        after = list(held)
        for send in sends:
            if send is not None:
                after[send[0]] |= send[1]
        yield tuple(sorted(after))


def bits(mask: int) -> list[int]:
    return [1 << bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def test_gini() -> None:
    assert gini([7, 7, 7, 7]) == 0.0
    assert gini([0, 0, 0, 5]) == 0.75
    assert gini([0, 0]) == 0.0
    assert gini([3]) == 0.0
    for order in permutations([1, 2, 3, 4]):
        assert gini(order) == 0.25


def test_lorenz() -> None:
    assert lorenz([3, 0, 1]) == [(0.0, 0.0), (1 / 3, 0.0), (2 / 3, 0.25), (1.0, 1.0)]
    assert lorenz([0, 0]) == [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]


def test_a_file_is_lost_with_the_last_of_its_hosts() -> None:
    for hosts, copies in product(range(1, 7), range(7)):
        holders = set(range(min(copies, hosts)))
        for vanished in range(hosts + 1):
            gone = [set(them) for them in combinations(range(hosts), vanished)]
            share = sum(holders <= them for them in gone) / len(gone)
            assert chance_of_loss(hosts, len(holders), vanished) == pytest.approx(share, abs=1e-12)


def test_the_loss_of_a_file_by_hand() -> None:
    assert chance_of_loss(10, 1, 4) == 0.4
    assert chance_of_loss(20, 2, 5) == 10 / 190
    assert chance_of_loss(20, 6, 5) == 0.0
    assert chance_of_loss(5, 0, 0) == 1.0


# Every placement of every file against every choice of those that vanish.
@pytest.mark.parametrize("copies", [(1,), (1, 1), (2, 1), (2, 2, 1), (3, 2)])
def test_all_files_are_left_as_often_as_an_exhaustive_count_says(copies: tuple[int, ...]) -> None:
    hosts = 4
    placements = list(product(*(combinations(range(hosts), each) for each in copies)))
    for vanished in range(hosts + 1):
        whole = cases = 0
        for gone in combinations(range(hosts), vanished):
            for placed in placements:
                cases += 1
                whole += not any(set(gone).issuperset(holders) for holders in placed)
        assert chance_all_left(hosts, copies, vanished) == pytest.approx(whole / cases, abs=1e-12)


def test_files_on_one_host_are_lost_together_and_the_product_does_not_know() -> None:
    # Two files, one copy each, both on the same one of two hosts, of which one goes.
    assert chance_all_left(2, (1, 1), 1) == 0.25
    both_on_one = [0 not in gone for gone in ({0}, {1})]
    assert sum(both_on_one) / 2 == 0.5
