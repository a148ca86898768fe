"""A token bucket: so many bytes a second and a short burst (RFC 2697, as virtual scheduling: ITU-T
I.371, the generic cell rate algorithm).

Pure: `now` is in seconds on a clock that never goes back.
"""

from __future__ import annotations

SMOOTH_S = 0.25
"""Seconds' worth of bytes that go out at a time: short enough for a progress bar, long enough for
the timers of a busy machine."""

LEAST_STRETCH = 1024
"""Bytes: less at a time is mostly headers."""


class Bucket:
    """Bytes are earned at a rate, and a burst of them is kept while nobody spends."""

    def __init__(self, rate: float) -> None:
        """`rate` in bytes per second, finite; the bucket begins full."""
        self._rate = rate
        self.burst = max(rate * SMOOTH_S, LEAST_STRETCH)
        """Bytes that may go at once after a rest."""
        self._empty = float("-inf")  # when it was empty last, had nothing flowed over since

    def earned(self, size: int, now: float) -> float:
        """When `size` bytes may go: in the past where they may at once."""
        return max(self._empty, now - self.burst / self._rate) + size / self._rate

    def spend(self, earned: float) -> None:
        """The bytes that `earned` was asked for go now; nothing else was spent in between."""
        self._empty = earned


def stretch(rate: float, sharers: int, most: int) -> int:
    """Bytes to send at a time so that `sharers` transfers keep to `rate` smoothly, `most` at most.

    An infinite rate asks for nothing.
    """
    return int(min(most, max(rate * SMOOTH_S / max(sharers, 1), LEAST_STRETCH)))
