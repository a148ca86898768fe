"""Results and bounds as people read them: the tables of the command line and of notebooks."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from rich import box
from rich.table import Table

from bench.scenario import Scenario
from bench.theory import bound, bound_in_pieces

Case = dict[str, Any]
"""A row of `Results.summary()`."""
Rows = tuple[list[str], list[list[str]]]
"""The heads of the columns, and a list of texts for each row."""


def result_rows(scenario: Scenario, cases: list[Case], swept: Sequence[str]) -> Rows:
    """Return a row for every case: medians, and the spread of the finish where runs repeat."""
    unit = scenario.time_unit
    repeated = any(case["runs"] > 1 for case in cases)
    real = any(case["clock"] == "real" for case in cases)
    partly = any(case["finished"] < case["clients"] for case in cases)
    heads = [*swept, "backend", "N", *(["finished"] if partly else []), f"finish ({unit})"]
    heads += [f"least to most ({unit})"] if repeated else []
    heads += [f"bound ({unit})", "efficiency", "origin sent (F)", "mean peer (F)"]
    heads += ["busiest peer (F)", "peer Gini", "wall (s)"]
    heads += ["MB/s"] if real else []
    second = scenario.seconds_per_unit
    return heads, [_result_row(case, swept, second, repeated, real, partly) for case in cases]


def _result_row(
    row: Case, swept: Sequence[str], second: float, repeated: bool, real: bool, partly: bool
) -> list[str]:
    def copies(column: str) -> str:
        return figure(row[column] / row["file_bytes"] if row["file_bytes"] else math.nan, ".2f")

    spread = " to ".join(figure(row[end] / second) for end in ("finish_s_min", "finish_s_max"))
    bounded = row["bound_s"] > 0
    finish = row["finish_s"]
    throughput = row["clients"] * row["file_bytes"] / finish if finish else math.nan
    return [
        *(str(row[field]) for field in swept),
        row["backend"],
        str(row["clients"]),
        *([f"{row['finished']:g}"] if partly else []),
        figure(finish / second),
        *([spread] if repeated else []),
        figure(row["bound_s"] / second if bounded else math.nan),
        figure(row["efficiency"] if bounded else math.nan, ".3f"),
        copies("origin_up_bytes"),
        copies("peer_up_bytes_mean"),
        copies("peer_up_bytes_max"),
        figure(row["peer_up_gini"], ".2f"),
        figure(row["wall_s"], ".2f"),
        *([figure(throughput / 1e6, ".0f")] if real else []),
    ]


def bound_records(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the bound of every backend and number of clients, in seconds.

    `in_pieces_s` is the optimum in whole pieces, where theory knows it.
    """
    return [
        {
            "backend": backend,
            "clients": clients,
            "bound_s": bound(scenario, backend, clients),
            "in_pieces_s": bound_in_pieces(scenario, clients) if backend == "p2p" else None,
        }
        for backend in scenario.backends
        for clients in scenario.clients
    ]


def bound_rows(scenario: Scenario) -> Rows:
    """Return a row for every number of clients, with the bounds in the scenario's unit.

    `-` is where nothing limits.
    """
    unit, second = scenario.time_unit, scenario.seconds_per_unit
    heads = ["N", *(f"{backend} ({unit})" for backend in scenario.backends)]
    pieces = [bound_in_pieces(scenario, clients) or math.nan for clients in scenario.clients]
    in_pieces = not all(map(math.isnan, pieces))
    heads += [f"p2p in pieces ({unit})"] if in_pieces else []
    rows = []
    for clients, optimum in zip(scenario.clients, pieces, strict=True):
        times = [bound(scenario, backend, clients) or math.nan for backend in scenario.backends]
        times += [optimum] if in_pieces else []
        rows.append([str(clients), *(figure(time / second) for time in times)])
    return heads, rows


def scaling(scenario: Scenario, cases: list[Case]) -> str:
    """Return a line on how the links were slowed, or nothing where the file moved whole."""
    scales = [case["scale"] for case in cases]
    if max(scales, default=1.0) == 1.0:
        return ""
    least, most = f"{min(scales):.0f}", f"{max(scales):.0f}"
    times = least if least == most else f"{least} to {most}"
    return (
        f"moved {scenario.transfer_size.about()} of {scenario.file_size.about()} "
        f"over links slowed {times} times"
    )


def draw(rows: Rows, width: int) -> Table:
    """Return rows as a table for a terminal of `width` characters.

    Where it is too narrow, heads wrap between words; figures never do.
    """
    columns = list(zip(rows[0], *rows[1], strict=True))
    fits = sum(max(map(len, column)) + 2 for column in columns) <= width
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for head, *cells in columns:
        narrowest = max(map(len, [*head.split(), *cells]))
        table.add_column(head, justify="right", width=None if fits else narrowest)
    for row in rows[1]:
        table.add_row(*row)
    return table


def html(rows: Rows, notes: Sequence[str], below: Sequence[str] = ()) -> str:
    """Return rows as a table for a notebook, the notes above it and what else there is below."""
    lines = [_html_row(rows[0], "th"), *(_html_row(row, "td") for row in rows[1])]
    above, under = (
        "".join(f"<p>{escape(note)}</p>" for note in part if note) for part in (notes, below)
    )
    return f"{above}<table>{''.join(lines)}</table>{under}"


def _html_row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def figure(value: float, form: str = "") -> str:
    """Return a number in the form given, by default to four digits and never as `5e+04`."""
    if not math.isfinite(value):
        return "-"
    return f"{value:{form or ('#.4g' if abs(value) < 1000 else '.0f')}}".removesuffix(".")
