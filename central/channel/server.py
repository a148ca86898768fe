"""The server of the persistent socket; the protocol is told in `frames`."""

from __future__ import annotations

from central.channel.connection import ServerConnection
from central.house import House
from central.site import Site
from host.datagram import Address
from host.listener import Listener


class ChannelServer:
    """Serves a site to those who open a socket and keep it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._house = House()
        self._listener: Listener | None = None

    async def start(self, port: int) -> Address:
        """Listen, and return where. Raises OSError."""
        self._listener = await self._site.host.listen(
            lambda: ServerConnection(self._site, self._house), port
        )
        self._listener.on_rest = self._site.full
        self._house.open = True
        return self._listener.address

    async def close(self) -> None:
        """Listen no more, and end every connection."""
        if self._listener is not None:
            self._listener.close()
        await self._house.close()
