"""The server of the client-server backend: one library of files, by every protocol asked for."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from central.access.admission import Admission
from central.access.guard import Guard
from central.access.log import Request
from central.channel.server import ChannelServer
from central.config import Limits
from central.http.server import HttpServer
from central.library.library import Library
from central.link import Link, Scheme
from central.site import Site
from central.tftp.server import TftpServer
from host.datagram import Address
from host.host import Host

PORTS: Mapping[Scheme, int] = {"http": 8080, "socket": 8081, "tftp": 8069}
"""Where the protocols are served unless told otherwise: none of these ports needs privileges."""


class Door(Protocol):
    """One protocol's way in."""

    async def start(self, port: int) -> Address:
        """Listen, and return where. Raises OSError."""

    async def close(self) -> None:
        """Listen no more and end what is under way."""


DOORS: Mapping[Scheme, Callable[[Site], Door]] = {
    "http": HttpServer,
    "socket": ChannelServer,
    "tftp": TftpServer,
}


class Server:
    """A file server on one host; it listens from `start` or its first publication on."""

    def __init__(
        self,
        host: Host,
        *,
        protocols: Sequence[Scheme] = ("http",),
        ports: Mapping[Scheme, int] = PORTS,
        library: Library | None = None,
        guard: Guard | None = None,
        limits: Limits | None = None,
        log: Callable[[Request], None] = lambda request: None,
        warn: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Without a library it has what is published; without a guard everybody may read."""
        limits = limits or Limits()
        self._library = library or Library(host)
        self._guard = guard or Guard(host)
        self._site = Site(
            host=host,
            library=self._library,
            guard=self._guard,
            limits=limits,
            admission=Admission(limits, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
            log=log,
            warn=warn,
        )
        self._ports = ports
        self._protocols = protocols
        self._doors: dict[Scheme, Door] = {}
        self._published: dict[str, int] = {}
        self.addresses: dict[Scheme, Address] = {}
        """Where each protocol is served, once started."""

    async def start(self) -> None:
        """Listen for every protocol. Raises OSError; what listens by then goes on until `close`."""
        for scheme in self._protocols:
            if scheme not in self._doors:
                door = DOORS[scheme](self._site)
                self._doors[scheme] = door
                self.addresses[scheme] = await door.start(self._ports[scheme])

    async def publish(self, path: Path) -> str:
        """Offer the file at `path` under its name; returns the link to it by the first protocol."""
        entry, digest = await self._library.publish(path)
        self._published[entry.path] = entry.size
        await self.start()
        scheme = self._protocols[0]
        return str(Link(scheme, *self.addresses[scheme], entry.path, digest))

    async def fetch(self, link: str, directory: Path) -> Path:
        """A server has its files already and fetches none."""
        raise TypeError("a server gives files; a client fetches them")

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every published file's (bytes here, bytes in all)."""
        return {name: (size, size) for name, size in self._published.items()}

    async def close(self) -> None:
        """Stop listening and end every connection."""
        while self._doors:
            _, door = self._doors.popitem()
            await door.close()
        await self._guard.close()
        await self._library.close()
