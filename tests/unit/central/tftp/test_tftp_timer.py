"""central.tftp.timer: RFC 6298 to the figure, quiet receivers, and patience."""

import math

import pytest

from central.tftp.timer import BACKED_OFF_S, LEAST_S, MOST_S, TRIES, Patience, QuietTimer, Timer


def test_the_first_wait_is_what_it_was_told() -> None:
    timer = Timer(1.0)
    assert timer.deadline == math.inf
    timer.start(10.0)
    assert timer.deadline == 11.0
    timer.stop()
    assert timer.deadline == math.inf


def test_a_first_sample_gives_three_round_trips() -> None:
    """SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR (RFC 6298 (2.2))."""
    timer = Timer(1.0)
    timer.sample(2.0)
    assert timer.wait_s == 6.0


def test_further_samples_smooth() -> None:
    """RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, SRTT = 7/8 SRTT + 1/8 R (RFC 6298 (2.3))."""
    timer = Timer(1.0)
    timer.sample(2.0)
    timer.sample(4.0)
    assert timer.wait_s == pytest.approx((2 + 2 / 8) + 4 * (3 / 4 * 1 + 1 / 4 * 2))


@pytest.mark.parametrize(("rtt", "expected"), [(0.0, LEAST_S), (0.001, LEAST_S), (50.0, MOST_S)])
def test_it_stays_within_bounds(rtt: float, expected: float) -> None:
    timer = Timer(1.0)
    timer.sample(rtt)
    assert timer.wait_s == expected


def test_it_backs_off_to_a_limit_and_comes_back_when_the_other_end_is_heard() -> None:
    timer = Timer(0.5)
    timer.start(0.0)
    waits = []
    for _ in range(5):
        timer.expire(timer.deadline)
        waits.append(timer.wait_s)
    assert waits == [1.0, 2.0, BACKED_OFF_S, BACKED_OFF_S, BACKED_OFF_S]
    assert timer.tries == 5
    timer.heard()
    assert (timer.wait_s, timer.tries) == (0.5, 5)
    timer.progress()
    assert (timer.wait_s, timer.tries) == (0.5, 0)


def test_a_long_round_trip_is_not_cut_by_that_limit() -> None:
    timer = Timer(1.0)
    timer.sample(10.0)
    timer.expire(0.0)
    assert timer.wait_s == 30.0


def test_it_is_exhausted_after_so_many_tries() -> None:
    timer = Timer(1.0)
    for _ in range(TRIES):
        timer.expire(0.0)
        assert not timer.exhausted
    timer.expire(0.0)
    assert timer.exhausted


class TestQuietTimer:
    def test_it_waits_four_times_as_long_as_a_sender(self) -> None:
        timer = QuietTimer(1.0)
        timer.start(1.0)
        assert timer.deadline == 5.0

    def test_it_follows_the_longest_pause_of_this_window_and_the_last(self) -> None:
        timer = QuietTimer(1.0)
        waits = []
        for pause_s in (2.5, 0.1):
            timer.block(pause_s)
            timer.start(0.0)
            waits.append(timer.deadline)
        for _ in range(2):
            timer.answered()
            timer.block(0.1)
            timer.start(0.0)
            waits.append(timer.deadline)
        assert waits == [10.0, 10.0, 10.0, 4.0]

    def test_it_backs_off_until_there_is_a_block(self) -> None:
        timer = QuietTimer(1.0)
        timer.start(0.0)
        timer.expire(4.0)
        assert (timer.deadline, timer.tries) == (12.0, 1)
        timer.expire(12.0)
        assert (timer.deadline, timer.tries) == (28.0, 2)
        timer.block(0.0)
        timer.start(30.0)
        assert (timer.deadline, timer.tries) == (34.0, 0)


class TestPatience:
    def test_it_ends_without_a_packet(self) -> None:
        patience = Patience(30.0)
        patience.waited(20.0)
        assert patience.left_s == 10.0
        patience.moved(0)
        assert patience.left_s == 30.0
        patience.waited(31.0)
        assert patience.left_s == 0.0

    def test_so_many_bytes_renew_it(self) -> None:
        patience = Patience(20.0, 1000)
        patience.waited(15.0)
        patience.moved(999)
        assert patience.left_s == 5.0
        patience.moved(1)
        assert patience.left_s == 20.0
        patience.waited(5.0)
        patience.moved(999)
        assert patience.left_s == 15.0
