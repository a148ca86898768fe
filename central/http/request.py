"""The head of a request, read strictly (RFC 9112, sections 2, 3 and 6), over h11.

Where h11 is lenient, as the RFC lets it be, and two readers of one stream could disagree on where a
request ends (request smuggling), the request is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from central.errors import CentralError

HEAD_LIMIT = 16 * 1024
"""Bytes in a request's head (IIS: 16 KiB, Apache httpd: 8 KiB a line); also in a chunk's head."""

FIELDS_LIMIT = 100
"""Header fields in a request (Apache httpd, LimitRequestFields: 100)."""

END = b"\r\n\r\n"
_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\n[ \t]")
"""A CR or LF without the other, or a folded line (RFC 9112, sections 2.2 and 5.2)."""
_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n")


class BadRequestError(CentralError):
    """A request that is refused before anyone looks at what it asks for."""

    def __init__(self, line: str, status: int = 400) -> None:
        super().__init__(line)
        self.status = status


@dataclass(slots=True)
class Head:
    """What a request asks for."""

    method: str
    target: bytes
    version: bytes
    """1.1, say."""
    fields: dict[bytes, bytes]
    """By their names in lower case; those that came several times are joined by commas."""
    keep: bool
    """The connection may go on after the answer (RFC 9112, section 9.3)."""
    length: int | None
    """Bytes of the body; None when it is chunked."""
    reader: h11.Connection
    """What reads the body."""

    @property
    def expects_continue(self) -> bool:
        """The client waits for leave to send the body (RFC 9110, section 10.1.1)."""
        expected = self.fields.get(b"expect", b"").lower()
        return expected == b"100-continue" and self.version != b"1.0"

    @property
    def line(self) -> str:
        """The request's first line, for the log."""
        return f"{self.method} {self.target.decode('ascii')} HTTP/{self.version.decode('ascii')}"


def find_end(data: bytearray) -> int:
    """Bytes of the head that `data` begins with; 0 while it is not all there.

    Raises BadRequestError as soon as it cannot become a head any more.
    """
    end = data.find(END, 0, HEAD_LIMIT)
    if end >= 0:
        return end + len(END)
    if len(data) >= HEAD_LIMIT:
        raise BadRequestError(f"a head of more than {HEAD_LIMIT} bytes", 431)
    line = data.find(b"\n")
    if data and not 0x21 <= data[0] <= 0x7E:
        raise BadRequestError("no request line")
    if line >= 0 and not _LINE.match(data):
        raise BadRequestError("no request line of HTTP/1")
    if _LONE.search(data):
        raise BadRequestError("a CR or LF by itself, or a folded line")
    return 0


def parse_head(data: bytes) -> Head:
    """The head that `data` is, its empty line included. Raises BadRequestError."""
    if _LONE.search(data):
        raise BadRequestError("a CR or LF by itself, or a folded line")
    if data.count(b"\n") > FIELDS_LIMIT + 2:
        raise BadRequestError(f"more than {FIELDS_LIMIT} header fields", 431)
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    reader.receive_data(data)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError as error:
        raise BadRequestError(str(error), error.error_status_hint) from None
    if not isinstance(event, h11.Request):
        raise BadRequestError("no request")
    fields: dict[bytes, bytes] = {}
    for raw_name, value in event.headers.raw_items():
        name = raw_name.lower()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return Head(
        event.method.decode("ascii"),
        event.target,
        event.http_version,
        fields,
        _keeps(event.http_version, fields),
        _length(event.http_version, fields),
        reader,
    )


def _keeps(version: bytes, fields: dict[bytes, bytes]) -> bool:
    connection = fields.get(b"connection")
    if connection is None:
        return version != b"1.0"
    options = [option.strip() for option in connection.lower().split(b",")]
    return b"close" not in options and (version != b"1.0" or b"keep-alive" in options)


def _length(version: bytes, fields: dict[bytes, bytes]) -> int | None:
    if version[:1] != b"1":
        raise BadRequestError(f"HTTP/{version.decode('ascii')} is not spoken here", 505)
    length = fields.get(b"content-length")
    if b"transfer-encoding" in fields:
        if length is not None or version == b"1.0":
            raise BadRequestError("a body whose length is given in two ways, or not for HTTP/1.0")
        return None
    return 0 if length is None else int(length)
