"""What `central` shows of a transfer while it lasts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from central.command.program import CENTRAL
from host.program import output as program_output
from host.program.gauge import Gauge, clock, seconds_left
from host.program.output import Shown
from host.quantities import Size

Way = Literal["down", "up"]


@dataclass(frozen=True)
class Moved:
    """How far one file is."""

    name: str
    done: int
    """Bytes that are here, or were sent."""
    wanted: int
    """Bytes in all; 0 while unknown."""


Output = program_output.Output[Moved]


class TransferView:
    """One file after the other as they are shown."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._done = "bytes_here" if way == "down" else "bytes_sent"
        self._name = ""
        self._gauge = Gauge()

    def shown(self, progress: Moved, now: float) -> Shown:
        rate, left_s = self._pace(progress, now)
        parts = [progress.name, f"{Size(rate).about()}/s"]
        if left_s is not None:
            parts.append(f"{clock(left_s)} left")
        return Shown(", ".join(parts), progress.done, progress.wanted)

    def record(self, progress: Moved, now: float) -> dict[str, Any]:
        rate, left_s = self._pace(progress, now)
        return {
            "name": progress.name,
            self._done: progress.done,
            "bytes_wanted": progress.wanted,
            f"{self._way}_rate": rate,
            "left_s": left_s,
        }

    def _pace(self, progress: Moved, now: float) -> tuple[float, float | None]:
        """Bytes per second, and seconds until it is whole."""
        if progress.name != self._name:
            self._name, self._gauge = progress.name, Gauge()
        rate = self._gauge.rate(progress.done, now)
        return rate, seconds_left(progress.wanted - progress.done, rate)


def output(way: Way, *, as_json: bool, quiet: bool) -> AbstractContextManager[Output]:
    """What fits the place that this program writes to."""
    return program_output.output(CENTRAL, TransferView(way), as_json=as_json, quiet=quiet)
