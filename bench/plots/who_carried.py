"""Who carried the load at the largest N: Lorenz curves of the bytes sent (M. O. Lorenz, 1905)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.plots.frames import Frames, headed, shown
from bench.plots.style import INK, QUIET, SMALL, TEXT, colour, dress, name, new_axes, number, tint
from bench.theory import gini, lorenz

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def who_carried(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw the share of all bytes sent by the idlest part of the hosts, the origin included.

    The area between a curve and the diagonal, as a part of the triangle, is the Gini coefficient.
    """
    ax = new_axes(results, ax)
    for run in shown(results):
        sent = run.nodes["up_bytes"].tolist()
        hosts, share = 100 * np.array(lorenz(sent)).T
        unequal, busiest = gini(sent), 100 * max(sent) / max(sum(sent), 1)
        ax.fill_between(
            hosts, share, hosts, color=tint(run.backend), linewidth=0, zorder=2 - unequal
        )
        ax.plot(
            hosts,
            share,
            color=colour(run.backend),
            linewidth=3.5,
            clip_on=False,
            zorder=3,
            label=f"{name(run.backend)}: Gini {unequal:.2f}"
            f" (busiest host sent {number(busiest)} %)",
        )
    ax.plot([0, 100], [0, 100], "--", color=QUIET, linewidth=2, label="all hosts send the same")
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 100)
    box = ax.legend(
        loc="upper left",
        frameon=False,
        fontsize=TEXT,
        labelcolor="linecolor",
        title="Gini 0: all send the same, 1: one sends all",
        title_fontsize=SMALL,
        alignment="left",
    )
    box.get_title().set_color(INK)
    headline, note = headed("Who carried the load", results)
    x = "hosts, idlest first (% of all hosts, origin included)"
    dress(ax, results, headline, x, "share of all bytes sent (%)", note)
    return ax
