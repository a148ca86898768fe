"""The client-server backend as the harness sees it: one server, and clients that fetch."""

from __future__ import annotations

from central.client import Client
from central.server import Server
from host.host import Host


class CentralBackend:
    """Makes the nodes of a client-server run."""

    name = "central"

    def origin(self, host: Host) -> Server:
        """The node that has the file and gives it to all."""
        return Server(host)

    def client(self, host: Host) -> Client:
        """A node that wants the file."""
        return Client(host)

    def descriptors(self, clients: int) -> int:
        """Open descriptors that a run with so many clients needs."""
        return 2 * clients + clients + 8
