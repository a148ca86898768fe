"""What the two ends of one TCP connection share when both hosts live in this process.

Real connections carry the bytes; a `Wire` carries what the emulation has to know besides: how long
the path is, how much the receiver still lets the sender have under way (a window, as in RFC 9293,
section 3.8.6), and how much of what was sent the kernel still holds.
"""

from __future__ import annotations

import math
from typing import Protocol

from host.clock import InKernel
from host.link import QUANTUM
from host.loss import MSS, combined, padhye
from host.shaping import Shaper

WINDOW_MIN = 2 * QUANTUM
"""Bytes: one quantum on the receiver's downlink and the next one already there."""

WINDOW_MAX = 4 * 1024 * 1024
"""Bytes: where rate or path would ask for more (Linux lets a TCP send buffer grow this far)."""

NO_LIMIT = 1 << 62
"""Bytes: a window for those that nobody holds back."""

CONNECTOR, ACCEPTOR = 0, 1


class Attached(Protocol):
    """What a wire needs of the hosts at its ends."""

    name: str
    address: str
    up: Shaper
    down: Shaper

    @property
    def raw(self) -> bool:
        """True when neither links nor clock ask for more than the standard transport."""

    @property
    def is_cut(self) -> bool:
        """True while both links carry nothing."""


class End(Protocol):
    """What a wire needs of the senders at its ends."""

    def delivered(self, size: int, delay: float) -> None:
        """The far side has had `size` bytes; this one learns of it `delay` seconds later."""

    def follow_links(self) -> None:
        """The links have changed, and the window with them."""


class Held(Protocol):
    """What a wire needs of the connection's transports."""

    def hold(self) -> None:
        """The path is cut: nothing is heard of the other side until `go_on`."""

    def go_on(self) -> None:
        """The path is there again."""


class Wire:
    """One connection between two hosts of the same network; sides are CONNECTOR and ACCEPTOR."""

    def __init__(
        self, connector: Attached, acceptor: Attached, in_kernel: InKernel, *, slowed: float = 1.0
    ) -> None:
        """`slowed`: how many times slower than it is TCP's throughput under loss is taken to be."""
        self.hosts = (connector, acceptor)
        self.ends: list[End | None] = [None, None]
        self.transports: list[Held | None] = [None, None]
        self._in_kernel = in_kernel
        self._slowed = slowed
        self._unread = [0, 0]
        self._gone = [False, False]

    def latency(self, to: int) -> float:
        """Seconds from the far host's socket to that of side `to`."""
        return self.hosts[1 - to].up.latency + self.hosts[to].down.latency

    def round_trip(self) -> float:
        return self.latency(CONNECTOR) + self.latency(ACCEPTOR)

    @property
    def is_cut(self) -> bool:
        """True while a host at one of its ends is cut off."""
        return any(host.is_cut for host in self.hosts)

    def follow_cuts(self) -> None:
        """A host was cut off or is back: hold the transports, or let them go on."""
        is_cut = self.is_cut
        for transport in self.transports:
            if transport is not None:
                change = transport.hold if is_cut else transport.go_on
                change()

    def follow_links(self) -> None:
        """A host's links have changed."""
        for end in self.ends:
            if end is not None:
                end.follow_links()

    def window(self, to: int) -> int:
        """Bytes that may be under way to side `to`, from leaving the sender to being delivered."""
        throughput = self._throughput(to)
        if not throughput:
            return 0
        round_trip = self.round_trip()
        if not round_trip:
            return WINDOW_MIN
        up, down = self.hosts[1 - to].up, self.hosts[to].down
        rate = min(up.rate, down.rate)
        window = WINDOW_MAX
        if rate < math.inf:
            window = min(WINDOW_MIN + int(rate * round_trip), WINDOW_MAX)
        if throughput < math.inf:
            # The first ACK comes a round trip after a quantum, or the window where it is smaller,
            # has passed both links one after the other; that time must not be missing.
            spent = 1 / up.rate + 1 / down.rate
            alone = 1 - throughput * spent
            first = min(QUANTUM, throughput * round_trip / alone) if alone > 0 else QUANTUM
            window = min(window, max(MSS, int(throughput * (round_trip + first * spent))))
        return window

    def pause(self, to: int) -> float:
        """Seconds from an ACK until what it acknowledges makes room for more on the way to `to`.

        Above 0 where loss lets TCP send less than a segment in a round trip (it then waits for
        timeouts most of the time): a window cannot be smaller.
        """
        throughput = self._throughput(to)
        if not 0 < throughput < math.inf:
            return 0.0
        up, down = self.hosts[1 - to].up, self.hosts[to].down
        acknowledged = self.round_trip() + MSS / up.rate + MSS / down.rate
        return max(0.0, MSS / throughput - acknowledged)

    def _throughput(self, to: int) -> float:
        """Bytes per second of TCP at this loss on the way to side `to`; infinite without loss."""
        loss = combined(self.hosts[1 - to].up.config.loss, self.hosts[to].down.config.loss)
        return padhye(loss, self.round_trip()) / self._slowed

    def put(self, to: int, units: int) -> None:
        """Bytes (or 1 for an end or an opening) were given to the kernel for side `to`."""
        if not self._gone[to]:
            self._unread[to] += units
            self._in_kernel.total += units

    def took(self, side: int, units: int) -> None:
        """`side` took so much out of the kernel."""
        units = min(units, self._unread[side])
        self._unread[side] -= units
        self._in_kernel.total -= units

    def took_all(self, side: int) -> None:
        """The connection ended with an error: there is nothing more to take."""
        self.took(side, self._unread[side])

    def leave(self, side: int) -> None:
        """`side` has closed its socket: what was meant for it will not be read."""
        self.took_all(side)
        self._gone[side] = True
        self.ends[side] = self.transports[side] = None
        far = self.ends[1 - side]
        if far is not None:
            # Nobody holds it back now; what it sends meets a closed socket, and it learns so.
            far.delivered(NO_LIMIT, self.latency(1 - side))

    @property
    def half_closed(self) -> bool:
        """True when one side has closed, or both."""
        return any(self._gone)

    @property
    def left(self) -> bool:
        """True when both sides have closed."""
        return all(self._gone)

    def unread(self) -> str | None:
        """A phrase for what the kernel holds, None when it holds nothing."""
        held = [
            f"{units} B from {self.hosts[1 - side].name} to {self.hosts[side].name}"
            for side, units in enumerate(self._unread)
            if units
        ]
        return ", ".join(held) or None
