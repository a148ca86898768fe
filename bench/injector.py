"""A scenario's faults in a run under way: each happens at its time or mark.

What is to happen is read by `bench.faults`; `bench.interventions` does it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from bench.faults import Action, Fault, churn, read_faults
from bench.interventions import Interventions
from bench.members import Member
from bench.sweep import Trial, TrialFailed

LOOKS = 400
"""Looks at the clients' progress in one bound: a mark is met so exactly."""
LEAST_S = 0.01
"""Seconds between two looks, where nothing bounds the run."""
MOST_EVENTS = 20_000
"""Crashes and returns in a run; churn that has more would run for hours."""


class Injector:
    """Lets a scenario's faults happen to the members of a run."""

    def __init__(
        self,
        trial: Trial,
        members: Sequence[Member],
        ideal_s: float,
        hands: Interventions,
    ) -> None:
        self._trial = trial
        self._origin, *self._clients = members
        self._named = {member.host.name: member for member in members}
        self._hands = hands
        self._loop = self._origin.host.loop
        self._start = self._loop.time()
        self._look_s = max(LEAST_S, ideal_s / LOOKS)
        self._rng = random.Random(f"{trial.seed}/faults")
        self._sentences = trial.scenario.faults
        self._faults = read_faults(self._sentences, trial.clients)
        self._victims: list[list[str]] = [[] for _ in self._faults]
        self._waiting = len(self._chains())
        self._timed = 0
        self._due: list[int] = []
        self._turns = asyncio.Condition()
        self.events: list[dict[str, Any]] = []
        """Rows of the frame `faults`."""

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return not self._waiting and self._trial.scenario.session is None

    @property
    def timed(self) -> bool:
        """Whether something will happen at a set time, however the run goes on."""
        return bool(self._timed) or self._trial.scenario.session is not None

    def tasks(self) -> Iterator[Any]:
        """What is to be run, beside each other, while the run lasts."""
        yield from map(self._follow, self._chains())
        session_s = self._trial.scenario.session
        if session_s is not None:
            absence_s = self._trial.scenario.absence or session_s
            for client in self._clients:
                yield self._come_and_go(client, session_s, absence_s)

    def share(self) -> float:
        """The share of the file that the clients have, as a mean over them: 0 to 1."""
        size = len(self._clients) * self._trial.scenario.transfer_size
        return sum(client.look() for client in self._clients) / size if size else 1.0

    def missed(self) -> list[dict[str, Any]]:
        """A row for every sentence that nothing came of: its time is NaN."""
        came = {event["sentence"] for event in self.events}
        return [
            {"t_s": float("nan"), "action": fault.action, "node": "", "share": float("nan")}
            | {"sentence": sentence}
            for fault, sentence in zip(self._faults, self._sentences, strict=True)
            if sentence not in came
        ]

    # ---- when

    def _chains(self) -> list[list[int]]:
        """The faults' indices; those that follow a while after another are in its chain."""
        chains: list[list[int]] = []
        for index, fault in enumerate(self._faults):
            if fault.mark.later_s is None:
                chains.append([])
            chains[-1].append(index)
        return chains

    async def _follow(self, chain: Sequence[int]) -> None:
        for index in chain:
            fault = self._faults[index]
            await self._marked(fault)
            self._due.append(index)
            await asyncio.sleep(0)  # by now who is due at the same moment is here, too
            async with self._turns:
                await self._turns.wait_for(partial(self._is_first, index))
                await self._strike(index, fault)
                self._due.remove(index)
                self._turns.notify_all()
        self._waiting -= 1

    def _is_first(self, index: int) -> bool:
        return index == min(self._due)

    async def _strike(self, index: int, fault: Fault) -> None:
        last = self._victims[index - 1] if index else []
        eligible = [client.host.name for client in self._clients if _fits(fault, client)]
        self._victims[index] = fault.victims(eligible, last, self._rng)
        for name in self._victims[index]:
            await self._happen(self._named[name], fault.action, fault, self._sentences[index])

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

    async def _come_and_go(self, client: Member, session_s: float, absence_s: float) -> None:
        rng = random.Random(f"{self._trial.seed}/{client.host.name}/churn")
        await asyncio.sleep(client.join_s)
        for after_s, action in churn(rng, session_s, absence_s):
            await asyncio.sleep(after_s)
            await self._happen(client, action)

    # ---- what

    async def _happen(
        self, member: Member, action: Action, fault: Fault | None = None, sentence: str = ""
    ) -> None:
        host = member.host
        async with member.lock:
            before, share = (member.up, host.is_cut), self.share()
            event = {"t_s": self._loop.time() - self._start, "action": action, "node": host.name}
            if action == "kill":
                await self._hands.kill(member)
            elif action == "cut":
                host.cut()
            elif action == "restore":
                host.restore()
                await self._hands.revive(member)
            elif fault is not None:
                self._hands.change(member, fault.links)
            if action == "change" or before != (member.up, host.is_cut):
                self.events.append(event | {"share": share, "sentence": sentence})
        if len(self.events) > MOST_EVENTS:
            raise TrialFailed(
                f"{self._trial}: more than {MOST_EVENTS:,} crashes and returns; expected a longer "
                "session and absence"
            )


def _fits(fault: Fault, client: Member) -> bool:
    """Whether a host that is chosen at random may be this one."""
    troubled = not client.up or client.host.is_cut
    return troubled if fault.action == "restore" else not troubled
