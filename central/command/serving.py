"""A server of the command line: one folder, until a signal."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from central.access.grants import Right
from central.access.guard import Guard
from central.access.log import Request
from central.access.store import Store
from central.command.access_log import AccessLog
from central.command.status import Output
from central.config import Limits
from central.library.library import Library
from central.link import Link, Scheme
from central.server import Server
from host.host import Host
from host.program.arguments import Listen
from host.program.session import cannot_listen, this_computer, until_signal


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is served, how, and to whom."""

    folder: Path
    listen: Listen
    ports: Mapping[Scheme, int]
    token_file: Path | None = None
    anonymous: frozenset[Right]
    """What may be done without a token."""
    writable: bool = False
    limits: Limits = field(default_factory=Limits)
    up_rate: float = math.inf
    """Bytes per second, all that is said included; as `down_rate`."""
    down_rate: float = math.inf


async def serve(service: Service, log: int | None, output: Output) -> None:
    """Serve until a signal; `log` is an open descriptor for the access log, or None.

    Raises ArgumentError where it cannot listen, TokenFileError.
    """
    address = service.listen.address
    async with this_computer(
        address, service.folder, up_rate=service.up_rate, down_rate=service.down_rate
    ) as host:
        with closing(_log(log, output)) as written:
            async with _serving(host, service, written, output.note) as server:
                urls = [str(Link(scheme, *at, "")) for scheme, at in server.addresses.items()]
                output.result(
                    "\n".join(urls),
                    "serving",
                    urls=urls,
                    folder=str(service.folder),
                    writable=service.writable,
                )
                with until_signal():
                    await asyncio.get_running_loop().create_future()


class _NoLog:
    """Where nobody wants to know."""

    def __call__(self, request: Request) -> None:
        pass

    def close(self) -> None:
        pass


def _log(descriptor: int | None, output: Output) -> AccessLog | _NoLog:
    return _NoLog() if descriptor is None else AccessLog(descriptor, output.note)


@asynccontextmanager
async def _serving(
    host: Host,
    service: Service,
    log: Callable[[Request], None],
    warn: Callable[[str], None],
) -> AsyncIterator[Server]:
    """A server that listens, for the block."""
    store = None if service.token_file is None else Store(service.token_file)
    server = Server(
        host,
        protocols=tuple(service.ports),
        ports=service.ports,
        library=Library(host, service.folder, writable=service.writable),
        guard=Guard(host, store, anonymous=service.anonymous, warn=warn),
        limits=service.limits,
        log=log,
        warn=warn,
    )
    try:
        try:
            await server.start()
        except OSError as error:
            refused = next(each for each in service.ports if each not in server.addresses)
            place = f"{refused} at {host.address}:{service.ports[refused]}"
            instead = f"--protocol {refused}:0 takes one that is free"
            raise cannot_listen(place, error, instead) from None
        yield server
    finally:
        await server.close()
