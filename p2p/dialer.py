"""Opens connections to the peers that a swarm has heard of, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from host.host import Host
from p2p.config import PeerConfig
from p2p.connection import Connection

Address = tuple[str, int]

MAX_CANDIDATES = 1000
"""Addresses remembered; libtorrent keeps 3,000 (max_peerlist_size)."""

RETRY_S = (5.0, 15.0, 60.0)
"""Seconds until an address is tried again, by how often it was tried in vain."""


@dataclass
class _Candidate:
    attempts: int = 0
    not_before: float = 0.0
    connected: bool = False


class Dialer:
    """Knows where the peers of one swarm listen, and calls them."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        *,
        own: Address,
        new: Callable[[], Connection],
        full: Callable[[], bool],
        connected: Callable[[], Container[Address | None]],
        gave_up: Callable[[], None],
    ) -> None:
        self._host = host
        self._config = config
        self._new = new
        self._full = full
        self._connected = connected
        self._gave_up = gave_up
        self._own = own
        self._candidates: dict[Address, _Candidate] = {}

    def learn(self, addresses: Iterable[Address]) -> None:
        """Remember where peers listen, and call some of them."""
        for address in addresses:
            if address != self._own and len(self._candidates) < MAX_CANDIDATES:
                self._candidates.setdefault(address, _Candidate())
        if not self._candidates:
            self._gave_up()
        self.dial()

    def dial(self) -> None:
        """Open connections until there are enough, or nobody is left to try now."""
        now = self._host.loop.time()
        met = self._connected()
        open_ones = sum(candidate.connected for candidate in self._candidates.values())
        ready = [
            address
            for address, candidate in self._candidates.items()
            if not candidate.connected and candidate.not_before <= now and address not in met
        ]
        self._host.rng.shuffle(ready)
        for address in ready[: max(0, self._config.outgoing - open_ones)]:
            if self._full():
                return
            self._candidates[address].connected = True
            self._host.spawn(self._call(address), f"calls {address[0]}:{address[1]}")

    async def _call(self, address: Address) -> None:
        connection = self._new()
        connection.called = address
        try:
            await self._host.connect(lambda: connection, *address)
        except OSError:
            connection.connection_lost(None)

    def hung_up(self, address: Address, *, answered: bool, useful: bool) -> None:
        """The connection to this address has ended; it is tried again later.

        An address that does not even answer is given up in the end.
        """
        candidate = self._candidates.get(address)
        if candidate is None or not candidate.connected:
            return
        candidate.connected = False
        candidate.attempts = 1 if useful else candidate.attempts + 1
        if candidate.attempts > len(RETRY_S) and not answered:
            del self._candidates[address]
            if not self._candidates:
                self._gave_up()
            return
        wait = RETRY_S[min(candidate.attempts, len(RETRY_S)) - 1]
        candidate.not_before = self._host.loop.time() + wait
        self._host.loop.call_later(wait, self.dial)
