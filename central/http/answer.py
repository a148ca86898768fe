"""What the head of an answer says (RFC 9110, sections 8, 14 and 15; RFC 9530), checked.

Pure.  A field that is malformed counts as absent, unless the transfer would go wrong without it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import h11

from central.errors import (
    BusyError,
    CentralError,
    DeniedError,
    DiskError,
    NotFoundError,
    TransferError,
)
from central.link import Link

MAX_SIZE = 1 << 62
"""Bytes of a file: off_t has 63 bits."""

MAX_ETAG = 1024
"""Characters of an entity tag that are worth sending back."""

MAX_SHOWN = 120
"""Characters of what a server sent that an error repeats."""

REDIRECTIONS = frozenset((301, 302, 303, 307, 308))
_TAG = re.compile(r'"([!#-~]*)"')
_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")
_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):(;.*)?")


@dataclass(frozen=True)
class Answer:
    """The head of one answer."""

    status: int
    fields: Mapping[str, str]
    """By name in lower case; what came several times, with commas between."""
    reusable: bool = True
    """The connection may carry another exchange, when the body has an end of its own."""

    @classmethod
    def of(cls, response: h11.Response) -> Answer:
        """What h11 has read."""
        fields: dict[str, str] = {}
        for raw_name, raw_value in response.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        tokens = {token.strip().lower() for token in fields.get("connection", "").split(",")}
        reusable = response.http_version == b"1.1" and "close" not in tokens
        return cls(response.status_code, fields, reusable)

    @property
    def chunked(self) -> bool:
        return "transfer-encoding" in self.fields

    @property
    def length(self) -> int | None:
        """Bytes of the body, where a field says so (h11 has seen to it that it is one number)."""
        text = self.fields.get("content-length")
        return None if text is None or self.chunked else int(text)

    @property
    def etag(self) -> str | None:
        """The strong entity tag, without quotes."""
        tag = _TAG.fullmatch(self.fields.get("etag", "")[:MAX_ETAG])
        return tag[1] if tag else None

    @property
    def sha256(self) -> str | None:
        """The whole file's digest (hex), where the server gives it (RFC 9530, section 3)."""
        found = None
        for member in self.fields.get("repr-digest", "").split(","):
            if digest := _SHA256.fullmatch(member.strip()):
                try:
                    found = base64.b64decode(digest[1], validate=True).hex()
                except binascii.Error:
                    continue
        return found

    @property
    def content_range(self) -> tuple[int, int, int] | None:
        """(first, last, bytes of the whole file), where it is plain and makes sense."""
        numbers = _RANGE.fullmatch(self.fields.get("content-range", ""))
        if numbers is None:
            return None
        first, last, size = map(int, numbers.groups())
        return (first, last, size) if first <= last < size <= MAX_SIZE else None


def refusal(answer: Answer, path: str, *, token: bool) -> CentralError:
    """The error that an answer stands for; `token`: one was sent."""
    status = answer.status
    if status == 401:
        what = "does not accept the token" if token else "wants a token"
        return DeniedError(f"{path}: the server {what} (401)")
    if status == 403:
        return DeniedError(f"{path}: the server does not permit this (403)", known=token)
    if status in (404, 410):
        return NotFoundError(f"{path}: the server has no such file, or shows none ({status})")
    if status == 503:
        seconds = answer.fields.get("retry-after", "")
        when = f"in {int(seconds)} s" if re.fullmatch("[0-9]{1,7}", seconds) else "later"
        return BusyError(f"{path}: the server is busy (503); try again {when}")
    if status == 507:
        return DiskError(f"{path}: the server has no room for it (507)")
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    hint = "; try again later" if status >= 500 or status in (408, 429) else ""
    return TransferError(f"{path}: the server answered {phrase}{hint}")


def redirected(answer: Answer, link: Link, target: str) -> str:
    """The target that a redirection of `target` leads to. Raises TransferError when elsewhere."""
    location = answer.fields.get("location")
    if location is None:
        raise TransferError(f"{link.path}: the server redirects ({answer.status}) to nowhere")
    shown = repr(location[:MAX_SHOWN])
    try:
        url = urlsplit(urljoin(f"http://{link.authority}{target}", location))
        origin = (url.scheme, url.hostname, url.port or 80, url.username)
    except ValueError:
        raise TransferError(f"{link.path}: the server redirects to {shown}, no URL") from None
    if origin != ("http", link.address.lower(), link.port, None):
        raise TransferError(
            f"{link.path}: the server redirects to {shown}, another server; "
            "if you trust that one, give its link"
        )
    found = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if re.fullmatch("/[!-~]*", found) is None:
        raise TransferError(f"{link.path}: the server redirects to {shown}, no URL")
    return found
