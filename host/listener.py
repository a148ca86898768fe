"""A listening socket of a host: hands on each connection that it accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from host.datagram import Address
from host.sockets import MeteredSocket

ACCEPTS_PER_TURN = 64
"""Connections taken in one turn of the loop, so that a flood leaves room for other work."""

REST_S = 1.0
"""Seconds to leave the port alone when no connection can be taken (asyncio does the same)."""


class Listener:
    """A port that accepts connections until it is closed; connections made live on."""

    def __init__(
        self,
        sock: MeteredSocket,
        on_accept: Callable[[MeteredSocket, Address], None],
        on_close: Callable[[Listener], None],
    ) -> None:
        self._sock = sock
        self._on_accept = on_accept
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self.address: Address = sock.getsockname()
        self.rests = 0
        """How often it could take no connection, for want of descriptors say, and rested."""
        self.on_rest: Callable[[OSError], None] = self._complain
        """Called with the reason when the first of such rests in a row begins."""
        self._resting = False
        self._listen()

    @property
    def port(self) -> int:
        return self.address[1]

    def _acceptable(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, remote = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(error)
                return
            self._resting = False
            self._on_accept(sock, remote)

    def _rest(self, error: OSError) -> None:
        """Without descriptors the port stays ready: trying on would stop the clock."""
        self._loop.remove_reader(self._sock)
        self._loop.call_later(REST_S, self._listen)
        self.rests += 1
        if not self._resting:
            self._resting = True
            self.on_rest(error)

    def _complain(self, error: OSError) -> None:
        context = {"message": "no connection can be taken", "exception": error}
        self._loop.call_exception_handler(context)

    def _listen(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._acceptable)

    def close(self) -> None:
        """Stop accepting; a connection that nobody has yet is reset."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._on_close(self)
