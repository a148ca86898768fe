"""Who sends how much over N: the origin of each backend, and the peers that share its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.plots.frames import Frames, series, spread, variants
from bench.plots.style import (
    LINES,
    clients_axis,
    colour,
    dress,
    key,
    label_ends,
    legend,
    marker,
    name,
    new_axes,
    number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REQUESTS = 0.01
"""Clients that send less than this part of the file only ask; they do not carry."""


def load(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw bytes sent in copies of the file: origins, and a band from the mean to the busiest peer.

    Repeats give medians, and for origins a bar from min to max.
    """
    ax = new_axes(ax)
    ends = []
    for backend, order, _, rows in series(results):
        shade, line = colour(backend), LINES[order % len(LINES)]
        rows = rows.assign(
            origin=rows["origin_up_bytes"] / rows["file_bytes"].clip(lower=1),
            mean=rows["peer_up_bytes_mean"] / rows["file_bytes"].clip(lower=1),
            busiest=rows["peer_up_bytes_max"] / rows["file_bytes"].clip(lower=1),
        )
        clients, origin, low, high = spread(rows, "origin")
        bars = np.array([origin - low, high - origin])
        ax.errorbar(
            clients,
            origin,
            yerr=bars if bars.any() else None,
            fmt=marker(order) + line,
            color=shade,
            linewidth=2.5,
            markersize=11,
            markeredgecolor="white",
            markeredgewidth=1.5,
            capsize=6,
            zorder=3,
        )
        ends.append(
            (clients[-1], origin[-1], f"{name(backend)}: origin\n{_copies(origin[-1])}", shade)
        )
        if rows["busiest"].max() < REQUESTS:
            continue
        mean, busiest = spread(rows, "mean")[1], spread(rows, "busiest")[1]
        ax.fill_between(clients, mean, busiest, color=shade, alpha=0.2, linewidth=0)
        ax.plot(clients, busiest, line, color=shade, linewidth=1.5)
        ax.plot(clients, mean, line, color=shade, linewidth=1.5)
        ends.append(
            (
                clients[-1],
                busiest[-1],
                f"{name(backend)}: busiest peer\n{_copies(busiest[-1])}",
                shade,
            )
        )
        ends.append(
            (clients[-1], mean[-1], f"{name(backend)}: mean peer\n{_copies(mean[-1])}", shade)
        )
    clients_axis(ax, results.runs["clients"], positive=True)
    if len(variants(results)) == 1:
        label_ends(ax, ends)
    else:
        legend(ax, key(results), loc="upper left")
    dress(
        ax,
        results,
        "Bytes sent by the origin and by peers",
        "clients N",
        "sent, in copies of the file (F)",
    )
    return ax


def _copies(value: float) -> str:
    return f"{number(value)} F"
