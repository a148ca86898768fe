"""How far a run of the bench is: a bar on a terminal or in a notebook, else a line a finished run.

The terminal's bar and the lines go to stderr.
"""

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bench.pool import cost
from bench.sweep import Trial, TrialResult
from bench.table import figure


class Watch:
    """Hears of every trial by its index; this one keeps it to itself."""

    def progress(self, index: int, fraction: float) -> None:
        """Hear that a trial is done by `fraction`, 0 to 1."""

    def done(self, index: int, result: TrialResult) -> None:
        """Hear that a trial has its result."""


@contextmanager
def watch(trials: Sequence[Trial], *, shown: bool) -> Iterator[Watch]:
    """Show the progress of `trials` on stderr, if it is to be shown."""
    console = Console(stderr=True)
    if not shown:
        yield Watch()
    elif console.is_jupyter:
        yield Cell(trials)
    elif not console.is_terminal:
        yield Lines(trials)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            yield Bar(trials, bar)


class Lines(Watch):
    """A plain line for every finished trial."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = trials
        self._finished = 0

    def done(self, index: int, result: TrialResult) -> None:
        self._finished += 1
        trial = self._trials[index]
        finish = result.run["finish_s"] / trial.scenario.seconds_per_unit
        line = (
            f"{self._finished}/{len(self._trials)}  {trial}: "
            f"{figure(finish)} {trial.scenario.time_unit} in {result.run['wall_s']:.1f} s\n"
        )
        # In one write, newline included: others may write to the same place.
        sys.stderr.write(line)
        sys.stderr.flush()


class Gauge(Watch):
    """Something that advances by the bytes that have come to the clients."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = trials
        self._fractions = [0.0] * len(trials)
        self._finished = 0
        self._total = sum(cost(trial) for trial in trials) or 1

    def progress(self, index: int, fraction: float) -> None:
        self._fractions[index] = fraction
        pairs = zip(self._trials, self._fractions, strict=True)
        completed = sum(cost(trial) * fraction for trial, fraction in pairs)
        planned = len(self._trials)
        running = f"  {self._trials[index]}" if self._finished < planned else ""
        self._show(completed, f"{self._finished}/{planned} runs{running}")

    def done(self, index: int, result: TrialResult) -> None:
        self._finished += 1
        self.progress(index, 1.0)

    @abstractmethod
    def _show(self, completed: float, description: str) -> None:
        """Draw it."""


class Bar(Gauge):
    """A bar on a terminal."""

    def __init__(self, trials: Sequence[Trial], bar: Progress) -> None:
        super().__init__(trials)
        self._bar = bar
        self._task = bar.add_task("", total=self._total)
        self.progress(0, 0.0)

    def _show(self, completed: float, description: str) -> None:
        self._bar.update(self._task, completed=completed, description=description)


class Cell(Gauge):
    """A bar below a notebook's cell."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        from IPython.display import display

        super().__init__(trials)
        self._completed, self._description = 0.0, ""
        self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]
        self.progress(0, 0.0)

    def _show(self, completed: float, description: str) -> None:
        self._completed, self._description = completed, description
        self._handle.update(self)

    def __repr__(self) -> str:
        return self._description

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self._completed:.0f}" max="{self._total}"></progress>'
        return f"{bar} {escape(self._description)}"
