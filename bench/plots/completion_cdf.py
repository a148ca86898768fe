"""How many clients have the file by when, at the largest N."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, headed, shown
from bench.plots.style import SMALL, TEXT, colour, dress, name, new_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from pandas import DataFrame

HEIGHTS = (0.66, 0.3, 0.84)
"""Where the backends' labels stand, as parts of all clients."""
REACH = 0.16
"""Half a label's height, as a part of all clients."""
LETTER = 0.014
"""A letter's width in a label, as a part of the axis."""
BACKING = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""What keeps other curves from running through a label."""
MOST_FAULTS = 4
"""Moments with faults that are marked; more, as churn brings, would hide the curve."""


@dataclass(frozen=True)
class Curve:
    """One backend's finishes, rising, of so many clients, and its bound, in the scenario's unit."""

    backend: str
    times: NDArray[Any]
    clients: int
    bound: float
    faults: tuple[tuple[float, str], ...] = ()
    """When what went wrong on purpose, as people say it."""

    def done(self, time: float) -> float:
        """The share of clients that have the file by then, in percent."""
        return 100 * float(np.searchsorted(self.times, time, side="right")) / self.clients

    def passes(self, height: float) -> tuple[float, float]:
        """First and last time at which the curve or the bound passes a label at this height."""
        never = np.full(self.clients - len(self.times), self.last)
        times = np.concatenate([self.times, never])
        first, last = np.quantile(times, (height - REACH, height + REACH))
        return float(min(first, self.bound or first)), float(max(last, self.bound))

    @property
    def last(self) -> float:
        """When the last of those that finished did; 0 where none did."""
        return float(self.times[-1]) if len(self.times) else 0.0

    def text(self, unit: str) -> str:
        finished, half = len(self.times), -(-self.clients // 2)
        lines = [name(self.backend)]
        if finished == self.clients:
            lines += [f"half done {number(float(np.median(self.times)))} {unit}"]
            lines += [f"all done {number(self.last)} {unit}"]
        else:
            if finished >= half:
                lines += [f"half done {number(float(self.times[half - 1]))} {unit}"]
            lines += [f"{finished} of {self.clients} ever done"]
        if self.bound > 0:
            lines.append(f"bound {number(self.bound)} {unit} (dotted)")
        return "\n".join(lines)


def completion_cdf(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the share of clients done over the time since the run's start; dotted: the bound.

    A cross is where something went wrong on purpose.
    """
    ax = new_axes(results, ax)
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    curves = []
    for run in shown(results):
        clients = run.nodes[run.nodes["role"] == "client"]
        times = np.sort(clients["finish_s"].dropna().to_numpy(dtype=float)) / second
        faults = told(run.faults, second)
        curves.append(Curve(run.backend, times, len(clients), run.bound_s / second, faults))
    latest = [max(curve.last, curve.bound, *(at for at, _ in curve.faults)) for curve in curves]
    end = 1.04 * max(latest) or 1.0
    for curve in curves:
        shade, steps = colour(curve.backend), len(curve.times)
        share = [0, *(100 * np.arange(1, steps + 1) / curve.clients)]
        ax.step(
            [0, *curve.times, end], [*share, share[-1]], where="post", color=shade, linewidth=3.5
        )
        if curve.bound > 0:
            ax.axvline(curve.bound, color=shade, linewidth=2.5, linestyle=":")
    for row, curve in enumerate(curves):
        _mark_faults(ax, curve, row)
    for curve, height in zip(curves, HEIGHTS, strict=False):
        text = curve.text(unit)
        width = LETTER * end * max(len(line) for line in text.split("\n"))
        time, right = beside(curve, curves, height, width, end)
        ax.annotate(
            text,
            (time, 100 * height),
            (12 if right else -12, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=TEXT,
            color=colour(curve.backend),
            weight="bold",
            bbox=BACKING,
        )
    ax.set_xlim(0, end)
    ax.set_ylim(0, 104)
    ax.set_yticks([0, 25, 50, 75, 100])
    headline, note = headed("Clients that have the file", results)
    dress(ax, results, headline, f"time ({unit})", "clients done (%)", note)
    return ax


def told(faults: DataFrame, second: float) -> tuple[tuple[float, str], ...]:
    """(time, `kill origin`) of each of a run's faults, those at one moment joined; few or none."""
    by_time: dict[float, list[str]] = {}
    for row in faults.to_dict("records"):
        by_time.setdefault(row["t_s"] / second, []).append(f"{row['action']} {row['node']}")
    if len(by_time) > MOST_FAULTS:
        return ()
    return tuple(
        (time, said[0] if len(said) == 1 else f"{said[0].split()[0]} {len(said)} hosts")
        for time, said in by_time.items()
    )


def _mark_faults(ax: Axes, curve: Curve, row: int) -> None:
    """Mark them on the curve; each backend's words are in a row of their own above it."""
    for time, said in curve.faults:
        shade, height = colour(curve.backend), curve.done(time)
        ax.plot(
            [time],
            [height],
            "X",
            color=shade,
            markersize=15,
            markeredgecolor="white",
            markeredgewidth=1.5,
            clip_on=False,
            zorder=4,
        )
        ax.annotate(
            said,
            (time, height),
            (-7, 13 + 17 * row),
            textcoords="offset points",
            fontsize=SMALL,
            color=shade,
            bbox=BACKING,
            zorder=4,
        )


def beside(
    curve: Curve, curves: list[Curve], height: float, width: float, end: float
) -> tuple[float, bool]:
    """(time, whether right of it): the first free place for a label of this width.

    It lies next to its own curve if it can, else beyond all curves.
    """
    taken = [other.passes(height) for other in curves if other is not curve]
    own = first, last = curve.passes(height)
    everything = [*taken, own]
    for time, right in (
        (last, True),
        (first, False),
        (max(late for _, late in everything), True),
        (min(early for early, _ in everything), False),
    ):
        start, stop = (time, time + width) if right else (time - width, time)
        inside = start >= 0 and stop <= end
        if inside and not any(early < stop and late > start for early, late in taken):
            return time, right
    return (first, False) if first > end / 2 else (last, True)
