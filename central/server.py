"""The server of the client-server backend: it gives the files that were published on it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import unquote

from central.connection import Published, ServerConnection
from central.link import Link
from host.host import Host
from host.listener import Listener

PORT = 8080


class Server:
    """An HTTP/1.1 file server on one host; it listens from its first publication on."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._files: dict[str, Published] = {}
        self._listener: Listener | None = None
        self._connections: dict[ServerConnection, None] = {}

    async def publish(self, path: Path) -> str:
        """Offer the file at `path` under its name; returns the link to it."""
        size, digest = await self._host.compute(_describe, path)
        self._files[path.name] = Published(path, size)
        if self._listener is None:
            self._listener = await self._host.listen(self._accept, PORT)
        return str(Link(*self._listener.address, path.name, digest))

    async def fetch(self, link: str, directory: Path) -> Path:
        """A server has its files already and fetches none."""
        raise TypeError("a server gives files; a client fetches them")

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every file's (bytes here, bytes in all)."""
        return {name: (file.size, file.size) for name, file in self._files.items()}

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            await connection.close()

    def _accept(self) -> ServerConnection:
        return ServerConnection(self._host, self._find, self._connections)

    def _find(self, target: str) -> Published | None:
        return self._files.get(unquote(target.partition("?")[0]).removeprefix("/"))


def _describe(path: Path) -> tuple[int, str]:
    """A file's size and SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
