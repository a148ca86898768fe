"""What a picture reads: the shape of results, and the choice of the runs that it draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.scenario import Scenario, override_all
from bench.sweep import ANY, matters

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame, Series


KEY = ("backend", "clients", "seed", "repeat")
"""Columns that tell runs apart without a sweep; a sweep of one of them adds no variant."""
Variant = dict[str, str]
"""One combination of swept values: field -> value as people write it; {} without a sweep.

It has no fields that do not matter to the backend whose runs they are.
"""


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
    @property
    def faults(self) -> DataFrame: ...
    @property
    def pieces(self) -> DataFrame: ...


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
    faults: DataFrame
    pieces: DataFrame

    @property
    def file_bytes(self) -> int:
        return int(self.run["file_bytes"])

    @property
    def finish_s(self) -> float:
        """When the last client had the file; where none ever did, when the last byte was sent."""
        finish = float(self.run["finish_s"])
        if math.isfinite(finish):
            return finish
        return float((self.samples["t_s"] + self.samples["bucket_s"]).max())

    @property
    def ending(self) -> str:
        """What happened at `finish_s`."""
        finished = self.nodes["finish_s"].notna().sum()
        if finished == self.clients:
            return "last client done"
        return f"{finished} of {self.clients} ever done" if finished else "last byte, nobody done"

    @property
    def bound_s(self) -> float:
        return float(self.run["bound_s"])

    @property
    def origins(self) -> list[str]:
        return list(self.nodes.loc[self.nodes["role"] == "origin", "node"])


def variants(results: Frames, backend: str | None = None) -> list[Variant]:
    """Every combination of swept values that has a run (of a backend), in the runs' order."""
    fields = [field for field in results.meta.get("sweep", {}) if field not in KEY]
    if not fields:
        return [{}]
    runs = results.runs if backend is None else pick(results.runs, backend=backend)
    rows = runs[fields].drop_duplicates().to_numpy()
    return [
        {f: str(value) for f, value in zip(fields, row, strict=True) if value != ANY}
        for row in rows
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
    numbered = variants(results)
    for backend in backends(results):
        for variant in variants(results, backend):
            rows = pick(results.runs, backend=backend, **variant)
            yield backend, numbered.index(variant), variant, rows


def pick(frame: DataFrame, **values: object) -> DataFrame:
    """The rows whose columns have these values; swept values compare as text."""
    for column, value in values.items():
        cells = frame[column].astype(str) if isinstance(value, str) else frame[column]
        frame = frame[cells == value]
    return frame


def of_run(frame: DataFrame, key: dict[str, Any]) -> DataFrame:
    """A run's rows of a frame that may be empty."""
    return frame if frame.empty else pick(frame, **key)


def first_variant(results: Frames) -> Variant:
    """The first value that each field is swept with."""
    first: Variant = {}
    for variant in variants(results):
        first = variant | first
    return first


def of_variant(runs: DataFrame, backend: str, variant: Variant) -> DataFrame:
    """A backend's runs with the values of a variant that matter to it."""
    own = {field: value for field, value in variant.items() if matters(field, backend)}
    return pick(runs, backend=backend, **own)


def most_met(groups: Iterable[DataFrame]) -> list[int]:
    """The numbers of clients that the most of these groups of runs have, rising."""
    met = Counter(int(n) for rows in groups for n in rows["clients"].unique())
    return sorted(n for n, groups_met in met.items() if groups_met == max(met.values()))


def shown(results: Frames) -> list[Shown]:
    """One run a backend: the largest N that most backends finished, first variant, first repeat."""
    first = first_variant(results)
    runs = {backend: of_variant(results.runs, backend, first) for backend in backends(results)}
    clients = most_met(runs.values())[-1]
    scenario = override_all(results.scenario, first)
    chosen = []
    for backend, finished in runs.items():
        rows = pick(finished, clients=clients)
        if rows.empty:
            continue
        run = rows.sort_values(["seed", "repeat"]).iloc[0]
        key = {field: run[field] for field in (*KEY, *first)}
        chosen.append(
            Shown(
                backend=backend,
                clients=clients,
                scenario=scenario,
                run=run,
                nodes=pick(results.nodes, **key),
                samples=pick(results.samples, **key),
                edges=pick(results.edges, **key),
                faults=of_run(results.faults, key),
                pieces=of_run(results.pieces, key),
            )
        )
    return chosen


def headed(headline: str, results: Frames) -> tuple[str, str]:
    """(headline with the N that `shown` chose, note on what else it left out, maybe empty)."""
    first = first_variant(results)
    notes = [f"first variant: {words(first)}"] if first else []
    if len(results.runs[["seed", "repeat"]].drop_duplicates()) > 1:
        notes.append("first repeat")
    return f"{headline}, N = {shown(results)[0].clients:,}", "; ".join(notes)


def spread(rows: DataFrame, column: str) -> tuple[NDArray[Any], ...]:
    """(clients, median, min, max) of a column over the repeats, by rising N."""
    grouped = rows.groupby("clients")[column]
    table = grouped.agg(["median", "min", "max"]).sort_index()
    return (np.asarray(table.index), *(np.asarray(table[name], dtype=float) for name in table))
