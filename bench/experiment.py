"""A whole run of the bench: a scenario's trials run, their results collected and saved."""

import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bench.catalogue import find
from bench.meta import collect_meta
from bench.pool import RUN_TRIAL, run_trials, worker_count
from bench.progress import watch
from bench.results import Results, ResultsError, collect
from bench.scenario import Scenario, ScenarioError, field_text, override_all
from bench.sweep import Sweep, Trial, TrialFailed, TrialResult, trials

Value = str | float | Sequence[Any]


class Interrupted(KeyboardInterrupt):
    """An interrupt: one line that says where the finished runs are."""


def run(
    scenario: str | Path | Scenario = "kurose-ross",
    *,
    clients: int | Value | None = None,
    backend: str | Sequence[str] | None = None,
    file_size: Value | None = None,
    origin_up: Value | None = None,
    peer_up: Value | None = None,
    peer_down: Value | None = None,
    latency: Value | None = None,
    clock: str | None = None,
    seed: int | str | None = None,
    repeats: int | str | None = None,
    sweep: Sweep | None = None,
    out: str | Path | Literal[False] | None = None,
    progress: bool = True,
    jobs: int | None = None,
    **fields: object,
) -> Results:
    """Run a scenario (a name of the catalogue, a TOML file or a Scenario) and return its results.

    Every field of the scenario can be given, as text (`"10 Mbit/s"`, `"1,5,10"`), as a number in
    bytes, bytes per second or seconds, or as a sequence of either. `sweep` maps fields to the
    values to run with. The results are saved to `out`, by default a new folder in results/, or not
    at all if it is False. `jobs` trials run beside each other, by default one a processor.
    Raises ScenarioError, ResultsError for `out`, TrialFailed or Interrupted; the runs that finished
    before one of the last two are saved.
    """
    given = {
        "clients": clients,
        "backends": backend,
        "file_size": file_size,
        "origin_up": origin_up,
        "peer_up": peer_up,
        "peer_down": peer_down,
        "latency": latency,
        "clock": clock,
        "seed": seed,
        "repeats": repeats,
    }
    changes = {field: value for field, value in given.items() if value is not None} | fields
    chosen = scenario if isinstance(scenario, Scenario) else find(scenario)
    chosen, sweep = override_all(chosen, changes), sweep or {}
    if jobs is not None and jobs < 1:
        raise ScenarioError(f"jobs: {jobs}; expected 1 or more")
    plan = trials(chosen, sweep)
    folder = _folder(out, chosen.name)
    meta = collect_meta() | {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": chosen.seed,
        "jobs": worker_count(plan, jobs),
        "sweep": {field: _values(plan, field) for field in sweep},
        "runs_planned": len(plan),
    }
    begin, finished = time.monotonic(), dict[int, TrialResult]()

    def results(ending: str) -> Results:
        meta.update(ending=ending, wall_s=round(time.monotonic() - begin, 3))
        return collect(chosen, meta, [(plan[i], finished[i]) for i in sorted(finished)], [*sweep])

    def keep(ending: str) -> str:
        """Save what has finished, quickly, and say where it is."""
        count = f"{len(finished)} of {len(plan)} runs had finished"
        if folder is None:
            return count
        if not finished:
            with suppress(OSError):  # it was there before, and has files
                folder.rmdir()
            return count
        return f"{count} and are kept in {results(ending).save(folder, pictures=False)}"

    try:
        with watch(plan, shown=progress) as watcher:

            def done(index: int, result: TrialResult) -> None:
                finished[index] = result
                watcher.done(index, result)

            run_trials(
                plan, on_progress=watcher.progress, on_done=done, jobs=jobs, function=RUN_TRIAL
            )
    except TrialFailed as failure:
        failure.args = (f"{failure}; {keep(str(failure))}",)
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {keep('interrupted')}") from None
    whole = results("finished")
    if folder is not None:
        whole.save(folder)
    return whole


def _values(plan: Sequence[Trial], field: str) -> list[str]:
    return list(dict.fromkeys(field_text(trial.scenario, field) for trial in plan))


def _folder(out: str | Path | Literal[False] | None, name: str) -> Path | None:
    """Make the folder to save to, and return it; None if nowhere. Raises ResultsError."""
    if out is False:
        return None
    folder = Path(out) if out is not None else _unused(f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be made: {error.strerror}") from None
    return folder


def _unused(name: str) -> Path:
    suffixes = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    folders = (Path("results", name + suffix) for suffix in suffixes)
    return next(folder for folder in folders if not folder.exists())
