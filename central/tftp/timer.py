"""When to send again, and when to give up: RFC 6298 for the round trip, and patience in seconds."""

from __future__ import annotations

import math

FIRST_S = 1.0
"""Seconds until the first retransmission, before any round trip was seen (RFC 6298 (2.1))."""

LEAST_S = 0.2
"""Seconds until a retransmission at least (Linux: TCP_RTO_MIN; RFC 6298 (2.4) has 1 s and allows
less).  It runs from when a window has left the sender's own uplink."""

MOST_S = 64.0
"""Seconds until a retransmission at most (RFC 6298 (2.5): 60 s or more)."""

BACKED_OFF_S = 4.0
"""Seconds that backing off leads to, if the round trip is not longer: a packet in 4 s is no load,
and a minute of waiting would outlast the other end's patience."""

TRIES = 15
"""Retransmissions without any answer (tcp(7): tcp_retries2)."""


class Timer:
    """A retransmission timer that follows the times that it is told of."""

    def __init__(self, initial_s: float, least_s: float = LEAST_S) -> None:
        """Seconds until the first expiry before anything was measured, and at least."""
        self.wait_s = initial_s
        """Until the next expiry."""
        self.deadline = math.inf
        """When it expires; infinite while it does not run."""
        self.tries = 0
        """Expiries since the other end was heard."""
        self._unbacked_s = initial_s
        self._least_s = min(initial_s, least_s)
        self._smooth_s: float | None = None
        self._spread_s = 0.0

    @property
    def exhausted(self) -> bool:
        """True when it has expired too often."""
        return self.tries > TRIES

    def start(self, now: float, least_s: float = 0.0) -> None:
        """Expire after what was learned, and not before `least_s`."""
        self.deadline = now + max(self.wait_s, least_s)

    def stop(self) -> None:
        self.deadline = math.inf

    def sample(self, seconds: float) -> None:
        """A round trip took so long (RFC 6298 (2.2) and (2.3))."""
        if self._smooth_s is None:
            self._smooth_s, self._spread_s = seconds, seconds / 2
        else:
            self._spread_s += (abs(self._smooth_s - seconds) - self._spread_s) / 4
            self._smooth_s += (seconds - self._smooth_s) / 8
        wished = self._smooth_s + 4 * self._spread_s
        self.wait_s = self._unbacked_s = min(MOST_S, max(self._least_s, wished))

    def heard(self) -> None:
        """The other end is there: what backing off has added is taken back."""
        self.wait_s = self._unbacked_s

    def present(self) -> None:
        """The other end is there, and maybe busy: whether it takes too long is for patience."""
        self.tries = 0

    def progress(self) -> None:
        """It has something new, too."""
        self.tries = 0
        self.heard()

    def expire(self, now: float) -> None:
        """It has expired: wait twice as long for the next time (RFC 6298 (5.5))."""
        self.tries += 1
        self.wait_s = max(self._unbacked_s, min(BACKED_OFF_S, 2 * self.wait_s))
        self.start(now)


QUIET = 4
"""Times the longest pause between blocks that a receiver waits before it repeats itself."""


class QuietTimer:
    """A receiver's timer, for acknowledgements that the sender waits for in vain.

    The sender's own timer knows more, and what is repeated without need may look like an answer to
    it.  So this one is slow: the receiver does not see the sender's queue, and learns from the
    pauses between blocks how long a pause may be.
    """

    def __init__(self, retransmit_s: float) -> None:
        """`retransmit_s` is what the sender's timer begins with."""
        self.deadline = math.inf
        """When it expires; infinite while it does not run."""
        self.tries = 0
        """Expiries since there was a block."""
        self._least_s = self._wait_s = QUIET * retransmit_s
        self._pause_s = self._pause_before_s = 0.0

    def start(self, now: float) -> None:
        """The sender was heard, or was told to begin."""
        self.deadline = now + self._wait_s

    def stop(self) -> None:
        self.deadline = math.inf

    def block(self, pause_s: float) -> None:
        """The next block has come, so many seconds after the one before."""
        self.tries = 0
        self._pause_s = max(self._pause_s, pause_s)
        longest_s = max(self._pause_s, self._pause_before_s)
        self._wait_s = min(MOST_S, max(self._least_s, QUIET * longest_s))

    def answered(self) -> None:
        """The sender was told how far the blocks have come: the next window begins."""
        self._pause_before_s, self._pause_s = self._pause_s, 0.0

    def expire(self, now: float) -> None:
        """It has expired: wait twice as long for the next time."""
        self.tries += 1
        self._wait_s = min(MOST_S, 2 * self._wait_s)
        self.start(now)


class Patience:
    """How slow the other end may be: so many bytes within so many seconds of waiting for it.

    Seconds in which it is not waited for, because the own uplink is busy, do not count.
    """

    def __init__(self, seconds: float, least_bytes: float = 0) -> None:
        """With `least_bytes` of 0 any packet will do."""
        self._limit_s = seconds
        self._least = least_bytes
        self._waited_s = 0.0
        self._bytes = 0

    @property
    def left_s(self) -> float:
        """Seconds of waiting that are left."""
        return max(0.0, self._limit_s - self._waited_s)

    def waited(self, seconds: float) -> None:
        """It was waited for so long, and a packet came or did not."""
        self._waited_s += seconds

    def moved(self, size: int) -> None:
        """A packet says that so many bytes of the file have come, 0 or more."""
        self._bytes += size
        if self._bytes >= self._least:
            self._bytes, self._waited_s = 0, 0.0
