"""bench.plots.transports: a row for each transport, and behind each bar what was measured."""

import math
from typing import Any

import pytest
from bench_plot_model import UNLIMITED, axes, kurose_ross, measured
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from bench.plots import PICTURES, pictures
from bench.plots.style import colour, tint
from bench.plots.transports import LABELS
from bench.scenario import Scenario
from host.quantities import Size

ALL = ("http", "http-close", "socket", "tftp")


def compared(**changes: Any) -> Scenario:
    return kurose_ross(**({"transport": ALL, "clients": (1, 5)} | changes))


def panels(ax: Axes) -> dict[str, Axes]:
    return {panel.get_title(loc="left").replace("\n", " "): panel for panel in ax.child_axes}


def lengths(panel: Axes) -> list[float]:
    """The bars' lengths from the top down: every row's, the fewest clients first."""
    bars = sorted(panel.patches, key=lambda bar: bar.get_y())
    assert panel.yaxis_inverted()
    return [float(bar.get_width()) for bar in bars]


def figures(panel: Axes) -> list[str]:
    texts = [text for text in panel.texts if isinstance(text, Annotation)]
    return [text.get_text() for text in sorted(texts, key=lambda text: text.xy[1])]


def test_every_figure_at_the_least_and_the_most_n_is_a_bar() -> None:
    results = measured(compared(clients=(1, 2, 5)))
    runs = results.runs[results.runs["clients"] != 2]
    drawn = panels(PICTURES["transports"](results, axes()))
    assert list(drawn) == [
        "time until all have it, over its bound",
        "overhead received per client (KiB)",
        "connections that the origin accepted",
        "socket calls of the origin",
    ]
    times, overhead, connections, calls = drawn.values()
    ratios = runs["finish_s"] / runs["bound_s"]
    per_client = runs["overhead_bytes"] / runs["clients"] / 1024
    assert lengths(times) == pytest.approx(ratios, rel=1e-12)
    assert lengths(overhead) == pytest.approx(per_client, rel=1e-12)
    assert lengths(connections) == [*(1, 5), *(64, 320), *(1, 5), *(0, 0), *(1, 5)]
    assert lengths(calls) == [1000, 5000] * 5
    assert figures(times) == [f"{ratio:.3f}" for ratio in ratios]
    assert figures(overhead)[::2] == ["11.7", "13.7", "1.27", "11.5", "11.7"]
    assert figures(connections) == ["1", "5", "64", "320", "1", "5", "0", "0", "1", "5"]
    assert figures(calls) == ["1,000", "5,000"] * 5


def test_rows_are_the_transports_and_the_other_backends_in_their_colours() -> None:
    drawn = panels(PICTURES["transports"](measured(compared()), axes()))
    first, *others = drawn.values()
    rows = [label.get_text() for label in first.get_yticklabels()]
    assert rows == [*LABELS.values(), "P2P"]
    assert tuple(LABELS) == ALL
    assert {label.get_text() for panel in others for label in panel.get_yticklabels()} == {""}
    shades = [
        shade
        for backend in ["central"] * 4 + ["p2p"]
        for shade in (to_hex(tint(backend)), colour(backend).lower())
    ]
    for panel in drawn.values():
        assert [to_hex(bar.get_facecolor()) for bar in panel.patches] == shades


def test_figures_stay_inside_their_panels() -> None:
    results = measured(compared())
    results.runs["origin_calls"] = 12_345_678
    ax = PICTURES["transports"](results, axes())
    ax.figure.draw_without_rendering()
    for panel in ax.child_axes:
        for text in panel.texts:
            assert text.get_window_extent().x1 <= panel.get_window_extent().x1 + 1


def test_repeats_are_medians_and_other_sweeps_their_first_variant() -> None:
    scenario = compared(repeats=3, clients=(5,), backends=("central",))
    results = measured(scenario, {"peer_up": ["4 MiB/h", "8 MiB/h"]})
    ours = results.runs["peer_up"] == "4 MiB/h"
    results.runs.loc[ours, "origin_calls"] = [*(10, 30, 20), *(7, 9, 8), *(1, 1, 4), *(5, 5, 5)]
    ax = PICTURES["transports"](results, axes())
    assert lengths(panels(ax)["socket calls of the origin"]) == [20, 8, 1, 5]
    said = " ".join(text.get_text() for text in ax.texts)
    assert said.endswith("first variant: peer_up = 4 MiB/h · medians of the repeats")
    assert ax.get_title(loc="left") == "What the transports cost, N = 5"


def test_two_numbers_of_clients_are_told_apart() -> None:
    ax = PICTURES["transports"](measured(compared(clients=(1, 2, 5))), axes())
    assert ax.get_title(loc="left") == "What the transports cost, N = 1 and 5"
    assert ax.texts[0].get_text().endswith(" · pale: N = 1, full: N = 5")


def test_a_transport_that_did_not_finish_the_largest_n_is_compared_at_a_smaller() -> None:
    results = measured(compared(backends=("central",)))
    cut = (results.runs["transport"] != "tftp") | (results.runs["clients"] < 5)
    results.runs = results.runs[cut]
    ax = PICTURES["transports"](results, axes())
    assert ax.get_title(loc="left") == "What the transports cost, N = 1"
    assert lengths(panels(ax)["connections that the origin accepted"]) == [1, 64, 1, 0]


def test_without_a_bound_the_time_itself_is_drawn() -> None:
    scenario = compared(origin_up=UNLIMITED, peer_up=(UNLIMITED,), clock="real", time_unit="min")
    results = measured(scenario)
    drawn = panels(PICTURES["transports"](results, axes()))
    minutes = results.runs["finish_s"] / 60
    assert lengths(drawn["time until all have it, in min"]) == pytest.approx(minutes)


def test_what_cost_nothing_is_drawn() -> None:
    results = measured(compared(file_size=Size(0)))
    for column in ("finish_s", "overhead_bytes", "origin_connections", "origin_calls"):
        results.runs[column] = 0
    for panel in PICTURES["transports"](results, axes()).child_axes:
        assert lengths(panel) == [0] * 10
        assert 0 == panel.get_xlim()[0] < panel.get_xlim()[1] < math.inf


@pytest.mark.parametrize("case", ["none", "one", "empty"])
def test_it_is_drawn_only_where_transports_were_compared(case: str) -> None:
    results = {
        "none": lambda: measured(kurose_ross()),
        "one": lambda: measured(kurose_ross(), {"transport": ["tftp"]}),
        "empty": lambda: measured(compared()),
    }[case]()
    if case == "empty":
        assert list(pictures(results)) == [name for name in PICTURES if name != "pieces"]
        results.runs = results.runs.iloc[:0]
    assert "transports" not in pictures(results)
    assert "transports" not in dir(results.plot)
    with pytest.raises(ValueError, match="no two transports have run; expected such as --transp"):
        PICTURES["transports"](results, axes())
