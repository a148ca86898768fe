"""The contract that a backend meets, and the backends there are: a third is added here.

Its name goes into `bench.scenario.BACKENDS` too, which reading a scenario needs alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import central.errors
import p2p.errors
from bench.scenario import Scenario
from central.backend import CentralBackend
from central.config import ClientConfig
from host.host import Host
from host.link import QUANTUM
from host.loss import padhye
from p2p.backend import P2PBackend
from p2p.config import PeerConfig


class Node(Protocol):
    """One program on one host."""

    async def publish(self, path: Path) -> str:
        """Offer a file; returns a link to it (http://... or magnet:?...)."""

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch what the link names into the directory, whole and checked; returns its path."""

    def holdings(self) -> Mapping[str, tuple[int, int]]:
        """Of every file (bytes here so far, bytes in all); the second is 0 while unknown."""

    async def close(self) -> None:
        """End all that the node does."""


class Backend(Protocol):
    """Makes the nodes of a run."""

    name: str

    def origin(self, host: Host) -> Node:
        """The node that has the file first."""

    def client(self, host: Host) -> Node:
        """A node that wants the file."""

    def descriptors(self, clients: int) -> int:
        """Open descriptors that a run with so many clients needs."""


TURNS = 4
"""Turns on the links, each with the way there, after which a client has heard nothing for good: a
connection's round trip and a request's are two each."""


OnPiece = Callable[[Host, int], None]
"""Told of every piece that has come to a host and is right, by its index."""


class Make(Protocol):
    """Makes the backend of a scenario."""

    def __call__(self, scenario: Scenario, on_piece: OnPiece | None = None) -> Backend:
        """`on_piece` hears of pieces where a backend has them."""


def _central(scenario: Scenario, on_piece: OnPiece | None = None) -> Backend:
    (transport,) = scenario.transport
    return CentralBackend(transport, client_config(scenario))


def client_config(scenario: Scenario) -> ClientConfig:
    """How the clients of the central backend ask: timers are slower where the links are slow."""
    usual = ClientConfig()
    # All clients may share the origin's uplink.
    share = scenario.origin_up / max(scenario.clients)
    rate = min(share, *scenario.peer_up, *scenario.peer_down) / scenario.scale
    # A segment that waits for TCP's timeouts waits as long as a slow link would take for it.
    streamed = min(rate, padhye(scenario.loss, 2 * scenario.latency) / scenario.scale)
    turn_s = QUANTUM / streamed + scenario.latency
    window_s = usual.window * usual.block_size / rate + 2 * scenario.latency
    return ClientConfig(
        request_size=None if scenario.request_size is None else int(scenario.request_size),
        patience_s=max(usual.patience_s, TURNS * turn_s),
        retransmit_s=max(usual.retransmit_s, window_s),
    )


def _p2p(scenario: Scenario, on_piece: OnPiece | None = None) -> Backend:
    return P2PBackend(
        PeerConfig(
            piece_length=scenario.piece_size,
            connections=scenario.connections,
            upload_slots=scenario.upload_slots,
            dht=scenario.discovery != "pex",
            pex=scenario.discovery != "dht",
            names_itself=scenario.discovery == "pex",
        ),
        on_piece,
    )


TROUBLE: Mapping[str, tuple[type[Exception], ...]] = {
    "central": (central.errors.TransferError, central.errors.BusyError),
    "p2p": (p2p.errors.NotFoundError,),
}
"""How a fetch fails where other hosts or the links between do; trouble with this machine's own disk
or sockets is none of it."""

BACKENDS: Mapping[str, Make] = {
    "central": _central,
    "p2p": _p2p,
}
