"""The answer to one request while it is given: its head, its log line, what it holds open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import IO, Protocol

from central.access.log import Request
from central.access.permit import Permit
from central.errors import DeniedError
from central.http.dates import write_date
from central.http.heads import plain, write_head
from central.http.request import Head
from central.library.library import Opened, Upload

RETRY = "Retry-After: 5\r\n"
"""Seconds after which a server that was full may have room again."""

CHALLENGE = 'WWW-Authenticate: Bearer realm="files"\r\nWWW-Authenticate: Basic realm="files"\r\n'
"""How to send a token (RFC 6750, section 3); browsers can ask for a password only."""

GONE = 499
"""In the log: the client left, or was made to, before it had all of its answer (nginx's number)."""


class Way(Protocol):
    """What an answer needs of its connection."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    async def send_file(self, file: IO[bytes], offset: int, size: int) -> None:
        """Send a stretch of a file. Raises OSError when the connection ends before that."""

    def position(self) -> int:
        """Bytes that were written so far."""

    def gone_out(self) -> int:
        """Those of them that have left this computer, as far as it is known."""

    async def read(self) -> bytes:
        """The next bytes of the request's body. Raises BadRequestError when none will come."""

    def unread(self, data: bytes) -> None:
        """Give back what came behind the body."""

    @property
    def starved(self) -> bool:
        """True when nothing of the body is here yet."""

    def reset(self) -> None:
        """End the connection at once."""


class Reply:
    """One answer."""

    def __init__(self, way: Way, head: Head, came: datetime, date: str, address: str) -> None:
        """`date` is `came` as a head has it; `address` is the client's."""
        self.way = way
        self.head = head
        self.came = came
        self.keep = head.keep
        """The connection may go on after this."""
        self.linger = False
        """The client may still be sending, and is to get its answer all the same."""
        self.now = came
        """When it is answered."""
        self.hurried = False
        """The client has closed its half, and may be gone: nothing is to be held back."""
        self.on_hurry: Callable[[], None] = _nothing
        self.applied = ""
        """A field, with its CRLF, that says which wish of the client's was granted."""
        self.permit: Permit | None = None
        self.status = 0
        """Of the answer; 0 until its head was sent."""
        self.sent = 0
        """Bytes of the answer's body that were sent."""
        self.cut = False
        """The answer has begun, and will not be finished."""
        self.opened: Opened | None = None
        self.upload: Upload | None = None
        self._date = date
        self._address = address

    def hurry(self) -> None:
        """Hold nothing back from now on."""
        self.hurried = True
        self.on_hurry()

    def answer_at(self, now: datetime) -> None:
        """It took until `now` that there was something to answer."""
        self.now = now
        self._date = write_date(int(now.timestamp()))

    def respond(self, status: int, fields: str, body: bytes = b"") -> None:
        """Send an answer; `fields` describe `body`, which is left out where it is not due."""
        self.status = status
        connection = ""
        if not self.keep:
            connection = "close"
        elif self.head.version == b"1.0":
            connection = "keep-alive"
        head = write_head(status, self._date, fields + self.applied, connection)
        if self.head.method == "HEAD":
            body = b""
        self.way.write(head + body)
        self.sent += len(body)

    def say(self, status: int, fields: str = "") -> None:
        """Answer with a status alone; after one that leaves a body unread nothing can follow."""
        if self.head.length != 0:
            self.keep, self.linger = False, True
        self.respond(status, *plain(status, fields))

    def close(self, status: int, fields: str = "") -> None:
        """Answer with a status alone, and end the connection, whatever is still coming."""
        self.keep, self.linger = False, True
        self.say(status, fields)

    def deny(self, error: DeniedError) -> None:
        """Answer 401 or 403: the same whatever was asked for."""
        if error.known:
            self.say(403)
        else:
            self.say(401, CHALLENGE)

    def finish(self) -> Request:
        """Let go of all that it holds; returns what there is to write down of it."""
        if self.opened is not None:
            self.opened.close()
        if self.upload is not None:
            self.upload.discard()
        return Request(
            address=self._address,
            user="-" if self.permit is None else self.permit.name,
            date=self.came,
            line=self.head.line,
            status=GONE if self.cut else self.status or GONE,
            sent=self.sent,
            referer=self._field(b"referer"),
            agent=self._field(b"user-agent"),
        )

    def _field(self, name: bytes) -> str:
        value = self.head.fields.get(name)
        return "-" if value is None else value.decode("latin-1")


def _nothing() -> None:
    pass
