"""Streams over shaped links under the virtual clock: every time is the arithmetic's."""

import asyncio
import math
from itertools import pairwise

import pytest
from lab import Lab, RunLab
from recorders import Recorder, pair, payload

from host.host import Host
from host.link import QUANTUM
from host.wire import WINDOW_MAX

RATE = 100_000.0
SIZE = 1_000_003  # no multiple of the quantum
EXACT = 1e-9
"""Relative: the issue asks for 1e-3, rounding alone is left."""


async def bulk(sender: Host, receiver: Host, size: int = SIZE) -> tuple[Recorder, Recorder]:
    """Connect and write `size` bytes at once; they are under way when this returns."""
    near, far = await pair(sender, receiver)
    near.transport.write(payload(size))
    return near, far


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (RATE, math.inf, SIZE / RATE),
        (math.inf, RATE, SIZE / RATE),
        (math.inf, math.inf, 0.0),
        # Store and forward: the slower link idles for the first quantum or the last.
        (RATE, RATE, (SIZE + QUANTUM) / RATE),
        (2 * RATE, RATE, SIZE / RATE + QUANTUM / (2 * RATE)),
        (RATE, 2 * RATE, SIZE / RATE + SIZE % QUANTUM / (2 * RATE)),
    ],
)
def test_one_flow_ends_when_its_links_say(
    run_lab: RunLab, up: float, down: float, expected: float
) -> None:
    async def body(lab: Lab) -> None:
        _, far = await bulk(lab.host("a", up=up), lab.host("b", down=down))
        assert await far.has(SIZE) == pytest.approx(expected, rel=EXACT, abs=1e-12)
        assert far.data == payload(SIZE)

    run_lab(body)


@pytest.mark.parametrize("flows", [2, 7])
def test_flows_that_share_an_uplink_end_together_and_on_time(run_lab: RunLab, flows: int) -> None:
    size = 20 * QUANTUM

    async def body(lab: Lab) -> None:
        sender = lab.host("origin", up=RATE)
        receivers = [lab.host(f"r{n}") for n in range(flows)]
        ends = [(await bulk(sender, receiver, size))[1] for receiver in receivers]
        times = await asyncio.gather(*[far.has(size) for far in ends])
        assert max(times) == pytest.approx(flows * size / RATE, rel=EXACT)
        assert times == sorted(times)
        for one, other in pairwise(times):
            assert other - one == pytest.approx(QUANTUM / RATE)

    run_lab(body)


@pytest.mark.parametrize("flows", [2, 7])
def test_flows_that_share_a_downlink_end_together_and_on_time(run_lab: RunLab, flows: int) -> None:
    size = 20 * QUANTUM

    async def body(lab: Lab) -> None:
        receiver = lab.host("receiver", down=RATE)
        senders = [lab.host(f"s{n}") for n in range(flows)]
        ends = [(await bulk(sender, receiver, size))[1] for sender in senders]
        times = await asyncio.gather(*[far.has(size) for far in ends])
        assert max(times) == pytest.approx(flows * size / RATE, rel=EXACT)
        assert max(times) - min(times) == pytest.approx((flows - 1) * QUANTUM / RATE)

    run_lab(body)


@pytest.mark.parametrize("shared", ["up", "down"])
@pytest.mark.parametrize("flows", [2, 5])
def test_half_way_no_connection_is_ahead_by_more_than_a_quantum(
    run_lab: RunLab, shared: str, flows: int
) -> None:
    size = 30 * QUANTUM

    async def body(lab: Lab) -> None:
        common = lab.host("common", **{shared: RATE})
        others = [lab.host(f"h{n}") for n in range(flows)]
        pairs = [(common, other) if shared == "up" else (other, common) for other in others]
        ends = [(await bulk(sender, receiver, size))[1] for sender, receiver in pairs]
        await asyncio.sleep(flows * size / RATE / 2)
        had = [len(far.data) for far in ends]
        assert max(had) - min(had) <= QUANTUM
        assert sum(had) == pytest.approx(flows * size / 2, abs=QUANTUM)

    run_lab(body)


def test_a_late_flow_gets_its_share_and_no_more(run_lab: RunLab) -> None:
    size = 40 * QUANTUM

    async def body(lab: Lab) -> None:
        sender = lab.host("s", up=RATE)
        _, first = await bulk(sender, lab.host("a"), size)
        await asyncio.sleep(20 * QUANTUM / RATE)
        _, second = await bulk(sender, lab.host("b"), size)
        # Half of the first is left: both then have half the link until the first is through.
        assert await first.has(size) == pytest.approx(
            60 * QUANTUM / RATE, abs=1.01 * QUANTUM / RATE
        )
        assert await second.has(size) == pytest.approx(80 * QUANTUM / RATE, rel=EXACT)

    run_lab(body)


@pytest.mark.parametrize("shared", ["up", "down"])
def test_a_short_message_waits_for_one_quantum_of_bulk_at_most(
    run_lab: RunLab, shared: str
) -> None:
    async def body(lab: Lab) -> None:
        common = lab.host("common", **{shared: RATE})
        others = [lab.host(f"h{n}") for n in range(4)]
        pairs = [(common, other) if shared == "up" else (other, common) for other in others]
        quiet = await pair(*pairs[0])
        for sender, receiver in pairs[1:]:
            await bulk(sender, receiver)
        for moment in (1.0, 2.05, 3.11):
            await asyncio.sleep(moment - lab.now)
            before = len(quiet[1].data)
            quiet[0].transport.write(b"x" * 100)
            wait = await quiet[1].has(before + 100) - moment
            assert 99.99 / RATE <= wait <= (QUANTUM + 100.01) / RATE

    run_lab(body)


def test_the_two_directions_of_a_host_do_not_hinder_each_other(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        a, b = (lab.host(name, up=RATE, down=RATE) for name in "ab")
        near, far = await bulk(a, b)
        far.transport.write(payload(SIZE))
        for end in (near, far):
            assert await end.has(SIZE) == pytest.approx((SIZE + QUANTUM) / RATE, rel=EXACT)

    run_lab(body)


class TestLatency:
    def test_a_connection_costs_a_round_trip(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.2), lab.host("b", latency=0.6)
            near, far = await pair(a, b)
            # One way is half of either's latency.
            assert near.made_at == pytest.approx(0.8, rel=EXACT)
            assert far.made_at == pytest.approx(1.2, rel=EXACT)

        run_lab(body)

    def test_a_server_that_speaks_first_is_heard_after_two_round_trips(
        self, run_lab: RunLab
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.1), lab.host("b", latency=0.1)
            near, _ = await pair(a, b, theirs=Recorder(hello=b"220 welcome"))
            assert await near.has(11) == pytest.approx(0.4, rel=EXACT)

        run_lab(body)

    def test_an_answer_comes_a_round_trip_after_its_question(self, run_lab: RunLab) -> None:
        class Echo(Recorder):
            def data_received(self, data: bytes) -> None:
                self.transport.write(data)

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.1), lab.host("b", latency=0.1)
            near, _ = await pair(a, b, theirs=Echo())
            await asyncio.sleep(1 - lab.now)
            near.transport.write(b"ping")
            assert await near.has(4) == pytest.approx(1.2, rel=EXACT)

        run_lab(body)

    @pytest.mark.parametrize("latency", [0.001, 0.1, 3.0])
    def test_bulk_takes_its_time_and_a_latency(self, run_lab: RunLab, latency: float) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE, latency=latency), lab.host("b", latency=latency)
            near, far = await bulk(a, b)
            start = far.made_at
            near.transport.close()
            last = await far.has(SIZE)
            assert last == pytest.approx(start + SIZE / RATE + latency, rel=EXACT)
            await far.ended
            assert far.eof_at == pytest.approx(last, rel=EXACT)
            assert far.data == payload(SIZE)
            # The side that closed is gone when its last byte has left it.
            assert await near.lost is None
            assert near.lost_at == pytest.approx(start + SIZE / RATE, rel=EXACT)
            far.transport.close()

        run_lab(body)

    def test_an_end_without_data_arrives_a_latency_later(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", latency=0.5), lab.host("b", latency=0.5))
            await asyncio.sleep(10 - lab.now)
            near.transport.close()
            await far.ended
            assert far.eof_at == pytest.approx(10.5, rel=EXACT)
            far.transport.close()

        run_lab(body)

    def test_a_refusal_costs_a_round_trip_too(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.5), lab.host("b", latency=0.5)
            with pytest.raises(ConnectionRefusedError):
                await a.connect(Recorder, b.address, 999)
            assert lab.now == pytest.approx(1.0, rel=EXACT)

        run_lab(body)


class TestWindow:
    def test_a_window_is_full_rates_worth_of_a_round_trip(self, run_lab: RunLab) -> None:
        """Below WINDOW_MAX a long path costs its latency and nothing else."""

        async def body(lab: Lab) -> None:
            rate, latency = 4e6, 0.25
            a, b = lab.host("a", up=rate, latency=latency), lab.host("b", down=rate)
            near, far = await pair(a, b)
            start = lab.now
            size = 6_000_000
            near.transport.write(bytes(size))
            one_way = latency / 2
            expected = start + (size + QUANTUM) / rate + one_way
            assert await far.has(size) == pytest.approx(expected, rel=EXACT)

        run_lab(body)

    def test_unlimited_links_move_a_window_per_round_trip(self, run_lab: RunLab) -> None:
        """What a long fat path does to TCP: bandwidth is window over round trip."""

        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", latency=1.0), lab.host("b", latency=1.0))
            start = lab.now
            near.transport.write(bytes(3 * WINDOW_MAX))
            assert await far.has(3 * WINDOW_MAX) == pytest.approx(start + 5.0, rel=EXACT)

        run_lab(body)

    def test_beyond_the_largest_window_the_rate_is_window_over_round_trip(
        self, run_lab: RunLab
    ) -> None:
        async def body(lab: Lab) -> None:
            rate, latency = 64 * 2**20, 0.5
            near, far = await pair(
                lab.host("a", up=rate, latency=latency), lab.host("b", latency=0.5)
            )
            start = lab.now
            size = 4 * WINDOW_MAX
            near.transport.write(bytes(size))
            expected = start + 3 * (2 * latency + QUANTUM / rate) + WINDOW_MAX / rate + latency
            assert await far.has(size) == pytest.approx(expected, rel=1e-3)

        run_lab(body)
