"""The client of the client-server backend: it fetches files by their links and gives none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from central.channel import client as channel
from central.config import ClientConfig
from central.errors import LinkError, TransferError
from central.http import client as http
from central.landing import Landing
from central.link import Link, Scheme
from central.tftp import client as tftp
from host.host import Host

FETCH: Mapping[Scheme, Callable[[Host, Link, Landing, ClientConfig], Awaitable[None]]] = {
    "http": http.fetch,
    "socket": channel.fetch,
    "tftp": tftp.fetch,
}


class Client:
    """A node that only fetches."""

    def __init__(self, host: Host, config: ClientConfig | None = None) -> None:
        self._host = host
        self._config = config or ClientConfig()
        self._landings: dict[str, Landing] = {}
        self._fetching: dict[asyncio.Task[Path], Path] = {}

    async def publish(self, path: Path) -> str:
        """A client has no port to give files from."""
        raise TypeError("a client fetches files; a server publishes them")

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch the file behind `link` into `directory`, whole and checked, and return its path.

        What has come is kept when it fails, and another fetch goes on with it.  Raises
        CentralError.
        """
        target = Link.parse(link)
        if not target.name:
            raise LinkError(f"{link!r} names no file; expected one behind the port")
        path = directory / target.name
        if path in self._fetching.values():
            raise TransferError(f"{target.name}: already being fetched into {directory}")
        task = self._host.spawn(self._fetch(target, path), f"fetches {target.name}")
        self._fetching[task] = path
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                task.cancel()
                await asyncio.wait([task])  # what has come is on its way to the disk
                raise
            raise TransferError(f"{target.name}: closed before the file was whole") from None
        finally:
            self._fetching.pop(task, None)

    async def _fetch(self, link: Link, path: Path) -> Path:
        landing = await Landing.open(self._host, path, link, resume=self._config.resume)
        self._landings[link.name] = landing
        try:
            await FETCH[link.scheme](self._host, link, landing, self._config)
            return await landing.commit()
        finally:
            await landing.close()

    def holdings(self) -> dict[str, tuple[int, int]]:
        """The (bytes here, bytes in all) of every file that a server has begun to give."""
        return {
            name: (file.received, file.size or 0)
            for name, file in self._landings.items()
            if file.received or file.size is not None
        }

    async def close(self) -> None:
        """End the transfers under way."""
        tasks = list(self._fetching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
