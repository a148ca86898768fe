"""Two sets of results side by side: what differs, by how much, and whether the data decide it.

Repeats are compared as ratios, by their logarithms: in pairs where both sides ran the same seeds
(Student's paired t), else by Welch's t for unequal spreads. Where the 95 % interval takes in "no
difference", or there is but one run a side, the answer is "undecided".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.results import Results, json_rows, load
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
    """A row a case and measure: medians, ratio, its 95 % interval, verdict, runs a side."""
    names: tuple[str, str]

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
        return [
            f"{second} against {first}: how much more or less it takes",
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

    A case is a combination of swept values that both swept, backend and N. Only runs in which
    every client finished count. Raises ResultsError, CompareError.
    """
    import pandas as pd

    sides = [load(side) if isinstance(side, str | Path) else side for side in (first, second)]
    shared = [field for field in sides[0].swept if field in sides[1].swept]
    cases = [*shared, "backend", "clients"]
    groups = [dict(list(_whole(side).groupby(cases, sort=False))) for side in sides]
    rows = [
        dict(zip(cases, case, strict=True)) | _compared(measure, runs, groups[1][case])
        for case, runs in groups[0].items()
        if case in groups[1]
        for measure in MEASURES
    ]
    names = [str(side.path or side.scenario.name) for side in sides]
    if not rows:
        raise CompareError(
            f"{names[0]} and {names[1]} have no case in common: expected the same backend and N, "
            "and that every client finished"
        )
    if names[0] == names[1]:
        names = ["first", "second"]
    return Comparison(pd.DataFrame(rows), (names[0], names[1]))


def _whole(side: Results) -> pd.DataFrame:
    return side.runs[side.runs["finished"] == side.runs["clients"]]


def _compared(measure: str, first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Any]:
    first, second = (runs.sort_values("seed", kind="stable") for runs in (first, second))
    paired = list(first["seed"]) == list(second["seed"])
    values = [[float(value) for value in runs[measure]] for runs in (first, second)]
    result = ratio(values[0], values[1], paired=paired)
    return {
        "measure": measure,
        "first": median(values[0]),
        "second": median(values[1]),
        "ratio": result.value,
        "low": result.low,
        "high": result.high,
        "verdict": result.verdict,
        "paired": paired,
        "runs": f"{len(first)} and {len(second)}",
    }
