"""A claim: one sentence of the lecture, the experiment that tests it, and the verdict on its data.

A claim is one file in bench/claims. Its verdict is computed: data that say otherwise give another.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from bench.errors import BenchError
from bench.table import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Data = Mapping[str, Any]
"""What was measured: tidy pandas frames by name, a row an observation, units in column names."""


class Verdict(StrEnum):
    """What the data say of a claim."""

    HOLDS = "holds"
    CONDITION = "holds with a condition"
    FAILS = "does not hold"


@dataclass(frozen=True)
class Judgement:
    """A verdict and the figures that it rests on."""

    verdict: Verdict
    because: str
    """One sentence with the figures that decided."""
    condition: str = ""
    """Where the claim holds only so far: a clause that goes on after `if`."""

    def __str__(self) -> str:
        ending = f", if {self.condition}" if self.condition else ""
        return ("holds" if self.condition else str(self.verdict)) + ending


def holds(because: str) -> Judgement:
    """The data bear the claim out."""
    return Judgement(Verdict.HOLDS, because)


def holds_if(condition: str, because: str) -> Judgement:
    """The data bear the claim out where a condition is met."""
    return Judgement(Verdict.CONDITION, because, condition)


def fails(because: str) -> Judgement:
    """The data say otherwise."""
    return Judgement(Verdict.FAILS, because)


class SettingError(BenchError, ValueError):
    """A wrong setting of a claim: one line that names it and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of the lecture. A new one is a file in bench/claims that has a CLAIM."""

    name: str
    place: int
    """Where it comes in the lecture: claims are listed by it."""
    english: str
    """The lecture's sentence."""
    korean: str
    hypothesis: str
    """What must be seen for the claim to hold, in one sentence."""
    method: str
    """What is measured, how, and under which clock; what is a model says so."""
    measure: Callable[..., Data]
    """`measure(stage, *, ...)`: its keyword parameters are the settings, with their defaults."""
    judge: Callable[[Data], Judgement]
    draw: Callable[[Data, Axes], object]
    """Draws one picture for a projector; several panels are insets of the axes."""
    tabulate: Callable[[Data], Rows]

    def settings(self) -> dict[str, Any]:
        """The settings and their defaults."""
        parameters = inspect.signature(self.measure).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def read_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings with those given in their places.

        A value may be text; a single one where several are expected stands alone. Raises
        SettingError.
        """
        known = self.settings()
        hints = get_type_hints(self.measure, include_extras=True)
        for name, value in given.items():
            if name not in known:
                there = ", ".join(known) or "none"
                raise SettingError(f"{name}: claim {self.name} has no such setting; it has {there}")
            plain = _several(value) if isinstance(known[name], tuple) else value
            try:
                known[name] = msgspec.convert(plain, hints[name], strict=False)
            except msgspec.ValidationError as error:
                reason = str(error).partition(" - at")[0].replace("`", "")
                if choices := _choices(hints[name]):
                    reason = f"expected some of {', '.join(choices)}"
                line = f"{name}: {value!r}; {reason[0].lower()}{reason[1:]}"
                raise SettingError(line) from None
        return known


def _choices(hint: Any) -> list[str]:
    """The texts that a setting may be, where there are only some."""
    if get_origin(hint) is Literal:
        return list(map(str, get_args(hint)))
    return [choice for part in get_args(hint) for choice in _choices(part)]


def _several(value: Any) -> list[Any]:
    """The values of a setting that takes several: of text, its parts between commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return list(value) if isinstance(value, Iterable) else [value]
