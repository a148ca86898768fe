"""What either side may be slow at, and for how long."""

import math

import pytest

from central.channel.deadlines import Deadlines, Silence, TooSlowError
from central.config import Limits

LIMITS = Limits(head_s=10, idle_s=60, least_rate=1000, rate_s=20)


def greeted() -> Deadlines:
    deadlines = Deadlines(LIMITS, 0.0)
    deadlines.heard(1.0, ended=True, begun=False)
    deadlines.rests(1.0)
    return deadlines


def test_the_first_frame_is_due() -> None:
    deadlines = Deadlines(LIMITS, 5.0)
    deadlines.heard(14.0, ended=False, begun=True)
    assert deadlines.due == 15.0
    assert not deadlines.judge(14.9, 0)
    with pytest.raises(TooSlowError, match="no whole frame within 10 s"):
        deadlines.judge(15.0, 0)


def test_a_frame_is_due_from_its_first_byte_on() -> None:
    deadlines = greeted()
    deadlines.heard(20.0, ended=False, begun=True)
    deadlines.heard(29.0, ended=False, begun=True)
    assert deadlines.due == 30.0
    deadlines.heard(29.5, ended=True, begun=True)
    assert deadlines.due == 39.5
    deadlines.deaf()
    assert deadlines.due == 89.5


def test_who_rests_is_asked_once_and_must_answer() -> None:
    deadlines = greeted()
    assert deadlines.due == 61.0
    assert not deadlines.judge(60.0, 0)
    assert deadlines.judge(61.0, 0)
    assert not deadlines.judge(61.5, 0)
    assert deadlines.due == 71.0
    deadlines.heard(70.0, ended=True, begun=False)
    assert deadlines.due == 130.0
    assert deadlines.judge(130.0, 0)
    with pytest.raises(TooSlowError, match="no answer to PING"):
        deadlines.judge(140.0, 0)


def test_who_waits_for_an_answer_is_not_asked() -> None:
    deadlines = greeted()
    deadlines.works()
    deadlines.heard(2.0, ended=True, begun=False)
    assert deadlines.due == math.inf


def test_what_is_sent_must_be_taken() -> None:
    deadlines = greeted()
    deadlines.works()
    deadlines.takes(100.0, 5_000)
    assert deadlines.due == 120.0
    assert not deadlines.judge(120.0, 25_000)
    assert deadlines.due == 140.0
    deadlines.took()
    assert deadlines.due == math.inf
    deadlines.takes(300.0, 30_000)
    with pytest.raises(TooSlowError, match="slower than 1000 bytes/s"):
        deadlines.judge(320.0, 49_999)


@pytest.mark.parametrize(("before", "after"), [(None, None), (None, 0), (0, None)])
def test_what_nobody_can_tell_is_not_too_slow(before: int | None, after: int | None) -> None:
    deadlines = greeted()
    deadlines.works()
    deadlines.takes(100.0, before)
    assert not deadlines.judge(120.0, after)
    assert deadlines.due == 140.0


def test_what_is_given_must_keep_the_least_rate() -> None:
    deadlines = greeted()
    deadlines.works()
    deadlines.gives(100.0)
    for second in range(20):
        deadlines.gives(100.0 + second)
        deadlines.gave(1000)
    assert not deadlines.judge(120.0, 0)
    assert deadlines.due == 140.0
    deadlines.gave(19_999)
    with pytest.raises(TooSlowError, match="slower than 1000 bytes/s"):
        deadlines.judge(140.0, 0)
    deadlines.gave_all()
    assert deadlines.due == math.inf


def test_no_least_rate_and_no_idle_deadline() -> None:
    deadlines = Deadlines(Limits(idle_s=math.inf, least_rate=0), 0.0)
    deadlines.heard(1.0, ended=True, begun=False)
    deadlines.rests(1.0)
    deadlines.takes(1.0, 0)
    deadlines.gives(1.0)
    assert deadlines.due == math.inf


def test_a_server_that_owes_an_answer_may_not_be_silent() -> None:
    silence = Silence(30, 5.0)
    assert silence.due(owes=False) == math.inf
    assert silence.due(owes=True) == 35.0
    silence.heard(20.0)
    assert not silence.judge(35.0, owes=True)
    assert not silence.judge(50.0, owes=False)
    with pytest.raises(TooSlowError, match="the server says nothing for 30 s"):
        silence.judge(50.0, owes=True)


def test_a_server_without_news_is_asked() -> None:
    silence = Silence(30, 0.0)
    silence.listening = True
    assert silence.due(owes=False) == 15.0
    assert not silence.judge(14.0, owes=False)
    assert silence.judge(15.0, owes=False)
    assert silence.due(owes=False) == 30.0
    silence.heard(15.0)
    assert silence.judge(30.0, owes=False)
    with pytest.raises(TooSlowError):
        silence.judge(45.0, owes=False)
