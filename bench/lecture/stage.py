"""Where claims are measured: it runs scenarios and plays, in processes of their own."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import SettingError
from bench.play import Case, Experiment, Play, Played
from bench.pool import run_plays
from bench.scenario import Scenario
from host.clock import Clock

if TYPE_CHECKING:
    from pandas import DataFrame

    from bench.results import Results


class Stage:
    """Runs what a claim asks for, and says on stderr how far it is."""

    def __init__(self, *, progress: bool = False, jobs: int | None = None) -> None:
        """`jobs` experiments run beside each other; None: one a processor. Raises SettingError."""
        if jobs is not None and jobs < 1:
            raise SettingError(f"jobs: {jobs}; expected 1 or more")
        self._progress = progress
        self._jobs = jobs

    def run(self, scenario: str | Path | Scenario, **fields: Any) -> Results:
        """Run a scenario as `bench.run` does; nothing is saved."""
        # Pandas takes most of a second to import: not to list the claims.
        from bench.experiment import run

        return run(scenario, out=False, progress=self._progress, jobs=self._jobs, **fields)

    def play(
        self,
        experiment: Experiment,
        cases: Sequence[Case],
        *,
        clock: Clock = "virtual",
        deadline_s: float | None = None,
    ) -> dict[str, DataFrame]:
        """Play an experiment once for each case and return its frames, in the cases' order.

        `experiment(case, directory)` stands at the top of its module and returns rows by the name
        of their frame; each row gets its case's single values as columns. An async one runs under
        `clock`, and fails after `deadline_s` seconds of it. Plays under the virtual clock run
        beside each other, others alone. Raises TrialFailed, or ValueError for an experiment that
        a worker process could not import.
        """
        function = f"{experiment.__module__}:{experiment.__qualname__}"
        if not re.fullmatch(r"(?!__main__)[\w.]+:\w+", function):
            raise ValueError(f"{function}: expected a function at the top of a module's file")
        plays = [
            Play(function=function, case=dict(case), clock=clock, deadline_s=deadline_s)
            for case in cases
        ]
        played: dict[int, Played] = {}

        def done(index: int, result: Played) -> None:
            played[index] = result
            if self._progress:
                sys.stderr.write(f"{len(played)}/{len(plays)}  {plays[index]}\n")

        run_plays(plays, on_done=done, jobs=self._jobs)
        return _frames(cases, [played[index].rows for index in range(len(plays))])


def _frames(
    cases: Sequence[Case], played: Sequence[Mapping[str, list[dict[str, Any]]]]
) -> dict[str, DataFrame]:
    from pandas import DataFrame

    rows: dict[str, list[dict[str, Any]]] = {}
    for case, frames in zip(cases, played, strict=True):
        single = {n: value for n, value in case.items() if isinstance(value, str | int | float)}
        for name, own in frames.items():
            rows.setdefault(name, []).extend(single | row for row in own)
    return {name: DataFrame(own) for name, own in rows.items()}
