"""The members of a run: one origin and N clients, each a host and the program that runs on it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.backends import Backend, Node
from bench.scenario import Scenario
from bench.sweep import Trial
from host.host import Host
from host.link import LinkConfig
from host.network import Network


@dataclass(eq=False)
class Member:
    """A host and its node, and when it came and had the file (seconds of the run)."""

    host: Host
    make: Callable[[Host], Node]
    """Makes the node that runs on the host, and a new one after a crash."""
    role: str
    node: Node
    join_s: float = 0.0
    finish_s: float = math.nan
    up: bool = True
    """Whether its program runs."""
    held: int = 0
    """The most bytes of the file that it was ever seen to have; see `look`."""
    serving: asyncio.Task[None] | None = None
    """Its fetch, where it may begin anew."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while something happens to it that takes several steps."""

    def look(self) -> int:
        """The most bytes of the file that it has had: what lies on the disk outlives a crash."""
        if self.up:
            here = sum(have for have, _ in self.node.holdings().values())
            self.held = max(self.held, here)
        return self.held

    @property
    def finished(self) -> bool:
        """Whether it has had the whole file."""
        return math.isfinite(self.finish_s)


def make_members(network: Network, trial: Trial, backend: Backend, folder: Path) -> list[Member]:
    """Return the members of a run, the origin first; their files are to lie below `folder`."""
    return [
        make_member(network, trial.scenario, backend, folder, number)
        for number in range(trial.clients + 1)
    ]


def make_member(
    network: Network, scenario: Scenario, backend: Backend, folder: Path, number: int
) -> Member:
    """Return one member; number 0 is the origin, the others are clients."""
    name, role, make = (
        (f"client-{number:03}", "client", backend.client)
        if number
        else ("origin", "origin", backend.origin)
    )
    host = _host(network, name, folder, scenario, **rates(scenario, number))
    return Member(host, make, role, make(host))


def rates(scenario: Scenario, number: int) -> dict[str, float]:
    """Return a member's links as they are at first: `up` and `down`, bytes per second."""
    if not number:
        return {"up": scenario.origin_up, "down": scenario.origin_down}
    ups, downs = scenario.peer_up, scenario.peer_down
    return {"up": ups[(number - 1) % len(ups)], "down": downs[(number - 1) % len(downs)]}


def _host(
    network: Network, name: str, folder: Path, scenario: Scenario, up: float, down: float
) -> Host:
    directory = folder / name
    directory.mkdir()
    latency, loss = scenario.half_latency, scenario.half_loss
    return Host(
        network,
        name,
        directory,
        up=LinkConfig(rate=up / scenario.scale, latency=latency, loss=loss),
        down=LinkConfig(rate=down / scenario.scale, latency=latency, loss=loss),
    )


def own_half(scenario: Scenario, path: Mapping[str, float]) -> dict[str, float]:
    """What a host's links must have so that its paths have so much (latency, loss), where the far
    end's links are as in the scenario.
    """
    own = {}
    if "latency" in path:
        own["latency"] = path["latency"] - scenario.half_latency
    if "loss" in path:
        own["loss"] = 1 - (1 - path["loss"]) / (1 - scenario.half_loss)
    return own
