"""bench.theory against the figures of the textbook and the papers."""

import math
from collections.abc import Iterator
from itertools import permutations, product

import pytest

from bench.catalogue import find
from bench.scenario import override_all
from bench.theory import (
    bound,
    chunked_optimum,
    client_server_bound,
    gini,
    kumar_ross_bound,
    lorenz,
    p2p_bound,
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
