"""Use of the origin's uplink over time, at the largest N."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import TEXT, colour, dress, name, new_axes, number, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

STEPS = 150
"""Most steps of a curve: more cannot be told apart when projected."""


def origin_uplink(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the rate that the origin sends at: % of its uplink, or MB/s where that is unlimited."""
    ax = new_axes(results, ax)
    runs, unit = shown(results), results.scenario.time_unit
    second = results.scenario.seconds_per_unit
    capacity = runs[0].scenario.origin_up / runs[0].scenario.scale
    limited = math.isfinite(capacity)
    top, end = 100.0 if limited else 1e-9, 0.0
    for run in runs:
        edges, rates = sending(run, capacity)
        heights, times = rates / (capacity / 100 if limited else 1e6), edges / second
        ax.stairs(heights, times, fill=True, color=tint(run.backend))
        ax.stairs(heights, times, color=colour(run.backend), linewidth=2.5)
        top, end = max(top, *heights), max(end, times[-1], run.finish_s / second)
    ax.set_xlim(0, end * 1.02 or 1.0)
    ax.set_ylim(0, top * (1.06 + 0.12 * len(runs)))
    # The first to finish gets the lowest label: no other's line then runs through it.
    for row, run in enumerate(sorted(runs, key=lambda run: run.finish_s)):
        _mark_finish(ax, run, run.finish_s / second, top * (1.1 + 0.12 * row), unit, end)
    if limited:
        ax.set_yticks([0, 25, 50, 75, 100])
    headline, note = headed("The origin's uplink over time", results)
    label = "uplink in use (%)" if limited else "sent by the origin (MB/s)"
    dress(ax, results, headline, f"time ({unit})", label, note)
    return ax


def _mark_finish(ax: Axes, run: Shown, finish: float, height: float, unit: str, end: float) -> None:
    early, shade = finish < end / 2, colour(run.backend)
    ax.plot([finish, finish], [0, height], ":", color=shade, linewidth=2.5)
    ax.annotate(
        f"{name(run.backend)}: last client done, {number(finish)} {unit}",
        (finish, height),
        (6 if early else -6, 0),
        textcoords="offset points",
        ha="left" if early else "right",
        va="center",
        fontsize=TEXT,
        color=shade,
        weight="bold",
    )


def sending(run: Shown, capacity: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """(edges in seconds, bytes per second between them) of what a run's origin sent.

    Neighbouring buckets are added up until at most STEPS are left; no byte is lost. `capacity`
    is in bytes per second, `math.inf` if unlimited.
    """
    rows = run.samples[run.samples["node"].isin(run.origins)]
    if rows.empty:
        return np.array([0.0, run.finish_s]), np.array([0.0])
    start, bucket = rows["t_s"].to_numpy(dtype=float), float(rows["bucket_s"].max())
    count = round(float(start.max()) / bucket) + 1
    edges = bucket * np.arange(count + 1)
    sent, _ = np.histogram(start + bucket / 2, bins=edges, weights=rows["up_bytes"])
    if math.isfinite(capacity):
        if edges[-2] < run.finish_s < edges[-1]:
            edges[-1] = run.finish_s
        sent = on_the_wire(sent, capacity * np.diff(edges))
    first = np.arange(0, count, math.ceil(count / STEPS))
    edges = edges[[*first, count]]
    return edges, np.add.reduceat(sent, first) / np.diff(edges)


def on_the_wire(sent: NDArray[Any], most: NDArray[Any]) -> NDArray[Any]:
    """Bytes by when they occupied the link: what a bucket can't have carried was under way before.

    A quantum is metered in one moment, when it has left; on a slow link that took many buckets'
    time. Both arguments are bytes a bucket; what does not fit at all stays in the first.
    """
    carried = np.zeros(len(sent))
    waiting = 0.0
    for index in reversed(range(len(sent))):
        waiting += sent[index]
        carried[index] = min(waiting, most[index]) if index else waiting
        waiting -= carried[index]
    return carried
