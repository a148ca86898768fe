"""A record of the socket calls that a host really makes, each with its five-tuple.

The five-tuple is (protocol, local address, local port, remote address, remote port); see RFC 6146,
section 2, where it goes by the same name.  Calls are recorded where they are made, in the socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TRACE_LIMIT = 100_000
"""Calls that a trace keeps; the oldest go first, so that a long run cannot fill the memory."""

FiveTuple = tuple[str, str, int, str, int]
"""(protocol, local address, local port, remote address, remote port); "" and 0 where unset.

A UNIX socket's addresses are paths, and it has no ports (unix(7))."""


def written(address: Any) -> str:
    """An address as people write it: 127.0.0.1:80, [::1]:80 (RFC 5952, section 6), or a path."""
    if isinstance(address, str):
        return address
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Call:
    """One socket call as it was made, and what came of it."""

    time: float
    """Seconds of the loop's time, when it returned."""
    name: str
    """The name of the system call: socket, bind, listen, connect, accept, send, recv, close ..."""
    descriptor: int
    five_tuple: FiveTuple
    arguments: str
    result: str
    """What the call returned, or the name of its error (ECONNREFUSED ...)."""
    took: float = 0.0
    """Seconds until it returned: a call that blocks waits, others hardly take any time."""

    @property
    def local(self) -> str:
        """The local end of the tuple as people write it."""
        return self._end(*self.five_tuple[1:3])

    @property
    def remote(self) -> str:
        """The remote end of the tuple as people write it; empty where there is none."""
        return self._end(*self.five_tuple[3:])

    def _end(self, address: str, port: int) -> str:
        return written((address, port)) if address and self.five_tuple[0] != "unix" else address

    def __str__(self) -> str:
        return (
            f"{self.time:12.6f} {self.name}({self.descriptor}, {self.arguments}) = {self.result}"
            f"  {self.five_tuple[0]} {self.local or '-'} > {self.remote or '-'}"
        )


class Trace:
    """The latest calls of one host, oldest first."""

    def __init__(self, limit: int = TRACE_LIMIT) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)
        self.forgotten = 0

    def record(self, call: Call) -> None:
        self.forgotten += len(self._calls) == self._calls.maxlen
        self._calls.append(call)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)
