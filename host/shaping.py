"""The shell that runs a `Link` on the event loop: one timer per quantum, none when unlimited."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from host.link import QUANTUM, Flow, Link, LinkConfig


class Shaper:
    """One direction of a host's access link in motion."""

    def __init__(self, config: LinkConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._link = Link(config)
        self._busy = False
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
        """True while a quantum is on the wire."""
        return self._busy

    def wake(self, flow: Flow) -> None:
        """The flow has something to send: now, or when its turn comes."""
        if self.unlimited:
            while size := min(flow.ready(), QUANTUM):
                flow.forward(size)
            return
        self._link.enqueue(flow)
        if not self._busy:
            self._serve()

    def _serve(self) -> None:
        step = self._link.begin(self._loop.time())
        self._busy = step is not None
        if step is not None:
            served, when = step
            self._loop.call_at(when, self._through, served)
        elif self.on_idle is not None:
            self.on_idle()

    def _through(self, served: list[tuple[Flow, int]]) -> None:
        # Still busy while the bytes move on, so that what they cause takes its turn.
        for flow, size in served:
            flow.forward(size)
        self._serve()
