"""bench.plots: what each picture draws is what was measured, in the scenario's unit."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bench_plot_model import HOUR, MIB, UNLIMITED, axes, kurose_ross, measured, texts
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from bench.plots import PICTURES
from bench.plots.completion_cdf import Curve, beside
from bench.plots.frames import shown
from bench.plots.origin_uplink import on_the_wire, sending
from bench.plots.overlay import Scale, graph_of, places, round_below
from bench.plots.style import colour
from bench.theory import gini, lorenz
from host.quantities import Size


def marked(ax: Axes, backend: str) -> list[Line2D]:
    """The lines with a variant's big markers in a backend's colour."""
    return [
        line
        for line in ax.lines
        if line.get_color() == colour(backend) and line.get_markersize() == 11
    ]


def unmarked(ax: Axes, backend: str) -> list[Line2D]:
    return [
        line
        for line in ax.lines
        if line.get_color() == colour(backend) and line.get_marker() in ("", "None")
    ]


# --- distribution time -------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "second"), [("s", 1.0), ("min", 60.0), ("h", 3600.0)])
def test_points_are_the_finishes_in_the_scenarios_unit(unit: str, second: float) -> None:
    results = measured(kurose_ross(time_unit=unit))
    ax = PICTURES["distribution_time"](results, axes())
    for backend in ("central", "p2p"):
        (points,) = marked(ax, backend)
        rows = results.runs[results.runs["backend"] == backend]
        assert list(points.get_xdata()) == [1, 5, 20, 35]
        assert points.get_ydata() == pytest.approx(rows["finish_s"] / second, rel=1e-12)
    assert ax.get_ylabel() == f"distribution time ({unit})"
    assert ax.get_xlabel() == "clients N"


def test_bounds_are_lines_from_one_client_to_the_most() -> None:
    ax = PICTURES["distribution_time"](measured(kurose_ross()), axes())
    ends = {}
    for backend in ("central", "p2p"):
        (line,) = unmarked(ax, backend)
        x, y = line.get_data()
        assert list(x) == list(range(1, 36))
        ends[backend] = (y[0], y[-1])
    assert ends["central"] == pytest.approx((0.1, 3.5), rel=1e-12)
    assert ends["p2p"] == pytest.approx((0.1, 35 / 45), rel=1e-12)


def test_repeats_give_the_median_and_a_bar_from_min_to_max() -> None:
    results = measured(kurose_ross(repeats=3, backends=("p2p",)))
    ax = PICTURES["distribution_time"](results, axes())
    hours = results.runs.groupby("clients")["finish_s"].agg(["median", "min", "max"]) / HOUR
    (points,) = marked(ax, "p2p")
    assert points.get_ydata() == pytest.approx(hours["median"], rel=1e-12)
    (bars,) = (c for c in ax.collections if isinstance(c, LineCollection))
    drawn = np.array([[low, high] for (_, low), (_, high) in bars.get_segments()])
    assert drawn == pytest.approx(hours[["min", "max"]].to_numpy(), rel=1e-12)


def test_unlimited_links_have_no_bound_line() -> None:
    scenario = kurose_ross(origin_up=UNLIMITED, peer_up=(UNLIMITED,), clock="real", time_unit="s")
    ax = PICTURES["distribution_time"](measured(scenario), axes())
    assert unmarked(ax, "central") == unmarked(ax, "p2p") == []
    assert "measured" in texts(ax)
    assert "lower bound (theory)" not in texts(ax)


def test_skewed_numbers_of_clients_get_logarithmic_axes() -> None:
    scenario = kurose_ross(clients=(2, 8, 80))
    ax = PICTURES["distribution_time"](measured(scenario), axes())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    (line,) = unmarked(ax, "central")
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (2, 80)
    assert list(ax.get_xticks()) == [80, 8, 2]
    linear = PICTURES["distribution_time"](measured(kurose_ross()), axes())
    assert (linear.get_xscale(), linear.get_ylim()[0]) == ("linear", 0)


def test_a_sweep_keeps_the_colour_and_changes_marker_dash_and_bound() -> None:
    sweep = {"peer_up": ["4 MiB/h", "8 MiB/h"]}
    ax = PICTURES["distribution_time"](measured(kurose_ross(), sweep), axes())
    assert [line.get_marker() for line in marked(ax, "p2p")] == ["o", "s"]
    bounds = unmarked(ax, "p2p")
    assert [line.get_linestyle() for line in bounds] == ["-", "--"]
    lasts = [line.get_ydata()[-1] for line in bounds]
    assert lasts == pytest.approx([35 / 45, 35 / 80], rel=1e-12)
    assert {"peer_up = 4 MiB/h", "peer_up = 8 MiB/h", "central server", "P2P"} <= set(texts(ax))


# --- load --------------------------------------------------------------------------------------


def test_load_is_in_copies_of_the_file() -> None:
    results = measured(kurose_ross())
    ax = PICTURES["load"](results, axes())
    assert list(marked(ax, "central")[0].get_ydata()) == [1, 5, 20, 35]
    rows = results.runs[results.runs["backend"] == "p2p"]
    drawn = [line.get_ydata() for line in ax.lines if line.get_color() == colour("p2p")]
    columns = ("origin_up_bytes", "peer_up_bytes_max", "peer_up_bytes_mean")
    for curve, column in zip(drawn, columns, strict=True):
        assert curve == pytest.approx(rows[column] / (4 * MIB), rel=1e-12)
    assert ax.get_ylabel() == "sent, in copies of the file (F)"


def test_clients_that_only_ask_are_no_peers() -> None:
    ax = PICTURES["load"](measured(kurose_ross()), axes())
    assert "central server: origin\n35 F" in texts(ax)
    assert [text for text in texts(ax) if text.startswith("central server: mean")] == []
    assert len([line for line in ax.lines if line.get_color() == colour("central")]) == 1


# --- who carried -------------------------------------------------------------------------------


def test_lorenz_curves_name_the_gini_of_all_hosts() -> None:
    results = measured(kurose_ross())
    ax = PICTURES["who_carried"](results, axes())
    labels = {line.get_color(): str(line.get_label()) for line in ax.lines}
    for run in shown(results):
        sent = run.nodes["up_bytes"].tolist()
        assert f"Gini {gini(sent):.2f} (" in labels[colour(run.backend)]
        (line,) = (line for line in ax.lines if line.get_color() == colour(run.backend))
        assert line.get_xydata() == pytest.approx(100 * np.array(lorenz(sent)), rel=1e-12)
    assert labels[colour("central")] == "central server: Gini 0.97 (busiest host sent 100 %)"
    assert labels[colour("central")] in texts(ax)
    assert "(%" in ax.get_xlabel() and "(%)" in ax.get_ylabel()


# --- origin's uplink ---------------------------------------------------------------------------


def steps(ax: Axes, backend: str) -> tuple[Any, Any]:
    """(values above its band's floor, edges) of the outline of a backend's rate."""
    (outline,) = (
        patch
        for patch in ax.patches
        if to_hex(patch.get_edgecolor()) == colour(backend).lower() and not patch.get_fill()
    )
    data = outline.get_data()
    return data.values - data.baseline, data.edges


def test_uplink_use_is_a_share_of_the_slowed_link() -> None:
    # A fourth of the file moves, over links four times slower: a full uplink is still 100 %.
    results = measured(kurose_ross(moved_size=Size(MIB)))
    ax = PICTURES["origin_uplink"](results, axes())
    values, edges = steps(ax, "central")
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(shown(results)[0].finish_s / HOUR, rel=1e-12)
    assert values == pytest.approx(np.full(len(values), 99.8), abs=0.2)
    assert ax.get_ylabel() == "uplink in use (%)" and ax.get_xlabel() == "time (h)"


def test_no_backends_rate_hides_anothers() -> None:
    ax = PICTURES["origin_uplink"](measured(kurose_ross()), axes())
    outlines = {to_hex(p.get_edgecolor()): p.get_data() for p in ax.patches if not p.get_fill()}
    central, p2p = (outlines[colour(backend).lower()] for backend in ("central", "p2p"))
    assert p2p.baseline == 0
    assert max(p2p.values) < central.baseline
    ticks = [text.get_text() for text in ax.get_yticklabels()]
    assert sorted(ticks) == sorted(["0", "50", "100"] * 2)


def test_unlimited_uplinks_are_drawn_in_megabytes_per_second() -> None:
    scenario = kurose_ross(origin_up=UNLIMITED, peer_up=(UNLIMITED,), clients=(4,), time_unit="s")
    results = measured(scenario)
    ax = PICTURES["origin_uplink"](results, axes())
    values, _ = steps(ax, "central")
    run = shown(results)[0]
    assert values.mean() == pytest.approx(16 * MIB / run.finish_s / 1e6, rel=1e-4)
    assert ax.get_ylabel() == "sent by the origin (MB/s)"


def test_no_byte_of_the_samples_is_lost() -> None:
    run = shown(measured(kurose_ross()))[1]
    for capacity in (math.inf, run.scenario.origin_up, run.scenario.origin_up / 2):
        edges, rates = sending(run, capacity)
        assert len(rates) == 120
        assert float(rates @ np.diff(edges)) == pytest.approx(run.samples["up_bytes"].sum())


def test_the_last_bucket_ends_with_the_run() -> None:
    run = shown(measured(kurose_ross(clients=(1,))))[0]
    buckets = {"node": "origin", "t_s": [0.0, 10.0, 20.0], "bucket_s": 10.0, "up_bytes": 40}
    ended = replace(run, run=pd.Series({"finish_s": 25.0}), samples=pd.DataFrame(buckets))
    edges, rates = sending(ended, capacity=8.0)
    assert list(edges) == [0, 10, 20, 25]
    assert list(rates) == [4, 4, 8]


def test_a_quantum_occupied_the_link_before_it_was_metered() -> None:
    sent, most = np.array([0, 0, 30, 0, 5, 25]), np.full(6, 10.0)
    assert list(on_the_wire(sent, most)) == [10, 10, 10, 10, 10, 10]
    assert list(on_the_wire(np.array([0, 0, 0, 15]), most[:4])) == [0, 0, 5, 10]
    assert list(on_the_wire(np.array([0, 45]), most[:2])) == [35, 10]


# --- completion --------------------------------------------------------------------------------


def test_completion_steps_at_every_finish() -> None:
    results = measured(kurose_ross(time_unit="min"))
    ax = PICTURES["completion_cdf"](results, axes())
    for run in shown(results):
        minutes = sorted(run.nodes["finish_s"].dropna() / 60)
        (line,) = (c for c in unmarked(ax, run.backend) if c.get_drawstyle() == "steps-post")
        x, y = line.get_data()
        assert x[1:-1] == pytest.approx(minutes, rel=1e-12)
        assert y[1:-1] == pytest.approx([100 * k / 35 for k in range(1, 36)], rel=1e-12)
        (dotted,) = (c for c in unmarked(ax, run.backend) if c.get_linestyle() == ":")
        assert dotted.get_xdata()[0] == pytest.approx(run.bound_s / 60, rel=1e-12)
    assert ax.get_xlabel() == "time (min)"


def test_completion_labels_find_a_free_place() -> None:
    early, late = Curve("p2p", np.full(9, 0.2), 9, 0.1), Curve("central", np.full(9, 0.9), 9, 0.0)
    both = [early, late]
    assert beside(early, both, 0.5, width=0.3, end=1.0) == (0.2, True)
    assert beside(late, both, 0.5, width=0.3, end=1.0) == (0.9, False)
    close = Curve("p2p", np.full(9, 0.95), 9, 0.0)
    assert beside(close, [close, late], 0.5, width=0.3, end=1.0) == (0.9, False)


# --- overlay -----------------------------------------------------------------------------------


def test_overlay_adds_both_ways_and_leaves_out_talk() -> None:
    star_run, mesh_run = shown(measured(kurose_ross(clients=(20,))))
    graph = graph_of(star_run)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (21, 20)
    assert {carried for _, _, carried in graph.edges(data="bytes")} == {4 * MIB + 80}
    talk = {"source": "client-001", "target": "client-002", "bytes": 4 * MIB // 1001}
    talking = replace(star_run, edges=pd.concat([star_run.edges, pd.DataFrame([talk])]))
    assert graph_of(talking).number_of_edges() == 20
    assert graph_of(mesh_run).number_of_edges() == 20 + 20 * 19 / 2
    moved = mesh_run.edges["bytes"].sum()
    assert sum(edge[2] for edge in graph_of(mesh_run).edges(data="bytes")) == moved


def test_overlay_areas_and_widths_go_by_bytes() -> None:
    results = measured(kurose_ross(clients=(20,)))
    ax = PICTURES["overlay"](results, axes())
    stars, meshes = (c for c in ax.collections if isinstance(c, LineCollection))
    assert set(stars.get_linewidths()) == {4.5}
    assert len(meshes.get_linewidths()) == 210
    heaviest = max(edge[2] for edge in graph_of(shown(results)[1]).edges(data="bytes"))
    expected = 4.5 * heaviest / (4 * MIB + 80)
    assert max(meshes.get_linewidths()) == pytest.approx(expected, rel=1e-12)
    dots = [c for c in ax.collections if isinstance(c, PathCollection) and len(c.get_offsets()) > 1]
    for run, spots in zip(shown(results), dots, strict=True):
        sent = run.nodes["up_bytes"].to_numpy()
        assert spots.get_sizes() == pytest.approx(np.maximum(2500 * sent / (80 * MIB), 4.8**2))


def test_overlay_draws_the_heaviest_edges_of_a_large_mesh() -> None:
    results = measured(kurose_ross(clients=(80,), backends=("p2p",)))
    ax = PICTURES["overlay"](results, axes())
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    assert len(lines.get_segments()) == 1000
    pairs = graph_of(shown(results)[0]).number_of_edges()
    assert any(text.startswith(f"heaviest 1,000 of {pairs:,} pairs") for text in texts(ax))


def test_a_host_is_at_the_same_place_in_every_graph() -> None:
    star_run, mesh_run = shown(measured(kurose_ross(clients=(4,))))
    here, there = places(star_run, 0.0), places(mesh_run, 3.0)
    assert here["origin"] == (0.0, 0.0)
    assert here["client-001"] == pytest.approx((0.0, 1.0))
    assert here["client-002"] == pytest.approx((1.0, 0.0))
    for node, (x, y) in here.items():
        assert there[node] == pytest.approx((x + 3.0, y))


def test_scale_never_loses_a_host_or_an_edge() -> None:
    scale = Scale(sent=1000.0, carried=100.0, room=20.0)
    assert (scale.area(1000.0), scale.area(0.0)) == (2500.0, pytest.approx(4.8**2))
    assert (scale.width(100.0), scale.width(1e-3)) == (4.5, 0.5)


@pytest.mark.parametrize(
    ("value", "below"),
    [(35, 20), (5, 5), (0.33, 0.2), (0.0999, 0.05), (1000, 1000), (1.99, 1), (0.9999, 1)],
)
def test_round_below(value: float, below: float) -> None:
    assert round_below(value) == pytest.approx(below, rel=1e-12)
