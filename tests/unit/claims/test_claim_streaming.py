"""The claim streaming: what would bear it out, what not, and a small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.streaming import CLAIM
from bench.lecture.claim import Data, Verdict
from bench.lecture.segmented_video import CLOSING, KEPT, PUSHED, SOCKET, WAYS, WHOLE
from bench.lecture.stage import Stage


def data(
    *,
    cpu_ms: dict[str, float] | None = None,
    late: dict[str, list[int]] | None = None,
    requests: int = 10,
    extra: int = 10,
) -> Data:
    """Runs of 10 segments of 1000 bytes each at N = 1 and 2; per way milliseconds of processor for
    a segment (1), late segments at each N (none, all), and bytes beside each segment."""
    streams: list[dict[str, Any]] = []
    for way in WAYS:
        for viewers, behind in zip((1, 2), (late or {}).get(way, [0, 20]), strict=True):
            asked = viewers * (1 if way in (WHOLE, PUSHED) else requests)
            streams.append(
                {
                    "way": way,
                    "viewers": viewers,
                    "segment_bytes": 1000,
                    "shown": 10 * viewers,
                    "late": behind,
                    "bytes": 10 * viewers * (1000 + (extra if way in (CLOSING, KEPT) else 0)),
                    "requests": asked,
                    "connections": viewers,
                }
            )
    times = dict.fromkeys(WAYS, 1.0) | (cpu_ms or {})
    cpu = [{"way": way, "cpu_s": ms / 10, "shown": 100} for way, ms in times.items()]
    return {"streams": DataFrame(streams), "cpu": DataFrame(cpu)}


def test_it_holds_where_requests_leave_room_for_fewer_viewers() -> None:
    judgement = CLAIM.judge(data(late={KEPT: [5, 20]}))
    assert judgement.verdict == Verdict.HOLDS
    assert "late from N = 1 on, pushed from N = 2 on" in judgement.because


def test_it_holds_where_requests_take_much_of_the_uplink() -> None:
    assert CLAIM.judge(data(extra=51)).verdict == Verdict.HOLDS
    assert CLAIM.judge(data(extra=50)).verdict == Verdict.FAILS


def test_it_holds_for_fast_uplinks_where_requests_take_the_processor() -> None:
    judgement = CLAIM.judge(data(cpu_ms={KEPT: 2.0}))
    assert judgement.verdict == Verdict.CONDITION
    # 8,000 bits of video in 2 ms of processor.
    assert judgement.condition.startswith("the server's uplink is faster than 0.004 Gbit/s: below")
    assert "takes 2 ms of the server's processor (1 ms with" in judgement.because


@pytest.mark.parametrize("measured", [data(cpu_ms={CLOSING: 2.0}), data(late={CLOSING: [10, 20]})])
def test_it_holds_for_connections_of_their_own_where_only_those_cost(measured: Data) -> None:
    judgement = CLAIM.judge(measured)
    assert judgement.verdict == Verdict.CONDITION
    assert judgement.condition == "each request has a connection of its own"


@pytest.mark.parametrize(
    "measured",
    [
        data(),
        data(requests=8, late={KEPT: [10, 20]}),  # it is not request after request
        data(cpu_ms=dict.fromkeys(WAYS, 0.0)),  # too short to be told
        data(late={way: [0, 0] for way in WAYS}),
    ],
)
def test_it_does_not_hold_where_requests_cost_nothing_or_are_few(measured: Data) -> None:
    assert CLAIM.judge(measured).verdict == Verdict.FAILS


def test_who_is_never_late_is_said_to_be_so() -> None:
    because = CLAIM.judge(data(late={way: [0, 0] for way in WAYS})).because
    assert "segments are late for no N, pushed for no N" in because


def test_a_small_run() -> None:
    measured = CLAIM.measure(
        Stage(), viewers=(2, 8), segments=4, uplink_bit_rate=1.6e6, processor_viewers=1
    )
    streams = measured["streams"].set_index(["way", "viewers"])
    # Four fill the uplink: two are in time by every way, eight by none.
    assert (streams.xs(2, level="viewers")["late"] == 0).all()
    assert (streams.xs(8, level="viewers")["late"] > 8).all()
    asked = {way: streams.loc[way, 8]["requests"] for way in WAYS}
    assert asked == {CLOSING: 32, KEPT: 32, SOCKET: 32, WHOLE: 8, PUSHED: 8}
    opened = {way: streams.loc[way, 8]["connections"] for way in WAYS}
    assert opened == {CLOSING: 32, KEPT: 8, SOCKET: 8, WHOLE: 8, PUSHED: 8}
    beside = {way: streams.loc[way, 2]["bytes"] / 8 - 100_000 for way in WAYS}
    assert 0 < beside[PUSHED] < beside[SOCKET] < beside[KEPT] < beside[CLOSING] < 1000
    assert list(measured["cpu"]["way"]) == list(WAYS)
    assert list(measured["cpu"]["shown"]) == [16, 16, 16, 64, 64]
    assert all(0 < spent < 10 for spent in measured["cpu"]["cpu_s"])
    CLAIM.judge(measured)
    heads, rows = CLAIM.tabulate(measured)
    assert [len(row) for row in rows] == [len(heads)] * 10
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert ax.get_title(loc="left").endswith("late segments from N = 8 on either way")
