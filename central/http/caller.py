"""The client's end of one connection: requests out, answers in, in order (RFC 9112, section 9).

h11 reads the heads, and bodies in chunks or without a length.  A body whose length the head gives
goes straight from the socket into a landing's buffers.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import IO

import h11

from central.calling import call
from central.errors import CentralError, TransferError
from central.http.answer import MAX_SHOWN, MAX_SIZE, Answer
from central.landing import Landing
from central.link import Link
from host.host import Host

MAX_HEAD = 64 * 1024
"""Bytes of an answer's head (curl takes 100 KiB a line, http.client 64 KiB)."""

MAX_INFORMATIONAL = 8
"""Informational answers before the final one (http.client and others take any number).  Those that
say that it is being made (102) are not counted: who hashes a large file first says so for long."""

SCRATCH = 64 * 1024


class HungUpError(TransferError):
    """The server closed the connection before the answer's first byte."""


class Caller(asyncio.BufferedProtocol):
    """Sends requests over one connection and reads the answers, one after the other."""

    def __init__(self, host: Host, link: Link, patience_s: float) -> None:
        self._host = host
        self._link = link
        self._patience_s = patience_s
        self._loop = host.loop
        self._transport: asyncio.Transport | None = None
        self._asked: deque[h11.Connection] = deque()
        self._http = h11.Connection(h11.CLIENT)
        self._scratch = memoryview(bytearray(SCRATCH))
        self._pending = bytearray()
        self._landing: Landing | None = None
        self._left = 0
        self._failure: CentralError | None = None
        self._over: tuple[str, str] | None = None
        self._clean_end = self._paused = self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._heard = 0.0
        self.answers = 0
        """Answers whose head has come."""

    async def open(self) -> None:
        """Connect. Raises TransferError."""
        try:
            await call(self._host, self._link, self._patience_s, lambda: self)
        except TransferError as error:
            raise self._error(str(error)) from None

    @property
    def idle(self) -> bool:
        """True when the next request could be sent: all is answered, and neither side has ended."""
        return not (self._closed or self._over or self._asked or self._pending)

    def turn_to(self, link: Link) -> None:
        """Ask for another link of the same server from now on."""
        self._link = link

    def close(self) -> None:
        """End the connection, now or as soon as it is there."""
        closed, self._closed = self._closed, True
        # CPython 3.11 cannot abort a transport that has flushed and is closed.
        if self._transport is not None and not closed:
            self._transport.abort()

    # ---- requests

    def ask(self, method: str, target: str, fields: Sequence[tuple[str, str]]) -> None:
        """Send a request's head, and all of it but for PUT; its answer is read in its turn."""
        assert self._transport is not None
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        try:
            head = http.send(h11.Request(method=method, target=target, headers=list(fields)))
        except h11.LocalProtocolError as error:
            raise self._error(f"this cannot be asked for in HTTP: {error}") from None
        if method != "PUT":
            http.send(h11.EndOfMessage())
        self._asked.append(http)
        self._heard = self._loop.time()
        self._transport.write(head or b"")

    async def send(self, file: IO[bytes], offset: int, size: int) -> None:
        """Send a stretch of a file as a request's body. Raises OSError."""
        assert self._transport is not None
        await self._host.send_file(self._transport, file, offset, size)
        self._heard = self._loop.time()

    # ---- answers

    async def answer(self) -> Answer:
        """The next final answer's head; informational ones are passed over.

        Raises HungUpError, TransferError.
        """
        self._http = self._asked[0]
        informational = 0
        while informational <= MAX_INFORMATIONAL:
            event = await self._head()
            if isinstance(event, h11.Response):
                return self._final(event)
            if event.status_code == 101:
                break
            informational += event.status_code != 102
        raise self._error("the server does not speak HTTP/1.1: no answer but informational ones")

    async def go_ahead(self) -> Answer | None:
        """Wait until the server wants the body of the request; its answer if it does not.

        May be given up, and `answer` asked instead.  Raises as that does.
        """
        self._http = self._asked[0]
        event = await self._head()
        while event.status_code in (102, 103):
            event = await self._head()
        return self._final(event) if isinstance(event, h11.Response) else None

    def _final(self, response: h11.Response) -> Answer:
        """The head of an answer whose body comes next."""
        self._asked.popleft()
        self.answers += 1
        answer = Answer.of(response)
        if answer.chunked and "content-length" in answer.fields:
            # RFC 9112, section 6.3: to be handled as an error, for it may be an attack.
            raise self._error("the server gives its answer two lengths")
        if answer.length is not None and answer.length > MAX_SIZE:
            raise self._error(f"the server announces {answer.length} bytes, more than a file has")
        return answer

    async def _head(self) -> h11.Response | h11.InformationalResponse:
        heard = False
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                reason = str(error)[:MAX_SHOWN]
                raise self._error(f"the server does not speak HTTP/1.1: {reason}") from None
            if isinstance(event, h11.Response | h11.InformationalResponse):
                return event
            data = await self._first_of(heard)
            heard = True
            self._http.receive_data(data)

    async def _first_of(self, heard: bool) -> bytes:
        """More of a head, which there must be; `heard` says that some of it has come."""
        try:
            if data := await self._more():
                return data
        except TransferError as error:
            if heard or self._over is None:
                raise
            raise HungUpError(str(error)) from None
        if heard:
            raise self._error("the server closed in the middle of its answer")
        raise HungUpError(f"{self._link.path or '/'}: the server closed without an answer")

    async def land(self, landing: Landing, size: int) -> None:
        """Put the answer's body, which has `size` bytes, into `landing`. Raises CentralError."""
        self._pending[:0] = self._http.trailing_data[0]
        while size and self._pending:
            piece = self._pending[:size]
            del self._pending[:size]
            size -= len(piece)
            await landing.write(piece)
        self._landing, self._left = landing, size
        landing.on_room = self._room
        try:
            while self._left:
                await self._event()
        finally:
            self._landing, landing.on_room = None, _nothing

    async def piece(self) -> bytes | None:
        """More of the answer's body, None behind its end. Raises TransferError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._error(f"the answer is cut short: {str(error)[:MAX_SHOWN]}") from None
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if event is not h11.NEED_DATA:
                self._pending[:0] = self._http.trailing_data[0]
                return None
            self._http.receive_data(await self._more())

    async def _more(self) -> bytes:
        """What came behind what was read; nothing at a clean end. Raises TransferError."""
        while not self._pending:
            if self._clean_end:
                return b""
            await self._event()
        data = bytes(self._pending)
        self._pending.clear()
        return data

    async def _event(self) -> None:
        """Wait until something happens. Raises what ended the connection, or lasts too long."""
        if self._failure is not None:
            raise self._failure
        if self._clean_end and self._landing is None:
            return
        if self._over is not None:
            what, why = self._over
            raise self._error(f"{what}{self._so_far()}{why}")
        if self._landing is not None and self._landing.crowded:
            self._pause()
        else:
            self._resume()
        self._heard = self._loop.time()  # it may have been the disk that we waited for until now
        waiter = self._waiter = self._loop.create_future()
        while not waiter.done():
            left = self._heard + self._patience_s - self._loop.time()
            if left <= 0:
                raise self._error(f"the server says nothing for {self._waited}")
            await asyncio.wait([waiter], timeout=_finite(left))
            if self._paused:
                self._heard = self._loop.time()

    # ---- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._closed:
            transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._landing is None:
            return self._scratch
        return self._landing.buffer()[: self._left]

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        if self._landing is None or not self._left:
            self._pending += self._scratch[:nbytes]
            if len(self._pending) >= MAX_HEAD:
                self._pause()
            self._wake()
            return
        self._left -= nbytes
        try:
            self._landing.took(nbytes)
        except CentralError as error:
            self._fail(error)
            return
        if not self._left:
            self._landing = None
            self._wake()
        elif self._landing.crowded:
            self._pause()

    def eof_received(self) -> bool:
        self._clean_end = True
        self._over = ("the server closed", "")
        self._wake()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        reason = getattr(error, "strerror", None) or error or "closed"
        self._over = self._over or ("the connection was lost", f": {reason}")
        self._wake()

    def _room(self) -> None:
        """The landing takes bytes again, or never will."""
        try:
            if self._landing is not None:
                self._landing.took(0)
        except CentralError as error:
            self._fail(error)
        else:
            self._resume()

    def _fail(self, error: CentralError) -> None:
        self._failure = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    # ---- words

    @property
    def _waited(self) -> str:
        return f"{self._patience_s:g} s"

    def _so_far(self) -> str:
        if self._landing is None:
            return ""
        return f" after {self._landing.received} of {self._landing.size} bytes"

    def _error(self, reason: str) -> TransferError:
        return TransferError(f"{self._link.path or '/'}: {reason}")


def _nothing() -> None:
    pass


def _finite(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds
