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
        # On the wire; None while what has passed it is handed on.
        self._short_timer: asyncio.TimerHandle | None = None
        self._bulk_timer: asyncio.TimerHandle | None = None
        self._short: Served = []
        self._bulk: Served = []
        self._free_since: float | None = None
        self.immediate = self.unlimited
        """True when what is offered has passed at once: unlimited, moving, and no backlog left."""
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
        while self.immediate:
            size = min(flow.ready(), QUANTUM)
            if not size:
                return
            flow.forward(size)
        self._link.enqueue(flow)
        self._serve(self._loop.time() if self._free_since is None else self._free_since)

    # ---- faults

    def change(self, config: LinkConfig) -> None:
        """Follow `config` from now on; the quantum on the wire is finished at the new rate."""
        self._link.change(config, self._loop.time())
        self._settle()
        self._aim()

    def stop(self) -> None:
        """Carry nothing until `go_on`; what is on the wire stays half through."""
        if self._link.stopped_at is None:
            self._link.stop(self._loop.time())
            self.immediate = False
            for timer in (self._short_timer, self._bulk_timer):
                if timer is not None:
                    timer.cancel()

    def go_on(self) -> None:
        """Carry again, from where the link stopped."""
        if self._link.stopped_at is not None:
            now = self._loop.time()
            self._link.go_on(now)
            self._aim()
            self._free(now)

    def _aim(self) -> None:
        """Set the timers of what is on the wire to the moments that the link has for it now."""
        if self._link.stopped_at is not None:
            return
        if self._short_timer is not None:
            self._short_timer.cancel()
            self._short_timer = self._loop.call_at(self._link.short_until, self._short_through)
        if self._bulk_timer is not None:
            self._bulk_timer.cancel()
            self._bulk_timer = self._loop.call_at(self._link.bulk_until, self._bulk_through)

    def _settle(self) -> None:
        """What is offered passes at once when the link is unlimited and the backlog has passed."""
        moving = self._link.stopped_at is None and not self._short_busy and not self._bulk_busy
        self.immediate = moving and self.unlimited

    # ---- the wire

    def _serve(self, now: float) -> None:
        """Put on the wire what can be, short messages first."""
        if self._link.stopped_at is not None:
            return
        if not self._short_busy and (step := self._link.begin_short(now)) is not None:
            self._short, when = step
            self._short_busy = True
            self._short_timer = self._loop.call_at(when, self._short_through)
        if not self._bulk_busy and (step := self._link.begin_bulk(now)) is not None:
            self._bulk, when = step
            self._bulk_busy = True
            self._bulk_timer = self._loop.call_at(when, self._bulk_through)

    def _short_through(self) -> None:
        # Still busy while the bytes move on, so that what they cause takes its turn.
        self._short_timer = None
        when = self._link.short_until
        self._link.through(self._short)
        self._short_busy = False
        self._free(when)

    def _bulk_through(self) -> None:
        when = self._link.bulk_until
        if when > self._loop.time() + 1e-9:
            self._bulk_timer = self._loop.call_at(when, self._bulk_through)
            return
        self._bulk_timer = None
        self._link.through(self._bulk)
        self._bulk_busy = False
        self._free(when)

    def _free(self, when: float) -> None:
        """The wire was free at `when`; the timer that says so may have been late."""
        # What is offered in answer would have been there in time, had the timer not been late.
        now = self._loop.time()
        since = self._free_since = max(when, now - LATE_S)
        try:
            self._serve(since)
            if self._bulk_busy or self._short_busy or self._link.stopped_at is not None:
                return
            self._settle()
            if self.on_idle is not None:
                self.on_idle()
        finally:
            if since < now:
                self._loop.call_soon(self._forget)  # a task that waited has its step before this
            else:
                self._free_since = None

    def _forget(self) -> None:
        self._free_since = None
