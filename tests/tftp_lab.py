"""A TFTP server in a lab, and strangers who speak to it packet by packet."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import Lab

from central.access.admission import Admission
from central.access.guard import Guard
from central.access.log import Request
from central.access.store import Store
from central.config import Limits
from central.library.library import Library
from central.link import Link
from central.site import Site
from central.tftp.packets import Data, Error, FileRequest, Packet, encode, parse
from central.tftp.server import TftpServer
from host.datagram import Address, DatagramEndpoint
from host.host import Host


@dataclass
class Served:
    """A server under test."""

    host: Host
    root: Path
    library: Library
    server: TftpServer
    guard: Guard
    admission: Admission
    address: Address = ("", 0)
    log: list[Request] = field(default_factory=list)

    @classmethod
    async def start(
        cls,
        lab: Lab,
        *,
        root: Path | None = None,
        writable: bool = False,
        store: Store | None = None,
        limits: Limits | None = None,
        port: int = 69,
        **links: Any,
    ) -> "Served":
        host = lab.host(f"server{len(lab.network.hosts)}", **links)
        if root is None:
            root = host.directory
        limits = limits or Limits()
        library = Library(host, root, writable=writable)
        guard = Guard(host, store)
        log: list[Request] = []
        admission = Admission(limits, -1)
        site = Site(
            host=host,
            library=library,
            guard=guard,
            limits=limits,
            admission=admission,
            log=log.append,
        )
        served = cls(host, root, library, TftpServer(site), guard, admission, log=log)
        served.address = await served.server.start(port)
        return served

    def link(self, path: str) -> Link:
        return Link("tftp", *self.address, path)

    async def close(self) -> None:
        await self.server.close()
        await self.guard.close()
        await self.library.close()


class Stranger:
    """One port of somebody who sends what he likes."""

    def __init__(self, endpoint: DatagramEndpoint) -> None:
        self.endpoint = endpoint
        self.came: list[tuple[Packet, Address]] = []

    @classmethod
    async def on(cls, host: Host) -> "Stranger":
        return cls(await host.datagram())

    async def send(self, packet: Packet | bytes, to: Address) -> None:
        await self.endpoint.send(packet if isinstance(packet, bytes) else encode(packet), to)

    async def ask(self, served: Served, path: str, mode: str = "octet", **options: str) -> None:
        await self.send(FileRequest(False, path, mode, options), served.address)

    async def hear(self, seconds: float = 0.5) -> tuple[Packet, Address] | None:
        """The next packet that comes within so many seconds, and where it is from."""
        try:
            async with asyncio.timeout(seconds):
                data, source = await self.endpoint.recv()
        except TimeoutError:
            return None
        return parse(data), source

    async def error(self) -> tuple[int, str]:
        heard = await self.hear()
        assert heard is not None
        packet, _ = heard
        assert isinstance(packet, Error), packet
        return packet.code, packet.text

    async def bytes_within(self, seconds: float) -> int:
        """Bytes of all that comes in a stretch of time in which nothing is answered."""
        total = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    total += len((await self.endpoint.recv())[0])
        except TimeoutError:
            return total

    async def data(self) -> tuple[Data, Address]:
        heard = await self.hear()
        assert heard is not None
        packet, source = heard
        assert isinstance(packet, Data), packet
        return packet, source
