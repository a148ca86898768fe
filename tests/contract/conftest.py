"""The ground of the contract: each backend under each clock, with its origin and clients."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import Lab
from recorders import payload

from bench.backends import BACKENDS, Backend, Node
from bench.scenario import Scenario
from central.errors import CentralError
from host.clock import Clock
from host.network import Network
from host.quantities import Rate, Size
from p2p.errors import P2PError

ERRORS: dict[str, type[Exception]] = {"central": CentralError, "p2p": P2PError}
PIECE = 16 * 1024
RATE = 1e6
"""Bytes per second of an uplink where links are limited."""


@dataclass(frozen=True)
class Ground:
    """One backend under one clock."""

    backend: str
    clock: Clock
    folder: Path
    backends: dict[Network, Backend] = field(default_factory=dict)
    """One for each network: its nodes may have to know of each other."""

    @property
    def error(self) -> type[Exception]:
        """What the backend raises when a transfer fails."""
        return ERRORS[self.backend]

    def node(self, lab: Lab, name: str, *, slow: bool | None = None) -> tuple[Any, Node]:
        """A host and its node; the first is the origin.

        Links are limited under the virtual clock and unlimited under the real one, unless said.
        """
        slow = self.clock == "virtual" if slow is None else slow
        limits: dict[str, Any] = {"up": RATE, "down": 4 * RATE, "latency": 0.01} if slow else {}
        host = lab.host(name, **limits)
        scenario = Scenario(
            name="contract",
            file_size=Size(1),
            piece_size=Size(PIECE),
            clients=(1,),
            origin_up=Rate(limits.get("up", math.inf)),
            peer_up=(Rate(limits.get("up", math.inf)),),
        )
        backend = self.backends.setdefault(lab.network, BACKENDS[self.backend](scenario))
        return host, backend.origin(host) if len(lab.network.hosts) == 1 else backend.client(host)

    def file(self, size: int, name: str = "file.bin", start: int = 0) -> Path:
        path = self.folder / name
        path.write_bytes(payload(size, start))
        return path


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def ground(backend: str, clock: Clock, tmp_path: Path) -> Ground:
    folder = tmp_path / "files"
    folder.mkdir()
    return Ground(backend, clock, folder)


@pytest.fixture
def contents() -> Callable[[Path], list[str]]:
    """The names in a folder, sorted, without what is on its way and says so by its name."""
    return lambda folder: sorted(path.name for path in folder.iterdir() if path.suffix != ".part")
