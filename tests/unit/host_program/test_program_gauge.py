"""host.program.gauge: rates over the last seconds, and times as clocks show them."""

import pytest

from host.program.gauge import Gauge, clock, seconds_left


def test_at_first_nothing_is_known() -> None:
    assert Gauge().rate(9, 7.0) == 0.0


def test_the_rate_is_that_of_the_last_seconds() -> None:
    gauge = Gauge()
    rates = [gauge.rate(10 * second, 100.0 + second) for second in range(20)]
    assert rates == [0.0] + [10.0] * 19
    rates = [gauge.rate(190, 100.0 + second) for second in range(20, 26)]
    assert rates == [8.0, 6.0, 4.0, 2.0, 0.0, 0.0]


def test_after_a_long_sleep_it_is_the_mean_since_then() -> None:
    gauge = Gauge()
    gauge.rate(0, 0.0)
    assert gauge.rate(600, 60.0) == 10.0


def test_memory_stays_bounded() -> None:
    gauge = Gauge()
    for tick in range(1000):
        gauge.rate(0, tick / 2)
    assert len(gauge._samples) == 11


def test_what_is_left() -> None:
    assert seconds_left(30, 10.0) == 3.0
    assert seconds_left(30, 0.0) is None
    assert seconds_left(0, 10.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03"), (360_000, "4 days")],
)
def test_times_are_written_like_a_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text
