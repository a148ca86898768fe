"""How many clients have the file by when, at the largest N."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import TEXT, colour, dress, name, new_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LABELS = (0.66, 0.3, 0.9)
"""Heights of the backends' labels, as parts of all clients."""
REACH = 0.16
"""Half a label's height, as a part of all clients."""


def completion_cdf(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the share of clients done over the time since the run's start; dotted: the bound."""
    ax = new_axes(ax)
    runs = shown(results)
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    end = 1.04 * max(float(run.nodes["finish_s"].max()) for run in runs) / second
    for row, run in enumerate(runs):
        shade = colour(run.backend)
        clients = run.nodes[run.nodes["role"] == "client"]
        times = np.sort(clients["finish_s"].to_numpy(dtype=float)) / second
        share = 100 * np.arange(1, len(times) + 1) / len(times)
        ax.step([0, *times, end], [0, *share, 100], where="post", color=shade, linewidth=3.5)
        bound = float(run.run["bound_s"]) / second
        if bound > 0:
            ax.axvline(bound, color=shade, linewidth=2.5, linestyle=":")
        _label(ax, run, times, bound, unit, LABELS[row % len(LABELS)], end)
    ax.set_xlim(0, end)
    ax.set_ylim(0, 104)
    ax.set_yticks([0, 25, 50, 75, 100])
    headline, note = headed("Clients that have the file", results)
    dress(ax, results, headline, f"time ({unit})", "clients done (%)", note)
    return ax


def _label(
    ax: Axes, run: Shown, times: NDArray[Any], bound: float, unit: str, height: float, end: float
) -> None:
    """Name a curve on the side with more room, clear of the curve and of its bound."""
    lowest, highest = np.quantile(times, [height - REACH, min(height + REACH, 1.0)])
    left = (lowest + highest) / 2 > end / 2
    said = [name(run.backend), f"half done {number(float(np.median(times)))} {unit}"]
    said.append(f"all done {number(times[-1])} {unit}")
    if bound > 0:
        said.append(f"bound {number(bound)} {unit} (dotted)")
        lowest, highest = min(lowest, bound), max(highest, bound)
    ax.annotate(
        "\n".join(said),
        (lowest if left else highest, 100 * height),
        (-12 if left else 12, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=TEXT,
        color=colour(run.backend),
        weight="bold",
    )
