"""bench.plots.pieces and the faults of completion_cdf: pictures of what the other frames hold."""

import pandas as pd
import pytest
from bench_plot_model import HOUR, axes, kurose_ross, measured, texts

from bench.plots import PICTURES, pictures
from bench.plots.completion_cdf import told
from bench.plots.frames import shown
from bench.plots.pieces import counted, everywhere
from bench.plots.style import colour
from bench.results import Results

RUN = {"backend": "p2p", "clients": 3, "seed": 1, "repeat": 0}
ARRIVALS = [
    ("client-001", 0, 0.1),
    ("client-002", 1, 0.2),
    ("client-001", 2, 0.3),
    ("client-002", 0, 0.4),
    ("client-003", 0, 0.4),
]
"""(node, piece, share of the time)."""


def in_pieces(arrivals: list[tuple[str, int, float]] = ARRIVALS) -> Results:
    results = measured(kurose_ross(clients=(3,)))
    finish_s = shown(results)[1].finish_s
    rows = [{"node": node, "piece": piece, "t_s": at * finish_s} for node, piece, at in arrivals]
    results.pieces = pd.DataFrame([RUN | row for row in rows])
    return results


def copies_at(results: Results, share: float) -> list[float]:
    moments, copies = counted(shown(results)[1])
    return copies[:, (moments <= share * moments[-1]).sum() - 1].tolist()


def test_every_piece_has_the_origins_copy_and_one_for_each_arrival() -> None:
    results = in_pieces()
    assert copies_at(results, 0.05) == [1, 1, 1]
    assert copies_at(results, 0.25) == [2, 2, 1]
    assert copies_at(results, 1.0) == [4, 2, 2]


def test_the_curves_are_the_rarest_the_median_and_the_commonest() -> None:
    ax = PICTURES["pieces"](in_pieces(), axes())
    ends = {str(line.get_label()): line.get_ydata()[-1] for line in ax.lines[:3]}
    assert ends == {"commonest piece": 4, "median piece": 2, "rarest piece": 2}
    assert {line.get_color() for line in ax.lines[:3]} == {colour("p2p")}
    assert ax.get_title(loc="left") == "Copies of each piece, N = 3"


def test_a_line_is_where_the_clients_have_every_piece() -> None:
    results = in_pieces()
    run = shown(results)[1]
    assert everywhere(run) == pytest.approx(0.3 * run.finish_s)
    ax = PICTURES["pieces"](results, axes())
    assert ax.lines[3].get_xdata()[0] == pytest.approx(0.3 * run.finish_s / HOUR)
    assert any(text.startswith("every piece is at a client: ") for text in texts(ax))
    missing = in_pieces([("client-001", 0, 0.1), ("client-001", 2, 0.2)])
    assert everywhere(shown(missing)[1]) == float("inf")
    assert len(PICTURES["pieces"](missing, axes()).lines) == 3


def test_without_pieces_there_is_no_such_picture() -> None:
    assert "pieces" in pictures(in_pieces())
    whole = measured(kurose_ross(clients=(3,)))
    assert "pieces" not in pictures(whole)
    with pytest.raises(ValueError, match=r"^no run moved the file in pieces"):
        PICTURES["pieces"](whole, axes())


# --- faults in completion_cdf ------------------------------------------------------------------


def with_faults(*rows: tuple[float, str, str]) -> Results:
    results = measured(kurose_ross(clients=(3,)))
    faults = [{"t_s": at, "action": action, "node": node} for at, action, node in rows]
    results.faults = pd.DataFrame([RUN | fault | {"share": 0.5} for fault in faults])
    return results


def test_a_fault_is_a_cross_on_its_backends_curve() -> None:
    results = with_faults((360.0, "kill", "origin"), (2 * HOUR, "restore", "origin"))
    ax = PICTURES["completion_cdf"](results, axes())
    crosses = [line for line in ax.lines if line.get_marker() == "X"]
    assert [line.get_color() for line in crosses] == [colour("p2p")] * 2
    assert [line.get_xydata().tolist() for line in crosses] == [[[0.1, 0.0]], [[2.0, 100.0]]]
    assert {"kill origin", "restore origin"} <= set(texts(ax))
    assert ax.get_xlim()[1] > 2.0


def test_faults_of_one_moment_are_said_at_once_and_many_not_at_all() -> None:
    crash = with_faults((60.0, "kill", "client-001"), (60.0, "kill", "client-003")).faults
    assert told(crash, 60.0) == ((1.0, "kill 2 hosts"),)
    churn = with_faults(*((60.0 * at, "kill", "client-001") for at in range(5))).faults
    assert told(churn, 60.0) == ()
    assert told(crash.iloc[:0], 60.0) == ()
