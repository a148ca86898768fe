"""How fast a number grows: the mean over the last few seconds, as transfers are shown."""

from collections import deque

WINDOW_S = 5.0
"""Seconds that a rate is the mean of."""


class Gauge:
    """The rate of one growing number."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def rate(self, amount: int, now: float) -> float:
        """Take in how much it is at `now` (seconds), and return its growth per second.

        One that has shrunk is counted anew.
        """
        if self._samples and amount < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, amount))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()
        then, before = self._samples[0]
        passed = now - then
        return (amount - before) / passed if passed else 0.0


def seconds_left(left: int, rate: float) -> float | None:
    """Seconds until `left` bytes have come at `rate`; None where nothing comes or none is left."""
    return left / rate if rate and left > 0 else None


def clock(seconds: float) -> str:
    """A time as clocks show it: `0:07`, `1:02:03`, and days beyond 99 hours."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 100:
        return f"{hours // 24} days"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
