"""The exchange that every lecture on sockets draws: a question and its answer, on blocking sockets.

It takes any domain and type (socket(2)): IPv4, IPv6 or UNIX, streams or datagrams.  Both ends are
traced; they run in threads of their own, as two programs would.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from host.meter import Meter
from host.sockets import MeteredSocket, TracedSocket
from host.trace import Trace

QUESTION, ANSWER = b"question", b"answer"
PATIENCE_S = 5
"""Seconds that a call may block."""
LENGTH = 1024
UNKNOWN = -1
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}

Traces = dict[str, Trace]


class Exchange:
    """One question and its answer between two traced ends."""

    def __init__(
        self, family: socket.AddressFamily, kind: socket.SocketKind, directory: Path
    ) -> None:
        self._family, self._kind = family, kind
        self._directory = directory
        self._begin = time.monotonic()
        self.traces: Traces = {"client": Trace(), "server": Trace()}
        self.protocol = UNKNOWN
        """What the system chose for this domain and type: IANA's number, 0 where there is one."""

    def play(self) -> None:
        """Let a client ask and a server answer. Raises OSError where the system has no such
        sockets, or when nothing comes for PATIENCE_S seconds.
        """
        stream = self._kind == socket.SOCK_STREAM
        serve, ask = (self._serve, self._ask) if stream else (self._reply, self._inquire)
        with self._open("server") as server, self._open("client") as client:
            server.bind(self._address("server"))
            if stream:
                server.listen(1)
            address = server.getsockname()
            with ThreadPoolExecutor(2) as pool:
                for end in [pool.submit(serve, server), pool.submit(ask, client, address)]:
                    end.result()

    def _open(self, node: str) -> MeteredSocket:
        sock = TracedSocket.open(
            self._kind,
            Meter(),
            lambda: time.monotonic() - self._begin,
            family=self._family,
            trace=self.traces[node],
        )
        if sys.platform == "linux":
            self.protocol = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        _block(sock)
        return sock

    def _address(self, name: str) -> Any:
        """An address that nobody has: a port that the system picks, or a path."""
        if self._family == socket.AF_UNIX:
            return str(self._directory / name)
        return (LOOPBACK[self._family], 0)

    def _serve(self, sock: MeteredSocket) -> None:
        connection, _ = sock.accept()
        _block(connection)
        with connection:
            connection.recv(LENGTH)
            connection.send(ANSWER)
            connection.recv(LENGTH)
        sock.close()

    def _ask(self, sock: MeteredSocket, server: Any) -> None:
        sock.connect(server)
        sock.send(QUESTION)
        sock.recv(LENGTH)
        sock.close()

    def _reply(self, sock: MeteredSocket) -> None:
        _, client = sock.recvfrom(LENGTH)
        sock.sendto(ANSWER, client)
        sock.close()

    def _inquire(self, sock: MeteredSocket, server: Any) -> None:
        sock.bind(self._address("client"))  # a UNIX socket without a name can't be answered
        sock.sendto(QUESTION, server)
        sock.recvfrom(LENGTH)
        sock.close()


def _block(sock: socket.socket) -> None:
    """Let calls block as they do by themselves, but not for ever (socket(7))."""
    sock.setblocking(True)
    patience = struct.pack("ll", PATIENCE_S, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, patience)
