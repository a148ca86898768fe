"""What a picture reads: the shape of results, and the choice of the runs that it draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.scenario import Scenario, override_all

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


KEY = ("backend", "clients", "seed", "repeat")
"""Columns that tell runs apart without a sweep; a sweep of one of them adds no variant."""
Variant = dict[str, str]
"""One combination of swept values: field -> value as people write it; {} without a sweep."""


class Frames(Protocol):
    """The part of `bench.results.Results` that pictures read."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def meta(self) -> dict[str, Any]: ...
    @property
    def runs(self) -> DataFrame: ...
    @property
    def nodes(self) -> DataFrame: ...
    @property
    def samples(self) -> DataFrame: ...
    @property
    def edges(self) -> DataFrame: ...


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One run with its frames: what the pictures of a single N draw."""

    backend: str
    clients: int
    scenario: Scenario
    """With the variant's values."""
    run: Series[Any]
    nodes: DataFrame
    samples: DataFrame
    edges: DataFrame

    @property
    def file_bytes(self) -> int:
        return int(self.run["file_bytes"])

    @property
    def finish_s(self) -> float:
        return float(self.run["finish_s"])

    @property
    def bound_s(self) -> float:
        return float(self.run["bound_s"])

    @property
    def origins(self) -> list[str]:
        return list(self.nodes.loc[self.nodes["role"] == "origin", "node"])


def variants(results: Frames) -> list[Variant]:
    """Every combination of swept values that has a run, in the order of the runs frame."""
    fields = [field for field in results.meta.get("sweep", {}) if field not in KEY]
    if not fields:
        return [{}]
    rows = results.runs[fields].drop_duplicates()
    return [
        {f: str(value) for f, value in zip(fields, row, strict=True)} for row in rows.to_numpy()
    ]


def words(variant: Variant, between: str = ", ") -> str:
    """A variant as a reader sees it: `peer_up = 2 Mbit/s, latency = 20 ms`."""
    return between.join(f"{field} = {value}" for field, value in variant.items())


def backends(results: Frames) -> list[str]:
    """The backends that have a run, in the scenario's order."""
    present = list(dict.fromkeys(results.runs["backend"]))
    order = [*results.scenario.backends, *present]
    return sorted(present, key=order.index)


def series(results: Frames) -> Iterator[tuple[str, int, Variant, DataFrame]]:
    """(backend, number of the variant, variant, its runs) for every curve over N."""
    for backend in backends(results):
        for number, variant in enumerate(variants(results)):
            rows = pick(results.runs, backend=backend, **variant)
            if len(rows):
                yield backend, number, variant, rows


def pick(frame: DataFrame, **values: object) -> DataFrame:
    """The rows whose columns have these values; swept values compare as text."""
    for column, value in values.items():
        cells = frame[column].astype(str) if isinstance(value, str) else frame[column]
        frame = frame[cells == value]
    return frame


def shown(results: Frames) -> list[Shown]:
    """One run a backend: the largest N that most backends finished, first variant, first repeat."""
    variant = variants(results)[0]
    runs = pick(results.runs, **variant)
    met = runs.groupby("clients")["backend"].nunique()
    clients = int(met[met == met.max()].index.max())
    scenario = override_all(results.scenario, variant)
    chosen = []
    for backend in backends(results):
        rows = pick(runs, backend=backend, clients=clients)
        if rows.empty:
            continue
        run = rows.sort_values(["seed", "repeat"]).iloc[0]
        key = {field: run[field] for field in (*KEY, *variant)}
        chosen.append(
            Shown(
                backend=backend,
                clients=clients,
                scenario=scenario,
                run=run,
                nodes=pick(results.nodes, **key),
                samples=pick(results.samples, **key),
                edges=pick(results.edges, **key),
            )
        )
    return chosen


def headed(headline: str, results: Frames) -> tuple[str, str]:
    """(headline with the N that `shown` chose, note on what else it left out, maybe empty)."""
    first = variants(results)[0]
    notes = [f"first variant: {words(first)}"] if first else []
    if len(results.runs[["seed", "repeat"]].drop_duplicates()) > 1:
        notes.append("first repeat")
    return f"{headline}, N = {shown(results)[0].clients:,}", "; ".join(notes)


def spread(rows: DataFrame, column: str) -> tuple[NDArray[Any], ...]:
    """(clients, median, min, max) of a column over the repeats, by rising N."""
    grouped = rows.groupby("clients")[column]
    table = grouped.agg(["median", "min", "max"]).sort_index()
    return (np.asarray(table.index), *(np.asarray(table[name], dtype=float) for name in table))
