"""What a page may ask, as JSON objects told apart by `do`. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.classroom.refusal import Refusal

LONGEST = 4096
"""Bytes of a message that is read: no form has more."""


class Asked(msgspec.Struct, tag_field="do", tag=str.lower, frozen=True, forbid_unknown_fields=True):
    """Something that a page asks."""


class Join(Asked, frozen=True):
    """Watch; with the token of the printed link, control."""

    token: str | None = None


class Take(Asked, frozen=True):
    """Control in the place of the page that does."""


class Start(Asked, frozen=True):
    """Let the run begin, or go on."""


class Pause(Asked, frozen=True):
    """Let time stand still."""


class Step(Asked, frozen=True):
    """Let a little time pass."""


class Reset(Asked, frozen=True):
    """Begin anew with the same settings and seed."""


class Speed(Asked, frozen=True):
    """Pass so many virtual seconds in a second."""

    speed: float


class Set(Asked, frozen=True):
    """Begin anew with some settings changed: texts or numbers."""

    settings: dict[str, Any]


class Lesson(Asked, frozen=True):
    """Begin anew with a lesson's settings, or without one."""

    lesson: str | None


class Act(Asked, frozen=True):
    """Do something to a host."""

    who: int


class Kill(Act, frozen=True):
    """Its program crashes."""


class Revive(Act, frozen=True):
    """Its program starts anew, with its disk."""


class Cut(Act, frozen=True):
    """Its links carry nothing, and nobody is told."""


class Slow(Act, frozen=True):
    """Its links are slower."""


class Restore(Act, frozen=True):
    """Its links are as at first."""


class Random(Asked, frozen=True):
    """Kill a client that is up, whichever."""


class Add(Asked, frozen=True):
    """Let more clients join."""

    count: int = 10


Question = (
    Join
    | Take
    | Start
    | Pause
    | Step
    | Reset
    | Speed
    | Set
    | Lesson
    | Kill
    | Revive
    | Cut
    | Slow
    | Restore
    | Random
    | Add
)


def read(data: str | bytes | dict[str, Any]) -> Question:
    """Return what a page asks, JSON or an object made of it. Raises Refusal."""
    try:
        if not isinstance(data, dict):
            if len(data) > LONGEST:
                raise Refusal("unknown", reason=f"expected at most {LONGEST} bytes")
            data = msgspec.json.decode(data)
        question: Question = msgspec.convert(data, Question)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("unknown", reason=str(error)) from None
    return question
