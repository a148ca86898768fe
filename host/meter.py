"""Counts what a host does with its sockets, at the socket: its bytes and its calls.

Headers of TCP and IP are not in these counts, and neither is anything that is only queued.
"""

from __future__ import annotations

from collections import Counter, defaultdict


class Meter:
    """One host's bytes sent and received (in all, by remote host, over time), and socket calls."""

    def __init__(self, bucket_s: float = 1.0) -> None:
        self.bucket_s = bucket_s
        """Seconds of the loop's time that one entry of the series covers."""
        self.up_bytes = 0
        self.down_bytes = 0
        self.up_by_remote: defaultdict[str, int] = defaultdict(int)
        self.down_by_remote: defaultdict[str, int] = defaultdict(int)
        self.up_series: defaultdict[int, int] = defaultdict(int)
        self.down_series: defaultdict[int, int] = defaultdict(int)
        self.calls: Counter[str] = Counter()
        """Calls by name: socket, bind, listen, accept, connect, send, sendmsg, sendfile, recv,
        sendto, recvfrom, shutdown, close; those that failed or found nothing included."""
        self.accepted = 0
        """Connections that `accept` returned."""
        self.connections = 0
        """TCP connections open now, accepted here or called for."""
        self.connections_most = 0
        """The most that were open at a time."""

    def opened(self) -> None:
        """A TCP connection was accepted here, or called for."""
        self.connections += 1
        self.connections_most = max(self.connections_most, self.connections)

    def sent(self, remote: str, size: int, now: float) -> None:
        """`size` bytes went into a socket towards the host `remote` at time `now`."""
        self.up_bytes += size
        self.up_by_remote[remote] += size
        self.up_series[int(now / self.bucket_s)] += size

    def received(self, remote: str, size: int, now: float) -> None:
        """`size` bytes came out of a socket from the host `remote` at time `now`."""
        self.down_bytes += size
        self.down_by_remote[remote] += size
        self.down_series[int(now / self.bucket_s)] += size
