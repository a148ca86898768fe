"""Copies of each piece over time: rarest first (Cohen 2003, section 2.4.2) keeps them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import INK, SMALL, TEXT, colour, dress, new_axes, number, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MOMENTS = 400
"""Points of a curve: as fine as a picture's width shows."""


def has_pieces(results: Frames) -> bool:
    """Whether a run that would be drawn has pieces at all."""
    return not results.pieces.empty and any(len(run.pieces) for run in shown(results))


def pieces(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw copies among all hosts, the origin's included: the rarest, median and commonest piece.

    A host that crashed counts on: what it had is on its disk. Dotted: every piece has reached a
    client. Raises ValueError where nothing was moved in pieces.
    """
    ax = new_axes(results, ax)
    runs = [run for run in shown(results) if len(run.pieces)]
    if not runs:
        raise ValueError("no run moved the file in pieces, so there are no copies to count")
    run = runs[0]
    unit, second = results.scenario.time_unit, results.scenario.seconds_per_unit
    moments, copies = counted(run)
    moments = moments / second
    shade = colour(run.backend)
    low, middle, high = copies.min(axis=0), np.median(copies, axis=0), copies.max(axis=0)
    ax.fill_between(moments, low, high, step="post", color=tint(run.backend), linewidth=0)
    for curve, label, line, width in (
        (high, "commonest piece", "-", 1.5),
        (middle, "median piece", "--", 2.5),
        (low, "rarest piece", "-", 4.5),
    ):
        ax.step(moments, curve, line, where="post", color=shade, linewidth=width, label=label)
    ax.legend(loc="lower right", frameon=False, fontsize=TEXT, labelcolor=INK)
    safe_s = float(everywhere(run)) / second
    if np.isfinite(safe_s):
        ax.axvline(safe_s, color=INK, linewidth=2.5, linestyle=":")
        ax.annotate(
            f"every piece is at a client: {number(safe_s)} {unit}\nnow nobody needs the origin",
            (safe_s, 0.97),
            (10, 0),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            va="top",
            fontsize=SMALL,
            color=INK,
        )
    ax.set_xlim(0, moments[-1])
    ax.set_ylim(0, 1.03 * (run.clients + 1))
    headline, note = headed("Copies of each piece", results)
    dress(ax, results, headline, f"time ({unit})", "copies, the origin's included", note)
    return ax


def counted(run: Shown) -> tuple[NDArray[Any], NDArray[Any]]:
    """(moments in seconds, copies[piece, moment]) of a run, the origin's copy included."""
    moments = np.linspace(0.0, run.finish_s, MOMENTS)
    copies = np.ones((int(run.pieces["piece"].max()) + 1, MOMENTS))
    for piece, row in enumerate(copies):
        times = run.pieces.loc[run.pieces["piece"] == piece, "t_s"]
        row += np.searchsorted(np.sort(times), moments, side="right")
    return moments, copies


def everywhere(run: Shown) -> float:
    """When each piece had reached a client, in seconds; inf where one never did."""
    first = run.pieces.groupby("piece")["t_s"].min()
    complete = len(first) == int(run.pieces["piece"].max()) + 1
    return float(first.max()) if complete else np.inf
