"""The arithmetic of an access link: who sends next, how much, and when it is through.

Backlogged flows take turns by quanta, after DRR (Shreedhar and Varghese, 1995).  A quantum stands
for a train of packets, so a short message of a flow that has no backlog does not wait for its end:
it goes out between two packets, as FQ-CoDel's sparse flows do (RFC 8290, section 4.2), and the
train is through that much later.
This module is pure: it takes `now`, opens nothing and sleeps never.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

QUANTUM = 16 * 1024 + 64
"""Bytes that one flow may send in its turn: a block of 16 KiB with its message's header.  Larger
writes to a loopback socket did not keep their order from run to run; see DESIGN.md."""

PACKET = 1460
"""Bytes of a short message at most, and of those that go out together: what a packet carries on an
Ethernet (RFC 894)."""


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """One direction of a host's access to the network."""

    rate: float = math.inf
    """Bytes per second; infinite means that the link takes no time."""

    latency: float = 0.0
    """Seconds that every byte spends on this link after it was sent."""

    loss: float = 0.0
    """Probability that a packet is lost on this link.  A datagram is drawn for and lost; a stream
    is only slowed, by a model (`host.loss`): over a path with a round trip above 0 it gets at most
    what Padhye's formula gives a TCP transfer, without one it is not slowed at all.  With 1 no byte
    of a stream passes, though it opens and ends; through a host that is cut nothing does."""

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"rate: {self.rate} is not above 0 bytes/s")
        if not 0 <= self.latency < math.inf:
            raise ValueError(f"latency: {self.latency} is not a time of 0 s or more")
        if not 0 <= self.loss <= 1:
            raise ValueError(f"loss: {self.loss} is not a probability between 0 and 1")


@dataclass(slots=True, eq=False)
class Flow:
    """One stream's share of a link."""

    ready: Callable[[], int]
    """Bytes that the flow could send now (0 when empty or held back by its receiver)."""

    forward: Callable[[int], None]
    """Told how many of its bytes have passed the link."""

    queued: bool = False
    """True while the link holds the flow in one of its queues; the link's to set."""

    overtaken: int = 0
    """Bytes of short messages that overtook bulk data in round `round`; the link's to set."""

    round: int = 0

    def withdraw(self) -> None:
        """Nothing of the flow goes out any more; what it has on the wire is wasted time."""
        self.ready = lambda: 0
        self.forward = lambda size: None


Served = list[tuple[Flow, int]]
"""Flows and how many bytes of each are on the wire."""


class Link:
    """One direction of a host's access link."""

    def __init__(self, config: LinkConfig, quantum: int = QUANTUM) -> None:
        self.config = config
        self._quantum = quantum
        self._short: deque[Flow] = deque()
        self._turns: deque[Flow] = deque()
        self._round = 0
        self.short_until = 0.0
        """When the short messages on the wire are through."""
        self.bulk_until = 0.0
        """When the quantum on the wire is through; moves back as short messages overtake it."""
        self.stopped_at: float | None = None
        """Since when the link has stood still; None while it moves."""
        self._stopped_rate = config.rate

    def enqueue(self, flow: Flow) -> None:
        """Give the flow its turn; nothing happens when it is waiting for one already."""
        if flow.queued:
            return
        flow.queued = True
        if flow.round != self._round:
            flow.round, flow.overtaken = self._round, 0
        size = flow.ready()
        # What overtakes is held to a flow's fair share: a quantum in a round.
        if size <= PACKET and flow.overtaken + size <= self._quantum:
            flow.overtaken += size
            self._short.append(flow)
        else:
            self._turns.append(flow)

    def begin_short(self, now: float) -> tuple[Served, float] | None:
        """Put short messages on the wire: whose, how long, and when they are through.

        As many as fit a packet go together: a timer for each would cost more than it tells.  None
        when there is none.  Call again only when that time has come.
        """
        served: Served = []
        total = 0
        while self._short and (not served or total + self._short[0].ready() <= PACKET):
            flow = self._short.popleft()
            flow.queued = False
            if size := min(flow.ready(), PACKET):
                served.append((flow, size))
                total += size
        if not served:
            return None
        spent = total / self.config.rate
        self.short_until = max(now, self.short_until) + spent
        self.bulk_until += spent
        for flow, _ in served:
            flow.queued = True
        return served, self.short_until

    def begin_bulk(self, now: float) -> tuple[Served, float] | None:
        """Put the next flow's quantum on the wire, and say when it is through, if undisturbed.

        None when no flow has anything to send.  Call again only when `bulk_until` has come.
        """
        self._round += 1
        while self._turns:
            flow = self._turns.popleft()
            size = min(flow.ready(), self._quantum)
            if size:
                start = max(now, self.short_until)
                self.bulk_until = start + size / self.config.rate
                return [(flow, size)], self.bulk_until
            flow.queued = False
        return None

    # ---- faults: the moments that were promised move, and are to be asked for anew

    def change(self, config: LinkConfig, now: float) -> None:
        """Follow `config` from `now` on; what is left of a quantum is sent at the new rate."""
        before, self.config = self.config.rate, config
        if self.stopped_at is None:
            self._stretch(before, now)

    def stop(self, now: float) -> None:
        """Stand still from `now` on; what is on the wire stays half through."""
        self.stopped_at = now
        self._stopped_rate = self.config.rate

    def go_on(self, now: float) -> None:
        """Move again; what was on the wire is through as much later as the link stood still."""
        assert self.stopped_at is not None
        since, self.stopped_at = self.stopped_at, None
        if self.short_until > since:
            self.short_until += now - since
        if self.bulk_until > since:
            self.bulk_until += now - since
        self._stretch(self._stopped_rate, now)

    def _stretch(self, rate: float, now: float) -> None:
        """What is left of the time from `now` on was reckoned at `rate`: reckon it anew."""
        if rate in (self.config.rate, math.inf):
            return
        factor = rate / self.config.rate
        if self.short_until > now:
            self.short_until = now + (self.short_until - now) * factor
        if self.bulk_until > now:
            self.bulk_until = now + (self.bulk_until - now) * factor

    def through(self, served: Served) -> None:
        """These bytes have passed the link: hand them on, and queue what the flows have left."""
        for flow, size in served:
            flow.forward(size)
            flow.queued = False
            if flow.ready():
                self.enqueue(flow)
