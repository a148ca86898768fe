"""Two sets of results side by side: what differs, by how much, and whether the data decide it.

Repeats are compared as ratios, by their logarithms: in pairs where both sides ran the same seeds
(Student's paired t), else by Welch's t for unequal spreads. Where the 95 % interval takes in "no
difference", or there is but one run a side, the answer is "undecided".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.results import Results, json_rows, load
from bench.scenario import Scenario, field_text
from bench.sweep import ANY, matters
from bench.table import Rows, figure, html

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "finish_s": "last client done (s)",
    "mean_finish_s": "mean client done (s)",
    "origin_up_bytes": "origin sent (B)",
    "peer_up_bytes_max": "busiest peer sent (B)",
    "overhead_bytes": "overhead (B)",
}
"""Columns of `runs` that are compared, and how people read them."""
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for a two-sided 95 % interval, by degrees of freedom from 1 on."""
Z_95 = 1.960
UNLIKE = ("title", "source", "clients", "backends")
"""Fields whose difference is no news: words, and what cases are matched by."""
SAME = "the same"
UNDECIDED = "undecided"


class CompareError(BenchError, ValueError):
    """Results that have no case in common: one line that says so."""


@dataclass(frozen=True)
class Ratio:
    """Second over first, and the interval in which it lies with 95 %; NaN where it has none."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """`the same`, `undecided`, `less` or `more`."""
        if self.value == self.low == self.high == 1.0:
            return SAME
        if self.high < 1.0:
            return "less"
        return "more" if self.low > 1.0 else UNDECIDED


def ratio(first: Sequence[float], second: Sequence[float], *, paired: bool) -> Ratio:
    """Compare positive values; pairs are by place."""
    if list(first) == list(second):
        return Ratio(1.0, 1.0, 1.0)
    if min(*first, *second) <= 0 or not all(map(math.isfinite, [*first, *second])):
        return Ratio(math.nan, math.nan, math.nan)
    logs, others = ([math.log(value) for value in side] for side in (first, second))
    if paired:
        steps = [b - a for a, b in zip(logs, others, strict=True)]
        return _interval(fmean(steps), *_spread(steps))
    (error, freedom), (other_error, other_freedom) = _spread(logs), _spread(others)
    return _interval(
        fmean(others) - fmean(logs),
        math.hypot(error, other_error),
        _welch(error, freedom, other_error, other_freedom),
    )


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """(standard error of the mean, degrees of freedom); NaN and 0 of a single value."""
    count = len(values)
    return (stdev(values) / math.sqrt(count), count - 1) if count > 1 else (math.nan, 0)


def _welch(error: float, freedom: float, other_error: float, other_freedom: float) -> float:
    """Degrees of freedom after Welch and Satterthwaite."""
    if not freedom or not other_freedom:
        return 0
    below = error**4 / freedom + other_error**4 / other_freedom
    return (error**2 + other_error**2) ** 2 / below if below else freedom + other_freedom


def _interval(middle: float, error: float, freedom: float) -> Ratio:
    if not freedom:
        return Ratio(math.exp(middle), math.nan, math.nan)
    place = int(freedom) - 1
    reach = error * (T_95[place] if place < len(T_95) else Z_95 + 2.4 / freedom)
    return Ratio(math.exp(middle), math.exp(middle - reach), math.exp(middle + reach))


@dataclass(repr=False)
class Comparison:
    """What two sets of results have in common, case by case and measure by measure."""

    table: pd.DataFrame
    """A row a case and measure: geometric means, their ratio, its 95 % interval, verdict, runs a
    side."""
    names: tuple[str, str]
    differing: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The fields of the scenarios that differ, and the two values as people write them."""

    def rows(self) -> Rows:
        """The table that people read."""
        cases = [column for column in self.table.columns if column not in _OWN]
        heads = [*cases, "measure", *self.names, "difference", "95 % interval", "verdict", "runs"]
        return heads, [_texts(row, cases) for row in self.table.to_dict("records")]

    def records(self) -> list[dict[str, Any]]:
        """The table as JSON holds it: NaN is None."""
        return json_rows(self.table)

    def notes(self) -> list[str]:
        """The lines that belong beside the table."""
        first, second = self.names
        fields = (f"{name}: {one} / {other}" for name, (one, other) in self.differing.items())
        return [
            f"{second} against {first}: how much more or less it takes, as geometric means over "
            "the repeats",
            f"the scenarios differ in {'; '.join(fields) if self.differing else 'nothing'}",
            f"{UNDECIDED}: the interval takes in no difference, or there is one run a side "
            "(more with --repeats)",
        ]

    def __repr__(self) -> str:
        return f"<Comparison: {self.names[1]} against {self.names[0]}, {len(self.table)} rows>"

    def _repr_html_(self) -> str:
        return html(self.rows(), self.notes())


_OWN = ("measure", "first", "second", "ratio", "low", "high", "verdict", "paired", "runs")


def _texts(row: dict[Any, Any], cases: Sequence[str]) -> list[str]:
    def percent(value: float) -> str:
        return "-" if math.isnan(value) else f"{100 * (value - 1):+.2f} %"

    interval = f"{percent(row['low'])} to {percent(row['high'])}"
    return [
        *(str(row[case]) for case in cases),
        MEASURES[row["measure"]],
        figure(row["first"]),
        figure(row["second"]),
        percent(row["ratio"]),
        "-" if math.isnan(row["low"]) else interval,
        row["verdict"],
        row["runs"] + (" in pairs" if row["paired"] else ""),
    ]


def compare(first: str | Path | Results, second: str | Path | Results) -> Comparison:
    """Compare the cases that two sets of results (or folders with them) have in common.

    A case is a combination of swept values, backend and N; a side that did not sweep a field has
    its scenario's value. Only runs in which every client finished count. Raises ResultsError,
    CompareError.
    """
    import pandas as pd

    sides = [load(side) if isinstance(side, str | Path) else side for side in (first, second)]
    swept = list(dict.fromkeys(field for side in sides for field in side.swept))
    cases = [*swept, "backend", "clients"]
    groups = [dict(list(_whole(side, swept).groupby(cases, sort=False))) for side in sides]
    rows = [
        dict(zip(cases, case, strict=True)) | _compared(measure, runs, groups[1][case])
        for case, runs in groups[0].items()
        if case in groups[1]
        for measure in MEASURES
    ]
    names = [str(side.path or side.scenario.name) for side in sides]
    if not rows:
        raise CompareError(
            f"{names[0]} and {names[1]} have no case in common: expected the same "
            f"{', '.join([*swept, 'backend'])} and N, and that every client finished"
        )
    if names[0] == names[1]:
        names = ["first", "second"]
    differing = _differing(sides[0].scenario, sides[1].scenario, {*swept, *UNLIKE})
    return Comparison(pd.DataFrame(rows), (names[0], names[1]), differing)


def _whole(side: Results, swept: Sequence[str]) -> pd.DataFrame:
    """The runs in which every client finished, with a column for every field in `swept`."""
    runs = side.runs[side.runs["finished"] == side.runs["clients"]]
    for name in swept:
        if name not in side.swept:
            own = field_text(side.scenario, name)
            values = [own if matters(name, backend) else ANY for backend in runs["backend"]]
            runs = runs.assign(**{name: values})
    return runs


def _differing(
    first: Scenario, second: Scenario, apart: Collection[str]
) -> dict[str, tuple[str, str]]:
    """The fields that differ, but for those `apart`, and their values as people write them."""
    texts = {
        name: (field_text(first, name), field_text(second, name))
        for name in Scenario.__struct_fields__
        if name not in apart
    }
    return {name: (one, other) for name, (one, other) in texts.items() if one != other}


def _middle(values: Sequence[float]) -> float:
    """The geometric mean, of which the ratio is one; 0 or NaN where a value is."""
    if len(set(values)) == 1:
        return values[0]
    if not all(value > 0 for value in values):
        return math.nan if any(map(math.isnan, values)) else 0.0
    return math.exp(fmean(map(math.log, values)))


def _compared(measure: str, first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Any]:
    first, second = (runs.sort_values("seed", kind="stable") for runs in (first, second))
    paired = list(first["seed"]) == list(second["seed"])
    values = [[float(value) for value in runs[measure]] for runs in (first, second)]
    result = ratio(values[0], values[1], paired=paired)
    return {
        "measure": measure,
        "first": _middle(values[0]),
        "second": _middle(values[1]),
        "ratio": result.value,
        "low": result.low,
        "high": result.high,
        "verdict": result.verdict,
        "paired": paired,
        "runs": f"{len(first)} and {len(second)}",
    }
