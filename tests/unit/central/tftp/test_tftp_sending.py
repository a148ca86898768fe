"""central.tftp.sending: which block goes out when, over every kind of acknowledgement."""

import math

import pytest

from central.tftp.sending import Sender
from central.tftp.timer import TRIES, Timer


def make(blocks: int, window: int, block_size: int = 8) -> Sender:
    """A sender of so many blocks, the last of them with a byte."""
    return Sender((blocks - 1) * block_size + 1, block_size, window, Timer(1.0))


def send_all(sender: Sender, now: float = 0.0) -> list[int]:
    """What it sends until it waits."""
    sent = []
    while (block := sender.due()) is not None:
        sent.append(block)
        sender.left(now)
    return sent


@pytest.mark.parametrize(
    ("size", "sizes"), [(0, [0]), (7, [7]), (8, [8, 0]), (9, [8, 1]), (16, [8, 8, 0])]
)
def test_the_last_block_is_shorter_than_a_block(size: int, sizes: list[int]) -> None:
    sender = Sender(size, 8, 64, Timer(1.0))
    blocks = send_all(sender)
    assert [sender.span(block) for block in blocks] == [
        (8 * index, length) for index, length in enumerate(sizes)
    ]
    assert sender.acknowledge(len(sizes), 0.0) == size
    assert sender.done


def test_a_window_goes_out_and_then_it_waits() -> None:
    sender = make(10, 4)
    assert sender.deadline == math.inf
    assert send_all(sender, 5.0) == [1, 2, 3, 4]
    assert sender.deadline == 6.0
    assert sender.acknowledge(4, 5.5) == 32
    assert sender.deadline == math.inf
    assert send_all(sender) == [5, 6, 7, 8]
    sender.acknowledge(8, 6.0)
    assert send_all(sender) == [9, 10]
    assert not sender.done
    assert sender.acknowledge(10, 7.0) == 9
    assert sender.done
    assert sender.repeated == 0


def test_an_acknowledgement_within_the_window_goes_on_from_there_once() -> None:
    sender = make(20, 4)
    send_all(sender)
    sender.acknowledge(2, 0.1)
    assert send_all(sender) == [3, 4, 5, 6]
    sender.acknowledge(2, 0.2)
    assert send_all(sender) == []
    assert sender.repeated == 2


def test_it_goes_on_from_a_gap_before_the_window_is_out() -> None:
    sender = make(20, 4)
    for _ in range(3):
        sender.left(0.0)
    sender.acknowledge(1, 0.1)
    assert send_all(sender) == [2, 3, 4, 5]


@pytest.mark.parametrize("window", [1, 4])
def test_a_duplicate_acknowledgement_sends_nothing(window: int) -> None:
    """RFC 1123, section 4.2.3.1."""
    sender = make(20, window)
    send_all(sender)
    sender.acknowledge(window, 0.1)
    assert send_all(sender) == list(range(window + 1, 2 * window + 1))
    for number in (window, window, 0, 0xFFFF, 2 * window + 1, 19):
        assert sender.acknowledge(number, 0.2) == 0
        assert send_all(sender) == []


def test_the_timer_sends_one_packet_the_last_of_the_window() -> None:
    sender = make(20, 4)
    send_all(sender)
    sender.expire(1.0)
    assert send_all(sender, 1.0) == [4]
    assert sender.deadline == 3.0
    sender.expire(3.0)
    assert send_all(sender, 3.0) == [4]
    assert sender.deadline == 7.0
    assert sender.repeated == 2


def test_what_answers_a_probe_may_be_known_already() -> None:
    """All of the window but its end was lost: the receiver says once more where it is."""
    sender = make(20, 4)
    send_all(sender)
    sender.expire(1.0)
    send_all(sender, 1.0)
    sender.acknowledge(0, 1.1)
    assert send_all(sender, 1.1) == [1, 2, 3, 4]
    sender.acknowledge(0, 1.2)
    assert send_all(sender, 1.2) == []


def test_with_a_window_of_one_a_duplicate_answers_no_probe() -> None:
    """The probe was the block itself."""
    sender = make(20, 1)
    send_all(sender)
    sender.expire(1.0)
    assert send_all(sender, 1.0) == [1]
    sender.acknowledge(0, 1.1)
    assert send_all(sender, 1.1) == []


def test_a_slow_path_is_measured_though_every_window_was_probed() -> None:
    """The answers to the probes prove that they were in vain."""
    sender = make(20, 4)
    send_all(sender, 0.0)
    for now in (1.0, 3.0):
        sender.expire(now)
        send_all(sender, now)
    sender.acknowledge(4, 6.0)
    send_all(sender, 6.0)
    assert sender.deadline == 7.0
    sender.acknowledge(4, 7.0)  # of the first probe, which left at 1.0
    sender.acknowledge(4, 9.0)
    assert send_all(sender, 9.0) == []
    sender.acknowledge(8, 12.0)
    send_all(sender, 12.0)
    assert sender.deadline > 12.0 + 6.0


def test_a_lost_acknowledgement_does_not_look_like_a_slow_path() -> None:
    """The round trip is 0.1 s; a gap's acknowledgement comes right behind the probe's answer."""
    sender = make(20, 4)
    send_all(sender, 0.0)
    sender.expire(1.0)
    send_all(sender, 1.0)
    sender.acknowledge(4, 1.1)
    send_all(sender, 1.1)
    sender.acknowledge(4, 1.2)
    sender.acknowledge(8, 1.3)
    send_all(sender, 1.3)
    assert sender.deadline < 1.3 + 1.0


def test_no_sample_is_taken_where_a_probe_went_out() -> None:
    sender = make(20, 4)
    send_all(sender, 0.0)
    sender.expire(1.0)
    send_all(sender, 1.0)
    sender.acknowledge(4, 1.01)
    send_all(sender, 2.0)
    assert sender.deadline == 3.0


def test_the_timer_is_not_faster_than_the_senders_own_queue() -> None:
    sender = make(20, 4)
    for now in (0.0, 17.0, 34.0, 51.0):
        sender.left(now)
    assert sender.deadline == 51.0 + 17.0


def test_it_gives_up_after_so_many_tries() -> None:
    sender = make(20, 4)
    send_all(sender)
    for _ in range(TRIES):
        sender.expire(0.0)
        assert send_all(sender) == [4]
    assert not sender.exhausted
    sender.expire(0.0)
    assert sender.exhausted


@pytest.mark.parametrize("window", [1, 16])
def test_numbers_begin_again_at_zero_after_65535(window: int) -> None:
    blocks = 3 * 65_536 + 5
    sender = make(blocks, window)
    last = 0
    while not sender.done:
        last = send_all(sender)[-1]
        sender.acknowledge(last % 65_536, 0.0)
    assert (last, sender.repeated) == (blocks, 0)
    assert sender.acked_bytes == sender.sent_bytes == 8 * (blocks - 1) + 1


@pytest.mark.parametrize("window", [1, 4])
def test_it_does_not_give_up_on_a_receiver_that_is_there(window: int) -> None:
    sender = make(1, window)
    send_all(sender)
    for tick in range(10 * TRIES):
        sender.expire(float(tick))
        send_all(sender, float(tick))
        if tick % TRIES == 0:
            sender.acknowledge(0, tick + 0.5)
        assert not sender.exhausted
    for tick in range(TRIES + 1):
        sender.expire(float(tick))
    assert sender.exhausted
