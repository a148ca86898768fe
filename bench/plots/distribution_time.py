"""Distribution time over N against its lower bounds (Kurose and Ross, section 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Variant, series, spread, variants
from bench.plots.style import (
    INK,
    LINES,
    QUIET,
    SMALL,
    clients_axis,
    colour,
    dress,
    is_skewed,
    label_ends,
    legend_beside,
    name,
    new_axes,
    number,
    points,
)
from bench.scenario import override_all
from bench.theory import bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

POINTS = 200
"""Most points of a bound's line: enough for smooth curves, cheap for thousands of clients."""


def distribution_time(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the last client's finish over N: points measured, lines the bounds of the theory.

    Repeats give the median with a bar from min to max. A bound of 0 (links unlimited) has no line.
    """
    ax = new_axes(results, ax)
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    ends, bounded = [], False
    for backend, order, variant, rows in series(results):
        shade = colour(backend)
        grid, bounds = bound_line(results, backend, variant)
        if bounds.any():
            bounded = True
            ax.plot(
                grid,
                bounds / second,
                linestyle=LINES[order % len(LINES)],
                linewidth=2.5,
                color=shade,
                alpha=0.7,
                marker="_" if len(grid) == 1 else "",
                markersize=40,
                markeredgewidth=2.5,
            )
        whole = rows["finish_s"].where(rows["finished"] == rows["clients"])
        clients, *finish = spread(rows.assign(finish_s=whole), "finish_s")
        median, low, high = (seconds / second for seconds in finish)
        points(ax, backend, order, "", clients, median, low, high)
        text = f"{name(backend)}\n{number(median[-1])} {unit}"
        ends.append((clients[-1], median[-1], text, shade))
    clients_axis(ax, results.runs["clients"])
    if len(variants(results)) == 1:
        label_ends(ax, ends)
        _legend(ax, bounded)
    else:
        lines = "\nlines: lower bound\n(theory)" if bounded else ""
        legend_beside(ax, results, f"points: measured{lines}")
    headline = "Time until the last of N clients has the file"
    dress(ax, results, headline, "clients N", f"distribution time ({unit})")
    return ax


def bound_line(
    results: Frames, backend: str, variant: Variant
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(N, seconds) of a backend's bound from the first to the last N of the picture."""
    measured = results.runs["clients"]
    skewed, last = is_skewed(measured), int(measured.max())
    first = int(measured.min()) if skewed else 1
    space = np.geomspace if skewed else np.linspace
    grid = np.unique(space(first, last, min(POINTS, last)).round().astype(int))
    scenario = override_all(results.scenario, variant)
    return grid, np.array([bound(scenario, backend, int(n)) for n in grid])


def _legend(ax: Axes, bounded: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=QUIET, marker="o", markersize=10, linestyle="", label="measured"),
        Line2D([], [], color=QUIET, linewidth=2.5, label="lower bound (theory)"),
    ]
    shown = entries if bounded else entries[:1]
    ax.legend(handles=shown, loc="upper left", frameon=False, fontsize=SMALL, labelcolor=INK)
