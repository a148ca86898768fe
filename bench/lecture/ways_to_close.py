"""Ten ways to end a connection: close(2), shutdown(2), dup(2), fork(2), SO_LINGER of socket(7).

Each is a plain function of a connection's two sockets.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from bench.lecture.socket_table import Row as SystemRow
from bench.lecture.socket_table import socket_table
from host.addresses import AddressBlock
from host.sockets import reset_on_close

PATIENCE_S = 2.0
"""Seconds of real time that a call may block: what is sent over loopback is there at once."""
SETTLE_S = 0.05
"""Seconds that the kernel gets for what it does after a call."""
HOLD = "import sys; sys.stdin.read()"
"""A program that keeps the descriptors that it was given until its input ends."""

Address = tuple[str, int]


@dataclass
class Pair:
    """A connection: its server's listener, and both ends."""

    listener: socket.socket
    server: socket.socket
    client: socket.socket
    server_name: Address
    client_name: Address
    stack: ExitStack
    """Closes whatever a way to close leaves open."""

    @property
    def names(self) -> dict[str, Address]:
        """The address and port of each end."""
        return {"client": self.client_name, "server": self.server_name}

    def listed(self) -> dict[str, SystemRow | None]:
        """What the system's table has of each end of the connection. Raises SocketTableError."""
        table = {row.five_tuple: row for row in socket_table()}
        return {
            "client": table.get(("tcp", *self.client_name, *self.server_name)),
            "server": table.get(("tcp", *self.server_name, *self.client_name)),
        }


def connect(block: AddressBlock, stack: ExitStack, *, reuse: bool = False) -> Pair:
    """Open a connection between two addresses of a block; `reuse`: SO_REUSEADDR of the listener."""
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    listener.bind((block.address(0), 0))
    listener.listen()
    client = stack.enter_context(socket.socket())
    client.bind((block.address(1), 0))
    client.settimeout(PATIENCE_S)
    client.connect(listener.getsockname())
    server = stack.enter_context(listener.accept()[0])
    server.settimeout(PATIENCE_S)
    return Pair(listener, server, client, server.getsockname(), client.getsockname(), stack)


def server_first(pair: Pair) -> str:
    """The server closes, then the client."""
    pair.server.close()
    heard = _hear(pair.client)
    pair.client.close()
    return heard


def client_first(pair: Pair) -> str:
    """The client closes, then the server."""
    pair.client.close()
    heard = _hear(pair.server)
    pair.server.close()
    return heard


def one_end_only(pair: Pair) -> str:
    """The server closes; the client does not."""
    pair.server.close()
    return _hear(pair.client)


def unread_data(pair: Pair) -> str:
    """The server closes with bytes that it has not read, then the client."""
    pair.client.sendall(b"unread")
    pair.server.close()
    heard = _hear(pair.client)
    pair.client.close()
    return heard


def linger_zero(pair: Pair) -> str:
    """The server closes with SO_LINGER on and 0 seconds (socket(7)), then the client."""
    reset_on_close(pair.server)
    return server_first(pair)


def unsent_data(pair: Pair) -> str:
    """The client closes with bytes that do not fit the path; the server reads them later."""
    pair.client.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += pair.client.send(bytes(1 << 16))
    pair.client.close()
    time.sleep(SETTLE_S)
    kept = pair.listed()["client"]
    come = 0
    while data := pair.server.recv(1 << 20):
        come += len(data)
    pair.server.close()
    return f"{kept.state if kept else ''}, then {come:,} of {sent:,} B"


def duplicate(pair: Pair) -> str:
    """The server closes one of two descriptors of its socket (dup(2))."""
    pair.stack.enter_context(pair.server.dup())
    pair.server.close()
    return _hear(pair.client)


def other_process(pair: Pair) -> str:
    """The server closes its socket, which another process has inherited (fork(2))."""
    holder = subprocess.Popen(
        [sys.executable, "-S", "-c", HOLD],
        stdin=subprocess.PIPE,
        pass_fds=[pair.server.fileno()],
    )
    pair.stack.enter_context(holder)
    pair.server.close()
    return _hear(pair.client)


def shutdown_duplicate(pair: Pair) -> str:
    """The server shuts one of two descriptors of its socket down (shutdown(2))."""
    pair.stack.enter_context(pair.server.dup())
    pair.server.shutdown(socket.SHUT_RDWR)
    pair.server.close()
    return _hear(pair.client)


def shutdown_only(pair: Pair) -> str:
    """The server ends its own direction with shutdown(2), and still reads."""
    pair.server.shutdown(socket.SHUT_WR)
    heard = _hear(pair.client)
    pair.client.sendall(b"still")
    return f"{heard}, then {_hear(pair.server)} the other way"


def _hear(sock: socket.socket) -> str:
    """What a socket hears of the other end."""
    sock.settimeout(SETTLE_S)
    try:
        data = sock.recv(1 << 16)
    except TimeoutError:
        return "nothing"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return f"{len(data)} B" if data else "end"


WAYS: Mapping[str, Callable[[Pair], str]] = {
    way.__name__.replace("_", " "): way
    for way in (
        server_first,
        client_first,
        one_end_only,
        unread_data,
        linger_zero,
        unsent_data,
        duplicate,
        other_process,
        shutdown_duplicate,
        shutdown_only,
    )
}
"""The ways to close, by name; each returns what the other end heard."""
