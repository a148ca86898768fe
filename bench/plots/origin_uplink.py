"""Use of the origin's uplink over time, at the largest N."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import QUIET, TEXT, colour, dress, name, new_axes, number, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

STEPS = 150
"""Most steps of a curve: more cannot be told apart when projected."""
BAND = 1.4
"""Height of a backend's band, in highest rates: the rest is for its label."""


def origin_uplink(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the rate that the origin sends at: % of its uplink, or MB/s where that is unlimited.

    Each backend has a band of its own, for where both fill the uplink one would hide the other.
    """
    ax = new_axes(results, ax)
    runs, unit = shown(results), results.scenario.time_unit
    second = results.scenario.seconds_per_unit
    capacity = runs[0].scenario.origin_up / runs[0].scenario.scale
    limited = math.isfinite(capacity)
    curves = [sending(run, capacity) for run in runs]
    heights = [rates / (capacity / 100 if limited else 1e6) for _, rates in curves]
    times = [edges / second for edges, _ in curves]
    finishes = [run.finish_s / second for run in runs]
    top = max(100.0 if limited else 1e-9, *map(np.max, heights))
    end = max(*finishes, *(edges[-1] for edges in times))
    floors = [BAND * top * row for row in reversed(range(len(runs)))]
    for run, high, edges, finish, floor in zip(runs, heights, times, finishes, floors, strict=True):
        ax.stairs(floor + high, edges, baseline=floor, fill=True, color=tint(run.backend))
        ax.stairs(floor + high, edges, baseline=floor, color=colour(run.backend), linewidth=2.5)
        ax.axhline(floor, color=QUIET, linewidth=0.8)
        _mark_finish(ax, run, finish, floor, top, f"{number(finish)} {unit}", end)
    ax.set_xlim(0, end * 1.02 or 1.0)
    ax.set_ylim(0, BAND * top * len(runs))
    headline, note = headed("The origin's uplink over time", results)
    label = "uplink in use (%)" if limited else "sent by the origin (MB/s)"
    dress(ax, results, headline, f"time ({unit})", label, note)
    ticks = [0.0, 50.0, 100.0] if limited else [0.0, top]
    places = [(floor + tick, number(tick)) for floor in floors for tick in ticks]
    ax.set_yticks([place for place, _ in places], [text for _, text in places])
    return ax


def _mark_finish(
    ax: Axes, run: Shown, finish: float, floor: float, top: float, when: str, end: float
) -> None:
    early, shade = finish < end / 2, colour(run.backend)
    height = floor + top * (1 + BAND) / 2
    ax.plot([finish, finish], [floor, height], ":", color=shade, linewidth=2.5)
    ax.annotate(
        f"{name(run.backend)}: {run.ending}, {when}",
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
