"""host.limits: what the machine must hold is asked for, or refused in one line."""

import resource
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from host.limits import (
    SPARE_DESCRIPTORS,
    MachineLimitError,
    ensure_descriptors,
    ensure_space,
    raise_descriptors,
)

Usage = namedtuple("Usage", "total used free")


class Limits:
    """A system with its own idea of how many descriptors are enough."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        self.asked: list[tuple[int, int]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda kind: self.now)
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def set(self, kind: int, limits: tuple[int, int]) -> None:
        assert kind == resource.RLIMIT_NOFILE
        self.asked.append(limits)
        self.now = limits


def test_a_limit_that_is_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 4096)
    ensure_descriptors(1024 - SPARE_DESCRIPTORS)
    assert limits.asked == []


@pytest.mark.parametrize("hard", [4096, resource.RLIM_INFINITY])
def test_the_soft_limit_is_raised_as_far_as_it_must(
    monkeypatch: pytest.MonkeyPatch, hard: int
) -> None:
    limits = Limits(monkeypatch, 1024, hard)
    ensure_descriptors(2000)
    assert limits.asked == [(2000 + SPARE_DESCRIPTORS, hard)]


def test_no_limit_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    ensure_descriptors(10**6)
    assert limits.asked == []


def test_too_many_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 4096)
    with pytest.raises(MachineLimitError) as caught:
        ensure_descriptors(10_000)
    message = str(caught.value)
    assert "10,064" in message
    assert "4,096" in message
    assert "ulimit -Hn 10064" in message
    assert "\n" not in message
    assert limits.asked == []


@pytest.mark.parametrize("error", [OSError(1, "not permitted"), ValueError("beyond the maximum")])
def test_a_system_that_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    Limits(monkeypatch, 1024, resource.RLIM_INFINITY)

    def refuse(*args: Any) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(MachineLimitError, match=r"2,064 .*fewer clients") as caught:
        ensure_descriptors(2000)
    assert str(error) in str(caught.value)


def test_this_machine_can_hold_what_it_has() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    ensure_descriptors(1)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ensure_space(tmp_path, 0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(1, 1, 5 * 2**20))
    ensure_space(tmp_path, 5 * 2**20)
    with pytest.raises(MachineLimitError) as caught:
        ensure_space(tmp_path, 7 * 2**20)
    message = str(caught.value)
    assert "7 MiB" in message
    assert "5 MiB" in message
    assert str(tmp_path) in message
    assert "TMPDIR" in message
    assert "\n" not in message


def test_a_server_takes_all_that_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 4096)
    raise_descriptors()
    assert limits.now == (4096, 4096)


def test_a_server_makes_do_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, 1024, resource.RLIM_INFINITY)

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not so many")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_descriptors()
