"""Who sends how much over N: the origin of each backend, and the peers that share its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.plots.frames import Frames, series, spread, variants
from bench.plots.style import (
    LINES,
    clients_axis,
    colour,
    dress,
    label_ends,
    legend_beside,
    name,
    new_axes,
    number,
    points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REQUESTS = 0.01
"""Clients that send less than this part of the file only ask; they do not carry."""


def load(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw bytes sent in copies of the file: origins, and a band from the mean to the busiest peer.

    Repeats give medians, and for origins a bar from min to max.
    """
    ax = new_axes(results, ax)
    ends = []
    for backend, order, _, rows in series(results):
        shade, line = colour(backend), LINES[order % len(LINES)]
        size = rows["file_bytes"].clip(lower=1)
        rows = rows.assign(
            origin=rows["origin_up_bytes"] / size,
            mean=rows["peer_up_bytes_mean"] / size,
            busiest=rows["peer_up_bytes_max"] / size,
        )
        clients, *origin = spread(rows, "origin")
        points(ax, backend, order, line, clients, *origin)
        curves = {"origin": origin[0]}
        if rows["busiest"].max() > REQUESTS:
            curves["busiest peer"], curves["mean peer"] = peers = [
                spread(rows, column)[1] for column in ("busiest", "mean")
            ]
            ax.fill_between(clients, peers[0], peers[1], color=shade, alpha=0.2, linewidth=0)
            for curve in peers:
                ax.plot(clients, curve, line, color=shade, linewidth=1.5, marker=".", markersize=8)
        for what, curve in curves.items():
            text = f"{name(backend)}: {what}\n{number(curve[-1])} F"
            ends.append((clients[-1], curve[-1], text, shade))
    clients_axis(ax, results.runs["clients"])
    if len(variants(results)) == 1:
        label_ends(ax, ends)
    else:
        legend_beside(ax, results, "markers: origin\nbands: mean to\nbusiest peer")
    height = "sent, in copies of the file (F)"
    dress(ax, results, "Bytes sent by the origin and by peers", "clients N", height)
    return ax
