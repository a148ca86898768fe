"""The client-server backend as the harness sees it: one server, and clients that fetch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from central.client import Client
from central.config import ClientConfig, Limits
from central.link import Scheme
from central.server import Server
from host.host import Host

Transport = Literal["http", "http-close", "socket", "tftp"]
"""HTTP over kept connections, with one for each request, the persistent socket, TFTP."""

SCHEMES: dict[Transport, Scheme] = {
    "http": "http",
    "http-close": "http",
    "socket": "socket",
    "tftp": "tftp",
}


class CentralBackend:
    """Makes the nodes of a client-server run."""

    name = "central"

    def __init__(self, transport: Transport = "http", config: ClientConfig | None = None) -> None:
        self._scheme = SCHEMES[transport]
        config = config or ClientConfig()
        self._config = replace(config, close_each=transport == "http-close")
        # In a run all clients are honest, and as slow as the links make them.
        patience_s = self._config.patience_s
        self._limits = Limits(
            connections=1 << 30,
            per_address=1 << 30,
            head_s=patience_s,
            idle_s=math.inf,
            least_rate=0.0,
            transfers=1 << 30,
        )

    def origin(self, host: Host) -> Server:
        """The node that has the file and gives it to all."""
        return Server(host, protocols=(self._scheme,), limits=self._limits)

    def client(self, host: Host) -> Client:
        """A node that wants the file."""
        return Client(host, self._config)

    def descriptors(self, clients: int) -> int:
        """Open descriptors that a run with so many clients needs."""
        # Both ends of a connection, the file at either end, and one that a client closes meanwhile.
        return 6 * clients + 8
