"""The HTTP/1.1 server (RFC 9110, RFC 9112): a port, and the connections that came in by it."""

from __future__ import annotations

import ipaddress

from central.http.connection import Connection
from central.http.house import HttpHouse
from central.site import Site
from host.datagram import Address
from host.listener import Listener


class HttpServer:
    """One port of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._house = HttpHouse(site)
        self._listener: Listener | None = None

    async def start(self, port: int) -> Address:
        """Listen, and return where. Raises OSError."""
        self._listener = await self._site.host.listen(lambda: Connection(self._house), port)
        self._listener.on_rest = self._site.full
        self._house.open = True
        here = ipaddress.ip_address(self._listener.address[0])
        self._house.private = here.is_loopback and self._site.guard.open
        return self._listener.address

    async def close(self) -> None:
        """Listen no more and end every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._house.close()
