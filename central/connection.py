"""One connection to the server: HTTP/1.1 requests in, files out (RFC 9110, RFC 9112), over h11.

h11 parses and frames, this shell moves bytes; a file's body never passes through Python where the
host can send it from the disk itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11

from host.host import Host

READ_AHEAD = 64 * 1024
"""Bytes of requests that may wait while a response is under way; a request head is far smaller."""


@dataclass(frozen=True)
class Published:
    """A file that the server gives away."""

    path: Path
    size: int


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
        on_lost: Callable[[ServerConnection], Any],
    ) -> None:
        self._host = host
        self._find = find
        self._on_lost = on_lost
        self._http = h11.Connection(h11.SERVER)
        self._answering: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._answering is None:
            self._advance()
        elif len(self._http.trailing_data[0]) > READ_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        # A client may close its half and still read its answer.
        return self._answering is not None

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        self._lost.set_result(None)
        self._on_lost(self)

    async def close(self) -> None:
        self._transport.abort()
        await self._lost

    def _advance(self) -> None:
        """Answer the next request that is there in full."""
        try:
            event = self._http.next_event()
            while type(event) is h11.Data:
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
            return
        if type(event) is h11.Request:
            self._answering = self._host.spawn(self._answer(event), f"answers {self._peer()}")
        elif event is h11.NEED_DATA:
            self._transport.resume_reading()
        elif type(event) is h11.ConnectionClosed:
            self._transport.close()

    def _peer(self) -> str:
        address, port = self._transport.get_extra_info("peername")
        return f"{address}:{port}"

    async def _answer(self, request: h11.Request) -> None:
        file = self._find(request.target.decode("ascii"))
        if request.method not in (b"GET", b"HEAD"):
            self._respond(405, [("Allow", "GET, HEAD"), ("Content-Length", "0")])
        elif file is None:
            self._respond(404, [("Content-Length", "0")])
        else:
            headers = [
                ("Content-Type", "application/octet-stream"),
                ("Content-Length", str(file.size)),
            ]
            self._respond(200, headers)
            if request.method == b"GET" and file.size:
                self._http.send_with_data_passthrough(h11.Data(data=_Stretch(file.size)))  # type: ignore[arg-type]
                with file.path.open("rb") as body:
                    await self._host.send_file(self._transport, body, 0, file.size)
        self._http.send(h11.EndOfMessage())
        self._answering = None
        self._next_cycle()

    def _next_cycle(self) -> None:
        while self._http.their_state is h11.SEND_BODY:
            if self._http.next_event() is h11.NEED_DATA:
                break
        if self._http.our_state is h11.MUST_CLOSE or self._http.their_state is not h11.DONE:
            self._transport.close()
            return
        self._http.start_next_cycle()
        self._advance()

    def _respond(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._transport.write(self._http.send(h11.Response(status_code=status, headers=headers)) or b"")

    def _refuse(self, status: int) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._respond(status, [("Content-Length", "0"), ("Connection", "close")])
        self._transport.close()
