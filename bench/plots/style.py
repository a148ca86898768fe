"""How every picture looks: colours (Okabe and Ito's colour-blind-safe palette), sizes, labels."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.plots.frames import backends, variants, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from numpy.typing import NDArray

    from bench.plots.frames import Frames

SIZE = (10.0, 6.0)
"""Inches."""
DPI = 150
LINE = 84
"""Characters of SMALL text that fit beside nothing else."""
TEXT = 14
SMALL = 13
INK = "#222222"
QUIET = "#666666"
GRID = "#E3E3E3"

COLOURS = {"central": "#D55E00", "p2p": "#0072B2"}
MORE_COLOURS = ("#009E73", "#CC79A7", "#E69F00")
NAMES = {"central": "central server", "p2p": "P2P"}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def colour(backend: str) -> str:
    """The one colour of a backend, in every picture."""
    return COLOURS.get(backend) or MORE_COLOURS[sum(backend.encode()) % len(MORE_COLOURS)]


def name(backend: str) -> str:
    """A backend as the class calls it."""
    return NAMES.get(backend, backend)


def number(value: float) -> str:
    """Three digits, never an exponent: 0.817, 3.5, 12.3, 5,000."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def tint(backend: str) -> tuple[float, float, float]:
    """A light, opaque shade of a backend's colour for areas, which never mixes with another's."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - 0.28 * (1 - part) for part in to_rgb(colour(backend)))
    return red, green, blue


def roomy() -> ConstrainedLayoutEngine:
    """The layout of every figure: nothing overlaps, and a margin around it all (inches)."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.2)


def new_axes(results: Frames, ax: Axes | None) -> Axes:
    """The given axes, or new ones of a pyplot figure, which is what a notebook shows.

    Raises ValueError where there is no run to draw.
    """
    if results.runs.empty:
        raise ValueError("no run finished, so there is nothing to draw")
    return notebook_axes() if ax is None else ax


def notebook_axes() -> Axes:
    """Axes of a new pyplot figure, which is what a notebook shows."""
    from matplotlib import pyplot

    return pyplot.subplots(figsize=SIZE, layout=roomy())[1]


def head(ax: Axes, results: Frames, headline: str, *notes: str) -> None:
    """Write what the picture states; below it the scenario's title, and notes (empty: none)."""
    state(ax, headline, results.scenario.title or results.scenario.name, *notes)


def state(ax: Axes, headline: str, *notes: str) -> None:
    """Write what the picture states, and below it notes (empty: none)."""
    lines: list[str] = []
    for part in notes:
        if lines and part and len(lines[-1]) + 3 + len(part) <= LINE:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, LINE)
    pad = 12 + 18 * len(lines)
    ax.set_title(headline, loc="left", fontsize=19, color=INK, weight="bold", pad=pad)
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        (0, 9),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=QUIET,
        va="bottom",
    )


def dress(ax: Axes, results: Frames, headline: str, x: str, y: str, note: str = "") -> None:
    """Head, axis labels and a light grid; sizes are set here, not by global parameters."""
    head(ax, results, headline, note)
    frame(ax, x, y)


def frame(ax: Axes, x: str, y: str) -> None:
    """Axis labels and a light grid; call it when the curves are drawn."""
    from matplotlib.ticker import StrMethodFormatter

    ax.set_xlabel(x, fontsize=TEXT + 1, color=INK, labelpad=8)
    ax.set_ylabel(y, fontsize=TEXT + 1, color=INK, labelpad=8)
    ax.tick_params(which="both", labelsize=TEXT, colors=INK, length=0, pad=10)
    ax.grid(True, color=GRID, linewidth=1)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(QUIET)
    for axis, limit in ((ax.xaxis, ax.get_xlim()[1]), (ax.yaxis, ax.get_ylim()[1])):
        if axis.get_scale() == "linear" and limit >= 1000:
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def is_skewed(clients: Iterable[int]) -> bool:
    """Whether a linear axis would press most of these N into its left eighth."""
    values = np.unique(list(clients))
    return len(values) > 2 and bool(np.median(values) < values[-1] / 8)


def clients_axis(ax: Axes, clients: Iterable[int]) -> None:
    """Measured N as ticks where there is room; both axes logarithmic where N is skewed."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    values = np.unique(list(clients))
    thousands = FuncFormatter(lambda value, _: number(value))
    if is_skewed(values):
        ax.set_xscale("log")
        ax.set_yscale("log", nonpositive="mask")
        ax.set_xlim(values[0] / 1.15, values[-1] * 1.15)
        ax.xaxis.set_minor_locator(NullLocator())
        low, high = ax.get_ylim()
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
        ax.yaxis.set_major_formatter(thousands)
        ax.yaxis.set_minor_formatter(NullFormatter())
        places = np.log(values)
    else:
        ax.set_xlim(0, values[-1] * 1.03)
        ax.set_ylim(0, 1.03 * ax.get_ylim()[1])
        places = values
    ax.xaxis.set_major_formatter(thousands)
    room = 0.045 * max(float(np.ptp(places)), 1e-9)
    ticks = [-1]
    for index in range(len(values) - 2, -1, -1):
        if places[ticks[-1]] - places[index] >= room:
            ticks.append(index)
    ax.set_xticks(values[ticks])


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]], gap: float = 0.125) -> None:
    """Write (x, height, text, colour) of curves' ends at the right edge, joined where moved.

    Labels keep `gap` of the axis' height apart. Call it when the limits are final.
    """
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform((x, y))[1]) for x, y, _, _ in ends]
    order = np.argsort(heights, kind="stable")
    places = apart([heights[index] for index in order], gap)
    for place, index in zip(places, order, strict=True):
        x, height, text, shade = ends[index]
        moved = abs(place - heights[index]) > 0.02
        ax.annotate(
            text,
            (x, height),
            (1.025, place),
            textcoords="axes fraction",
            va="center",
            fontsize=TEXT,
            color=shade,
            weight="bold",
            linespacing=1.25,
            arrowprops={"arrowstyle": "-", "color": shade, "relpos": (0, 0.5)} if moved else None,
        )


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights (0 to 1) moved so that they stay inside and `gap` from their neighbours."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + gap if places else 0.02))
    ceiling = 0.98
    for rank in reversed(range(len(places))):
        places[rank] = min(places[rank], ceiling)
        ceiling = places[rank] - gap
    return places


def key(results: Frames) -> list[Any]:
    """Legend entries of a sweep: colours are backends, markers and dashes are variants."""
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], linewidth=6, color=colour(b), label=name(b)) for b in backends(results)
    ]
    for order, variant in enumerate(variants(results)):
        if not variant:
            continue  # of a backend that nothing swept matters to: its colour is enough
        entries.append(
            Line2D(
                [],
                [],
                color=QUIET,
                marker=MARKERS[order % len(MARKERS)],
                markersize=10,
                linestyle=LINES[order % len(LINES)],
                linewidth=2.5,
                label=words(variant, "\n"),
            )
        )
    return entries


def points(ax: Axes, backend: str, order: int, line: str, *table: NDArray[Any]) -> None:
    """Draw (N, median, min, max) as markers with a bar where the repeats differ."""
    clients, median, low, high = table
    shade = colour(backend)
    if (high > low).any():
        bars = np.array([median - low, high - median])
        ax.errorbar(
            clients, median, bars, fmt="none", ecolor=shade, elinewidth=2.5, capsize=5, capthick=2.5
        )
    ax.plot(
        clients,
        median,
        MARKERS[order % len(MARKERS)] + line,
        color=shade,
        linewidth=2.5,
        markersize=11,
        markeredgecolor="white",
        markeredgewidth=1.5,
        zorder=3,
    )


def legend_beside(ax: Axes, results: Frames, title: str) -> None:
    """Right of a sweep's curves: what the marks are, then `key`."""
    box = ax.legend(
        handles=key(results),
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        fontsize=SMALL,
        title_fontsize=SMALL,
        labelcolor=INK,
        alignment="left",
        labelspacing=0.8,
    )
    box.get_title().set_color(QUIET)
