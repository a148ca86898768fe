"""What is done to a run under way: programs crash and start anew, hosts get other links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bench.members import Member, own_half
from bench.scenario import Scenario


class Interventions:
    """Hands that reach into a run; whoever uses them holds the member's lock."""

    def __init__(
        self,
        scenario: Scenario,
        original: Path,
        start: float,
        serve: Callable[[Member, float], None],
    ) -> None:
        """`serve` begins a client's fetch so many seconds from now; `start`: the loop's time at
        which the run began."""
        self._scenario = scenario
        self._original = original
        self._start = start
        self._serve = serve

    async def kill(self, member: Member) -> None:
        """Its program crashes; what it has on the disk stays."""
        if not member.up:
            return
        member.look()
        member.up = False
        # The host first: what its program would still say is not heard.
        await member.host.close()
        if member.serving is not None:
            member.serving.cancel()
            await asyncio.wait([member.serving])
            member.serving = None
        await member.node.close()

    async def revive(self, member: Member) -> None:
        """Its program starts anew: the origin publishes, a client fetches."""
        if member.up:
            return
        member.host.start()
        member.node = member.make(member.host)
        member.up = True
        if member.role == "origin":
            await member.node.publish(self._original)
        else:
            self._serve(member, self._start + member.join_s - member.host.loop.time())

    def change(self, member: Member, links: Mapping[str, float]) -> None:
        """Give it other links from now on; see `bench.faults.Fault.links`."""
        half = own_half(self._scenario, links)
        up, down = (
            replace(
                shaper.config,
                **half,
                **({"rate": links[name] / self._scenario.scale} if name in links else {}),
            )
            for name, shaper in (("up", member.host.up), ("down", member.host.down))
        )
        member.host.change_links(up=up, down=down)
