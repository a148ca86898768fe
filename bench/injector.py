"""Faults in a run under way: hosts crash and come back, are cut off, or get other links.

What is to happen is read by `bench.faults`; here it happens, at its time or mark.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.faults import Action, Fault, churn, read_faults
from bench.members import Member, halves
from bench.sweep import Trial, TrialFailed
from central.errors import CentralError
from p2p.errors import P2PError

TROUBLE = (CentralError, P2PError, OSError)
"""How a fetch fails where other hosts or links do."""
LOOKS = 400
"""Looks at the clients' progress in one bound: a mark is met so exactly."""
FIRST_TRY, LAST_TRY = 1 / 50, 1 / 5
"""Parts of the bound after which a client whose fetch failed tries again, doubled up to the last:
a person, or a program that backs off."""
LEAST_S = 0.01
"""Seconds between two looks or tries, where nothing bounds the run."""
STALLED_S, STALLED_BOUNDS = 180.0, 2.0
"""A run in which nobody has come any further for so long, and so many bounds, is over: a peer looks
for others again within three minutes."""


class Injector:
    """Hands the file out while the scenario's faults happen; a client need not finish."""

    def __init__(
        self, trial: Trial, members: Sequence[Member], original: Path, link: str, ideal_s: float
    ) -> None:
        self._trial = trial
        self._origin, *self._clients = members
        self._named = {member.host.name: member for member in members}
        self._original = original
        self._link = link
        self._loop = self._origin.host.loop
        self._start = self._loop.time()
        self._look_s = max(LEAST_S, ideal_s / LOOKS)
        self._ideal_s = ideal_s
        self._rng = random.Random(f"{trial.seed}/faults")
        self._faults = read_faults(trial.scenario.faults, trial.clients)
        self._victims: list[list[str]] = [[] for _ in self._faults]
        self._serving: dict[Member, asyncio.Task[None]] = {}
        self._down: dict[Member, None] = {}
        self._shares: dict[Member, float] = dict.fromkeys(self._clients, 0.0)
        self._waiting = self._timed = 0
        self._over = asyncio.Event()
        self.happened: list[dict[str, Any]] = []
        """Rows of the frame `faults`."""

    async def run(self, joins: Iterable[float], deadline_s: float) -> None:
        """Return when nobody is left who may still get the file, at the latest at the deadline."""
        chains = self._chains()
        self._waiting = len(chains)
        async with asyncio.TaskGroup() as group:
            self._group = group
            for client, join_s in zip(self._clients, joins, strict=True):
                client.join_s = join_s
                self._begin(client, join_s)
            tasks = [group.create_task(self._chain(chain), name="faults") for chain in chains]
            session_s = self._trial.scenario.session
            if session_s is not None:
                self._waiting += 1  # whoever leaves comes back
                self._timed += 1
                absence_s = self._trial.scenario.absence or session_s
                for client in self._clients:
                    coming = self._come_and_go(client, session_s, absence_s)
                    tasks.append(group.create_task(coming, name=f"{client.host.name}: churn"))
            tasks.append(group.create_task(self._notice_a_stall(), name="stall"))
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._over.wait()
            for task in [*tasks, *self._serving.values()]:
                task.cancel()

    # ---- the clients

    def _begin(self, client: Member, wait_s: float = 0.0) -> None:
        serving = self._serve(client, wait_s)
        self._serving[client] = self._group.create_task(serving, name=client.host.name)

    async def _serve(self, client: Member, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        again = FIRST_TRY
        while True:
            try:
                await client.node.fetch(self._link, client.host.directory)
                break
            except TROUBLE:
                await asyncio.sleep(max(LEAST_S, again * self._ideal_s))
                again = min(2 * again, LAST_TRY)
            except Exception as error:
                raise TrialFailed(f"{self._trial}: {client.host.name}: {error}") from error
        if not client.finished:
            client.finish_s = self._loop.time() - self._start
        self._look()

    def _look(self) -> None:
        """End the run when nothing more can come of it."""
        hopeful = [
            client
            for client in self._clients
            if not client.finished and (self._waiting or client not in self._down)
        ]
        if not hopeful:
            self._over.set()

    async def _notice_a_stall(self) -> None:
        """End the run when nobody comes any further and nothing is to happen at a set time."""
        patience_s = STALLED_S + STALLED_BOUNDS * self._ideal_s
        share, since = -1.0, self._loop.time()
        while True:
            now, before = self._loop.time(), share
            share = self.share()
            if share != before or self._timed:
                since = now
            elif now - since >= patience_s:
                self._over.set()
            await asyncio.sleep(patience_s / 4)

    def share(self) -> float:
        """The share of the file that the clients have, as a mean over them: 0 to 1."""
        size = self._trial.scenario.transfer_size
        for client in self._clients:
            if client not in self._down:
                here = sum(have for have, _ in client.node.holdings().values())
                self._shares[client] = here / size if size else 1.0
        return sum(self._shares.values()) / len(self._shares)

    # ---- what happens, and when

    def _chains(self) -> list[list[int]]:
        """The faults' indices; those that follow a while after another are in its chain."""
        chains: list[list[int]] = []
        for index, fault in enumerate(self._faults):
            if fault.mark.later_s is None:
                chains.append([])
            chains[-1].append(index)
        return chains

    async def _chain(self, chain: Sequence[int]) -> None:
        for index in chain:
            fault = self._faults[index]
            await self._marked(fault)
            last = self._victims[index - 1] if index else []
            eligible = [client.host.name for client in self._clients if self._fits(fault, client)]
            self._victims[index] = fault.victims(eligible, last, self._rng)
            for name in self._victims[index]:
                await self._happen(self._named[name], fault.action, fault)
        self._waiting -= 1
        self._look()

    async def _marked(self, fault: Fault) -> None:
        mark = fault.mark
        if mark.share is None:
            since_start_s = self._loop.time() - self._start
            self._timed += 1
            await asyncio.sleep(
                (mark.time_s or 0.0) - since_start_s if mark.later_s is None else mark.later_s
            )
            self._timed -= 1
        else:
            while self.share() < mark.share:  # noqa: ASYNC110 - nodes do not tell their progress
                await asyncio.sleep(self._look_s)

    def _fits(self, fault: Fault, client: Member) -> bool:
        """Whether a host that is chosen at random may be this one."""
        troubled = client in self._down or client.host.is_cut
        return troubled if fault.action == "restore" else not troubled

    async def _come_and_go(self, client: Member, session_s: float, absence_s: float) -> None:
        rng = random.Random(f"{self._trial.seed}/{client.host.name}/churn")
        await asyncio.sleep(client.join_s)
        for after_s, action in churn(rng, session_s, absence_s):
            await asyncio.sleep(after_s)
            await self._happen(client, action)

    async def _happen(self, member: Member, action: Action, fault: Fault | None = None) -> None:
        host = member.host
        before = (member in self._down, host.is_cut)
        share = self.share()
        if action == "kill":
            await self._kill(member)
        elif action == "cut":
            host.cut()
        elif action == "restore":
            host.restore()
            await self._revive(member)
        elif fault is not None:
            self._change(member, dict(fault.links))
        if action == "change" or before != (member in self._down, host.is_cut):
            row = {"t_s": self._loop.time() - self._start, "action": action, "node": host.name}
            self.happened.append(row | {"share": share})

    async def _kill(self, member: Member) -> None:
        if member in self._down:
            return
        self._down[member] = None
        # The host first: what its program would still say is not heard.
        await member.host.close()
        if serving := self._serving.pop(member, None):
            serving.cancel()
            await asyncio.wait([serving])
        await member.node.close()
        self._look()

    async def _revive(self, member: Member) -> None:
        if member not in self._down:
            return
        member.host.start()
        member.node = member.make(member.host)
        del self._down[member]
        if member is self._origin:
            await member.node.publish(self._original)
        else:
            self._begin(member)

    def _change(self, member: Member, links: dict[str, float]) -> None:
        scale = self._trial.scenario.scale
        both = halves(**{name: links[name] for name in ("latency", "loss") if name in links})
        up, down = (
            replace(
                shaper.config,
                **both,
                **({"rate": links[name] / scale} if name in links else {}),
            )
            for name, shaper in (("up", member.host.up), ("down", member.host.down))
        )
        member.host.change_links(up=up, down=down)
