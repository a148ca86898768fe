"""bench.plots: what holds for every picture: legible, one colour a backend, nothing left open."""

import itertools
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from bench_plot_model import UNLIMITED, axes, kurose_ross, measured, texts
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

from bench.plots import ONLY_WHERE, PICTURES, draw_all
from bench.plots.frames import series, shown
from bench.plots.style import COLOURS, SIZE, SMALL, apart, colour, key, number
from bench.results import Results
from host.quantities import Size

TRANSPORTS = ("http", "http-close", "socket", "tftp")
CASES: dict[str, Callable[[], Results]] = {
    "both": lambda: measured(kurose_ross(repeats=2)),
    "swept": lambda: measured(kurose_ross(), {"peer_up": ["4 MiB/h", "8 MiB/h"]}),
    "transports": lambda: measured(kurose_ross(transport=TRANSPORTS)),
    "one client": lambda: measured(kurose_ross(clients=(1,))),
    "large": lambda: measured(kurose_ross(clients=(2, 8, 80), time_unit="s")),
    "unlimited": lambda: measured(
        kurose_ross(
            origin_up=UNLIMITED, peer_up=(UNLIMITED,), clients=(1, 4), clock="real", time_unit="s"
        )
    ),
}


ALWAYS = [picture for picture in PICTURES if picture not in ONLY_WHERE]


@pytest.mark.parametrize(
    ("case", "picture"),
    [
        *itertools.product(CASES, ALWAYS),
        ("transports", "transports"),
    ],
)
def test_no_text_covers_another_or_is_small(case: str, picture: str) -> None:
    results = CASES[case]()
    ax = PICTURES[picture](results, axes())
    ax.figure.draw_without_rendering()
    assert results.scenario.title in " ".join(texts(ax))
    hidden = [] if ax.axison else [*ax.xaxis.findobj(Text), *ax.yaxis.findobj(Text)]
    shown_texts = [
        text
        for text in ax.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text not in hidden
    ]
    assert min(text.get_fontsize() for text in shown_texts) >= SMALL
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in shown_texts]
    for (one, box), (other, its_box) in itertools.combinations(boxes, 2):
        assert one == other or not box.overlaps(its_box), (one, other)


@pytest.mark.parametrize("picture", ALWAYS)
@pytest.mark.parametrize("backend", COLOURS)
def test_a_backend_has_one_colour_everywhere(picture: str, backend: str) -> None:
    ax = PICTURES[picture](measured(kurose_ross(backends=(backend,))), axes())
    inked = (*ax.findobj(Line2D), *ax.findobj(Text))
    used = {to_hex(artist.get_color()) for artist in inked}
    for collection in ax.collections:
        shades = (*collection.get_facecolor(), *collection.get_edgecolor())
        used |= {to_hex(shade) for shade in shades}
    ours, others = {colour(backend).lower()}, {shade.lower() for shade in COLOURS.values()}
    assert used & others == ours


def test_backends_that_nothing_swept_matters_to_are_one_curve_and_no_entry_of_the_key() -> None:
    results = measured(kurose_ross(transport=("http", "tftp")))
    curves = [(backend, order, variant) for backend, order, variant, _ in series(results)]
    assert curves == [
        ("central", 0, {"transport": "http"}),
        ("central", 1, {"transport": "tftp"}),
        ("p2p", 2, {}),
    ]
    assert [len(rows) for _, _, _, rows in series(results)] == [4, 4, 4]
    assert [entry.get_label() for entry in key(results)] == [
        "central server",
        "P2P",
        "transport = http",
        "transport = tftp",
    ]
    first = shown(results)
    assert [(run.backend, run.clients) for run in first] == [("central", 35), ("p2p", 35)]
    assert [run.run["transport"] for run in first] == ["http", "-"]
    assert [len(run.nodes) for run in first] == [36, 36]


def test_what_is_swept_for_one_backend_leaves_the_other_its_bound() -> None:
    results = measured(kurose_ross(), {"upload_slots": ["2", "4"], "peer_up": ["4 MiB/h"]})
    curves = [(backend, variant) for backend, _, variant, _ in series(results)]
    assert curves == [
        ("central", {"peer_up": "4 MiB/h"}),
        ("p2p", {"upload_slots": "2", "peer_up": "4 MiB/h"}),
        ("p2p", {"upload_slots": "4", "peer_up": "4 MiB/h"}),
    ]
    said = " ".join(texts(PICTURES["overlay"](results, axes()))).replace("\n", " ")
    assert "first variant: upload_slots = 2, peer_up = 4 MiB/h" in said


@pytest.mark.parametrize("picture", ["who_carried", "origin_uplink", "completion_cdf", "overlay"])
def test_pictures_of_one_run_say_which(picture: str) -> None:
    scenario = kurose_ross(repeats=2, clients=(2, 5))
    sweep = {"peer_up": ["4 MiB/h", "8 MiB/h"]}
    ax = PICTURES[picture](measured(scenario, sweep), axes())
    assert ax.get_title(loc="left").endswith("N = 5")
    said = " ".join(texts(ax)).replace("\n", " ")
    assert "first variant: peer_up = 4 MiB/h; first repeat" in said


def test_the_largest_number_that_most_backends_finished_is_shown() -> None:
    results = measured(kurose_ross(clients=(1, 5, 20)))
    cut = results.runs[(results.runs["backend"] == "central") | (results.runs["clients"] < 20)]
    partial = Results(scenario=results.scenario, meta={}, **frames_of(results) | {"runs": cut})
    assert [(run.backend, run.clients) for run in shown(partial)] == [("central", 5), ("p2p", 5)]


def frames_of(results: Results) -> dict[str, pd.DataFrame]:
    return {name: getattr(results, name) for name in ("runs", "nodes", "samples", "edges")}


def test_draw_all_writes_every_picture_twice_and_leaves_nothing_open(tmp_path: Path) -> None:
    results = measured(kurose_ross(clients=(1, 5)))
    before = dict(matplotlib.rcParams)
    figures = pyplot.get_fignums()
    written = draw_all(results, tmp_path / "one")
    assert [path.name for path in written] == [
        f"{name}.{suffix}" for name in ALWAYS for suffix in ("png", "svg")
    ]
    for path in written:
        assert path.stat().st_size > 5000
    again = draw_all(results, tmp_path / "two")
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(written, again, strict=True)] == [
        True
    ] * 12
    assert pyplot.imread(written[0]).shape == (900, 1500, 4)
    assert pyplot.get_fignums() == figures
    assert dict(matplotlib.rcParams) == before


def test_without_axes_a_pyplot_figure_is_made_for_the_notebook() -> None:
    pyplot.switch_backend("agg")
    ax = PICTURES["load"](measured(kurose_ross(clients=(1,))))
    try:
        assert pyplot.gcf() is ax.figure
        assert tuple(ax.figure.get_size_inches()) == SIZE
    finally:
        pyplot.close(ax.figure)


def test_without_a_run_nothing_is_drawn(tmp_path: Path) -> None:
    results = measured(kurose_ross(clients=(1,)))
    empty = Results(
        scenario=results.scenario,
        meta={},
        **{name: frame.iloc[:0] for name, frame in frames_of(results).items()},
    )
    assert draw_all(empty, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="no run finished, so there is nothing to draw"):
        PICTURES["load"](empty, axes())


@pytest.mark.parametrize("picture", ALWAYS)
def test_an_empty_file_that_took_no_time_is_drawn(picture: str) -> None:
    results = measured(kurose_ross(file_size=Size(0), clients=(1, 5)))
    results.runs["finish_s"] = results.nodes["finish_s"] = 0.0
    results.samples = results.samples.iloc[:0]
    ax = PICTURES[picture](results, axes())
    assert ax.get_xlim()[0] < ax.get_xlim()[1]
    assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()


def test_heights_are_moved_apart_and_kept_inside() -> None:
    assert apart([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert apart([0.0, 0.01, 0.5], 0.1) == pytest.approx([0.02, 0.12, 0.5])
    assert apart([0.95, 1.0], 0.1) == pytest.approx([0.88, 0.98])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8172, "0.817"), (3.5, "3.5"), (12.34, "12.3"), (139.4, "139"), (50098.2, "50,098")],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
