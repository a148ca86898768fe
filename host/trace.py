"""A record of the socket calls that a host really makes, each with its five-tuple.

The five-tuple is (protocol, local address, local port, remote address, remote port); see RFC 6146,
section 2, where it goes by the same name.  Calls are recorded where they are made, in the socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

TRACE_LIMIT = 100_000
"""Calls that a trace keeps; the oldest go first, so that a long run cannot fill the memory."""

FiveTuple = tuple[str, str, int, str, int]
"""(protocol, local address, local port, remote address, remote port); "" and 0 where unset."""


@dataclass(frozen=True, slots=True)
class Call:
    """One socket call as it was made, and what came of it."""

    time: float
    """Seconds of the loop's time."""
    name: str
    """The name of the system call: socket, bind, listen, connect, accept, send, recv, close ..."""
    descriptor: int
    five_tuple: FiveTuple
    arguments: str
    result: str
    """What the call returned, or the name of its error (ECONNREFUSED ...)."""

    def __str__(self) -> str:
        protocol, *rest = self.five_tuple
        local, remote = f"{rest[0]}:{rest[1]}", f"{rest[2]}:{rest[3]}"
        return (
            f"{self.time:12.6f} {self.name}({self.descriptor}, {self.arguments}) = {self.result}"
            f"  {protocol} {local} > {remote}"
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
