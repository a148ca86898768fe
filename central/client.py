"""The client of the client-server backend: it fetches files by their links and gives none."""

from __future__ import annotations

import asyncio
from pathlib import Path

from central.download import Download
from central.errors import TransferError
from central.link import Link
from host.files import PartialFile
from host.host import Host


class Client:
    """A node that only fetches."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._downloads: dict[str, Download] = {}
        self._fetching: dict[asyncio.Task[Path], Path] = {}

    async def publish(self, path: Path) -> str:
        """A client has no port to give files from."""
        raise TypeError("a client fetches files; a server publishes them")

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch the file behind `link` into `directory`, whole and checked, and return its path."""
        target = Link.parse(link)
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
                raise
            raise TransferError(f"{target.name}: closed before the file was whole") from None
        finally:
            self._fetching.pop(task, None)

    async def _fetch(self, link: Link, path: Path) -> Path:
        part = PartialFile(path)
        try:
            download = Download(self._host, link, part.file)
            self._downloads[link.name] = download
            try:
                await self._connect(download, link)
                await download.done
            finally:
                await download.close()
            return await self._host.compute(part.commit)
        finally:
            part.discard()

    async def _connect(self, download: Download, link: Link) -> None:
        try:
            await self._host.connect(lambda: download, link.address, link.port)
        except OSError as error:
            raise TransferError(f"{link.authority} does not answer: {error}") from None

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every file's (bytes here, bytes in all)."""
        return {name: (file.received, file.size or 0) for name, file in self._downloads.items()}

    async def close(self) -> None:
        """End the transfers under way."""
        tasks = list(self._fetching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
