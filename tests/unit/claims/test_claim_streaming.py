"""The claim streaming: what would bear it out, what not, and a small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.streaming import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.segmented_video import CLOSING, KEPT, PUSHED, SOCKET, WAYS, WHOLE
from bench.lecture.stage import Stage


def data(
    *,
    cpu_ms: dict[str, float] | None = None,
    late: dict[str, list[int]] | None = None,
    requests: int = 10,
    extra: int = 0,
) -> Data:
    """Runs of 10 segments of 1000 bytes, one a second, at N = 1 and 3 over an uplink for two; per
    way milliseconds of processor for a segment (1), late segments at each N (none, all), and bytes
    sent beside each segment by HTTP with a request for each."""
    streams: list[dict[str, Any]] = []
    for way in WAYS:
        for viewers, behind in zip((1, 3), (late or {}).get(way, [0, 30]), strict=True):
            asked = viewers * (1 if way in (WHOLE, PUSHED) else requests)
            streams.append(
                {
                    "way": way,
                    "viewers": viewers,
                    "segment_bytes": 1000,
                    "segment_s": 1.0,
                    "up_rate": 2000.0,
                    "shown": 10 * viewers,
                    "late": behind,
                    "up_bytes": 10 * viewers * (1000 + (extra if way in (CLOSING, KEPT) else 0)),
                    "requests": asked,
                    "connections": viewers,
                }
            )
    times = dict.fromkeys(WAYS, 1.0) | (cpu_ms or {})
    cpu = [{"way": way, "cpu_s": ms / 10, "shown": 100} for way, ms in times.items()]
    return {"streams": DataFrame(streams), "cpu": DataFrame(cpu)}


def test_it_holds_where_requests_leave_room_for_fewer_viewers() -> None:
    judgement = CLAIM.judge(data(late={KEPT: [5, 30]}))
    assert judgement.verdict == Verdict.HOLDS
    assert "late from N = 1 on, pushed from N = 3 on" in judgement.because


def test_it_holds_where_requests_take_much_of_the_uplink() -> None:
    judgement = CLAIM.judge(data(extra=120))
    assert judgement.verdict == Verdict.HOLDS
    assert "the uplink holds 1.79 viewers, 2 where the server pushes" in judgement.because
    assert CLAIM.judge(data(extra=110)).verdict == Verdict.FAILS


def test_who_is_late_at_the_edge_of_a_full_uplink_decides_nothing() -> None:
    measured = data(late={KEPT: [5, 30]})
    streams = measured["streams"]
    for full in (1000.0, 1040.0, 960.0):
        edge = streams.assign(up_rate=full)
        assert CLAIM.judge({**measured, "streams": edge}).verdict == Verdict.FAILS
    assert CLAIM.judge({**measured, "streams": streams.assign(up_rate=1100.0)}).verdict == (
        Verdict.HOLDS
    )


def test_who_is_late_where_the_uplink_has_no_room_decides_nothing() -> None:
    measured = data(late={KEPT: [0, 30], PUSHED: [0, 0]})
    assert CLAIM.judge(measured).verdict == Verdict.FAILS


def test_it_holds_for_fast_uplinks_where_requests_take_the_processor() -> None:
    judgement = CLAIM.judge(data(cpu_ms={KEPT: 2.5}))
    assert judgement.verdict == Verdict.CONDITION
    # 8,000 bits of video in 2.5 ms of processor.
    assert judgement.condition.startswith("the server's uplink is faster than 0.0032 Gbit/s: below")
    assert "On this computer a segment takes 2.5 ms of the server's processor (1 ms with" in (
        judgement.because
    )


@pytest.mark.parametrize("measured", [data(cpu_ms={CLOSING: 2.1}), data(late={CLOSING: [10, 30]})])
def test_it_holds_for_connections_of_their_own_where_only_those_cost(measured: Data) -> None:
    judgement = CLAIM.judge(measured)
    assert judgement.verdict == Verdict.CONDITION
    assert judgement.condition == "each request has a connection of its own"


@pytest.mark.parametrize(
    "measured",
    [
        data(),
        data(cpu_ms={KEPT: 2.0}),  # as much again is not clearly more
        data(requests=8, late={KEPT: [10, 30]}),  # it is not request after request
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
    assert list(measured["cpu"]["shown"]) == [64, 64, 64, 256, 256]
    assert all(0 < spent < 10 for spent in measured["cpu"]["cpu_s"])
    CLAIM.judge(measured)
    heads, rows = CLAIM.tabulate(measured)
    assert [len(row) for row in rows] == [len(heads)] * 10
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert ax.get_title(loc="left").startswith("A request a segment: 3.99 viewers instead of 4,\n")
    assert ax.get_title(loc="left").endswith(" times the processor time on this computer")


BAD = {
    "viewers": ["0", "-1", "", "5,0", "1000000"],
    "segments": ["0", "-1", "1000000"],
    "segment_s": ["0", "nan", "inf"],
    "bit_rate": ["0", "-1", "nan", "1e30"],
    "uplink_bit_rate": ["0", "nan"],
    "buffer_s": ["0", "nan"],
    "latency_s": ["-1", "nan", "1e9"],
    "processor_viewers": ["0", "-1", "1000000"],
    "seed": ["-1", "a"],
}


@pytest.mark.parametrize(("name", "text"), [(n, text) for n, each in BAD.items() for text in each])
def test_a_setting_that_cannot_be_gets_one_line(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: [^\n]+; expected [^\n]+$"):
        CLAIM.read_settings({name: text})


def test_a_buffer_shorter_than_a_request_takes_gets_one_line() -> None:
    with pytest.raises(SettingError, match=r"^buffer_s: 3; expected more than the two round trips"):
        CLAIM.measure(Stage(), latency_s=1.0)


def test_a_video_for_no_disk_gets_one_line() -> None:
    with pytest.raises(SettingError, match=r"a video of 4,000 MB; expected at most 256 MB$"):
        CLAIM.measure(Stage(), bit_rate=1e9)
