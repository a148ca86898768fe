"""The P2P backend as the harness sees it: origin and clients are the same `Peer`."""

from __future__ import annotations

from host.host import Host
from p2p.config import PeerConfig
from p2p.peer import Peer


class P2PBackend:
    """Makes the nodes of a peer-to-peer run; none of them is special."""

    name = "p2p"

    def __init__(self, config: PeerConfig | None = None) -> None:
        self._config = config or PeerConfig()

    def origin(self, host: Host) -> Peer:
        """The peer that has the file first."""
        return Peer(host, self._config)

    def client(self, host: Host) -> Peer:
        """A peer that wants the file."""
        return Peer(host, self._config)

    def descriptors(self, clients: int) -> int:
        """Open descriptors that a run with so many clients needs."""
        peers = clients + 1
        return peers * (min(clients, self._config.connections) + 6)
