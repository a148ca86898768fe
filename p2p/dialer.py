"""Opens connections to the peers that a swarm has heard of, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from host.host import Host
from p2p.config import RETRY_S, PeerConfig
from p2p.connection import Connection

Address = tuple[str, int]

FIRST_CALLS = 4
"""Connections opened as soon as somebody is known.  The others wait for the next round: by then
more are known; who takes the first it hears of is soon in a clique that new pieces reach late."""

MAX_CANDIDATES = 1000
"""Addresses remembered; libtorrent keeps 3,000 (max_peerlist_size)."""


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
        connected: Callable[[], Collection[Address | None]],
        gave_up: Callable[[], None],
        eager: Callable[[], bool],
    ) -> None:
        """`full`: no place is free; `eager`: we have the only copy and look for takers."""
        self._host = host
        self._config = config
        self._new = new
        self._full = full
        self._connected = connected
        self._gave_up = gave_up
        self._eager = eager
        self._own = own
        self._candidates: dict[Address, _Candidate] = {}
        self._banned: dict[Address, None] = {}
        self._calls: dict[asyncio.Task[None], None] = {}

    def learn(self, addresses: Iterable[Address]) -> None:
        """Remember where peers listen, and call some of them."""
        for address in addresses:
            barred = address == self._own or address in self._banned
            if not barred and len(self._candidates) < MAX_CANDIDATES:
                self._candidates.setdefault(address, _Candidate())
        if not self._candidates:
            self._gave_up()
        self.dial(FIRST_CALLS)

    @property
    def known(self) -> int:
        """Addresses that may be called, now or later."""
        return len(self._candidates)

    def dial(self, most: int | None = None) -> None:
        """Open connections until there are enough, `most` of our own, or nobody is left to try."""
        now = self._host.loop.time()
        met = self._connected()
        open_ones = sum(candidate.connected for candidate in self._candidates.values())
        ready = [
            address
            for address, candidate in self._candidates.items()
            if not candidate.connected and candidate.not_before <= now and address not in met
        ]
        self._host.rng.shuffle(ready)
        outgoing, enough = self._wished()
        most = outgoing if most is None else min(most, outgoing)
        wanted = min(most - open_ones, enough - len(met))
        for address in ready[: max(0, wanted)]:
            if self._full():
                return
            self._candidates[address].connected = True
            call = self._host.spawn(self._call(address), f"calls {address[0]}:{address[1]}")
            self._calls[call] = None
            call.add_done_callback(self._calls.pop)

    def _wished(self) -> tuple[int, int]:
        """Connections to open ourselves, and in all.

        Where there are places for everybody, and for who has the only copy, all places are used;
        else some are left for those who come later.
        """
        if self._eager() or len(self._candidates) <= self._config.connections:
            return self._config.connections, self._config.connections
        return self._config.outgoing, self._config.enough

    async def _call(self, address: Address) -> None:
        connection = self._new()
        connection.called = address
        try:
            await self._host.connect(lambda: connection, *address)
        except (OSError, UnicodeError):
            connection.connection_lost(None)
        except asyncio.CancelledError:
            connection.connection_lost(None)
            raise

    @property
    def exhausted(self) -> bool:
        """True when nobody is left to call, now or later."""
        return not self._candidates

    def hung_up(self, address: Address, *, answered: bool, useful: bool, banned: bool) -> None:
        """The connection to this address has ended; it is tried again later.

        An address that is banned is not, and one that does not even answer is given up in the end.
        """
        candidate = self._candidates.get(address)
        if candidate is None or not candidate.connected:
            return
        candidate.connected = False
        candidate.attempts = 1 if useful else candidate.attempts + 1
        if banned:
            self._banned[address] = None
        if banned or (candidate.attempts > len(RETRY_S) and not answered):
            del self._candidates[address]
            if not self._candidates:
                self._gave_up()
            return
        wait = self._config.retry_s(self._host.up.rate, candidate.attempts)
        candidate.not_before = self._host.loop.time() + wait
        self._host.loop.call_later(wait, self.dial)

    def close(self) -> None:
        """Call nobody any more."""
        self._candidates.clear()
        for call in list(self._calls):
            call.cancel()
