"""One side of the demonstration: a system's hosts in a run under way, on the running loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

from bench.backends import BACKENDS, TROUBLE
from bench.classroom.settings import SLOWED
from bench.interventions import Interventions
from bench.members import Member, make_member, rates
from bench.retrying import Retrying
from bench.sweep import Trial
from bench.theory import bound
from bench.trial import BUCKETS
from host.host import Host
from host.network import Network


class Side:
    """A network of hosts that one backend's nodes run on; clients begin when they are told to."""

    def __init__(
        self, trial: Trial, folder: Path, group: asyncio.TaskGroup, done: Callable[[], None]
    ) -> None:
        """`folder` is for the hosts' files; what the clients do runs in the `group`; `done` is
        called when one of them has the file."""
        self.name = trial.backend
        self.scenario = trial.scenario
        self._trial = trial
        self._folder = folder
        self._group = group
        self._done = done
        self._backend = BACKENDS[trial.backend](trial.scenario, self._on_piece)
        self.bucket_s = self.bound_s(trial.clients) / BUCKETS
        self.network = Network(
            seed=trial.seed, bucket_s=self.bucket_s, raw=False, slowed=trial.scenario.scale
        )
        self.members: list[Member] = []
        self.slowed: set[Member] = set()
        self.waiting: set[Member] = set()
        """Those that have not joined yet."""
        self.pieces: list[tuple[str, int]] = []
        """Host's name and piece, of all that came; only where the backend knows pieces."""
        self._retrying: Retrying
        self._hands: Interventions

    async def open(self, original: Path) -> None:
        """Make the hosts, and let the origin publish the file."""
        for number in range(self._trial.clients + 1):
            self._make(number)
        self.waiting.update(self.clients)
        link = await self.members[0].node.publish(original)
        start = self.network.loop.time()
        self._retrying = Retrying(
            self._trial,
            link,
            ideal_s=self.bound_s(self._trial.clients),
            trouble=TROUBLE[self.name],
            group=self._group,
            start=start,
            done=self._done,
        )
        self._hands = Interventions(self.scenario, original, start, self._begin)

    def _make(self, number: int) -> Member:
        member = make_member(self.network, self.scenario, self._backend, self._folder, number)
        self.members.append(member)
        return member

    def _on_piece(self, host: Host, piece: int) -> None:
        self.pieces.append((host.name, piece))

    @property
    def clients(self) -> list[Member]:
        """All but the origin."""
        return self.members[1:]

    @property
    def lost(self) -> bool:
        """Whether some of the file is on no host that can give it."""
        able = [member for member in self.members if member.up and not member.host.is_cut]
        if self.members[0] in able:
            return False
        names = {member.host.name for member in able}
        here = {piece for name, piece in self.pieces if name in names}
        return len(here) < self.piece_count

    @property
    def piece_count(self) -> int:
        """How many pieces the file has."""
        return math.ceil(self.scenario.transfer_size / (self.scenario.piece_size or 1))

    def network_hosts(self) -> list[Host]:
        """The hosts whose programs run, or all where none does."""
        return [one.host for one in self.members if one.up] or [one.host for one in self.members]

    def bound_s(self, clients: int) -> float:
        """Seconds that so many clients need at least, all there from the start, undisturbed."""
        return bound(self.scenario, self.name, clients)

    def begin(self) -> None:
        """Let every client that waits begin."""
        for client in self.clients:
            if client in self.waiting and client.up:
                self._retrying.begin(client, 0.0)
        self.waiting.clear()

    def add(self, count: int) -> None:
        """Let so many clients more join now."""
        for number in range(len(self.members), len(self.members) + count):
            client = self._make(number)
            client.join_s = self.network.now()
            self._begin(client, 0.0)

    def _begin(self, client: Member, wait_s: float) -> None:
        if client not in self.waiting:  # those begin together
            self._retrying.begin(client, wait_s)

    async def close(self) -> None:
        """End every node and every connection."""
        for member in self.members:
            if member.serving is not None:
                member.serving.cancel()
            await member.node.close()
        await self.network.close()

    # ---- what is done to a host

    async def kill(self, index: int) -> bool:
        """Its program crashes. Returns, as the others do, whether it was otherwise before."""
        member = self.members[index]
        async with member.lock:
            was_up = member.up
            await self._hands.kill(member)
        return was_up

    async def revive(self, index: int) -> bool:
        """Its program starts anew, with its disk."""
        member = self.members[index]
        async with member.lock:
            was_up = member.up
            await self._hands.revive(member)
        return not was_up

    async def cut(self, index: int) -> bool:
        """Its links carry nothing."""
        host = self.members[index].host
        was_cut = host.is_cut
        host.cut()
        return not was_cut

    async def slow(self, index: int) -> bool:
        """Its uplink is slower; the downlink, which is unlimited, becomes as slow."""
        member = self.members[index]
        was_slow = member in self.slowed
        if not was_slow:
            self.slowed.add(member)
            rate = rates(self.scenario, index)["up"] / SLOWED
            self._hands.change(member, {"up": rate, "down": rate})
        return not was_slow

    async def restore(self, index: int) -> bool:
        """Its links are as at first."""
        member = self.members[index]
        was_slow, was_cut = member in self.slowed, member.host.is_cut
        member.host.restore()
        if was_slow:
            self.slowed.remove(member)
            self._hands.change(member, rates(self.scenario, index))
        return was_slow or was_cut
