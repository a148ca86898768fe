"""The DATA of uploads: for whom it is, and what of it is passed over."""

import pytest

from central.channel.frames import REQUESTS_MOST, BreachError, Put
from central.channel.intake import Intake, Intakes


def nothing() -> None:
    pass


def begun(intakes: Intakes, request: int, size: int = 10, *, refused: bool = False) -> Intake:
    intake = Intake(Put(request, "a", size), nothing)
    intakes.add(intake)
    if refused:
        intake.close()
    return intake


def test_data_of_a_refused_put_is_dropped_until_all_of_it_is_through() -> None:
    intakes = Intakes()
    begun(intakes, 1, refused=True)
    second = begun(intakes, 2)
    intakes.put(1, bytes(6))
    assert second.wanted and not second.whole
    intakes.put(1, bytes(4))
    with pytest.raises(BreachError, match=r"^a DATA for no PUT$"):
        intakes.put(1, bytes(1))


def test_a_refused_put_may_not_send_more_than_it_said() -> None:
    intakes = Intakes()
    begun(intakes, 1, refused=True)
    begun(intakes, 2)
    with pytest.raises(BreachError, match=r"^more bytes in DATA than its PUT has said$"):
        intakes.put(1, bytes(11))


def test_data_of_a_later_put_ends_the_earlier_ones() -> None:
    intakes = Intakes()
    begun(intakes, 1, refused=True)
    begun(intakes, 2, refused=True)
    begun(intakes, 3)
    intakes.put(1, bytes(1))
    intakes.put(2, bytes(1))
    with pytest.raises(BreachError, match=r"^a DATA for no PUT$"):
        intakes.put(1, bytes(1))
    intakes.put(2, bytes(1))
    intakes.put(3, bytes(1))
    with pytest.raises(BreachError, match=r"^a DATA for no PUT$"):
        intakes.put(2, bytes(1))


def test_data_is_for_the_later_one_of_two_puts_with_one_id() -> None:
    intakes = Intakes()
    begun(intakes, 1, refused=True)
    begun(intakes, 2, refused=True)
    intakes.forget(1)
    again = begun(intakes, 1, 3)
    intakes.put(1, b"abc")
    assert again.whole
    with pytest.raises(BreachError, match=r"^a DATA for no PUT$"):
        intakes.put(2, bytes(1))


def test_no_more_are_kept_than_may_be_asked_for() -> None:
    intakes = Intakes()
    for request in range(REQUESTS_MOST + 1):
        begun(intakes, request, refused=True)
    with pytest.raises(BreachError, match=r"^a DATA for no PUT$"):
        intakes.put(0, bytes(1))
    intakes.put(1, bytes(1))
