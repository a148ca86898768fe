"""The heads of answers (RFC 9112, section 4), and what each kind of answer says in them."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from http import HTTPStatus

from central.http.conditions import Validators, judge, range_holds
from central.http.dates import write_date
from central.http.fields import write_digest, write_disposition
from central.http.ranges import parse_range
from central.http.request import Head
from central.library.library import Entry

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {413: "Content Too Large"}
_TYPES = mimetypes.MimeTypes(filenames=()).types_map[True]
"""By the ending of a name; what the system's own files add would differ from machine to machine."""


def write_head(status: int, date: str, fields: str, connection: str = "") -> bytes:
    """The bytes of a head; `fields` are whole lines, each with its CRLF.

    `connection`: the Connection field's value where it has one.
    """
    closing = f"Connection: {connection}\r\n" if connection else ""
    return (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\nDate: {date}\r\n{fields}{closing}\r\n"
    ).encode("latin-1")


def plain(status: int, fields: str = "") -> tuple[str, bytes]:
    """The fields and the body of an answer that is nothing but its status."""
    body = f"{status} {_PHRASES[status]}\n".encode()
    return f"{fields}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n", body


@dataclass(slots=True)
class Plan:
    """How a request for a file is answered: what in the head, and which of its bytes."""

    status: int
    fields: str
    offset: int = 0
    size: int = 0
    """Bytes to send; none for an answer that is a head alone."""
    body: bytes = b""
    """What is sent instead of the file's bytes."""


def plan_file(head: Head, entry: Entry, digest: str | None, now: int) -> Plan:
    """The answer to a GET or HEAD of a file; `now` in seconds since 1970.

    `digest`: its SHA-256 (hex), if that is known.
    """
    modified = min(entry.modified_ns // 10**9, now)  # RFC 9110, section 8.8.2.1
    etag = f'"{entry.etag}"'
    validators = Validators(etag.encode("ascii"), modified)
    status: int = judge(head.method, head.fields, validators)
    names = f"ETag: {etag}\r\nLast-Modified: {write_date(modified)}\r\n"
    if status == 304:
        return Plan(304, names)
    if status == 412:
        fields, body = plain(412)
        return Plan(412, fields, body=body)
    start, end = 0, entry.size
    extent = ""
    wanted = head.fields.get(b"range")
    if wanted is not None and head.method == "GET" and range_holds(head.fields, validators, now):
        part = parse_range(wanted, entry.size)
        if part is not None:
            extent = f"Content-Range: {part.content_range(entry.size)}\r\n"
            if not part:
                fields, body = plain(416, extent)
                return Plan(416, fields, body=body)
            status, (start, end) = 206, part
    proof = f"Repr-Digest: {write_digest(digest)}\r\n" if digest else ""
    name = entry.path.rpartition("/")[2]
    fields = (
        f"Content-Type: {_media_type(name)}\r\nContent-Length: {end - start}\r\n{extent}{names}"
        f"Accept-Ranges: bytes\r\nContent-Disposition: {write_disposition(name)}\r\n"
        f"X-Content-Type-Options: nosniff\r\n{proof}"
    )
    return Plan(status, fields, start, end - start if head.method == "GET" else 0)


def _media_type(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    return _TYPES.get(f".{ending}", "application/octet-stream")
