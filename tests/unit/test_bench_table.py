"""bench.table: what people read."""

import math
from io import StringIO

from bench_fakes import result_of
from rich.console import Console

from bench.catalogue import find
from bench.results import Results, collect
from bench.scenario import override_all
from bench.sweep import trials
from bench.table import bound_records, bound_rows, draw, figure


def results(sweep: dict[str, str] | None = None, **fields: object) -> Results:
    scenario = override_all(find("quick"), {"clients": 4} | fields)
    plan = trials(scenario, sweep)
    finished = [(trial, result_of(trial)) for trial in plan]
    return collect(scenario, {"sweep": sweep or {}}, finished, list(sweep or {}))


def test_one_run_of_each_backend() -> None:
    heads, rows = results(time_unit="min").rows()
    assert heads == [
        "backend",
        "N",
        "finish (min)",
        "bound (min)",
        "efficiency",
        "origin sent (F)",
        "mean peer (F)",
        "busiest peer (F)",
        "peer Gini",
        "wall (s)",
    ]
    assert rows == [
        ["central", "4", "0.8000", "0.4000", "0.500", "4.00", "0.00", "0.00", "0.00", "0.25"],
        ["p2p", "4", "0.5714", "0.2857", "0.500", "4.00", "0.00", "0.00", "0.00", "0.25"],
    ]


def test_repeats_show_their_spread_and_sweeps_their_values() -> None:
    heads, rows = results({"latency": "0,20 ms"}, repeats=3, backends="central").rows()
    assert heads[:5] == ["latency", "backend", "N", "finish (s)", "least to most (s)"]
    assert [row[:5] for row in rows] == [
        ["0 s", "central", "4", "49.00", "48.00 to 50.00"],
        ["20 ms", "central", "4", "49.00", "48.00 to 50.00"],
    ]


def test_the_real_clock_shows_throughput_and_unlimited_links_no_bound() -> None:
    whole = results(clock="real", origin_up="unlimited", peer_up="unlimited", file_size="3 MB")
    whole.runs["finish_s"] = 0.5
    heads, rows = whole.rows()
    assert heads[-1] == "MB/s"
    assert rows[0] == [
        "central",
        "4",
        "0.5000",
        "-",
        "-",
        "4.00",
        "0.00",
        "0.00",
        "0.00",
        "0.25",
        "24",
    ]


def test_what_took_no_time_has_no_throughput() -> None:
    whole = results(clock="real", origin_up="unlimited")
    whole.runs["finish_s"] = 0.0
    assert [row[-1] for row in whole.rows()[1]] == ["-", "-"]


def test_notes_tell_how_a_file_was_scaled() -> None:
    assert results().notes() == ["A small run, to see that all works"]
    assert results(title="", moved_size="1 MiB").notes() == ["quick"]
    homework = collect_homework()
    assert homework.notes()[1] == "moved 4 MiB of 1.746 GiB over links slowed 447 times"
    swept = results({"file_size": "1 MiB,4 MiB"}, moved_size="512 KiB")
    assert swept.notes()[1] == "moved 512 KiB of 1 MiB over links slowed 2 to 8 times"


def collect_homework() -> Results:
    scenario = find("homework")
    return collect(scenario, {}, [(trial, result_of(trial)) for trial in trials(scenario)])


def test_bounds() -> None:
    scenario = override_all(find("equal-uplinks"), {"clients": "1,4"})
    assert bound_rows(scenario) == (
        ["N", "central (h)", "p2p (h)", "p2p in pieces (h)"],
        [["1", "1.000", "1.000", "1.000"], ["4", "4.000", "1.000", "1.008"]],
    )
    assert bound_records(scenario)[0]["in_pieces_s"] is None
    assert bound_records(scenario)[3] == {
        "backend": "p2p",
        "clients": 4,
        "bound_s": scenario.file_size / scenario.origin_up,
        "in_pieces_s": scenario.file_size / scenario.origin_up * (1 + 2 / 256),
    }
    assert bound_rows(find("quick"))[0] == ["N", "central (s)", "p2p (s)"]


def test_where_nothing_limits_there_is_no_bound() -> None:
    heads = ["N", "central (s)", "p2p (s)"]
    assert bound_rows(find("loopback")) == (heads, [["1", "-", "-"]])


def test_the_optimum_in_pieces_may_be_known_for_some_n_only() -> None:
    fields = {"clients": "1,2", "origin_up": "8 kB/s", "peer_up": "8 kB/s,4 kB/s"}
    heads, rows = bound_rows(override_all(find("quick"), fields))
    assert heads[-1] == "p2p in pieces (s)"
    assert [row[-1] for row in rows] == ["131.1", "-"]


def test_figures_have_four_digits_and_no_exponent() -> None:
    values = [0.778, 7 / 9, 999.96, 1000.4, 11918.7, 5e5, math.nan, math.inf]
    assert [figure(value) for value in values] == [
        "0.7780",
        "0.7778",
        "1000",
        "1000",
        "11919",
        "500000",
        "-",
        "-",
    ]


def test_a_drawn_table_never_cuts_a_figure() -> None:
    rows = results({"latency": "0,20 ms"}, repeats=3).rows()
    page = StringIO()
    Console(file=page, width=1000).print(draw(rows, 40))
    assert "…" not in page.getvalue()
    assert all(cell in page.getvalue() for row in rows[1] for cell in row)


def test_a_table_fits_a_terminal_of_80_characters() -> None:
    page = StringIO()
    rows = results(clients="5,100").rows()
    Console(file=page, width=1000).print(draw(rows, 80))
    assert max(map(len, page.getvalue().splitlines())) <= 80
    assert len(page.getvalue().splitlines()) == 3 + 1 + 4
