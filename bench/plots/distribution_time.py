"""Distribution time over N against its lower bounds (Kurose and Ross, section 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Variant, series, spread, variants
from bench.plots.style import (
    LINES,
    QUIET,
    clients_axis,
    colour,
    dress,
    is_skewed,
    key,
    label_ends,
    legend,
    marker,
    name,
    new_axes,
    number,
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
    from matplotlib.lines import Line2D

    ax = new_axes(ax)
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    ends, bounded = [], False
    for backend, order, variant, rows in series(results):
        shade = colour(backend)
        grid, heights = bound_line(results, backend, variant)
        if heights.any():
            bounded = True
            line = LINES[order % len(LINES)]
            ax.plot(grid, heights / second, line, color=shade, linewidth=2.5, alpha=0.7)
        clients, median, low, high = spread(rows, "finish_s")
        middle = median / second
        bars = np.array([median - low, high - median]) / second
        ax.errorbar(
            clients,
            middle,
            yerr=bars if bars.any() else None,
            fmt=marker(order),
            color=shade,
            markersize=11,
            markeredgecolor="white",
            markeredgewidth=1.5,
            capsize=6,
            elinewidth=2.5,
            capthick=2.5,
            zorder=3,
        )
        ends.append(
            (clients[-1], middle[-1], f"{name(backend)}\n{number(middle[-1])} {unit}", shade)
        )
    clients_axis(ax, results.runs["clients"], positive=True)
    entries = [
        Line2D([], [], color=QUIET, marker="o", markersize=10, linestyle="", label="measured"),
        Line2D([], [], color=QUIET, linewidth=2.5, label="lower bound (theory)"),
    ]
    if len(variants(results)) == 1:
        label_ends(ax, ends)
    else:
        entries = [*key(results), *entries]
    legend(ax, entries if bounded else entries[:-1], loc="upper left")
    dress(
        ax,
        results,
        "Time until the last of N clients has the file",
        "clients N",
        f"distribution time ({unit})",
    )
    return ax


def bound_line(
    results: Frames, backend: str, variant: Variant
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(N, seconds) of a backend's bound from the first to the last N of the picture."""
    measured = results.runs["clients"]
    first = int(measured.min()) if is_skewed(measured) else 1
    last = max(int(measured.max()), 2)
    space = np.geomspace if is_skewed(measured) else np.linspace
    scenario = override_all(results.scenario, variant)
    grid = np.unique(space(first, last, min(POINTS, last)).round().astype(int))
    return grid, np.array([bound(scenario, backend, int(n)) for n in grid])
