"""One response to one request, written to disk and hashed as it arrives (RFC 9112, section 6).

h11 parses the head; the body, whose length the head gives, goes straight from the socket into two
buffers that take turns: one fills while the other is hashed and written.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import BinaryIO

import h11

from central.errors import TransferError
from central.link import Link
from host.host import Host

BUFFER_MIN, BUFFER_MAX = 64 * 1024, 2 * 1024 * 1024


class Download(asyncio.BufferedProtocol):
    """The client's side of one connection that carries one file."""

    def __init__(self, host: Host, link: Link, out: BinaryIO) -> None:
        self._host = host
        self._link = link
        self._out = out
        self._http = h11.Connection(h11.CLIENT)
        self._digest = hashlib.sha256()
        self._buffer = memoryview(bytearray(BUFFER_MIN))
        self._spare = memoryview(b"")
        self._filled = 0
        self._storing: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.size: int | None = None
        """Bytes of the body, once the head has come."""
        self.received = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the whole body is on disk and its digest is the link's."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        headers = [("Host", self._link.authority), ("User-Agent", "fileshare-lab")]
        request = h11.Request(method="GET", target=self._link.target, headers=headers)
        transport.write(self._http.send(request) or b"")
        transport.write(self._http.send(h11.EndOfMessage()) or b"")

    async def close(self) -> None:
        """End the connection, and wait for what is being written."""
        if self._transport is not None:
            self._transport.abort()
        if self._storing is not None:
            await asyncio.wait([self._storing])
        self.done.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self.done.done():
            return
        if self.size is None:
            self._read_head(bytes(self._buffer[:nbytes]))
        else:
            self._took(nbytes)

    def _took(self, size: int) -> None:
        """So many bytes of the body are in the buffer, behind those before."""
        assert self.size is not None
        self._filled += size
        self.received += size
        if self.received > self.size:
            self._fail(f"the server sent more than the {self.size} bytes that it announced")
        elif self._filled == len(self._buffer) or self.received == self.size:
            self._flush()

    def eof_received(self) -> bool:
        if self.size is None:
            self._fail("the server closed without an answer")
        else:
            self._fail(f"the server closed after {self.received} of {self.size} bytes")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the connection was lost: {error or 'closed'}")

    def _fail(self, reason: str) -> None:
        """The transfer failed, unless all of it is here already."""
        if not self.done.done() and self.received != self.size:
            self.done.set_exception(TransferError(f"{self._link.name}: {reason}"))

    def _read_head(self, data: bytes) -> None:
        self._http.receive_data(data)
        try:
            event = self._http.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._fail(f"the server does not speak HTTP/1.1: {error}")
            return
        if event is h11.NEED_DATA:
            return
        if not isinstance(event, h11.Response) or event.status_code != 200:
            self._fail(f"the server answered {getattr(event, 'status_code', 'nothing')}")
            return
        length = dict(event.headers).get(b"content-length")
        if length is None:
            self._fail("the server gave no length")
        else:
            self.size = int(length)
            self._begin(self._http.trailing_data[0])

    def _begin(self, body: bytes) -> None:
        """The head is read; `body` came behind it in the same read."""
        assert self.size is not None
        capacity = max(BUFFER_MIN, min(BUFFER_MAX, self.size // 16), len(body))
        self._buffer = memoryview(bytearray(capacity))
        self._spare = memoryview(bytearray(capacity))
        self._buffer[: len(body)] = body
        self._took(len(body))

    def _flush(self) -> None:
        """Hash and write the full buffer, and go on reading into the other one."""
        assert self._transport is not None
        if self._storing is not None:
            self._transport.pause_reading()
            return
        full = self._buffer[: self._filled]
        self._buffer, self._spare = self._spare, self._buffer
        self._filled = 0
        self._storing = asyncio.ensure_future(self._host.compute(self._store, full))
        self._storing.add_done_callback(self._stored)

    def _store(self, data: memoryview) -> None:
        self._digest.update(data)
        self._out.write(data)

    def _stored(self, storing: asyncio.Future[None]) -> None:
        self._storing = None
        if storing.cancelled() or self.done.done():
            return
        if error := storing.exception():
            self.done.set_exception(error)
        elif self._filled == len(self._buffer) or (self._filled and self.received == self.size):
            self._flush()
            if self._transport is not None:
                self._transport.resume_reading()
        elif self.received == self.size:
            self._finish()

    def _finish(self) -> None:
        if self._digest.hexdigest() != self._link.sha256:
            self.done.set_exception(
                TransferError(f"{self._link.name}: its SHA-256 is not the one in the link")
            )
        else:
            self.done.set_result(None)
