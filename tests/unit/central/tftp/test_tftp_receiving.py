"""central.tftp.receiving: which blocks are taken, and which acknowledgements go out."""

import pytest

from central.tftp.packets import Ack, Data, PacketError
from central.tftp.receiving import Receiver, Verdict
from central.tftp.timer import QuietTimer


def make(window: int) -> Receiver:
    receiver = Receiver(8, window, QuietTimer(1.0))
    receiver.start(0.0)
    return receiver


def block(number: int, size: int = 8) -> Data:
    return Data(number % 65_536, bytes(size))


def take(receiver: Receiver, *numbers: int, now: float = 0.0) -> list[tuple[bool, int | None]]:
    """For each block whether it was taken, and the number acknowledged."""
    verdicts = [receiver.take(block(number), now) for number in numbers]
    return [(taken, answer and answer.number) for taken, answer in verdicts]


YES, NO = (True, None), (False, None)


def test_it_acknowledges_at_the_end_of_a_window() -> None:
    receiver = make(4)
    assert take(receiver, 1, 2, 3, 4) == [YES, YES, YES, (True, 4)]
    assert take(receiver, 5, 6, 7, 8) == [YES, YES, YES, (True, 8)]


def test_with_a_window_of_one_each_block() -> None:
    assert take(make(1), 1, 2, 2, 2, 3) == [
        (True, 1),
        (True, 2),
        (False, 2),
        (False, 2),
        (True, 3),
    ]


def test_at_a_gap_once_and_at_the_windows_end() -> None:
    receiver = make(8)
    assert take(receiver, 1, 2, 4, 5, 6, 7, 8) == [YES, YES, (False, 2), NO, NO, NO, (False, 2)]
    assert take(receiver, 3, 4, 5, 6, 7, 8, 9, 10) == [YES] * 7 + [(True, 10)]


def test_a_gap_behind_a_gap() -> None:
    receiver = make(8)
    assert take(receiver, 1, 3, 4) == [YES, (False, 1), NO]
    assert take(receiver, 2, 4) == [YES, (False, 2)]


def test_the_probe_of_a_sender_that_missed_the_gap_is_answered() -> None:
    receiver = make(4)
    take(receiver, 1, 2, 3, 4)
    assert take(receiver, 5, 7) == [YES, (False, 5)]
    assert take(receiver, 8) == [(False, 5)]  # 4 and a window: it stopped there
    assert take(receiver, 9) == [(False, 5)]  # 5 and a window


def test_a_block_that_is_here_is_acknowledged_if_the_sender_missed_just_that() -> None:
    receiver = make(4)
    take(receiver, 1, 2, 3, 4, 5, 6)
    assert take(receiver, 1, 2, 3, 4, 5, 6) == [NO, NO, NO, (False, 4), NO, NO]


def test_a_block_zero_at_the_beginning_is_nothing() -> None:
    assert take(make(4), 0, 65_535, 40_000) == [NO, NO, NO]


def test_the_last_block_waits_for_the_callers_word() -> None:
    receiver = make(4)
    take(receiver, 1)
    assert receiver.take(block(2, 3), 0.0) == Verdict(True, None)
    assert receiver.ended
    assert receiver.answer() == Ack(2)
    assert receiver.take(block(2, 3), 0.0) == Verdict(False, Ack(2))
    assert receiver.take(block(3), 0.0) == Verdict(False, None)


@pytest.mark.parametrize(("before", "number"), [(0, 0), (6, 6), (65_536, 0)])
def test_while_the_last_block_is_put_away_the_one_before_is_acknowledged(
    before: int, number: int
) -> None:
    receiver = make(4)
    take(receiver, *range(1, before + 1))
    receiver.take(block(before + 1, 3), 0.0)
    for _ in range(2):
        assert receiver.here() == Ack(number)
    assert receiver.answer() == Ack(number + 1)


def test_the_last_block_behind_a_gap_ends_the_window() -> None:
    receiver = make(16)
    take(receiver, 1, 3)
    assert receiver.take(block(5, 2), 0.0) == Verdict(False, Ack(1))
    assert not receiver.ended


def test_a_block_larger_than_agreed_is_refused() -> None:
    with pytest.raises(PacketError, match="larger than agreed"):
        make(4).take(block(1, 9), 0.0)


def test_numbers_begin_again_at_zero() -> None:
    receiver = make(1)
    for number in range(1, 65_536 + 3):
        assert receiver.take(block(number), 0.0) == Verdict(True, Ack(number % 65_536))


class TestTimer:
    def test_it_repeats_the_last_acknowledgement_then_says_how_far_it_is(self) -> None:
        receiver = make(4)
        take(receiver, 1, 2, 3, 4, 5, 6, now=1.0)
        assert receiver.deadline == 5.0
        assert receiver.expire(5.0) == Ack(4)
        assert receiver.deadline == 13.0
        assert receiver.expire(13.0) == Ack(6)
        assert receiver.expire(29.0) == Ack(6)
        # That was an acknowledgement: the window begins behind it.
        assert take(receiver, 7, 8, 9, 10)[-1] == (True, 10)

    def test_whatever_the_sender_says_puts_it_off(self) -> None:
        receiver = make(4)
        take(receiver, 1, 1, now=1.0)
        take(receiver, 3, now=3.0)
        assert receiver.deadline == 7.0

    def test_it_does_not_run_behind_the_last_block(self) -> None:
        receiver = make(4)
        receiver.take(block(1, 0), 0.0)
        assert receiver.deadline == float("inf")
