"""One connection to the server: HTTP/1.1 requests in, files out (RFC 9110, RFC 9112), over h11.

h11 parses and frames, this shell moves bytes; a file's body never passes through Python where the
host can send it from the disk itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h11

from host.host import Host

READ_AHEAD = 64 * 1024
"""Bytes of requests that may wait while a response is under way, and of a request's body; a request
head is far smaller."""


@dataclass(frozen=True)
class Published:
    """A file that the server gives away."""

    path: Path
    size: int

    def open(self) -> BinaryIO | None:
        """The file, or None when it can no longer be read."""
        try:
            return self.path.open("rb")
        except OSError:
            return None


class _Stretch:
    """A body that h11 only counts: the host sends the bytes (h11 documentation, "sendfile")."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class ServerConnection(asyncio.Protocol):
    """Answers the requests of one client, one after the other."""

    def __init__(
        self,
        host: Host,
        find: Callable[[str], Published | None],
        connections: dict[ServerConnection, None],
    ) -> None:
        """It is in `connections` from its beginning to its end."""
        self._host = host
        self._find = find
        self._connections = connections
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request
        self._passed_over = 0
        self._answering: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections[self] = None

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._answering is None:
            self._advance()
        elif len(self._http.trailing_data[0]) > READ_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._http.receive_data(b"")
        if self._answering is None:
            self._advance()
        # A client may close its half and still read its answers.
        return self._answering is not None

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        self._lost.set_result(None)
        del self._connections[self]

    async def close(self) -> None:
        if self._answering is not None:
            # First: the standard transport can't be aborted while a file is being sent.
            self._answering.cancel()
            await asyncio.wait([self._answering])
        self._transport.abort()
        await self._lost

    def _advance(self) -> None:
        """Answer the next request that is there in full; a body of it is passed over."""
        try:
            event = self._http.next_event()
            while isinstance(event, h11.Request | h11.Data):
                if isinstance(event, h11.Request):
                    self._request, self._passed_over = event, 0
                else:
                    self._passed_over += len(event.data)
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
            return
        if isinstance(event, h11.EndOfMessage):
            answer = self._answer(self._request)
            self._answering = self._host.spawn(answer, f"answers {self._peer()}")
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()
        elif self._http.they_are_waiting_for_100_continue:
            self._refuse(417)
        elif self._passed_over > READ_AHEAD:
            self._refuse(413)
        else:
            self._transport.resume_reading()

    def _peer(self) -> str:
        address, port = self._transport.get_extra_info("peername")
        return f"{address}:{port}"

    async def _answer(self, request: h11.Request) -> None:
        try:
            await self._send_answer(request)
        except OSError:
            return  # the client is gone, or the file; the host has ended the connection
        self._http.send(h11.EndOfMessage())
        self._answering = None
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._http.start_next_cycle()
            self._advance()

    async def _send_answer(self, request: h11.Request) -> None:
        if request.method not in (b"GET", b"HEAD"):
            self._respond(405, [("Allow", "GET, HEAD"), ("Content-Length", "0")])
            return
        file = self._find(request.target.decode("ascii"))
        body = file.open() if file is not None else None
        if file is None or body is None:
            self._respond(404, [("Content-Length", "0")])
            return
        with body:
            headers = [
                ("Content-Type", "application/octet-stream"),
                ("Content-Length", str(file.size)),
            ]
            self._respond(200, headers)
            if request.method == b"GET" and file.size:
                stretch: Any = _Stretch(file.size)
                self._http.send_with_data_passthrough(h11.Data(data=stretch))
                await self._host.send_file(self._transport, body, 0, file.size)

    def _respond(self, status: int, headers: list[tuple[str, str]]) -> None:
        response = h11.Response(status_code=status, headers=headers)
        self._transport.write(self._http.send(response) or b"")

    def _refuse(self, status: int) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._respond(status, [("Content-Length", "0"), ("Connection", "close")])
        self._transport.close()
