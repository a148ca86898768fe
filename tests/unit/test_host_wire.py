"""host.wire: what the two ends of a connection owe each other, counted."""

import math
from typing import Any
from unittest.mock import Mock

import pytest
from lab import Lab, RunLab
from recorders import pair

from host.clock import InKernel
from host.link import QUANTUM, LinkConfig
from host.loss import MSS, padhye
from host.shaping import Shaper
from host.wire import ACCEPTOR, CONNECTOR, NO_LIMIT, WINDOW_MAX, WINDOW_MIN, Wire


class Place:
    """A host as a wire sees it."""

    raw = is_cut = False

    def __init__(self, name: str, up: float, down: float, latency: float) -> None:
        loop: Any = Mock(time=lambda: 0.0)
        self.name = name
        self.up = Shaper(LinkConfig(rate=up, latency=latency), loop)
        self.down = Shaper(LinkConfig(rate=down, latency=2 * latency), loop)


class Sending:
    """The sender at one end."""

    def __init__(self) -> None:
        self.told: list[tuple[int, float]] = []

    def delivered(self, size: int, delay: float) -> None:
        self.told.append((size, delay))


def wire(
    a_latency: float = 0.0, b_latency: float = 0.0, rate: float = 1e5, slowed: float = 1.0
) -> tuple[Wire, InKernel]:
    kernel = InKernel()
    a = Place("a", rate, 9 * rate, a_latency)
    b = Place("b", 5 * rate, 7 * rate, b_latency)
    return Wire(a, b, kernel, slowed=slowed), kernel


def test_the_path_is_one_links_latency_and_the_others() -> None:
    between, _ = wire(a_latency=0.1, b_latency=1.0)
    assert between.latency(ACCEPTOR) == pytest.approx(0.1 + 2.0)
    assert between.latency(CONNECTOR) == pytest.approx(1.0 + 0.2)
    assert between.round_trip() == pytest.approx(3.3)


def test_the_window_covers_a_round_trip_at_the_slower_rate() -> None:
    assert wire()[0].window(ACCEPTOR) == WINDOW_MIN == 2 * QUANTUM
    between, _ = wire(a_latency=1.0)
    assert between.window(ACCEPTOR) == WINDOW_MIN + int(1e5 * between.round_trip())
    assert between.window(CONNECTOR) == WINDOW_MIN + int(5e5 * between.round_trip())
    assert wire(a_latency=1.0, rate=1e8)[0].window(ACCEPTOR) == WINDOW_MAX
    assert wire(a_latency=1.0, rate=float("inf"))[0].window(ACCEPTOR) == WINDOW_MAX


def test_a_path_that_loses_has_the_window_of_tcps_throughput() -> None:
    between, _ = wire(a_latency=1.0, rate=float("inf"))
    round_trip = between.round_trip()
    link = between.hosts[0].up
    for loss in (0.001, 0.01, 0.1):
        link.change(LinkConfig(latency=1.0, loss=loss))
        assert between.window(ACCEPTOR) == int(padhye(loss, round_trip) * round_trip)
        assert between.window(CONNECTOR) == WINDOW_MAX
        assert between.pause(ACCEPTOR) == 0
    # Both links count.
    link.change(LinkConfig(latency=1.0, loss=0.02))
    between.hosts[1].down.change(LinkConfig(loss=0.05))
    assert between.round_trip() == round_trip
    throughput = padhye(1 - 0.98 * 0.95, round_trip)
    assert between.window(ACCEPTOR) == int(throughput * round_trip)
    link.change(LinkConfig(latency=1.0, loss=1.0))
    assert (between.window(ACCEPTOR), between.pause(ACCEPTOR)) == (0, 0)
    # A window that the links ask for anyway, and a path without a round trip, stay as they were.
    between.hosts[1].down.change(LinkConfig())
    link.change(LinkConfig(latency=1.0, rate=1000, loss=1e-6))
    assert between.window(ACCEPTOR) == WINDOW_MIN + int(1000 * between.round_trip())
    between, _ = wire(rate=float("inf"))
    between.hosts[0].up.change(LinkConfig(loss=0.1))
    assert between.window(ACCEPTOR) == WINDOW_MIN


def test_less_than_a_segment_in_a_round_trip_is_one_and_a_pause() -> None:
    between, _ = wire(a_latency=1.0, rate=1e6)
    link = between.hosts[0].up
    for loss in (0.2, 0.5, 0.9, 0.9999):
        link.change(LinkConfig(rate=1e6, latency=1.0, loss=loss))
        assert between.window(ACCEPTOR) == MSS
        acknowledged = between.round_trip() + MSS / 1e6 + MSS / 7e6
        period = MSS / padhye(loss, between.round_trip())
        assert between.pause(ACCEPTOR) == pytest.approx(period - acknowledged)
        assert between.pause(CONNECTOR) == 0
    # Links too slow for the formula to matter need none.
    link.change(LinkConfig(rate=1, latency=1.0, loss=0.5))
    assert between.window(ACCEPTOR) > MSS
    assert between.pause(ACCEPTOR) == 0


def test_over_slowed_links_tcp_is_slowed_as_much() -> None:
    between, _ = wire(a_latency=1.0, rate=math.inf, slowed=4.0)
    between.hosts[0].up.change(LinkConfig(latency=1.0, loss=0.001))
    round_trip = between.round_trip()
    assert between.window(ACCEPTOR) == int(padhye(0.001, round_trip) / 4 * round_trip)
    between.hosts[0].up.change(LinkConfig(latency=1.0, loss=0.1))
    assert between.window(ACCEPTOR) == MSS
    period = 4 * MSS / padhye(0.1, round_trip)
    assert between.pause(ACCEPTOR) == pytest.approx(period - round_trip)


def test_a_loss_too_small_to_count_is_none() -> None:
    between, _ = wire(a_latency=1.0, rate=math.inf)
    between.hosts[0].up.change(LinkConfig(latency=1.0, loss=1e-300))
    assert between.window(ACCEPTOR) == WINDOW_MAX
    assert between.pause(ACCEPTOR) == 0


def test_what_the_kernel_holds_is_counted_by_direction() -> None:
    between, kernel = wire()
    assert between.unread() is None
    between.put(ACCEPTOR, 100)
    between.put(CONNECTOR, 7)
    assert kernel.total == 107
    assert between.unread() == "7 B from b to a, 100 B from a to b"
    between.took(ACCEPTOR, 40)
    between.took(CONNECTOR, 7)
    assert (kernel.total, between.unread()) == (60, "60 B from a to b")
    between.took(ACCEPTOR, 1000)
    assert (kernel.total, between.unread()) == (0, None)


def test_what_was_meant_for_a_side_that_left_is_forgotten() -> None:
    between, kernel = wire(b_latency=1.0)
    sender = Sending()
    between.ends[CONNECTOR] = sender
    between.put(ACCEPTOR, 100)
    between.put(CONNECTOR, 5)
    between.leave(ACCEPTOR)
    assert kernel.total == 5
    # Nothing holds the other back any more, as it learns a latency later.
    assert sender.told == [(NO_LIMIT, between.latency(CONNECTOR))]
    between.put(ACCEPTOR, 3)
    assert (kernel.total, between.left) == (5, False)
    between.leave(CONNECTOR)
    assert (kernel.total, between.left) == (0, True)


def test_ends_are_counted_too(run_lab: RunLab) -> None:
    """A FIN that the other side has yet to read holds the clock like any byte."""

    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a"), lab.host("b"))
        near.transport.write_eof()
        assert lab.network.in_kernel.total == 1
        await far.ended
        assert lab.network.in_kernel.total == 0
        far.transport.close()
        await far.lost
        assert lab.network.in_kernel.total == 1
        await near.ended
        assert lab.network.in_kernel.total == 0

    run_lab(body)
