"""What `p2p` shows of a transfer while it lasts: rates, peers and pieces."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

from host.program import output as program_output
from host.program.gauge import Gauge, clock, seconds_left
from host.program.output import Shown
from host.quantities import Size
from p2p.command.program import P2P
from p2p.progress import Progress

Output = program_output.Output[Progress]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast it goes."""

    down_rate: float
    """Bytes of blocks per second, as `up_rate`."""
    up_rate: float
    left_s: float | None
    """Seconds until all is here; None where nothing comes, or nothing is left."""


class TorrentView:
    """One torrent as it is shown."""

    def __init__(self) -> None:
        self._down = Gauge()
        self._up = Gauge()

    def shown(self, progress: Progress, now: float) -> Shown:
        line = status_line(progress, self.pace(progress, now))
        return Shown(line, progress.bytes_here, progress.bytes_wanted)

    def record(self, progress: Progress, now: float) -> dict[str, Any]:
        return asdict(progress) | asdict(self.pace(progress, now))

    def pace(self, progress: Progress, now: float) -> Pace:
        """Take in how far it is at `now` (seconds), and tell how fast it goes."""
        down = self._down.rate(progress.received, now)
        left = progress.bytes_wanted - progress.bytes_here
        return Pace(
            down_rate=down,
            up_rate=self._up.rate(progress.sent, now),
            left_s=seconds_left(left, down),
        )


def output(*, as_json: bool, quiet: bool) -> AbstractContextManager[Output]:
    """What fits the place that this program writes to."""
    return program_output.output(P2P, TorrentView(), as_json=as_json, quiet=quiet)


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
