"""The system's own table of sockets (netstat(8), proc_net(5)), read through psutil.

It knows what no trace can: the tuples that the kernel keeps when their socket is long closed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psutil

from bench.errors import BenchError
from host.trace import FiveTuple

LISTEN, ESTABLISHED, TIME_WAIT = "LISTEN", "ESTABLISHED", "TIME_WAIT"


class SocketTableError(BenchError, OSError):
    """The system does not show its table: one line that says what it would take."""


@dataclass(frozen=True, slots=True)
class Row:
    """One socket as the system lists it."""

    protocol: str
    """`tcp`, `udp` or `unix`."""
    local_address: str
    """A path for a UNIX socket; `` for one without a name."""
    local_port: int
    remote_address: str
    remote_port: int
    state: str
    """LISTEN, SYN_SENT, ESTABLISHED, TIME_WAIT ... (RFC 9293, section 3.3.2); `` without states."""
    pid: int | None
    """None where no process has it: it is closed, not yet accepted, or another user's."""
    descriptor: int | None
    """One of them, where a socket has several (dup(2), fork(2))."""

    @property
    def five_tuple(self) -> FiveTuple:
        """The tuple as the traces write it."""
        local, remote = (
            (self.local_address, self.local_port),
            (self.remote_address, self.remote_port),
        )
        return (self.protocol, *local, *remote)


def socket_table(addresses: Collection[str] | None = None, *, own: bool = False) -> list[Row]:
    """Return the system's sockets, TCP, UDP and UNIX, those in TIME_WAIT too, in order.

    `addresses` keeps the rows whose local address is among them. With `own`, only the open sockets
    of this process. Raises SocketTableError where the system shows no more than those.
    """
    try:
        process: Any = psutil.Process() if own else psutil
        listed = process.net_connections("all")
    except (psutil.Error, OSError) as error:
        raise SocketTableError(
            f"the system's socket table cannot be read: {type(error).__name__}; "
            "Linux shows it to everyone, other systems to the administrator"
        ) from None
    rows = {_row(entry, os.getpid() if own else entry.pid) for entry in listed}
    kept = (row for row in rows if addresses is None or row.local_address in addresses)
    return sorted(kept, key=lambda row: (row.five_tuple, row.state, row.descriptor or -1))


def _row(entry: Any, pid: int | None) -> Row:
    if entry.family == socket.AF_UNIX:
        protocol = "unix"
    else:
        protocol = "tcp" if entry.type == socket.SOCK_STREAM else "udp"
    state = "" if entry.status == psutil.CONN_NONE else entry.status
    descriptor = entry.fd if entry.fd >= 0 else None
    return Row(protocol, *_end(entry.laddr), *_end(entry.raddr), state, pid, descriptor)


def _end(address: Any) -> tuple[str, int]:
    """An address and port; psutil gives a path for UNIX, and an empty tuple for none."""
    return (address, 0) if isinstance(address, str) else tuple(address) or ("", 0)
