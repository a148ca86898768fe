"""What the transports of the central backend cost, side by side, for few clients and for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.plots.frames import Frames, first_variant, most_met, of_variant, pick, words
from bench.plots.style import (
    GRID,
    INK,
    QUIET,
    SMALL,
    TEXT,
    colour,
    head,
    name,
    new_axes,
    number,
    tint,
)
from bench.sweep import ANY, APART

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

FIELD = "transport"
LABELS = {
    "http": "HTTP\n(kept open)",
    "http-close": "HTTP\n(closing)",
    "socket": "socket\n(kept open)",
    "tftp": "TFTP\n(UDP)",
}
HEIGHT = 0.88
"""A panel's height, as a part of the picture's: the rest is for its title."""
GAP = 0.05
"""Between two panels, as a part of the picture's width."""
LETTER = 0.075
"""A letter's width in a panel, as a part of the panel: what the figures behind bars take."""
ROW = 0.72
"""The height of all bars of a row, in rows."""


@dataclass(frozen=True)
class Way:
    """One row of the picture: how the file was handed out, and its runs."""

    backend: str
    label: str
    runs: DataFrame

    def median(self, clients: int, column: str, over: str | None = None) -> float:
        """The median of a column (in parts of another) over the repeats with so many clients."""
        rows = pick(self.runs, clients=clients)
        return float((rows[column] if over is None else rows[column] / rows[over]).median())


@dataclass(frozen=True)
class Figure:
    """What a panel shows: a column, in parts of another and of a unit."""

    title: str
    column: str
    over: str | None = None
    unit: float = 1.0

    def of(self, way: Way, clients: int) -> float:
        return way.median(clients, self.column, self.over) / self.unit

    def text(self, value: float) -> str:
        return f"{value:.3f}" if self.over == "bound_s" else number(value)


def several_transports(results: Frames) -> bool:
    """Whether there are runs of more than one transport to compare."""
    return len(_transports(results)) > 1


def transports(results: Frames, ax: Axes | None = None) -> Axes:
    """Draw bars for each transport, and for other backends that ran, at the least and the most N.

    They are time over the bound (in the scenario's unit where nothing bounds it), overhead,
    connections and socket calls: medians over the repeats, each in a panel inset in the axes.
    Raises ValueError where no transports were compared.
    """
    if not several_transports(results):
        raise ValueError("no two transports have run; expected such as --transport http,tftp")
    ax = new_axes(results, ax)
    numbers, ways = compared(results)
    figures = _figures(results, ways)
    ax.set_axis_off()
    width = (1 + GAP) / len(figures)
    for place, figure in enumerate(figures):
        panel = ax.inset_axes((place * width, 0.0, width - GAP, HEIGHT))
        _bars(panel, figure, numbers, ways)
        panel.set_title(figure.title, loc="left", fontsize=SMALL, color=INK, pad=10)
        panel.set_yticks(range(len(ways)), [] if place else [way.label for way in ways])
    others = {field: value for field, value in first_variant(results).items() if field != FIELD}
    notes = [f"pale: N = {numbers[0]:,}, full: N = {numbers[1]:,}"] if numbers[1:] else []
    notes += [f"first variant: {words(others)}"] if others else []
    notes += ["medians of the repeats"] if results.scenario.repeats > 1 else []
    head(ax, results, f"What the transports cost, N = {' and '.join(map(str, numbers))}", *notes)
    return ax


def _figures(results: Frames, ways: list[Way]) -> list[Figure]:
    if all((way.runs["bound_s"] > 0).all() for way in ways):
        time = Figure("time until all have it,\nover its bound", "finish_s", "bound_s")
    else:
        title = f"time until all have it,\nin {results.scenario.time_unit}"
        time = Figure(title, "finish_s", unit=results.scenario.seconds_per_unit)
    return [
        time,
        Figure("overhead received\nper client (KiB)", "overhead_bytes", "clients", unit=1024),
        Figure("connections that\nthe origin accepted", "origin_connections"),
        Figure("socket calls\nof the origin", "origin_calls"),
    ]


def _bars(panel: Axes, figure: Figure, numbers: list[int], ways: list[Way]) -> None:
    """For each way a bar for each number of clients, the most in full colour, and its figure."""
    thick, most, texts = ROW / len(numbers), 0.0, []
    for row, way in enumerate(ways):
        for place, clients in enumerate(numbers):
            full = colour(way.backend)
            shade = full if clients == numbers[-1] else tint(way.backend)
            height = row + thick * (place - (len(numbers) - 1) / 2)
            value = figure.of(way, clients)
            panel.barh(height, value, thick * 0.9, color=shade)
            panel.annotate(
                figure.text(value),
                (value, height),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=TEXT,
                color=full,
                weight="bold",
            )
            texts.append(figure.text(value))
            most = max(most, value)
    panel.set_xlim(0, most / (0.95 - LETTER * max(map(len, texts))) or 1.0)
    panel.set_ylim(len(ways) - 0.5, -0.5)
    panel.set_xticks([])
    panel.tick_params(labelsize=TEXT, colors=INK, length=0, pad=8)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    panel.spines["left"].set_color(QUIET)
    panel.hlines([row + 0.5 for row in range(len(ways) - 1)], *panel.get_xlim(), color=GRID)


def compared(results: Frames) -> tuple[list[int], list[Way]]:
    """(the least and the most N that most ways finished, once if the same; the ways that did)."""
    central, first = APART[FIELD], first_variant(results)
    ways = [
        Way(
            central,
            LABELS.get(transport, transport),
            of_variant(results.runs, central, first | {FIELD: transport}),
        )
        for transport in _transports(results)
    ]
    for backend in dict.fromkeys(results.runs["backend"]):
        if backend != central:
            ways.append(Way(backend, name(backend), of_variant(results.runs, backend, first)))
    met = most_met([way.runs for way in ways])
    numbers = sorted({met[0], met[-1]})
    return numbers, [way for way in ways if set(numbers) <= set(way.runs["clients"])]


def _transports(results: Frames) -> list[str]:
    """The transports that have a run, in the runs' order."""
    if FIELD not in results.meta.get("sweep", {}):
        return []
    return [value for value in results.runs[FIELD].unique() if value != ANY]
