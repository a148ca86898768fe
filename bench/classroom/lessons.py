"""The five lessons of the guided mode: what each sets, and what happens in it. Pure.

What they tell and ask is worded by the page, and answered from what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.classroom.asking import Add, Kill, Question
from bench.classroom.refusal import Refusal
from bench.classroom.settings import Settings, change, read, scenario
from bench.theory import bound


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One lesson."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it changes in the usual settings."""
    speed: float
    """Virtual seconds per second at the beginning."""
    copies: float = 0.0
    """What happens does so when the origin could have sent the file so many times."""
    turns: float = 0.0
    """And when so much of the server's least time has passed."""
    happening: Question | None = None


SPEED = 5.0
"""Virtual seconds per second where no lesson is taught."""

LESSONS: Mapping[str, Lesson] = {
    "load": Lesson(settings={"clients": 30}, speed=6),
    "outage": Lesson(copies=2.0, happening=Kill(who=0), speed=3),
    "late": Lesson(settings={"clients": 10}, turns=0.5, happening=Add(count=10), speed=4),
    "slow": Lesson(settings={"clients": 8, "origin_up": "10 Mbit/s"}, speed=15),
    "riders": Lesson(settings={"riders": 10, "origin_up": "50 Mbit/s"}, speed=6),
}


def find(name: str) -> Lesson:
    """Return a lesson. Raises Refusal."""
    if name not in LESSONS:
        raise Refusal("lesson", given=name, names=", ".join(LESSONS))
    return LESSONS[name]


def choose(
    given: Mapping[str, object], *, lesson: str | None = None, speed: object = None
) -> tuple[Settings, float]:
    """Return what a run begins with, and its speed: as given, else the lesson's, else the usual.

    A value that is None is not given. Raises Refusal.
    """
    taught = Lesson(speed=SPEED) if lesson is None else find(lesson)
    fields = {field: value for field, value in given.items() if value is not None}
    settings = change(Settings(), {**taught.settings, **fields})
    if isinstance(taught.happening, Add):
        read("clients", settings.clients + taught.happening.count)
    return settings, taught.speed if speed is None else read("speed", speed)


def moment(lesson: Lesson, chosen: Settings) -> float:
    """Return when it happens: seconds of the run."""
    played = scenario(chosen)
    once = chosen.file_size / chosen.origin_up
    return lesson.copies * once + lesson.turns * bound(played, "central", chosen.clients)
