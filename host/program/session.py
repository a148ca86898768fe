"""What a program does on this computer: real clock, real addresses, until it is done or a signal.

SIGINT and SIGTERM cancel it, so that all is closed in order.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import math
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import host.clock
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from host.program.arguments import ArgumentError
from host.program.program import SIGNALS, handle

LOOK_UP_S = 10.0
"""Seconds that looking up a name may take: a resolver's two tries (resolv.conf(5))."""

P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on the real clock; KeyboardInterrupt when a signal ended it."""

    async def cancelled_by_signals() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in SIGNALS:
            loop.add_signal_handler(number, task.cancel)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return await main

    # Until the loop takes them they wait: coroutines that never ran would be complained about.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return host.clock.run(cancelled_by_signals(), clock="real")
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        # The loop leaves SIGTERM to the system's default.
        handle(signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def until_signal() -> Iterator[None]:
    """For what goes on until a signal comes, which is then no interruption but its end."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()


class Computer(Host):
    """This computer as a host; it reaches others by the names that were looked up for it."""

    names: Mapping[str, str] = MappingProxyType({})
    """IPv4 addresses by name."""

    async def connect(self, factory: Callable[[], P], address: str, port: int) -> P:
        return await super().connect(factory, self.names.get(address, address), port)


@asynccontextmanager
async def this_computer(
    address: str, directory: Path, *, up_rate: float = math.inf, down_rate: float = math.inf
) -> AsyncIterator[Computer]:
    """This computer, all of whose sockets are bound to `address`, for the block.

    Rates are in bytes per second.
    """
    # One entry in the meter's series for ever: a program may run for months.
    network = Network(address=address, seed=secrets.randbits(128), bucket_s=math.inf)
    try:
        yield Computer(
            network,
            "this computer",
            directory,
            up=LinkConfig(rate=up_rate),
            down=LinkConfig(rate=down_rate),
        )
    finally:
        await network.close()


def cannot_listen(place: str, error: OSError, instead: str) -> ArgumentError:
    """Why the operating system refuses to listen at `place`; `instead`: for a port in use."""
    if error.errno == errno.EADDRINUSE:
        why = f"another program uses that port; {instead}"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "this computer has no such address"
    else:
        why = error.strerror or str(error)
    return ArgumentError(f"{place}: {why}")


async def look_up(name: str) -> str | None:
    """The IPv4 address of that name, looked up off the loop; None where nobody knows one."""
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    kind = socket.AF_INET, socket.SOCK_STREAM
    try:
        async with asyncio.timeout(LOOK_UP_S):
            answers = await loop.run_in_executor(None, socket.getaddrinfo, name, None, *kind)
    except (OSError, UnicodeError):
        return None
    return str(answers[0][4][0])
