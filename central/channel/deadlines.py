"""How long the two sides of a persistent socket wait for each other.

Pure: `now` comes in, verdicts go out.  A begun frame has `head_s`, as the head of an HTTP request
has; a client that rests is asked by PING; one that takes or gives a file keeps `least_rate`.
"""

from __future__ import annotations

import math

from central.config import Limits
from central.deadline import EARLY_S


class TooSlowError(Exception):
    """The other side used up its time; the text is the reason."""


class Deadlines:
    """What a client may be slow at, and for how long; the clocks of one connection."""

    def __init__(self, limits: Limits, now: float) -> None:
        """The connection is open since `now`, and HELLO is due."""
        self._limits = limits
        self._rest_s = limits.idle_s
        self._frame = now + limits.head_s
        self._idle = math.inf
        self._taken = math.inf
        self._given = math.inf
        self._given_bytes = 0
        self._gone: int | None = None

    @property
    def due(self) -> float:
        """When to `judge` next, at the latest; infinite where nothing is expected."""
        return min(self._frame, self._idle, self._taken, self._given)

    def judge(self, now: float, gone: int | None) -> bool:
        """True when it is time for a PING; `gone` as in `takes`. Raises TooSlowError."""
        by = now + EARLY_S
        if by >= self._frame:
            raise TooSlowError(f"no whole frame within {self._limits.head_s:g} s")
        least = self._limits.least_rate * self._limits.rate_s
        slow = TooSlowError(f"slower than {self._limits.least_rate:g} bytes/s")
        if by >= self._taken:
            if gone is not None and self._gone is not None and gone - self._gone < least:
                raise slow
            self.takes(now, gone)
        if by >= self._given:
            if self._given_bytes < least:
                raise slow
            self.gave_all()
            self.gives(now)
        if by < self._idle:
            return False
        if self._rest_s != self._limits.idle_s:
            raise TooSlowError("no answer to PING")
        self._rest_s = self._limits.head_s
        self._idle = now + self._rest_s
        return True

    def heard(self, now: float, *, ended: bool, begun: bool) -> None:
        """Bytes came: `ended`, a frame did in them; `begun`, another one is still incomplete."""
        if not begun:
            self._frame = math.inf
        elif ended or self._frame == math.inf:
            self._frame = now + self._limits.head_s
        if self._idle != math.inf:
            self.rests(now)

    def deaf(self) -> None:
        """Nothing is read for now, so no frame can end."""
        self._frame = math.inf

    def rests(self, now: float) -> None:
        """No request is under way; the client may take its time, and will be asked by PING."""
        self._rest_s = self._limits.idle_s
        self._idle = now + self._rest_s

    def works(self) -> None:
        """A request is under way."""
        self._idle = math.inf

    def takes(self, now: float, gone: int | None) -> None:
        """Bytes wait for the client to take them; `gone` have reached it since the beginning.

        None: nobody knows, and nobody can call it slow.
        """
        if self._limits.least_rate:
            self._taken = now + self._limits.rate_s
            self._gone = gone

    def took(self) -> None:
        """None wait any more."""
        self._taken = math.inf

    def gives(self, now: float) -> None:
        """The client is sending a file, or free to go on with it."""
        if self._given == math.inf and self._limits.least_rate:
            self._given = now + self._limits.rate_s
            self._given_bytes = 0

    def gave(self, size: int) -> None:
        """So many bytes of it came."""
        self._given_bytes += size

    def gave_all(self) -> None:
        """The file is here, or the client has to wait."""
        self._given = math.inf


class Silence:
    """How long a server may say nothing: while it owes an answer, and while it may have news."""

    def __init__(self, patience_s: float, now: float) -> None:
        self._patience_s = patience_s
        self._heard = now
        self._pinged = False
        self.listening = False
        """Whether it would say when something changes."""

    def heard(self, now: float) -> None:
        """It said something, or could not have."""
        self._heard = now
        self._pinged = False

    def due(self, *, owes: bool) -> float:
        """When to `judge` next; `owes`: it has a request to answer."""
        if owes or (self.listening and self._pinged):
            return self._heard + self._patience_s
        return self._heard + self._patience_s / 2 if self.listening else math.inf

    def judge(self, now: float, *, owes: bool) -> bool:
        """True when it is time for a PING. Raises TooSlowError."""
        if now + EARLY_S < self.due(owes=owes):
            return False
        if owes or self._pinged:
            raise TooSlowError(f"the server says nothing for {self._patience_s:g} s")
        self._pinged = True
        return True
