"""The P2P backend as the harness sees it: origin and clients are the same `Peer`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from host.host import Host
from p2p.config import PeerConfig
from p2p.gossip import Address
from p2p.peer import Peer


class P2PBackend:
    """Makes the nodes of a peer-to-peer run; none of them is special.

    A peer that starts knows one other, any of those that have started before it, as its way into
    the DHT.
    """

    name = "p2p"

    def __init__(
        self,
        config: PeerConfig | None = None,
        on_piece: Callable[[Host, int], None] | None = None,
    ) -> None:
        """`on_piece` is told of every piece that has come to a host and is right, by its index."""
        self._config = config or PeerConfig()
        self._on_piece = on_piece
        self._peers: list[Peer] = []

    def origin(self, host: Host) -> Peer:
        """The peer that has the file first."""
        return self._peer(host)

    def client(self, host: Host) -> Peer:
        """A peer that wants the file."""
        return self._peer(host)

    def descriptors(self, clients: int) -> int:
        """Open descriptors that a run with so many clients needs."""
        peers = clients + 1
        return peers * (min(clients, self._config.connections) + 7)

    def _peer(self, host: Host) -> Peer:
        def way_in() -> list[Address]:
            there = [peer.node_address for peer in self._peers if peer.node_address]
            return [host.rng.choice(there)] if there else []

        on_piece = None if self._on_piece is None else partial(self._on_piece, host)
        peer = Peer(host, self._config, way_in, on_piece)
        self._peers.append(peer)
        return peer
