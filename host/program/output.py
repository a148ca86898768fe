"""What a program tells its user: progress on stderr or as JSON lines, the result on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from host.program.program import Program
from host.quantities import Size

P = TypeVar("P")
Seen = TypeVar("Seen", contravariant=True)


class Shown(NamedTuple):
    """What a bar shows."""

    line: str
    """To stand beside it."""
    done: int
    wanted: int
    """Bytes; 0 while unknown."""


class View(Protocol[Seen]):
    """How a program's transfers look; told at every moment, it knows how fast they go."""

    def shown(self, progress: Seen, now: float) -> Shown:
        """For the eye, at `now` in seconds."""

    def record(self, progress: Seen, now: float) -> dict[str, Any]:
        """For a script: bytes, bytes per second, seconds; what is not known is None."""


class Output(Generic[P]):
    """Says what came of it, on stdout, and nothing on the way there."""

    def __init__(self, program: Program, *, as_json: bool = False, quiet: bool = False) -> None:
        self._program = program
        self._as_json = as_json
        self._quiet = quiet

    def note(self, line: str) -> None:
        """Something to know that stops nothing."""
        if not self._quiet:
            self._program.say(line)

    def hashing(self, done: int, size: int) -> None:
        """So many bytes of what is to be hashed have been read."""

    def progress(self, progress: P, now: float) -> None:
        """So far it is at `now`, in seconds of the loop's clock."""

    def heading(self, line: str) -> None:
        """What stands above results, for a person only."""
        if not self._as_json:
            print(line, flush=True)

    def result(self, line: str, event: str, **fields: Any) -> None:
        """The line for a person or a script, or the event's record as JSON."""
        print(json.dumps({"event": event, **fields}) if self._as_json else line, flush=True)


class Lines(Output[P]):
    """A JSON line on stdout now and then."""

    def __init__(self, program: Program, view: View[P]) -> None:
        super().__init__(program, as_json=True)
        self._view = view
        self._began: float | None = None

    def progress(self, progress: P, now: float) -> None:
        if self._began is None:
            self._began = now
        fields = self._view.record(progress, now) | {"elapsed_s": now - self._began}
        record = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in fields.items()
        }
        print(json.dumps({"event": "progress", **record}), flush=True)


class Bar(Output[P]):
    """A bar on a terminal."""

    def __init__(self, program: Program, view: View[P], bar: RichProgress) -> None:
        super().__init__(program)
        self._view = view
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._hashed = -1

    def note(self, line: str) -> None:
        self._aside(super().note, line)

    def hashing(self, done: int, size: int) -> None:
        # Drawing takes longer than hashing a small piece.
        if (percent := 100 * done // max(size, 1)) != self._hashed:
            self._hashed = percent
            self._show(Shown(f"hashing {Size(size).about()}", done, size))

    def progress(self, progress: P, now: float) -> None:
        self._show(self._view.shown(progress, now))

    def result(self, line: str, event: str, **fields: Any) -> None:
        self._aside(super().result, line, event, **fields)

    def _show(self, shown: Shown) -> None:
        # Total None: a bar that only pulses, for it is not known yet how much there is.
        total = shown.wanted or None
        self._bar.update(self._task, completed=shown.done, total=total, description=shown.line)
        self._bar.refresh()

    def _aside(self, tell: Any, *what: Any, **fields: Any) -> None:
        """Print where the bar is, which comes back below."""
        self._bar.stop()
        tell(*what, **fields)
        self._bar.start()


@contextmanager
def output(program: Program, view: View[P], *, as_json: bool, quiet: bool) -> Iterator[Output[P]]:
    """What fits the place that this program writes to."""
    console = Console(stderr=True)
    if as_json and not quiet:
        yield Lines(program, view)
    elif quiet or not console.is_terminal:
        yield Output(program, as_json=as_json, quiet=quiet)
    else:
        columns = (BarColumn(bar_width=20), TaskProgressColumn())
        # Without a thread that draws on its own, and with stdout left to the result.
        with RichProgress(
            *columns,
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as bar:
            yield Bar(program, view, bar)
