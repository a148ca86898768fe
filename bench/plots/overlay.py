"""The overlay graph of each backend at the largest N: who sent how much to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import INK, QUIET, SMALL, TEXT, colour, head, name, new_axes, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from networkx import Graph

MOST_EDGES = 1000
"""The heaviest are drawn; beyond these a mesh is a blot."""
LEAST = 0.001
"""Edges below this part of the file carried talk, not data, and are left out."""
LARGEST = 2500.0
"""Area in points squared of the host that sent most; the others' go by their bytes."""
SMALLEST = 18.0
CIRCUMFERENCE = 950.0
"""Points around a graph, which its spokes share at the rim."""
APART = 2.5


def overlay(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw one graph a backend, side by side, every host at the same place in each.

    Node area goes by bytes sent, edge width by bytes carried both ways, on the same scale in all
    graphs of the picture. The origin is in the middle, the clients around it in their order.
    """
    ax = new_axes(ax)
    runs = shown(results)
    graphs = [graph_of(run) for run in runs]
    carried = max([1.0, *(edge[2] for graph in graphs for edge in by_weight(graph))])
    sent = max([1.0, *(float(run.nodes["up_bytes"].max()) for run in runs)])
    widest = float(np.clip(0.4 * CIRCUMFERENCE / runs[0].clients, 1.5, 5.0))
    for place, (run, graph) in enumerate(zip(runs, graphs, strict=True)):
        x = APART * place
        _draw_edges(ax, run, graph, x, widest / carried)
        _draw_nodes(ax, run, x, LARGEST / sent)
        _caption(ax, run, graph, x)
    ax.update_datalim([(-1.15, -1.1), (APART * (len(runs) - 1) + 1.15, 1.42)])
    ax.margins(0)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_axis_off()
    file = max(runs[0].file_bytes, 1)
    box = ax.legend(
        handles=scale_entries(sent / file, carried / file, widest),
        title="area: bytes sent, width: bytes carried both ways, F: the whole file",
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=5,
        frameon=False,
        fontsize=SMALL,
        title_fontsize=SMALL,
        labelcolor=INK,
        columnspacing=1.6,
        handletextpad=0.9,
    )
    box.get_title().set_color(QUIET)
    headline, note = headed("Who sent to whom", results)
    head(ax, results, headline, note)
    return ax


def graph_of(run: Shown) -> Graph[str]:
    """Every host of a run, and an edge with `bytes` for each pair that moved data either way."""
    from networkx import Graph

    graph: Graph[str] = Graph()
    graph.add_nodes_from(run.nodes["node"])
    columns = (run.edges[column].tolist() for column in ("source", "target", "bytes"))
    for source, target, carried in zip(*columns, strict=True):
        if graph.has_edge(source, target):
            carried += graph.edges[source, target]["bytes"]
        graph.add_edge(source, target, bytes=carried)
    talk = [edge[:2] for edge in by_weight(graph) if edge[2] < LEAST * run.file_bytes]
    graph.remove_edges_from(talk)
    return graph


def by_weight(graph: Graph[str]) -> list[tuple[str, str, float]]:
    """(host, host, bytes) of every edge, the lightest first."""
    edges: list[tuple[str, str, float]] = list(graph.edges(data="bytes"))
    return sorted(edges, key=lambda edge: edge[2])


def places(run: Shown, x: float) -> dict[str, tuple[float, float]]:
    """Origins in the middle at (x, 0), clients clockwise on the unit circle from its top."""
    clients = [node for node in run.nodes["node"] if node not in run.origins]
    turns = 2 * np.pi * np.arange(len(clients)) / max(len(clients), 1)
    around = zip(x + np.sin(turns), np.cos(turns), strict=True)
    return dict.fromkeys(run.origins, (x, 0.0)) | dict(zip(clients, around, strict=True))


def _draw_edges(ax: Axes, run: Shown, graph: Graph[str], x: float, points: float) -> None:
    from matplotlib.collections import LineCollection

    at = places(run, x)
    edges = by_weight(graph)[-MOST_EDGES:]
    width = np.maximum(points * np.array([carried for _, _, carried in edges]), 0.5)
    lines = LineCollection(
        [(at[source], at[target]) for source, target, _ in edges],
        linewidths=width,
        colors=colour(run.backend),
        alpha=np.clip(0.12 + width / 4, 0, 0.65) if len(edges) else None,
    )
    ax.add_collection(lines)


def _draw_nodes(ax: Axes, run: Shown, x: float, points: float) -> None:
    at = places(run, x)
    for origin, rim, weight in ((False, "white", 0.8), (True, INK, 3.0)):
        rows = run.nodes[run.nodes["node"].isin(run.origins) == origin]
        spots = np.array([at[node] for node in rows["node"]])
        ax.scatter(
            spots[:, 0],
            spots[:, 1],
            s=np.maximum(points * rows["up_bytes"].to_numpy(dtype=float), SMALLEST),
            color=colour(run.backend),
            edgecolors=rim,
            linewidths=weight,
            zorder=3,
        )


def _caption(ax: Axes, run: Shown, graph: Graph[str], x: float) -> None:
    shade = colour(run.backend)
    pairs, origin = graph.number_of_edges(), float(run.run["origin_up_bytes"])
    said = f"{pairs:,} pairs" if pairs != 1 else "1 pair"
    if pairs > MOST_EDGES:
        said = f"heaviest {MOST_EDGES:,} of {said}"
    said += f", origin sent {number(origin / max(run.file_bytes, 1))} F"
    ax.text(x, 1.29, name(run.backend), ha="center", fontsize=TEXT + 3, color=shade, weight="bold")
    ax.text(x, 1.14, said, ha="center", fontsize=SMALL, color=INK)


def scale_entries(sent: float, carried: float, widest: float) -> Sequence[Line2D]:
    """Legend entries to read bytes off: two areas and two widths, in copies of the file.

    `sent` and `carried` are the largest in the picture, in copies; `widest` is in points.
    """
    from matplotlib.lines import Line2D

    def dot(area: float, label: str, **rim: Any) -> Line2D:
        size = float(np.sqrt(area))
        return Line2D([], [], linestyle="", marker="o", markersize=size, label=label, **rim)

    ring = {"color": "white", "markeredgecolor": INK, "markeredgewidth": 3}
    entries = [dot(150.0, "origin", **ring)]
    for copies in (_round_below(sent / 2), _round_below(sent / 10)):
        area = max(LARGEST * copies / sent, SMALLEST)
        entries.append(dot(area, f"sent {number(copies)} F", color=QUIET, markeredgewidth=0))
    for copies in (_round_below(carried), _round_below(carried / 5)):
        width = max(widest * copies / carried, 0.5)
        entries.append(
            Line2D([], [], color=QUIET, linewidth=width, label=f"carried {number(copies)} F")
        )
    return entries


def _round_below(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20 ... (and 0.5, 0.2, ...) that is not above a value."""
    ten = 10.0 ** np.floor(np.log10(value))
    return float(ten * max(step for step in (1, 2, 5) if step * ten <= value * (1 + 1e-9)))
