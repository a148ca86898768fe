"""Cuts, restorations and changed links in any order: bytes arrive whole, in order, and on time."""

import asyncio
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from clockwork import Clockwork, Source
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab
from recorders import Recorder, pair, payload

from host.clock import run
from host.link import QUANTUM, Flow, LinkConfig
from host.shaping import Shaper

SIZE = 12 * QUANTUM + 345
RATE = 100_000.0

rates = st.sampled_from([1e4, 3e4, 1e5, 1e6, math.inf])
links = st.builds(
    LinkConfig,
    rate=rates,
    latency=st.sampled_from([0.0, 0.01, 0.4]),
    loss=st.sampled_from([0.0, 0.0, 0.05]),
)
actions = st.one_of(
    st.sampled_from(["cut", "restore"]),
    st.tuples(st.sampled_from(["up", "down"]), links),
    st.sampled_from(["write", "pause", "resume"]),
)
faults = st.lists(st.tuples(st.floats(0, 2), st.sampled_from("ab"), actions), max_size=25)


def in_a_lab(body):  # type: ignore[no-untyped-def]
    async def main() -> None:
        with TemporaryDirectory() as folder:
            lab = Lab(Path(folder))
            try:
                await body(lab)
            finally:
                await lab.network.close()
                await asyncio.sleep(0)
            assert lab.network.in_kernel.total == 0
            assert lab.network._wires == {}

    run(main(), deadline_s=1e6)


@settings(max_examples=60)
@given(links, links, faults)
def test_all_bytes_arrive_in_order_when_the_path_is_there_again(
    up: LinkConfig, down: LinkConfig, some: list[tuple[float, str, object]]
) -> None:
    async def body(lab: Lab) -> None:
        hosts = {name: lab.host(name) for name in "ab"}
        hosts["a"].change_links(up=up, down=down)
        ends: dict[str, Recorder] = dict(zip("ab", await pair(*hosts.values()), strict=True))
        written = dict.fromkeys("ab", 0)

        def write(name: str) -> None:
            ends[name].transport.write(payload(SIZE + written[name])[written[name] :])
            written[name] += SIZE

        for name in "ab":
            write(name)
        for wait, name, action in some:
            await asyncio.sleep(wait)
            before = len(ends[name].data), hosts[name].is_cut
            transport = ends[name].transport
            if isinstance(action, tuple):
                hosts[name].change_links(**{action[0]: action[1]})
            elif action == "write":
                write(name)
            elif action in ("pause", "resume"):
                getattr(transport, f"{action}_reading")()
            else:
                getattr(hosts[name], str(action))()
            assert len(ends[name].data) == before[0], "a fault called a protocol"
        ends["a"].transport.write_eof()
        for name in "ab":
            hosts[name].restore()
            ends[name].transport.resume_reading()
        for name, other in ("ab", "ba"):
            await ends[name].has(written[other])
            assert ends[name].data == payload(written[other])
        await ends["b"].ended
        assert ends["b"].calls[-1] == "eof"
        assert lab.network.in_kernel.total == 0

    in_a_lab(body)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.01, 50)), max_size=8),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from(["up", "down"]),
)
def test_many_cuts_cost_their_sum(
    cuts: list[tuple[float, float]], latency: float, which: str
) -> None:
    """The host whose link is the bottleneck is cut; time elsewhere does not matter."""

    async def body(lab: Lab) -> None:
        slow = lab.host("slow", **{which: RATE}, latency=latency)
        other = lab.host("other", latency=latency)
        near, far = await pair(*((slow, other) if which == "up" else (other, slow)))
        start = lab.now
        near.transport.write(payload(SIZE))
        last = asyncio.ensure_future(far.has(SIZE))
        lost_s = 0.0
        for wait, lasts in cuts:
            await asyncio.sleep(wait)
            if last.done():
                break
            slow.cut()
            await asyncio.sleep(lasts)
            slow.restore()
            lost_s += lasts
        expected = start + SIZE / RATE + latency + lost_s
        assert await last == pytest.approx(expected, rel=1e-9)
        assert far.data == payload(SIZE)

    in_a_lab(body)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0.01, 30), rates, st.booleans()), min_size=1, max_size=12))
def test_a_link_carries_what_its_rates_add_up_to(some: list[tuple[float, float, bool]]) -> None:
    """A backlog ends when the integral of the rate over the time that it moved is its size."""
    clock = Clockwork()
    shaper = Shaper(LinkConfig(rate=1e4), clock)  # type: ignore[arg-type]
    sources = [Source(shaper, clock) for _ in range(3)]
    for source in sources:
        source.write(20 * QUANTUM)
    left, now, rate, moves = 60.0 * QUANTUM, 0.0, 1e4, True
    end = None
    for wait, new_rate, new_moves in [*some, (0.01, 1e5, True), (math.inf, 1e5, True)]:
        if end is None and moves and left <= rate * wait:
            end = now + left / rate
        left -= rate * wait if moves else 0.0
        now, rate, moves = now + wait, new_rate, new_moves
        clock.call_at(now, _change, shaper, new_rate, new_moves) if now < math.inf else None
    clock.run()
    done = max(when for source in sources for when, _ in source.log)
    assert [source.waiting for source in sources] == [0, 0, 0]
    assert done == pytest.approx(end, rel=1e-9)
    assert not shaper.busy


def _change(shaper: Shaper, rate: float, moves: bool) -> None:
    """At one instant; an unlimited link that stops carries nothing in it."""
    if not moves:
        shaper.stop()
    shaper.change(LinkConfig(rate=rate))
    if moves:
        shaper.go_on()


def test_a_flow_that_is_withdrawn_moves_no_more() -> None:
    clock = Clockwork()
    shaper = Shaper(LinkConfig(rate=RATE), clock)  # type: ignore[arg-type]
    gone, stays = Source(shaper, clock), Source(shaper, clock)
    for source in (gone, stays):
        source.write(3 * QUANTUM)
    clock.run(until=QUANTUM / RATE / 2)
    flow: Flow = gone.flow
    flow.withdraw()
    clock.run()
    assert (gone.sent, stays.sent) == (0, 3 * QUANTUM)
    assert clock.now == pytest.approx(4 * QUANTUM / RATE)


def test_a_link_that_is_stopped_by_what_it_carried_is_not_idle() -> None:
    clock = Clockwork()
    shaper = Shaper(LinkConfig(rate=RATE), clock)  # type: ignore[arg-type]
    one, other = Source(shaper, clock), Source(shaper, clock)
    idle: list[float] = []
    shaper.on_idle = lambda: idle.append(clock.now)
    forward = one.flow.forward

    def forward_and_stop(size: int) -> None:
        forward(size)
        shaper.stop()

    one.flow.forward = forward_and_stop
    one.write(QUANTUM)
    other.write(QUANTUM)
    clock.run()
    assert (one.sent, other.sent, idle, shaper.busy) == (QUANTUM, 0, [], False)
    clock.now = 100.0
    shaper.go_on()
    clock.run()
    assert other.sent == QUANTUM
    assert idle == [pytest.approx(100 + QUANTUM / RATE)]
