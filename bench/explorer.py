"""The theory to play with: its bounds as a frame, and sliders that move them below measured points.

Kurose and Ross, Computer Networking, section 2.5; see `bench.theory`. Sliders need ipywidgets.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bench.errors import BenchError
from bench.experiment import Value, chosen
from bench.plots.distribution_time import POINTS
from bench.plots.frames import backends, first_variant, of_variant, spread
from bench.plots.style import (
    colour,
    frame,
    label_ends,
    name,
    new_axes,
    number,
    points,
    state,
)
from bench.scenario import MOST_CLIENTS, Scenario, field_text, override_all
from bench.table import bound_records
from bench.theory import bound

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.results import Results

FACTORS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""What a slider multiplies the measured value by."""
NUMBERS = (2, 5, 10, 20, 35, 50, 100, 200, 500, 1000, 5000)
"""Most clients that a slider shows, beside those that were measured."""
SLIDERS = {"clients": "N", "origin_up": "us", "peer_up": "u", "file_size": "F"}
"""Fields that have a slider, and the letters of the theory."""
DPI = 90


class ExplorerError(BenchError, ImportError):
    """Sliders are not to be had here: one line that says what is missing."""


def bounds(
    scenario: str | Path | Scenario | dict[str, object] = "kurose-ross",
    *,
    clients: int | Value | None = None,
    file_size: Value | None = None,
    origin_up: Value | None = None,
    peer_up: Value | None = None,
    peer_down: Value | None = None,
) -> pd.DataFrame:
    """Return the least distribution time of each backend for each N: backend, clients, bound_s.

    Nothing is run. The values are as in `bench.run`: `"10 Mbit/s"`, `range(1, 101)`, or numbers in
    bytes and bytes per second. Raises ScenarioError.
    """
    import pandas as pd

    given = {
        "clients": clients,
        "file_size": file_size,
        "origin_up": origin_up,
        "peer_up": peer_up,
        "peer_down": peer_down,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    records = bound_records(override_all(chosen(scenario), changes))
    return pd.DataFrame(records)[["backend", "clients", "bound_s"]]


def sliders(results: Results) -> Explorer:
    """Return sliders over the bounds, what was measured on top; a notebook shows them as a widget.

    `.sliders` are ipywidgets by field, `.figure` is the picture as it stands. Raises ExplorerError
    where ipywidgets is missing.
    """
    try:
        widgets = import_module("ipywidgets")
    except ImportError:
        needed = 'pip install "fileshare-lab[notebook]"'
        raise ExplorerError(f"sliders need ipywidgets, which is not installed: {needed}") from None
    return Explorer(results, widgets)


class Explorer:
    """Four sliders (N, us, u, F) and the picture that they redraw."""

    def __init__(self, results: Results, widgets: Any) -> None:
        self._results = results
        self._variant = first_variant(results)
        self._scenario = override_all(results.scenario, self._variant)
        self.sliders: dict[str, Any] = {
            field: widgets.SelectionSlider(
                options=options,
                value=value,
                description=SLIDERS[field],
                disabled=len(options) == 1,
                continuous_update=False,
            )
            for field, options, value in self._choices()
        }
        self.ax = _axes_of_its_own(results)
        self._image = widgets.Image(format="png")
        self.widget = widgets.VBox([widgets.VBox([*self.sliders.values()]), self._image])
        for slider in self.sliders.values():
            slider.observe(self._redraw, names="value")
        self._redraw()

    @property
    def figure(self) -> Figure:
        """The picture as it stands, for a page that has no sliders."""
        return cast("Figure", self.ax.figure)

    @property
    def scenario(self) -> Scenario:
        """The scenario that the sliders stand at, with the last N alone."""
        factors = {field: slider.value for field, slider in self.sliders.items()}
        scenario = self._scenario
        return override_all(
            scenario,
            {
                "clients": factors["clients"],
                "origin_up": scenario.origin_up * factors["origin_up"],
                "peer_up": [up * factors["peer_up"] for up in scenario.peer_up],
                "file_size": round(scenario.file_size * factors["file_size"]),
                "faults": [],
            },
        )

    def _choices(self) -> list[tuple[str, list[tuple[str, Any]], Any]]:
        """(field, options as label and value, value) of each slider; only what is finite moves."""
        measured = int(self._results.runs["clients"].max())
        numbers = sorted({*NUMBERS, measured})
        choices: list[tuple[str, list[tuple[str, Any]], Any]] = [
            ("clients", [(f"{n:,}", n) for n in numbers if n <= MOST_CLIENTS], measured)
        ]
        for field in ("origin_up", "peer_up", "file_size"):
            choices.append((field, _scaled(field_text(self._scenario, field)), 1.0))
        return choices

    def _redraw(self, _: object = None) -> None:
        moved = [slider for field, slider in self.sliders.items() if field != "clients"]
        here = ", ".join(f"{slider.description} = {slider.label}" for slider in moved)
        there = ", ".join(f"{slider.description} = {_label(slider, 1.0)}" for slider in moved)
        self.ax.clear()
        notes = f"lines: lower bound at {here}", f"points: measured at {there}"
        draw(self.ax, self._results, self.scenario, notes)
        page = io.BytesIO()
        self.figure.savefig(page, format="png", dpi=DPI)
        self._image.value = page.getvalue()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)


def draw(ax: Axes, results: Results, scenario: Scenario, notes: Sequence[str] = ()) -> None:
    """Draw a scenario's bounds up to its N as lines, and as points what `results` measured."""
    last, unit = scenario.clients[-1], scenario.time_unit
    variant = first_variant(results)
    grid = np.unique(np.linspace(1, last, min(POINTS, last)).round().astype(int))
    ends = []
    for backend in backends(results):
        shade = colour(backend)
        times = np.array([bound(scenario, backend, int(n)) for n in grid])
        times /= scenario.seconds_per_unit
        ax.plot(grid, times, linewidth=2.5, color=shade, alpha=0.7)
        ends.append((last, times[-1], f"{name(backend)}\nbound {number(times[-1])} {unit}", shade))
        runs = of_variant(results.runs, backend, variant)
        runs = runs[(runs["clients"] <= last) & (runs["finished"] == runs["clients"])]
        if len(runs):
            clients, *finish = spread(runs, "finish_s")
            median, low, high = (seconds / scenario.seconds_per_unit for seconds in finish)
            points(ax, backend, 0, "", clients, median, low, high)
    ax.set_xlim(0, 1.03 * last)
    ax.set_ylim(0, 1.03 * ax.get_ylim()[1])
    label_ends(ax, ends)
    state(ax, "Time until the last of N clients has the file", *notes)
    frame(ax, "clients N", f"distribution time ({unit})")


def _scaled(text: str) -> list[tuple[str, float]]:
    """A slider's options: a quantity's text times each factor, and the factor.

    What is unlimited stays so; of several links the factor alone is shown.
    """
    if text in ("unlimited", "0 B"):
        return [(text, 1.0)]
    if "," in text:
        return [(f"{factor:g} times", factor) for factor in FACTORS]
    figure, unit = text.split(" ", 1)
    return [(f"{float(figure) * factor:.4g} {unit}", factor) for factor in FACTORS]


def _label(slider: Any, value: float) -> str:
    """What a slider says where it stands at a value."""
    return next(str(label) for label, option in slider.options if option == value)


def _axes_of_its_own(results: Results) -> Axes:
    """New axes whose figure no notebook shows by itself, and none keeps open."""
    from matplotlib import pyplot

    ax = new_axes(results, None)
    figure: Any = ax.figure
    pyplot.close(figure)
    return ax
