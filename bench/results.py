"""What runs left behind: tidy frames, where they came from, and the folder that keeps them."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.meta import CLAIM_RECORD, RUN_RECORD
from bench.scenario import Scenario, dump
from bench.scenario import load as load_scenario
from bench.sweep import Trial, TrialResult, labels
from bench.table import Rows, html, result_rows, scaling
from bench.topology import LEAST, overlay_measures

KEY = {"backend": "str", "clients": "int64", "seed": "int64", "repeat": "int64"}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "runs": {
        "clock": "str",
        "file_bytes": "int64",
        "scale": "float64",
        "finished": "int64",  # clients that have the file
        "ending": "str",  # see bench.lasting.Ending
        "finish_s": "float64",
        "mean_finish_s": "float64",
        "bound_s": "float64",
        "efficiency": "float64",
        "overhead_bytes": "int64",
        "origin_up_bytes": "int64",
        "origin_connections": "int64",
        "origin_calls": "int64",
        "peer_up_bytes_mean": "float64",
        "peer_up_bytes_max": "int64",
        "peer_up_gini": "float64",
        "load_gini": "float64",
        "wall_s": "float64",
        "cpu_s": "float64",
        "rss_bytes": "int64",  # the most memory that the worker has had, in this run or before
    },
    "nodes": {
        "node": "str",
        "role": "str",
        "join_s": "float64",
        "finish_s": "float64",
        "up_bytes": "int64",
        "down_bytes": "int64",
        "neighbours": "int64",
        "connections_most": "int64",
    },
    "samples": {
        "node": "str",
        "t_s": "float64",
        "bucket_s": "float64",
        "up_bytes": "int64",
        "down_bytes": "int64",
    },
    "edges": {"source": "str", "target": "str", "bytes": "int64"},
    "faults": {
        "t_s": "float64",
        "action": "str",
        "node": "str",
        "share": "float64",
        "sentence": "str",
    },
    "pieces": {"node": "str", "piece": "int64", "t_s": "float64"},
}

ENDINGS = {
    "hopeless": "when all who lacked the file were down for good",
    "stalled": "when nobody got any further",
    "deadline": "at their deadline (--set deadline=... gives more time)",
}
"""How a run ends in which not all clients finish; see `bench.lasting.Ending`."""


class ResultsError(BenchError, ValueError):
    """A folder that holds no results: one line that says what was expected."""


class Pictures:
    """The pictures of some results: `results.plot.<name>()` draws one and returns its axes."""

    def __init__(self, results: "Results") -> None:
        self._results = results

    def __dir__(self) -> list[str]:
        from bench.plots import pictures

        return list(pictures(self._results))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from bench.plots import PICTURES

        if name not in PICTURES:
            raise AttributeError(f"no picture {name}; there are {', '.join(PICTURES)}")
        return partial(PICTURES[name], self._results)


@dataclass(repr=False)
class Results:
    """The frames of some runs, one observation a row, units in the columns' names.

    Each frame starts with a column for every swept field (the value as people write it), then
    `backend`, `clients`, `seed`, `repeat`; COLUMNS has the rest.
    """

    scenario: Scenario
    meta: dict[str, Any]
    runs: pd.DataFrame
    nodes: pd.DataFrame
    samples: pd.DataFrame
    edges: pd.DataFrame
    faults: pd.DataFrame = field(default_factory=pd.DataFrame)
    pieces: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: Path | None = None

    @property
    def swept(self) -> list[str]:
        """The columns that a sweep added."""
        return [field for field in self.meta.get("sweep", {}) if field not in KEY]

    @property
    def plot(self) -> Pictures:
        """The pictures, by name."""
        return Pictures(self)

    def summary(self) -> pd.DataFrame:
        """Return a row for every case: medians over its repeats.

        `finish_s_min` and `finish_s_max` are the spread, `runs` counts the repeats.
        """
        cases = self.runs.groupby([*self.swept, "backend", "clients"], sort=False)
        table = cases.median(numeric_only=True).drop(columns=["seed", "repeat"])
        table["finish_s_min"] = cases["finish_s"].min()
        table["finish_s_max"] = cases["finish_s"].max()
        table["runs"] = cases.size()
        if "clock" not in self.swept:
            table["clock"] = cases["clock"].first()
        return table.reset_index()

    def records(self) -> list[dict[str, Any]]:
        """Return the runs frame as JSON holds it: NaN and infinity are None."""
        return json_rows(self.runs)

    def save(self, directory: str | Path | None = None, *, pictures: bool = True) -> Path:
        """Write the scenario, the frames and the pictures into a folder, and return it.

        Without one it is where the results are kept already, or a new one in results/. Pictures of
        other results that are there are removed. Raises BenchError.
        """
        from bench.plots import remove_all

        folder = results_folder(directory or self.path, self.scenario.name)
        try:
            remove_all(folder)
            folder.joinpath("scenario.toml").write_text(dump(self.scenario), encoding="utf-8")
            meta = json.dumps(self.meta, indent=2, ensure_ascii=False)
            folder.joinpath(RUN_RECORD).write_text(meta + "\n", encoding="utf-8")
            for name in COLUMNS:
                getattr(self, name).to_parquet(folder / f"{name}.parquet", engine="pyarrow")
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be written: {error.strerror}") from None
        self.path = folder
        if pictures and len(self.runs):
            from bench.plots import draw_all

            draw_all(self, folder)
        return folder

    def overlay_measures(self, least: float = LEAST) -> pd.DataFrame:
        """Return the overlay of each run in numbers: see `bench.topology.overlay_measures`.

        Pairs of hosts that moved less than `least` of the file carried talk, and are no links.
        """
        return overlay_measures(self.nodes, self.edges, self.runs, self.swept, least)

    def rows(self) -> Rows:
        """Return the table that people read: heads and texts, a row for every case."""
        return result_rows(self.scenario, self._cases(), self.swept)

    def notes(self) -> list[str]:
        """Return the lines that belong beside the table: what it is, and how it was scaled."""
        title = self.scenario.title or self.scenario.name
        return [title, *filter(None, [scaling(self.scenario, self._cases())]), *self._endings()]

    def _endings(self) -> Iterator[str]:
        """Lines on runs that ended before all had the file, and on faults that never happened."""
        for ending, line in ENDINGS.items():
            if count := int((self.runs["ending"] == ending).sum()):
                yield f"{count} of {len(self.runs)} runs ended {line}"
        if len(self.faults):
            missed = self.faults[self.faults["t_s"].isna()]
            for sentence, rows in missed.groupby("sentence", sort=False):
                yield f"never happened in {len(rows)} of the runs: {sentence}"

    def _cases(self) -> list[dict[str, Any]]:
        cases = self.summary().to_dict("records")
        return [{str(column): value for column, value in case.items()} for case in cases]

    def __repr__(self) -> str:
        return f"<Results: {self.scenario.name}, {len(self.runs)} runs, {self.path or 'not saved'}>"

    def _repr_html_(self) -> str:
        if self.runs.empty:
            return f"<p>{escape(repr(self))}</p>"
        sizes = ((name, len(getattr(self, name))) for name in COLUMNS)
        frames = ", ".join(f".{name} ({rows:,})" for name, rows in sizes if rows)
        kept = f"kept in {self.path}" if self.path else "not kept; .save() keeps them"
        drawn = ", ".join(f"{name}()" for name in dir(self.plot))
        below = [f"frames, with their rows: {frames}", f"pictures: .plot. {drawn}", kept]
        return html(self.rows(), self.notes(), below)


def collect(
    scenario: Scenario,
    meta: dict[str, Any],
    finished: Iterable[tuple[Trial, TrialResult]],
    swept: Sequence[str] = (),
) -> Results:
    """Return the results of the runs that finished, in the order given."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for trial, result in finished:
        label = labels(trial, swept)
        for name, own in (
            ("runs", [result.run]),
            ("nodes", result.nodes),
            ("samples", result.samples),
            ("edges", result.edges),
            ("faults", result.faults),
            ("pieces", result.pieces),
        ):
            rows[name] += [row | label for row in own]
    frames: dict[str, Any] = {name: _frame(name, own, swept) for name, own in rows.items()}
    return Results(scenario, meta, **frames)


def load(directory: str | Path) -> Results:
    """Read the results that a run left in `directory`. Raises ResultsError."""
    folder = Path(directory)
    expected = f"{folder}: expected a folder that `bench run` left"
    for file in (RUN_RECORD, "scenario.toml", *(f"{name}.parquet" for name in COLUMNS)):
        if not (folder / file).is_file():
            raise ResultsError(f"{expected}; there is no {file}")
    try:
        meta = json.loads(folder.joinpath(RUN_RECORD).read_text(encoding="utf-8"))
        scenario = load_scenario(folder / "scenario.toml")
        frames: dict[str, Any] = {
            name: pd.read_parquet(folder / f"{name}.parquet") for name in COLUMNS
        }
    except (OSError, ValueError) as error:
        raise ResultsError(f"{expected}; {str(error).splitlines()[0]}") from None
    swept = meta.get("sweep", {}) if isinstance(meta, dict) else None
    if not isinstance(swept, dict):
        raise ResultsError(f"{expected}; meta.json holds something else")
    for name, columns in COLUMNS.items():
        for column in (*swept, *KEY, *columns):
            if column not in frames[name].columns:
                raise ResultsError(f"{expected}; {name}.parquet has no column {column}")
    return Results(scenario, meta, **frames, path=folder)


def _frame(name: str, rows: list[dict[str, Any]], swept: Sequence[str]) -> pd.DataFrame:
    """Return the rows as a frame whose columns and types do not depend on what the rows hold."""
    types = {field: "str" for field in swept if field not in KEY} | KEY | dict(COLUMNS[name])
    if not rows:
        return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in types.items()})
    frame = pd.DataFrame(rows)
    extra = [column for column in frame.columns if column not in types]
    return frame[[*types, *extra]].astype(types)


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as JSON holds them: NaN and infinity are None."""
    rows = frame.to_dict("records")
    return [{str(name): _json_value(value) for name, value in row.items()} for row in rows]


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def results_folder(out: str | Path | None, name: str, *, claim: bool = False) -> Path:
    """Make the folder `out`, or a new one in results/ called by a name and the time; return it.

    It may hold older results of a run (of a claim, if it is for a claim's). Raises ResultsError.
    """
    if out == "":
        raise ResultsError("out: ''; expected the name of a folder")
    folder = Path(out) if out is not None else _unused(f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    if folder.joinpath(RUN_RECORD if claim else CLAIM_RECORD).exists():
        other = "run" if claim else "claim"
        raise ResultsError(f"{folder}: holds the results of a {other}; expected another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be made: {error.strerror}") from None
    return folder


def _unused(name: str) -> Path:
    suffixes = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    folders = (Path("results", name + suffix) for suffix in suffixes)
    return next(folder for folder in folders if not folder.exists())
