"""A whole run of the bench: a scenario's trials run, their results collected and saved."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, Literal

from bench.catalogue import find
from bench.meta import collect_meta
from bench.pool import RUN_TRIAL, run_trials, worker_count
from bench.progress import watch
from bench.results import Results, collect, results_folder
from bench.scenario import Scenario, ScenarioError, build, override_all
from bench.sweep import ANY, Sweep, TrialFailed, TrialResult, labels, trials

Value = str | float | Sequence[Any]
Out = str | Path | Literal[False] | None
INTERRUPTED_WITHIN_S = 0.1
"""Seconds of the loop's time from a notebook's interrupt to its being heard."""


class Interrupted(KeyboardInterrupt):
    """An interrupt: one line that says where the finished runs are, and `results` with them."""

    results: Results | None = None

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the line alone."""
        return [str(self)]


def run(
    scenario: str | Path | Scenario | Mapping[str, object] = "kurose-ross",
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
    out: Out = None,
    progress: bool = True,
    jobs: int | None = None,
    stop: Event | None = None,
    **fields: object,
) -> Results:
    """Run a scenario and return its results; a running event loop, as Jupyter's, does not matter.

    A scenario is a name of the catalogue, a TOML file, a Scenario, or a mapping of its fields.

    Every field of the scenario can be given, as text (`"10 Mbit/s"`, `"1,5,10"`), as a number in
    bytes, bytes per second or seconds, or as a sequence of either. `sweep` maps fields to the
    values to run with. The results are saved to `out`, by default a new folder in results/, or not
    at all if it is False. `jobs` trials run beside each other, by default one a processor. Another
    thread ends the run by setting `stop`.

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
    if jobs is not None and jobs < 1:
        raise ScenarioError(f"jobs: {jobs}; expected 1 or more")
    experiment = _Experiment(override_all(chosen(scenario), changes), sweep or {}, out)
    return experiment.run(progress, jobs, stop)


async def arun(
    scenario: str | Path | Scenario | Mapping[str, object] = "kurose-ross", **options: Any
) -> Results:
    """Run a scenario as `run` does, with its options, while the event loop goes on.

    When the task is cancelled, or a notebook's kernel interrupted, the runs that finished are kept.
    """
    stop = Event()

    def aside() -> Results | Interrupted:
        # A KeyboardInterrupt would end the loop that waits for this thread.
        try:
            return run(scenario, stop=stop, **options)
        except Interrupted as interrupted:
            return interrupted

    running = asyncio.ensure_future(asyncio.to_thread(aside))
    try:
        # A notebook's interrupt only queues a callback, which a loop that sleeps does not see.
        while not running.done():
            await asyncio.wait([running], timeout=INTERRUPTED_WITHIN_S)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        ended = running.exception() or running.result()
        if isinstance(ended, Interrupted):
            raise asyncio.CancelledError(str(ended)) from None
        raise
    outcome = running.result()
    assert isinstance(outcome, Results)
    return outcome


def chosen(scenario: str | Path | Scenario | Mapping[str, object]) -> Scenario:
    """Return the scenario that is meant, as `run` takes it. Raises ScenarioError."""
    if isinstance(scenario, Scenario):
        return scenario
    return build(scenario) if isinstance(scenario, Mapping) else find(scenario)


class _Experiment:
    """The plan of a run, and what has finished of it."""

    def __init__(self, scenario: Scenario, sweep: Sweep, out: Out) -> None:
        self._scenario = scenario
        self._plan = trials(scenario, sweep)
        self._swept = self._plan[0].swept
        self._finished: dict[int, TrialResult] = {}
        self._begin = time.monotonic()
        self._folder = None if out is False else results_folder(out, scenario.name)
        self._meta = collect_meta() | {
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "seed": scenario.seed,
            "sweep": {field: self._values(field) for field in self._swept},
            "runs_planned": len(self._plan),
        }

    def run(self, progress: bool, jobs: int | None, stop: Event | None) -> Results:
        """Run and save all; what has finished when it fails or is interrupted is saved too."""
        self._meta["jobs"] = worker_count(self._plan, jobs)
        try:
            with watch(self._plan, shown=progress) as watcher:

                def done(index: int, result: TrialResult) -> None:
                    self._finished[index] = result
                    watcher.done(index, result)

                run_trials(
                    self._plan,
                    on_progress=watcher.progress,
                    on_done=done,
                    jobs=jobs,
                    function=RUN_TRIAL,
                    stop=stop,
                )
            results = self._results("finished")
            if self._folder is not None:
                results.save(self._folder)
            return results
        except TrialFailed as failure:
            failure.args = (f"{failure}; {self._keep(str(failure))}",)
            raise
        except KeyboardInterrupt:
            interrupted = Interrupted(f"interrupted: {self._keep('interrupted')}")
            interrupted.results = self._results("interrupted")
            raise interrupted from None

    def _results(self, ending: str) -> Results:
        self._meta |= {"ending": ending, "wall_s": round(time.monotonic() - self._begin, 3)}
        finished = [(self._plan[index], result) for index, result in sorted(self._finished.items())]
        return collect(self._scenario, self._meta, finished, self._swept)

    def _keep(self, ending: str) -> str:
        """Save what has finished, without the pictures that take long, and say where it is."""
        count = f"{len(self._finished)} of {len(self._plan)} runs had finished"
        if self._folder is None:
            return count
        if not self._finished:
            with suppress(OSError):  # it was there before, and is not empty
                self._folder.rmdir()
            return count
        self._results(ending).save(self._folder, pictures=False)
        return f"{count} and are kept in {self._folder}"

    def _values(self, field: str) -> list[str]:
        values = dict.fromkeys(labels(trial, [field])[field] for trial in self._plan)
        return [value for value in values if value != ANY]
