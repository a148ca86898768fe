"""The shell that runs a `Link` on the event loop: a timer per quantum, none when unlimited."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from host.link import QUANTUM, Flow, Link, LinkConfig, Served

LATE_S = 0.05
"""Seconds: timers of the real clock run late, by a millisecond and more.  A busy link makes up for
so much; what a process lost by standing still is lost."""


class Shaper:
    """One direction of a host's access link in motion."""

    def __init__(self, config: LinkConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._link = Link(config)
        self._short_busy = self._bulk_busy = False
        self._free_since: float | None = None
        self.on_idle: Callable[[], None] | None = None
        """Called when the link has nothing left to send; may offer more."""

    @property
    def config(self) -> LinkConfig:
        return self._link.config

    @property
    def latency(self) -> float:
        return self._link.config.latency

    @property
    def rate(self) -> float:
        return self._link.config.rate

    @property
    def unlimited(self) -> bool:
        return self._link.config.rate == math.inf

    @property
    def busy(self) -> bool:
        """True while a quantum is on the wire; short messages do not count."""
        return self._bulk_busy

    def wake(self, flow: Flow) -> None:
        """The flow has something to send: now, or when its turn comes."""
        if self.unlimited:
            while size := min(flow.ready(), QUANTUM):
                flow.forward(size)
            return
        self._link.enqueue(flow)
        self._serve(self._loop.time() if self._free_since is None else self._free_since)

    def _serve(self, now: float) -> None:
        """Put on the wire what can be, short messages first."""
        if not self._short_busy and (step := self._link.begin_short(now)) is not None:
            served, when = step
            self._short_busy = True
            self._loop.call_at(when, self._short_through, served, when)
        if not self._bulk_busy and (step := self._link.begin_bulk(now)) is not None:
            served, when = step
            self._bulk_busy = True
            self._loop.call_at(when, self._bulk_through, served)

    def _short_through(self, served: Served, when: float) -> None:
        # Still busy while the bytes move on, so that what they cause takes its turn.
        self._link.through(served)
        self._short_busy = False
        self._free(when)

    def _bulk_through(self, served: Served) -> None:
        when = self._link.bulk_until
        if when > self._loop.time() + 1e-9:
            self._loop.call_at(when, self._bulk_through, served)
            return
        self._link.through(served)
        self._bulk_busy = False
        self._free(when)

    def _free(self, when: float) -> None:
        """The wire was free at `when`; the timer that says so may have been late."""
        # What is offered in answer would have been there in time, had the timer not been late.
        now = self._loop.time()
        self._free_since = max(when, now - LATE_S)
        try:
            self._serve(self._free_since)
            if self.on_idle is not None and not self._bulk_busy and not self._short_busy:
                self.on_idle()
        finally:
            if self._free_since < now:
                self._loop.call_soon(self._forget)  # a task that waited has its step before this
            else:
                self._free_since = None

    def _forget(self) -> None:
        self._free_since = None
