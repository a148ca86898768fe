"""bench.classroom.layout: a server in the middle, peers in rings, and nobody on another's place."""

import math
from itertools import pairwise

import pytest

from bench.classroom.layout import mesh, star

NUMBERS = [1, 2, 5, 9, 20, 100, 201]


@pytest.mark.parametrize("hosts", NUMBERS)
def test_the_server_is_in_the_middle(hosts: int) -> None:
    assert star(hosts)[0] == (0.5, 0.5)


@pytest.mark.parametrize("hosts", NUMBERS[1:])
def test_no_peer_is_in_the_middle(hosts: int) -> None:
    assert min(math.dist(place, (0.5, 0.5)) for place in mesh(hosts)) > 0.05


@pytest.mark.parametrize("layout", [star, mesh])
@pytest.mark.parametrize("hosts", NUMBERS)
def test_everybody_has_room(layout: object, hosts: int) -> None:
    assert callable(layout)
    places = layout(hosts)
    assert len(places) == hosts
    assert all(0 <= part <= 1 for place in places for part in place)
    near = min(
        (math.dist(a, b) for i, a in enumerate(places) for b in places[:i]), default=math.inf
    )
    assert near > 0.6 / math.sqrt(hosts) / 2


def test_rings_are_in_order_of_the_numbers() -> None:
    """The first peers are in the outermost ring, each next to the one before."""
    outer = [place for place in mesh(21) if math.dist(place, (0.5, 0.5)) > 0.4]
    assert outer == mesh(21)[: len(outer)]
    steps = [math.dist(a, b) for a, b in pairwise(outer)]
    assert max(steps) - min(steps) < 1e-3
