"""A run in which things go wrong: clients try again, and it ends when nothing can come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from bench.injector import Injector
from bench.interventions import Interventions
from bench.members import Member
from bench.retrying import Retrying
from bench.sweep import Trial
from host.host import Host
from host.loss import combined, padhye
from p2p.wire import BLOCK

STALLED_S, STALLED_BOUNDS, STALLED_ROUNDS = 180.0, 2.0, 100
"""A run in which nobody has come any further for so many seconds, bounds, and turns (a block over
the slowest link as it is now, and the latency) is over: a peer looks for others again within three
minutes."""

Ending = Literal["whole", "hopeless", "stalled", "deadline"]
"""All clients finished; those left are down for good; nobody got any further; time ran out."""


class Stall:
    """Tells when nobody has come any further for too long. Pure."""

    def __init__(self, now: float) -> None:
        self._share = -1.0
        self._since = now

    def lasts(self, share: float, now: float, patience_s: float) -> bool:
        """Whether the clients' share of the file has stood still for `patience_s` seconds."""
        if share != self._share:
            self._share, self._since = share, now
        return now - self._since >= patience_s

    def expect(self, now: float) -> None:
        """Something is going to happen: begin to count anew."""
        self._since = now


class LastingRun:
    """Hands the file out while the scenario's faults happen; a client need not finish."""

    def __init__(
        self,
        trial: Trial,
        members: Sequence[Member],
        original: Path,
        link: str,
        ideal_s: float,
        trouble: tuple[type[Exception], ...],
    ) -> None:
        """`trouble`: how a fetch fails where other hosts or links do."""
        self._trial = trial
        self._members = members
        self._clients = members[1:]
        self._ideal_s = ideal_s
        self._loop = members[0].host.loop
        self._group = asyncio.TaskGroup()
        self._moved = asyncio.Event()
        start = self._loop.time()
        self._retrying = Retrying(
            trial,
            link,
            ideal_s=ideal_s,
            trouble=trouble,
            group=self._group,
            start=start,
            done=self._moved.set,
        )
        hands = Interventions(trial.scenario, original, start, self._retrying.begin)
        self._injector = Injector(trial, members, ideal_s, hands)
        self.ending: Ending = "deadline"

    def faults(self) -> list[dict[str, Any]]:
        """Rows of the frame `faults`: what happened, then what never did."""
        return self._injector.events + self._injector.missed()

    async def run(self, joins: Sequence[float], deadline_s: float) -> None:
        """Return when nobody is left who may still get the file, at the latest at the deadline."""
        async with self._group as group:
            for client, join_s in zip(self._clients, joins, strict=True):
                client.join_s = join_s
                self._retrying.begin(client, join_s)
            faults = [
                group.create_task(self._told(each), name="faults")
                for each in self._injector.tasks()
            ]
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    self.ending = await self._over()
            for task in faults:
                task.cancel()
            for client in self._clients:
                client.look()
                if client.serving is not None:
                    client.serving.cancel()

    # ---- the end

    async def _told(self, faults: Any) -> None:
        await faults
        self._moved.set()

    async def _over(self) -> Ending:
        """Why the run is over, once it is."""
        stall = Stall(self._loop.time())
        while True:
            left = [client for client in self._clients if not client.finished]
            if not left:
                return "whole"
            if self._injector.done and not any(client.up for client in left):
                return "hopeless"
            patience_s, now = self._patience_s(), self._loop.time()
            if self._injector.timed:
                stall.expect(now)
            if stall.lasts(self._injector.share(), now, patience_s):
                return "stalled"
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s / 4):
                    await self._moved.wait()

    def _patience_s(self) -> float:
        up = [member.host for member in self._members if member.up] or [self._members[0].host]
        turns_s = turns(up, self._trial.scenario.scale)
        return max(STALLED_S, STALLED_BOUNDS * self._ideal_s, turns_s)


def turns(hosts: Sequence[Host], scale: float) -> float:
    """Return the seconds of STALLED_ROUNDS turns of these hosts on their links as they are now.

    `scale`: how many times the links are slowed, of which TCP's model under loss knows nothing.
    """
    slowest = min(min(host.up.rate, host.down.rate) for host in hosts)
    latency = 2 * max(max(host.up.latency, host.down.latency) for host in hosts)
    loss = max(combined(host.up.config.loss, host.down.config.loss) for host in hosts)
    if loss < 1:  # where nothing passes, waiting is of no use
        slowest = min(slowest, padhye(loss, 2 * latency) / scale)
    return STALLED_ROUNDS * (BLOCK / slowest + latency)
