"""host.link and host.shaping: the arithmetic of a shared link, for any traffic there may be."""

import itertools
from typing import Any

import pytest
from clockwork import Clockwork, Source
from hypothesis import given, settings
from hypothesis import strategies as st

from host.link import PACKET, QUANTUM, Flow, LinkConfig
from host.shaping import LATE_S, Shaper

RATE = 1000.0
ROUNDING = 1e-6


def link(flows: int, rate: float = RATE, **options: Any) -> tuple[Clockwork, Shaper, list[Source]]:
    clock = Clockwork(**options)
    shaper = Shaper(LinkConfig(rate=rate), clock)  # type: ignore[arg-type]
    return clock, shaper, [Source(shaper, clock) for _ in range(flows)]


sizes = st.one_of(st.integers(1, PACKET), st.integers(1, 3 * QUANTUM))
arrivals = st.lists(
    st.tuples(st.floats(0, 200), st.integers(0, 4), sizes), min_size=1, max_size=40
).map(sorted)


@settings(max_examples=150)
@given(arrivals)
def test_the_link_is_busy_while_there_is_anything_to_send(
    some: list[tuple[float, int, int]],
) -> None:
    """The last byte passes when the fluid would have: no time is lost and none is gained."""
    clock, _, sources = link(5)
    for when, number, size in some:
        clock.call_at(when, sources[number].write, size)
    clock.run()
    end = 0.0
    for when, _, size in some:
        end = max(end, when) + size / RATE
    assert clock.now == pytest.approx(end, rel=1e-9)
    for number, source in enumerate(sources):
        assert source.sent == sum(size for _, who, size in some if who == number)
        assert source.waiting == 0


@settings(max_examples=150)
@given(arrivals)
def test_it_is_never_faster_than_its_rate(some: list[tuple[float, int, int]]) -> None:
    clock, _, sources = link(5)
    for when, number, size in some:
        clock.call_at(when, sources[number].write, size)
    clock.run()
    passed = sorted(entry for source in sources for entry in source.log)
    for first, (start, _) in enumerate(passed):
        total = 0
        for when, size in passed[first + 1 :]:
            total += size
            # What was on its way at `start` had begun before it: less than a quantum.
            assert total <= (when - start) * RATE + QUANTUM + PACKET + ROUNDING


@settings(max_examples=80)
@given(st.integers(2, 8), st.integers(1, 60))
def test_backlogged_flows_are_never_a_quantum_apart(flows: int, turns: int) -> None:
    clock, _, sources = link(flows)
    for source in sources:
        source.write(100 * QUANTUM)
    clock.run(until=turns * QUANTUM / RATE + ROUNDING)
    sent = [source.sent for source in sources]
    assert max(sent) - min(sent) <= QUANTUM
    assert sum(sent) == turns * QUANTUM


@settings(max_examples=80)
@given(st.integers(1, PACKET), st.floats(0, 500), st.integers(1, 6))
def test_a_short_message_goes_out_between_two_packets(size: int, moment: float, flows: int) -> None:
    clock, _, (quiet, *others) = link(flows + 1)
    for source in others:
        source.write(100 * QUANTUM)
    clock.call_at(moment, quiet.write, size)
    clock.run(until=moment + (PACKET + size) / RATE + ROUNDING)
    assert quiet.sent == size
    # And nobody else pays more than its time.
    clock.run()
    assert clock.now == pytest.approx((flows * 100 * QUANTUM + size) / RATE, rel=1e-9)


@pytest.mark.parametrize("size", [20, 100, PACKET])
def test_short_messages_without_end_take_little_more_than_a_fair_share(size: int) -> None:
    """In a round, a quantum like everybody, and two messages."""
    clock, _, (bulk, chatty) = link(2)
    bulk.write(1000 * QUANTUM)
    chatty.refill = size
    chatty.write(size)
    clock.run(until=100 * QUANTUM / RATE)
    assert bulk.sent + chatty.sent == pytest.approx(100 * QUANTUM, abs=QUANTUM + PACKET)
    assert chatty.sent <= bulk.sent * (1 + 2 * PACKET / QUANTUM) + QUANTUM


def test_a_flow_that_grows_while_it_waits_keeps_to_its_turns() -> None:
    clock, _, (one, other) = link(2)
    one.write(100)
    other.write(100)
    for source in (one, other):
        source.write(50 * QUANTUM)
    clock.run(until=20 * QUANTUM / RATE)
    assert abs(one.sent - other.sent) <= QUANTUM + PACKET


def test_a_flow_that_is_held_back_leaves_the_link_to_others() -> None:
    clock, _, (one, other) = link(2)
    held = [True]
    flow = Flow(lambda: 0 if held[0] else one.waiting, one._forward)
    one.flow = flow
    one.write(2 * QUANTUM)
    other.write(2 * QUANTUM)
    clock.run()
    assert (one.sent, other.sent) == (0, 2 * QUANTUM)
    assert clock.now == pytest.approx(2 * QUANTUM / RATE)
    held[0] = False
    one.write(0)
    clock.run()
    assert one.sent == 2 * QUANTUM


def test_an_unlimited_link_takes_no_time() -> None:
    clock, shaper, (one,) = link(1, rate=float("inf"))
    one.write(10 * QUANTUM)
    assert (one.sent, clock.now) == (10 * QUANTUM, 0.0)
    assert shaper.unlimited
    assert not shaper.busy


def test_the_link_says_when_it_has_nothing_to_do() -> None:
    clock, shaper, (one, other) = link(2)
    idle: list[float] = []

    def more() -> None:
        idle.append(clock.now)
        if len(idle) == 1:
            other.write(QUANTUM)

    shaper.on_idle = more
    one.write(QUANTUM)
    assert shaper.busy
    clock.run()
    assert idle == pytest.approx([QUANTUM / RATE, 2 * QUANTUM / RATE])
    assert not shaper.busy


@settings(max_examples=60)
@given(st.lists(st.floats(0, 0.001), min_size=1), st.floats(1e5, 1e8))
def test_late_timers_cost_a_busy_link_nothing(delays: list[float], rate: float) -> None:
    """Under the real clock every timer is late; only the last one shows."""
    late = itertools.cycle(delays)
    clock, _, (one, other) = link(2, rate=rate, late=lambda: next(late))
    one.write(50 * QUANTUM)
    other.write(50 * QUANTUM)
    clock.run()
    end = 100 * QUANTUM / rate
    assert end <= clock.now + 1e-9
    # A timer may be late for the next quantum's own: what is behind is made up quantum by quantum.
    assert clock.now <= end + 2 * max(delays) + 1e-9


def test_a_process_that_stood_still_does_not_burst() -> None:
    late = iter([10.0])
    clock, _, (one,) = link(1, rate=1e6, late=lambda: next(late, 0.0))
    one.write(100 * QUANTUM)
    clock.run()
    assert clock.now == pytest.approx(10.0 + 100 * QUANTUM / 1e6 - LATE_S, abs=1e-6)
