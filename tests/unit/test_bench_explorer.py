"""bench.explorer: the bounds as a frame, and sliders that move them below what was measured."""

import sys

import pytest
from bench_plot_model import HOUR, MIB, UNLIMITED, kurose_ross, measured, texts
from matplotlib import pyplot
from matplotlib.lines import Line2D

import bench
from bench.explorer import Explorer, ExplorerError
from bench.plots.style import colour
from host.quantities import Rate


def lines(explorer: Explorer, backend: str, marker: str) -> Line2D:
    """The bound (marker "None") or the points ("o") of a backend, as they are drawn now."""
    (line,) = (
        line
        for line in explorer.ax.lines
        if line.get_color() == colour(backend) and line.get_marker() == marker
    )
    return line


def last_bound(explorer: Explorer, backend: str) -> tuple[float, float]:
    x, y = lines(explorer, backend, "None").get_data()
    return float(x[-1]), float(y[-1])


@pytest.fixture
def explorer() -> Explorer:
    return bench.sliders(measured(kurose_ross()))


# --- bounds ------------------------------------------------------------------------------------


def test_bounds_are_the_textbooks() -> None:
    frame = bench.bounds("kurose-ross", clients=[1, 10, 35])
    assert list(frame.columns) == ["backend", "clients", "bound_s"]
    assert list(frame["backend"]) == ["central"] * 3 + ["p2p"] * 3
    assert list(frame["clients"]) == [1, 10, 35] * 2
    hours = [0.1, 1.0, 3.5, 0.1, 0.5, 35 / 45]
    assert (frame["bound_s"] / HOUR).tolist() == pytest.approx(hours, rel=1e-12)


def test_bounds_take_the_values_that_a_run_takes() -> None:
    frame = bench.bounds(
        clients=range(2, 4), file_size="1 MiB", origin_up=MIB, peer_up="512 KiB/s", peer_down=MIB
    )
    assert frame["bound_s"].tolist() == pytest.approx([2.0, 3.0, 1.0, 3 / 2.5], rel=1e-12)


def test_bounds_of_what_is_no_scenario_say_so() -> None:
    with pytest.raises(bench.scenario.ScenarioError, match=r"^clients: '0'; expected numbers from"):
        bench.bounds(clients=0)


# --- sliders -----------------------------------------------------------------------------------


def test_sliders_stand_where_it_was_measured(explorer: Explorer) -> None:
    labels = {field: slider.label for field, slider in explorer.sliders.items()}
    assert labels == {
        "clients": "35",
        "origin_up": "40 MiB/h",
        "peer_up": "4 MiB/h",
        "file_size": "4 MiB",
    }
    assert [s.description for s in explorer.sliders.values()] == ["N", "us", "u", "F"]
    assert last_bound(explorer, "central") == pytest.approx((35, 3.5), rel=1e-12)
    assert last_bound(explorer, "p2p") == pytest.approx((35, 35 / 45), rel=1e-12)
    assert "central server\nbound 3.5 h" in texts(explorer.ax)


@pytest.mark.parametrize(
    ("field", "value", "central", "p2p"),
    [
        ("clients", 100, (100, 10.0), (100, 100 / 110)),
        ("origin_up", 0.5, (35, 7.0), (35, 35 / 40)),
        ("peer_up", 2.0, (35, 3.5), (35, 35 / 80)),
        ("file_size", 10.0, (35, 35.0), (35, 350 / 45)),
    ],
)
def test_a_slider_moves_the_lines_and_leaves_the_points(
    explorer: Explorer,
    field: str,
    value: float,
    central: tuple[float, float],
    p2p: tuple[float, float],
) -> None:
    points = {b: lines(explorer, b, "o").get_xydata().tolist() for b in ("central", "p2p")}
    shown = explorer.widget.children[1].value
    explorer.sliders[field].value = value
    assert last_bound(explorer, "central") == pytest.approx(central, rel=1e-9)
    assert last_bound(explorer, "p2p") == pytest.approx(p2p, rel=1e-9)
    for backend, before in points.items():
        assert lines(explorer, backend, "o").get_xydata().tolist() == before
    assert explorer.widget.children[1].value != shown


def test_points_beyond_the_last_n_are_left_out(explorer: Explorer) -> None:
    explorer.sliders["clients"].value = 5
    assert list(lines(explorer, "p2p", "o").get_xdata()) == [1, 5]
    assert explorer.ax.get_xlim() == pytest.approx((0, 5.15))


def test_the_picture_says_what_the_lines_and_the_points_are(explorer: Explorer) -> None:
    explorer.sliders["peer_up"].value = 3.0
    assert (
        "lines: lower bound at us = 40 MiB/h, u = 12 MiB/h, F = 4 MiB\n"
        "points: measured at us = 40 MiB/h, u = 4 MiB/h, F = 4 MiB"
    ) in texts(explorer.ax)


def test_runs_that_not_all_finished_are_no_points() -> None:
    results = measured(kurose_ross())
    results.runs.loc[results.runs["clients"] == 20, "finished"] = 19
    assert list(lines(bench.sliders(results), "p2p", "o").get_xdata()) == [1, 5, 35]


def test_unequal_links_move_together_and_unlimited_ones_stay() -> None:
    ups = Rate(8 * MIB / HOUR), Rate(2 * MIB / HOUR)
    explorer = bench.sliders(measured(kurose_ross(peer_up=ups, origin_up=UNLIMITED)))
    assert explorer.sliders["origin_up"].options == (("unlimited", 1.0),)
    assert explorer.sliders["origin_up"].disabled
    explorer.sliders["peer_up"].value = 0.5
    assert explorer.sliders["peer_up"].label == "0.5 times"
    assert explorer.scenario.peer_up == pytest.approx([up / 2 for up in ups])


def test_a_notebook_shows_a_widget_and_no_second_picture(explorer: Explorer) -> None:
    assert "application/vnd.jupyter.widget-view+json" in explorer._repr_mimebundle_()
    assert bytes(explorer.widget.children[1].value[:4]) == b"\x89PNG"
    assert pyplot.get_fignums() == []


def test_where_ipywidgets_is_missing_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ExplorerError) as error:
        bench.sliders(measured(kurose_ross()))
    assert str(error.value) == (
        'sliders need ipywidgets, which is not installed: pip install "fileshare-lab[notebook]"'
    )
