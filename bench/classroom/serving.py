"""Serves the demo at a free port until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.classroom.relay import Run, Told
from bench.classroom.server import Server
from bench.errors import BenchError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and the terminal closed: none may leave the run's files in memory."""
PORTS_TRIED = 50
"""Ports after the one asked for that will do where it is in use."""
SEND_BUFFER = 256 * 1024
"""Bytes that the system keeps for a slow page; what it gets after them is put together and new."""


async def serve(
    begin: Callable[[Told], Run],
    *,
    address: str,
    port: int,
    ready: Callable[[Server], None],
) -> None:
    """Serve until one of the signals ENDING ends it; `ready` is called once it listens.

    Raises BenchError where it cannot listen.
    """
    server = Server(begin)
    with _signals() as stopped:
        await server.start(listen(address, port))
        try:
            ready(server)
            await stopped.wait()
        finally:
            await server.close()


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Set an event at a signal that ends us; those that follow change nothing until it is done."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    before = {number: signal.getsignal(number) for number in ENDING}
    # `nohup` has a hangup ignored, and so it stays.
    before = {number: how for number, how in before.items() if how is not signal.SIG_IGN}
    for number in before:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens at the first free port from `port` on.

    Raises BenchError where there is none, or no such address here.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    last = min(port + PORTS_TRIED, 65535)
    for number in range(port, last + 1):
        try:
            listening = socket.create_server((address, number), family=family)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            reason = os.strerror(error.errno or 0)
            raise BenchError(f"cannot listen at {address}, port {number}: {reason}") from None
        # Pages' sockets have it from the one that listens.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return listening
    raise BenchError(
        f"ports {port} to {last} of {address} are all in use; expected one that is free"
    )
