"""central.access.admission: exactly so many come in, and who leaves makes room."""

import resource

import pytest

from central.access.admission import HEADROOM, Admission
from central.config import Limits


def test_so_many_in_all() -> None:
    admission = Admission(Limits(connections=3, per_address=2), 10_000)
    assert [admission.enter(address) for address in "aab"] == [None] * 3
    assert admission.enter("c") == "too many connections"
    admission.leave("a")
    assert admission.enter("c") is None
    assert admission.total == 3


def test_so_many_from_one_address() -> None:
    admission = Admission(Limits(connections=100, per_address=2), 10_000)
    assert [admission.enter("a") for _ in range(3)] == [
        None,
        None,
        "too many connections from this address",
    ]
    assert admission.enter("b") is None
    admission.leave("a")
    assert admission.enter("a") is None


def test_two_descriptors_each_and_some_to_spare() -> None:
    admission = Admission(Limits(connections=100, per_address=100), HEADROOM + 5)
    assert [admission.enter("a") for _ in range(3)] == [
        None,
        None,
        "too few descriptors for another connection",
    ]


@pytest.mark.parametrize("descriptors", [0, 1, HEADROOM, HEADROOM + 1])
def test_a_process_with_hardly_any_descriptors_lets_nobody_in(descriptors: int) -> None:
    assert Admission(Limits(), descriptors).enter("a") is not None


def test_no_limit_of_descriptors_is_none() -> None:
    admission = Admission(Limits(connections=10_000, per_address=10_000), resource.RLIM_INFINITY)
    assert {admission.enter("a") for _ in range(10_000)} == {None}


def test_being_refused_takes_no_room() -> None:
    admission = Admission(Limits(connections=1, per_address=1), 10_000)
    admission.enter("a")
    for _ in range(10):
        assert admission.enter("a") is not None
    admission.leave("a")
    assert admission.total == 0
    assert not admission._inside  # nor any memory
    assert admission.enter("a") is None


def test_who_is_not_in_cannot_leave() -> None:
    admission = Admission(Limits(), 10_000)
    admission.enter("a")
    with pytest.raises(ValueError, match="nobody from b is in"):
        admission.leave("b")
    admission.leave("a")
    with pytest.raises(ValueError, match="nobody from a is in"):
        admission.leave("a")
    assert admission.total == 0
