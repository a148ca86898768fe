"""Opens connections to the peers that a swarm has heard of, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from host.host import Host
from p2p.config import RETRY_S, PeerConfig
from p2p.connection import Connection
from p2p.gossip import Address

FIRST_SHARE = 3
"""One in so many of our own connections is opened as soon as somebody is known.  The others wait
for the next round: by then more are known; who takes the first it hears of is soon in a clique that
new pieces reach late, or not at all."""

MAX_CANDIDATES = 1000
"""Addresses remembered; libtorrent keeps 3,000 (max_peerlist_size)."""


@dataclass
class _Candidate:
    attempts: int = 0
    """Calls that have ended; 1 after one that was useful."""
    not_before: float = 0.0
    connected: bool = False
    answered: bool = False
    """At least once, as is `useful`."""
    useful: bool = False

    @property
    def vain(self) -> int:
        """Calls in vain, since it was last useful if it ever was."""
        return self.attempts - self.useful


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
        self._calls: dict[asyncio.Task[None], Connection] = {}
        self._retries: dict[asyncio.TimerHandle, None] = {}

    def learn(self, addresses: Iterable[Address]) -> None:
        """Remember where peers listen, in place of worse ones if need be, and call some of them."""
        new = [
            address
            for address in dict.fromkeys(addresses)
            if address != self._own
            and address not in self._banned
            and address not in self._candidates
        ]
        self._make_room(len(new))
        for address in new[: MAX_CANDIDATES - len(self._candidates)]:
            self._candidates[address] = _Candidate()
        if not self._candidates:
            self._gave_up()
        self.dial(max(1, self._config.outgoing // FIRST_SHARE))

    def _make_room(self, wanted: int) -> None:
        """Forget the worst candidates, as many as are in the way of so many new ones.

        They are those called in vain most often; then those that never answered; then the oldest.
        Who is connected or was useful stays: what strangers name may not drive out who is proven.
        """
        excess = len(self._candidates) + wanted - MAX_CANDIDATES
        if excess <= 0:
            return
        met = self._connected()
        idle = [
            (-candidate.vain, candidate.answered, age, address)
            for age, (address, candidate) in enumerate(self._candidates.items())
            if not (candidate.connected or candidate.useful or address in met)
        ]
        for *_, address in sorted(idle)[:excess]:
            del self._candidates[address]

    @property
    def known(self) -> int:
        """Addresses that may be called, now or later."""
        return len(self._candidates)

    def ready(self) -> list[Address]:
        """Whom we are not connected to and may call now."""
        now, met = self._host.loop.time(), self._connected()
        return [
            address
            for address, candidate in self._candidates.items()
            if not candidate.connected and candidate.not_before <= now and address not in met
        ]

    def dial(self, most: int | None = None) -> None:
        """Open connections until there are enough, `most` of our own, or nobody is left to try."""
        met = self._connected()
        open_ones = sum(candidate.connected for candidate in self._candidates.values())
        ready = self.ready()
        self._host.rng.shuffle(ready)
        # Who was called in vain must not delay who was not called yet.
        ready.sort(key=lambda address: self._candidates[address].vain)
        outgoing, enough = self._wished()
        most = outgoing if most is None else min(most, outgoing)
        wanted = min(most - open_ones, enough - len(met))
        for address in ready[: max(0, wanted)]:
            if self._full():
                return
            self._candidates[address].connected = True
            connection = self._new()  # which takes a place, so here and not in the task
            connection.called = address
            name = f"calls {address[0]}:{address[1]}"
            call = self._host.spawn(self._call(connection, address), name)
            self._calls[call] = connection
            call.add_done_callback(self._over)

    def _wished(self) -> tuple[int, int]:
        """Connections to open ourselves, and in all.

        Where there are places for everybody, and for who has the only copy, all places are used;
        else some are left for those who come later.
        """
        if self._eager() or len(self._candidates) <= self._config.connections:
            return self._config.connections, self._config.connections
        return self._config.outgoing, self._config.enough

    async def _call(self, connection: Connection, address: Address) -> None:
        # Where packets vanish the kernel would try for two minutes, and hold a place meanwhile.
        patience_s = self._config.greeting_s(self._host.up.rate)
        try:
            async with asyncio.timeout(patience_s):
                await self._host.connect(lambda: connection, *address)
        except (OSError, UnicodeError):
            pass  # the connection is told so when the call is over, as when it is cancelled

    def _over(self, call: asyncio.Task[None]) -> None:
        """Tell the connection that it came to nothing, unless it is open.

        It may be although the call was given up, in the instant in which it opened.
        """
        connection = self._calls.pop(call)
        if connection.transport is None and not connection.gone:
            connection.connection_lost(None)

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
        candidate.answered |= answered
        candidate.useful |= useful
        if banned:
            self._banned[address] = None
        if banned or (candidate.attempts > len(RETRY_S) and not answered):
            del self._candidates[address]
            if not self._candidates:
                self._gave_up()
            return
        wait = self._config.retry_s(self._host.up.rate, candidate.attempts)
        candidate.not_before = self._host.loop.time() + wait
        self._dial_in(wait)

    def _dial_in(self, delay: float) -> None:
        def dial() -> None:
            del self._retries[timer]
            self.dial()

        timer = self._host.loop.call_later(delay, dial)
        self._retries[timer] = None

    def close(self) -> None:
        """Call nobody any more."""
        self._candidates.clear()
        for timer in self._retries:
            timer.cancel()
        self._retries.clear()
        for call in list(self._calls):
            call.cancel()
