"""The ground of the contract: every way under each clock, with its origin and clients."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
from lab import Lab
from recorders import payload

from bench.backends import BACKENDS, Backend, Node
from bench.scenario import Scenario, Transport
from central.errors import CentralError
from host.clock import Clock
from host.network import Network
from host.quantities import Rate, Size
from p2p.errors import P2PError

ERRORS: dict[str, type[Exception]] = {"central": CentralError, "p2p": P2PError}
PIECE = 16 * 1024
REQUEST = 3 * PIECE
"""Bytes that a client of a central server asks for at a time."""
RATE = 1e6
"""Bytes per second of an uplink where links are limited."""


@dataclass(frozen=True)
class Way:
    """A backend, and how it hands a file out."""

    name: str
    transport: Transport = "http"

    def backend(self, origin_up: float = math.inf, peer_up: float = math.inf) -> Backend:
        """For hosts with these uplinks, bytes per second."""
        scenario = Scenario(
            name="contract",
            file_size=Size(1),
            piece_size=Size(PIECE),
            clients=(1,),
            origin_up=Rate(origin_up),
            peer_up=(Rate(peer_up),),
            transport=(self.transport,),
            request_size=Size(REQUEST),
        )
        return BACKENDS[self.name](scenario)


WAYS = {transport: Way("central", transport) for transport in get_args(Transport)} | {
    name: Way(name) for name in BACKENDS if name != "central"
}


@dataclass(frozen=True)
class Ground:
    """One backend under one clock."""

    way: Way
    clock: Clock
    folder: Path
    backends: dict[Network, Backend] = field(default_factory=dict)
    """One for each network: its nodes may have to know of each other."""

    @property
    def error(self) -> type[Exception]:
        """What the backend raises when a transfer fails."""
        return ERRORS[self.way.name]

    def node(self, lab: Lab, name: str, *, slow: bool | None = None) -> tuple[Any, Node]:
        """A host and its node; the first is the origin.

        Links are limited under the virtual clock and unlimited under the real one, unless said.
        """
        slow = self.clock == "virtual" if slow is None else slow
        limits: dict[str, Any] = {"up": RATE, "down": 4 * RATE, "latency": 0.01} if slow else {}
        host = lab.host(name, **limits)
        up = limits.get("up", math.inf)
        backend = self.backends.setdefault(lab.network, self.way.backend(up, up))
        return host, backend.origin(host) if len(lab.network.hosts) == 1 else backend.client(host)

    def file(self, size: int, name: str = "file.bin", start: int = 0) -> Path:
        path = self.folder / name
        path.write_bytes(payload(size, start))
        return path


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    """Each way to hand a file out, one after the other."""
    return WAYS[request.param]


@pytest.fixture
def backend(way: Way) -> Backend:
    return way.backend()


@pytest.fixture
def ground(way: Way, clock: Clock, tmp_path: Path) -> Ground:
    folder = tmp_path / "files"
    folder.mkdir()
    return Ground(way, clock, folder)


@pytest.fixture
def contents() -> Callable[[Path], list[str]]:
    """The names in a folder, sorted, without what is on its way and says so by its name."""
    unfinished = (".part", ".part.json")
    return lambda folder: sorted(
        path.name for path in folder.iterdir() if not path.name.endswith(unfinished)
    )
