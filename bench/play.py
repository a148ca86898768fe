"""An experiment of its own: a coroutine on hosts that it makes, under a clock, which returns rows.

Where a scenario says what one backend does with one file, a play is a program.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bench.sweep import TrialFailed
from host.clock import Clock, StuckError, run
from host.limits import raise_descriptors

Case = Mapping[str, Any]
"""What tells one play of an experiment from another: numbers, texts and lists of them by name."""

Rows = Mapping[str, list[dict[str, Any]]]
"""Rows of tidy frames, by the frame's name."""

FEW = 4
"""Values of a list that a line shows."""

Experiment = Callable[[Any, Path], Any]
"""`(case, empty directory) -> Rows`, plain or async, at the top of its module."""


class Play(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One play of an experiment."""

    function: str
    """`module:function`."""
    case: dict[str, Any]
    clock: Clock = "virtual"
    deadline_s: float | None = None
    """The play fails when it takes this many seconds of its clock."""

    def __str__(self) -> str:
        values = (f"{name} = {_short(value)}" for name, value in self.case.items())
        return ", ".join([self.function.partition(":")[2], *values])


def _short(value: Any) -> str:
    """A value as a line has room for it: of a long list, how long it is."""
    several = isinstance(value, list | tuple) and len(value) > FEW
    return f"{len(value)} values" if several else str(value)


class Played(msgspec.Struct, tag=True):
    """What a play leaves."""

    rows: dict[str, list[dict[str, Any]]]


def perform(play: Play, directory: Path, report: Callable[[float], None]) -> Played:
    """Play it in this process; a worker of the bench calls this.

    Raises TrialFailed when it gets stuck or takes too long, and TypeError for rows that hold what
    msgpack does not, such as a figure of numpy's.
    """
    raise_descriptors()
    module, name = play.function.split(":")
    outcome = getattr(import_module(module), name)(play.case, directory)
    if inspect.iscoroutine(outcome):
        try:
            outcome = run(outcome, clock=play.clock, deadline_s=play.deadline_s)
        except StuckError as error:
            raise TrialFailed(f"{play}: {error}") from None
    msgspec.msgpack.encode(outcome)  # here, where what raises is told; not when it is sent
    return Played(outcome)
