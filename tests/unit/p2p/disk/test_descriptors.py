"""Open files, few at a time: the least recently used go, but never under somebody's hands."""

import errno
import os
from contextlib import ExitStack

import pytest

from p2p.disk.descriptors import Descriptors


@pytest.fixture
def opened(tmp_path):
    """Descriptors of at most two, and the numbers of the files in the order of their opening."""
    calls = []

    def opens(index, make):
        calls.append((index, make))
        return os.open(tmp_path / str(index), os.O_RDWR | os.O_CREAT)

    descriptors = Descriptors(opens, most=2)
    yield descriptors, calls
    descriptors.close()


def _is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError as error:
        assert error.errno == errno.EBADF
        return False
    return True


def _use(descriptors, *indices):
    for index in indices:
        with descriptors.use(index) as descriptor:
            assert _is_open(descriptor)


def test_the_least_recently_used_goes(opened):
    descriptors, calls = opened
    _use(descriptors, 0, 1, 0, 2, 0, 1)
    assert [index for index, _ in calls] == [0, 1, 2, 1]


def test_making_is_asked_for(opened):
    descriptors, calls = opened
    with descriptors.use(5, make=True), descriptors.use(5):
        pass
    assert calls == [(5, True)]


def test_what_is_used_is_not_closed(opened):
    descriptors, calls = opened
    with ExitStack() as stack:
        used = [stack.enter_context(descriptors.use(index)) for index in range(4)]
        assert all(_is_open(descriptor) for descriptor in used)
        _use(descriptors, 0, 1, 2, 3)
    _use(descriptors, 4)
    assert [_is_open(descriptor) for descriptor in used[:3]].count(True) <= 2
    _use(descriptors, 3, 4)
    assert [index for index, _ in calls] == [0, 1, 2, 3, 4]


def test_what_is_forgotten_closes_with_its_last_user(opened):
    descriptors, calls = opened
    with descriptors.use(0) as first:
        with descriptors.use(0) as same:
            descriptors.forget(0)
            with descriptors.use(0) as second:
                assert (same, second != first) == (first, True)
        assert _is_open(first)
    assert not _is_open(first)
    assert _is_open(second)
    descriptors.forget(0)
    descriptors.forget(0)
    assert not _is_open(second)
    assert len(calls) == 2


def test_closing_waits_for_users_too(opened):
    descriptors, _ = opened
    _use(descriptors, 1)
    with descriptors.use(0) as used:
        descriptors.close()
        assert _is_open(used)
    assert not _is_open(used)


def test_an_error_comes_through_and_leaves_nothing(tmp_path):
    def opens(index, make):
        raise FileNotFoundError(str(index))

    descriptors = Descriptors(opens)
    with pytest.raises(FileNotFoundError, match="7"), descriptors.use(7):
        pass
    descriptors.close()
