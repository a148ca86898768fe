"""What a transfer tells its user: progress on stderr or as JSON lines, the result on stdout."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from host.quantities import Size
from p2p.progress import Progress

WINDOW_S = 5.0
"""Seconds that a rate is the mean of."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast it goes."""

    down_rate: float
    """Bytes of blocks per second, as `up_rate`."""
    up_rate: float
    left_s: float | None
    """Seconds until all is here; None where nothing comes, or nothing is left."""


class Pacer:
    """Rates over the last few seconds of a transfer."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def pace(self, progress: Progress, now: float) -> Pace:
        """Take in how far it is at `now` (seconds), and tell how fast it goes."""
        self._samples.append((now, progress.received, progress.sent))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()
        then, received, sent = self._samples[0]
        passed = now - then
        down = (progress.received - received) / passed if passed else 0.0
        up = (progress.sent - sent) / passed if passed else 0.0
        left = progress.bytes_wanted - progress.bytes_here
        return Pace(down_rate=down, up_rate=up, left_s=left / down if down and left > 0 else None)


class Output:
    """Says what came of it, on stdout, and nothing on the way there."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self._as_json = as_json
        self._quiet = quiet

    def note(self, line: str) -> None:
        """Something to know that stops nothing."""
        if not self._quiet:
            say(line)

    def hashing(self, done: int, size: int) -> None:
        """So many bytes of what is to be shared have been read."""

    def progress(self, progress: Progress, now: float) -> None:
        """So far it is at `now`, in seconds of the loop's clock."""

    def result(self, line: str, event: str, **fields: Any) -> None:
        """The line for a person or a script, or the event's record as JSON."""
        print(json.dumps({"event": event, **fields}) if self._as_json else line, flush=True)


class Lines(Output):
    """A JSON line on stdout now and then."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self._pacer = Pacer()
        self._began: float | None = None

    def progress(self, progress: Progress, now: float) -> None:
        if self._began is None:
            self._began = now
        pace = self._pacer.pace(progress, now)
        fields = asdict(progress) | asdict(pace) | {"elapsed_s": now - self._began}
        record = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in fields.items()
        }
        print(json.dumps({"event": "progress", **record}), flush=True)


class Bar(Output):
    """A bar on a terminal."""

    def __init__(self, bar: RichProgress) -> None:
        super().__init__()
        self._pacer = Pacer()
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._hashed = -1

    def note(self, line: str) -> None:
        self._aside(super().note, line)

    def hashing(self, done: int, size: int) -> None:
        # Drawing takes longer than hashing a small piece.
        if (percent := 100 * done // max(size, 1)) != self._hashed:
            self._hashed = percent
            self._show(f"hashing {Size(size).about()}", done, size)

    def progress(self, progress: Progress, now: float) -> None:
        line = status_line(progress, self._pacer.pace(progress, now))
        self._show(line, progress.bytes_here, progress.bytes_wanted)

    def result(self, line: str, event: str, **fields: Any) -> None:
        self._aside(super().result, line, event, **fields)

    def _show(self, line: str, done: int, size: int) -> None:
        # Total None: a bar that only pulses, for it is not known yet how much there is.
        self._bar.update(self._task, completed=done, total=size or None, description=line)
        self._bar.refresh()

    def _aside(self, tell: Any, *what: Any, **fields: Any) -> None:
        """Print where the bar is, which comes back below."""
        self._bar.stop()
        tell(*what, **fields)
        self._bar.start()


@contextmanager
def output(*, as_json: bool, quiet: bool) -> Iterator[Output]:
    """What fits the place that this program writes to."""
    console = Console(stderr=True)
    if as_json and not quiet:
        yield Lines()
    elif quiet or not console.is_terminal:
        yield Output(as_json=as_json, quiet=quiet)
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
            yield Bar(bar)


def status_line(progress: Progress, pace: Pace) -> str:
    """How far and how fast it goes, in a line to stand beside a bar."""
    parts = [progress.phase, f"{progress.peers} peer{'s'[: progress.peers != 1]}"]
    if progress.phase in ("downloading", "seeding"):
        parts.append(f"{_rate(pace.down_rate)} down")
        parts.append(f"{_rate(pace.up_rate)} up")
    if progress.pieces_wanted:
        parts.append(f"{progress.pieces_here}/{progress.pieces_wanted} pieces")
    if pace.left_s is not None:
        parts.append(f"{clock(pace.left_s)} left")
    return ", ".join(parts)


def _rate(rate: float) -> str:
    return f"{Size(rate).about()}/s"


def clock(seconds: float) -> str:
    """A time as clocks show it: `0:07`, `1:02:03`, and days beyond 99 hours."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 100:
        return f"{hours // 24} days"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def say(line: str) -> None:
    """Print a line on stderr, in one write: others may write to the same place."""
    sys.stderr.write(f"p2p: {printable(' '.join(line.split()))}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """The text without what a terminal would obey: names come from strangers."""
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
