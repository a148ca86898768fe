"""The overlay graph of each backend at the largest N: who sent how much to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import topology
from bench.plots.frames import Frames, Shown, headed, shown
from bench.plots.style import INK, QUIET, SMALL, TEXT, colour, head, name, new_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from networkx import Graph

MOST_EDGES = 1000
"""The heaviest are drawn; beyond these a mesh is a blot."""
CIRCUMFERENCE = 950.0
"""Points around a graph in a picture of the usual size."""
RING = 9.0
"""Points by which the ring around the origin is wider than its dot."""
WORDS = 60.0
"""Points that a graph's name and figures take above it, with room to spare."""
APART = 2.7
"""From one graph's middle to the next, in radii."""


@dataclass(frozen=True)
class Scale:
    """How bytes become points: one scale for all graphs of a picture."""

    sent: float
    """Bytes that the busiest host sent."""
    carried: float
    """Bytes that the heaviest edge carried."""
    room: float
    """Points along the rim that one client has."""

    @property
    def widest(self) -> float:
        return float(np.clip(0.4 * self.room, 0.5, 4.5))

    @property
    def smallest(self) -> float:
        return float(np.clip(0.8 * self.room, 1.5, 4.8)) ** 2

    @property
    def rim(self) -> float:
        return 0.8 if self.room > 4 else 0.0

    def width(self, carried: float) -> float:
        """Points: by the bytes, never so thin that it is lost."""
        return max(self.widest * carried / self.carried, 0.5)

    def area(self, sent: float) -> float:
        """Points squared: by the bytes, never so small that it is lost."""
        return max(2500.0 * sent / self.sent, self.smallest)


def overlay(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw one graph a backend, side by side, every host at the same place in each.

    Node area goes by bytes sent, edge width by bytes carried both ways, on the same scale in all
    graphs of the picture. The origin is in the middle, the clients around it in their order.
    """
    ax = new_axes(results, ax)
    runs = shown(results)
    graphs = [graph_of(run) for run in runs]
    scale = Scale(
        sent=max([1.0, *(float(run.nodes["up_bytes"].max()) for run in runs)]),
        carried=max([1.0, *(edge[2] for graph in graphs for edge in by_weight(graph))]),
        room=CIRCUMFERENCE / runs[0].clients,
    )
    for place, (run, graph) in enumerate(zip(runs, graphs, strict=True)):
        _draw(ax, run, graph, APART * place, scale)
    rim = max(rim_of(run, scale) for run in runs)
    below, above = (points * 2 * np.pi / CIRCUMFERENCE for points in (rim, rim + WORDS))
    ax.update_datalim([(-1.15, -1.12 - below), (APART * (len(runs) - 1) + 1.15, 1.1 + above)])
    ax.margins(0)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_axis_off()
    ax.legend(
        handles=scale_entries(scale, max(runs[0].file_bytes, 1)),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=5,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        columnspacing=1.6,
        handletextpad=0.9,
    )
    headline, note = headed("Who sent to whom", results)
    meaning = "node area: bytes sent, line width: bytes carried both ways, F: the whole file"
    head(ax, results, headline, note, meaning)
    return ax


def graph_of(run: Shown) -> Graph[str]:
    """Every host of a run, and an edge with `bytes` for each pair that moved data either way."""
    columns = (run.edges[column].tolist() for column in ("source", "target", "bytes"))
    triples = zip(*columns, strict=True)
    return topology.overlay(run.nodes["node"], triples, topology.LEAST * run.file_bytes)


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


def _draw(ax: Axes, run: Shown, graph: Graph[str], x: float, scale: Scale) -> None:
    from matplotlib.collections import LineCollection

    at, shade = places(run, x), colour(run.backend)
    edges = by_weight(graph)[-MOST_EDGES:]
    width = np.array([scale.width(carried) for _, _, carried in edges])
    ends = [(at[source], at[target]) for source, target, _ in edges]
    alpha = np.clip(0.12 + width / 4, 0, 0.65) if edges else None
    ax.add_collection(LineCollection(ends, linewidths=width, colors=shade, alpha=alpha))
    x_of, y_of = np.array([at[node] for node in run.nodes["node"]]).T
    area = np.array([scale.area(sent) for sent in run.nodes["up_bytes"]])
    # A ring outside the origin's dot marks it and leaves the dot's area to speak of bytes.
    of = run.nodes["node"].isin(run.origins).to_numpy()
    ring = (np.sqrt(area[of]) + RING) ** 2
    ax.scatter(x_of[of], y_of[of], s=ring, color="white", edgecolors=INK, linewidths=2.5, zorder=3)
    ax.scatter(x_of, y_of, s=area, color=shade, edgecolors="white", linewidths=scale.rim, zorder=4)
    rim = rim_of(run, scale)
    above: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
    ax.annotate(
        name(run.backend),
        (x, 1.1),
        (0, 20 + rim),
        fontsize=TEXT + 3,
        color=shade,
        weight="bold",
        **above,
    )
    ax.annotate(summary(run, graph), (x, 1.1), (0, rim), fontsize=SMALL, color=INK, **above)


def rim_of(run: Shown, scale: Scale) -> float:
    """Points by which the largest client's dot reaches beyond its place."""
    clients = run.nodes[~run.nodes["node"].isin(run.origins)]
    return float(np.sqrt(scale.area(float(clients["up_bytes"].max()))) / 2)


def summary(run: Shown, graph: Graph[str]) -> str:
    """`614 pairs, origin sent 7.5 F`, with a word on edges that are not drawn."""
    pairs = graph.number_of_edges()
    said = "1 pair" if pairs == 1 else f"{pairs:,} pairs"
    if pairs > MOST_EDGES:
        said = f"heaviest {MOST_EDGES:,} of {said}"
    copies = float(run.run["origin_up_bytes"]) / max(run.file_bytes, 1)
    return f"{said}, origin sent {number(copies)} F"


def scale_entries(scale: Scale, file_bytes: int) -> list[Line2D]:
    """Legend entries: the origin's ring, then two areas and two widths in copies of the file."""
    from matplotlib.lines import Line2D

    def dot(area: float, label: str, **rim: Any) -> Line2D:
        size = float(np.sqrt(area))
        return Line2D([], [], linestyle="", marker="o", markersize=size, label=label, **rim)

    ring = {"color": "white", "markeredgecolor": INK, "markeredgewidth": 2.5}
    entries = [dot(150.0, "origin", **ring)]
    for part in (1 / 3, 1 / 15):
        copies = round_below(part * scale.sent / file_bytes)
        area = scale.area(copies * file_bytes)
        entries.append(dot(area, f"sent {number(copies)} F", color=QUIET, markeredgewidth=0))
    for part in (1, 1 / 5):
        copies = round_below(part * scale.carried / file_bytes)
        width, label = scale.width(copies * file_bytes), f"carried {number(copies)} F"
        entries.append(Line2D([], [], color=QUIET, linewidth=width, label=label))
    return entries


def round_below(value: float) -> float:
    """The largest of ..., 0.2, 0.5, 1, 2, 5, 10, ... that is not above a value, within 0.1 %."""
    ten = 10.0 ** np.floor(np.log10(1.001 * value))
    return float(ten * max(step for step in (1, 2, 5) if step * ten <= 1.001 * value))
