"""A server of files on a network of its own, and how much was moved, opened and asked there."""

from __future__ import annotations

import math
from pathlib import Path

from bench.play import Case
from central.config import Limits
from central.library.library import Library
from central.link import Link, Scheme
from central.server import Server
from host.host import Host
from host.link import LinkConfig
from host.network import Network


class Place:
    """The network, its server, and who joins them."""

    def __init__(
        self, case: Case, directory: Path, scheme: Scheme, up_rate: float = math.inf
    ) -> None:
        """The case has latency_s (one way from host to host) and seed.

        `up_rate`: of the server's uplink, in bytes per second.
        """
        self.network = Network(seed=case["seed"])
        self._directory = directory
        self._latency_s = case["latency_s"]
        self._requests = 0
        self.host = self.join("server", up_rate)
        self.root = directory / "files"
        self.root.mkdir()
        self.library = Library(self.host, self.root, writable=True)
        self.server = Server(
            self.host,
            protocols=(scheme,),
            library=self.library,
            limits=Limits(per_address=1 << 20),
            log=lambda request: self._count(),
        )

    def join(self, name: str, up_rate: float = math.inf) -> Host:
        """One more host."""
        folder = self._directory / name
        folder.mkdir()
        up = LinkConfig(rate=up_rate, latency=self._latency_s / 2)
        down = LinkConfig(latency=self._latency_s / 2)
        return Host(self.network, name, folder, up=up, down=down)

    def link(self, path: str, sha256: str | None = None) -> Link:
        """The link to a path, when the server has started."""
        ((scheme, address),) = self.server.addresses.items()
        return Link(scheme, *address, path, sha256)

    def traffic(self) -> dict[str, float]:
        """What all that took.

        Bytes at the server's sockets (both ways, and up alone), connections that it accepted,
        requests that it answered, and seconds.
        """
        meter = self.host.meter
        return {
            "bytes": meter.up_bytes + meter.down_bytes,
            "up_bytes": meter.up_bytes,
            "connections": meter.accepted,
            "requests": self._requests,
            "seconds": self.network.now(),
        }

    async def close(self) -> None:
        """End it all."""
        await self.server.close()
        await self.network.close()

    def _count(self) -> None:
        self._requests += 1
