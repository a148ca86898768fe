"""The arithmetic of an access link: who sends next, how much, and when it is through.

Fair queueing by deficit-free round robin over flows in quanta, after DRR (Shreedhar and Varghese,
1995) with FQ-CoDel's rule for sparse flows (RFC 8290, section 4.2): a flow that was idle is served
once before those that are backlogged, so a short message does not wait behind bulk data.
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
"""Bytes of short messages that go out together: what a packet carries on an Ethernet (RFC 894)."""


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """One direction of a host's access to the network."""

    rate: float = math.inf
    """Bytes per second; infinite means that the link takes no time."""

    latency: float = 0.0
    """Seconds that every byte spends on this link after it was sent."""

    loss: float = 0.0
    """Probability that a datagram is lost on this link; streams know no loss."""

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
    """True while the link holds the flow in one of its rings; the link's to set."""


class Link:
    """One direction of a host's access link; one quantum at a time is on the wire."""

    def __init__(self, config: LinkConfig, quantum: int = QUANTUM) -> None:
        self.config = config
        self._quantum = quantum
        self._fresh: deque[Flow] = deque()
        self._turns: deque[Flow] = deque()
        self._free_at = 0.0

    def enqueue(self, flow: Flow) -> None:
        """Give the flow its turn; nothing happens when it is waiting for one already."""
        if not flow.queued:
            flow.queued = True
            self._fresh.append(flow)

    def begin(self, now: float) -> tuple[list[tuple[Flow, int]], float] | None:
        """Put the next bytes on the wire: whose and how many, and when they are through.

        One flow's quantum, or the short messages of several flows as far as they fit a packet
        (a timer for each would cost more than it tells).  None when no flow has anything to send.
        Call again only when that time has come.
        """
        served: list[tuple[Flow, int]] = []
        total = 0
        for ring in (self._fresh, self._turns):
            while ring:
                flow = ring[0]
                size = min(flow.ready(), self._quantum)
                if served and total + size > PACKET:
                    break
                ring.popleft()
                if size:
                    served.append((flow, size))
                    total += size
                else:
                    flow.queued = False
            if total > PACKET:
                break
        if not served:
            return None
        # An emptied flow keeps its place until its next turn; otherwise a flow that is refilled
        # block by block would always count as sparse.
        self._turns.extend(flow for flow, _ in served)
        self._free_at = max(now, self._free_at) + total / self.config.rate
        return served, self._free_at
