"""How many clients have the file by when, at the largest N."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, headed, shown
from bench.plots.style import TEXT, colour, dress, name, new_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

HEIGHTS = (0.66, 0.3, 0.84)
"""Where the backends' labels stand, as parts of all clients."""
REACH = 0.16
"""Half a label's height, as a part of all clients."""
LETTER = 0.014
"""A letter's width in a label, as a part of the axis."""


@dataclass(frozen=True)
class Curve:
    """One backend's finishes, rising, and its bound, in the scenario's unit."""

    backend: str
    times: NDArray[Any]
    bound: float

    def passes(self, height: float) -> tuple[float, float]:
        """First and last time at which the curve or the bound passes a label at this height."""
        first, last = np.quantile(self.times, (height - REACH, height + REACH))
        return float(min(first, self.bound or first)), float(max(last, self.bound))

    def text(self, unit: str) -> str:
        lines = [
            name(self.backend),
            f"half done {number(float(np.median(self.times)))} {unit}",
            f"all done {number(float(self.times[-1]))} {unit}",
        ]
        if self.bound > 0:
            lines.append(f"bound {number(self.bound)} {unit} (dotted)")
        return "\n".join(lines)


def completion_cdf(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the share of clients done over the time since the run's start; dotted: the bound."""
    ax = new_axes(results, ax)
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    curves = []
    for run in shown(results):
        clients = run.nodes[run.nodes["role"] == "client"]
        times = np.sort(clients["finish_s"].to_numpy(dtype=float)) / second
        curves.append(Curve(run.backend, times, run.bound_s / second))
    end = 1.04 * max(float(curve.times[-1]) for curve in curves) or 1.0
    for curve in curves:
        shade, steps = colour(curve.backend), len(curve.times)
        share = 100 * np.arange(1, steps + 1) / steps
        ax.step([0, *curve.times, end], [0, *share, 100], where="post", color=shade, linewidth=3.5)
        if curve.bound > 0:
            ax.axvline(curve.bound, color=shade, linewidth=2.5, linestyle=":")
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
        )
    ax.set_xlim(0, end)
    ax.set_ylim(0, 104)
    ax.set_yticks([0, 25, 50, 75, 100])
    headline, note = headed("Clients that have the file", results)
    dress(ax, results, headline, f"time ({unit})", "clients done (%)", note)
    return ax


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
