"""The members of a run: one origin and N clients, each a host and the program that runs on it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
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
    members: list[Member] = []
    for host in _hosts(network, trial, folder):
        make, role = (backend.client, "client") if members else (backend.origin, "origin")
        members.append(Member(host, make, role, make(host)))
    return members


def _hosts(network: Network, trial: Trial, folder: Path) -> Iterator[Host]:
    scenario = trial.scenario
    yield _host(network, "origin", folder, scenario, scenario.origin_up, scenario.origin_down)
    links = zip(scenario.peer_ups(trial.clients), scenario.peer_downs(trial.clients), strict=True)
    for number, (up, down) in enumerate(links, 1):
        yield _host(network, f"client-{number:03}", folder, scenario, up, down)


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
