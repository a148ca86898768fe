"""The pictures of a run: each draws one set of results on one matplotlib Axes.

One that wants several panels insets them into its Axes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.plots.completion_cdf import completion_cdf
from bench.plots.distribution_time import distribution_time
from bench.plots.frames import Frames
from bench.plots.load import load
from bench.plots.origin_uplink import origin_uplink
from bench.plots.overlay import overlay
from bench.plots.pieces import has_pieces, pieces
from bench.plots.style import DPI, SIZE, roomy
from bench.plots.transports import several_transports, transports
from bench.plots.who_carried import who_carried

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURES: dict[str, Callable[..., Axes]] = {
    "distribution_time": distribution_time,
    "load": load,
    "who_carried": who_carried,
    "origin_uplink": origin_uplink,
    "completion_cdf": completion_cdf,
    "overlay": overlay,
    "pieces": pieces,
    "transports": transports,
}
ONLY_WHERE: dict[str, Callable[[Frames], bool]] = {
    "pieces": has_pieces,
    "transports": several_transports,
}
"""Whether results have what a picture is about; those that are not named here fit all."""


def pictures(results: Frames) -> dict[str, Callable[..., Axes]]:
    """The pictures that these results can be drawn as."""
    return {
        title: draw
        for title, draw in PICTURES.items()
        if title not in ONLY_WHERE or ONLY_WHERE[title](results)
    }


def draw_all(results: Frames, directory: Path) -> list[Path]:
    """Write the pictures of some results as PNG and SVG into a directory, which is made.

    Returns the files. The figures are not pyplot's, so none stays open. Without a finished run
    nothing is written. The same frames give the same SVG, byte for byte. Raises BenchError.
    """
    try:
        return _draw_all(results, directory)
    except OSError as error:
        reason = error.strerror or error
        raise BenchError(f"{directory}: the pictures cannot be written: {reason}") from None


def remove_all(directory: Path) -> None:
    """Remove the pictures that `draw_all` wrote into a directory. Raises OSError."""
    for title in PICTURES:
        for suffix in ("png", "svg"):
            (directory / f"{title}.{suffix}").unlink(missing_ok=True)


def _draw_all(results: Frames, directory: Path) -> list[Path]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if results.runs.empty:
        return []
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for title, draw in pictures(results).items():
        figure = Figure(figsize=SIZE, layout=roomy(), facecolor="white")
        draw(results, figure.subplots())
        png, svg = directory / f"{title}.png", directory / f"{title}.svg"
        figure.savefig(png, dpi=DPI)
        with rc_context({"svg.hashsalt": title}):
            figure.savefig(svg, metadata={"Date": None})
        written += [png, svg]
    return written
