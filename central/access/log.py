"""The access log: a line a request in the Combined Log Format (Apache httpd, mod_log_config).

What strangers send is escaped as httpd does it (ap_escape_logitem), so that no line, field or
terminal sequence of theirs gets through (CVE-2003-0020).  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English whatever the locale, unlike strftime(3)'s."""

UNSAFE = re.compile(r"[^ !#-\[\]-~]")
"""Within quotes: all but printable ASCII, the quote and the backslash."""

UNSAFE_BARE = re.compile(r"[^!#-\[\]-~]")
"""Where a space ends the field: that too."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request and what came of it."""

    address: str
    user: str
    """The grant's name, or `-`."""
    date: datetime
    """When it came, with its time zone."""
    line: str
    """`GET /a.txt HTTP/1.1`; the other protocols are written like it, see `write_line`:
    `GET /a.txt SOCKET/1`, `RRQ /a.txt TFTP`."""
    status: int
    """As in HTTP."""
    sent: int
    """Bytes of the answer's body that were handed to the kernel."""
    referer: str = "-"
    agent: str = "-"


def write_line(verb: str, path: str, protocol: str) -> str:
    """The request line of a protocol that has none: three words, as HTTP's."""
    return f"{verb} /{quote(path, errors='surrogatepass')} {protocol}"


def format_line(request: Request) -> str:
    """The log's line, without its end."""
    address, user = (_bare(field) for field in (request.address, request.user))
    line, referer, agent = (
        UNSAFE.sub(_escape, field) for field in (request.line, request.referer, request.agent)
    )
    sent = request.sent or "-"
    return (
        f"{address} - {user} [{format_date(request.date)}] "
        f'"{line}" {request.status} {sent} "{referer}" "{agent}"'
    )


def format_date(date: datetime) -> str:
    """`10/Oct/2000:13:55:36 -0700`; a date without a time zone is taken as UTC."""
    clock = f"{date:%H:%M:%S} {date:%z}" if date.tzinfo else f"{date:%H:%M:%S} +0000"
    return f"{date.day:02}/{MONTHS[date.month - 1]}/{date.year:04}:{clock}"


def _bare(field: str) -> str:
    """A field without quotes: never empty, no space in it."""
    return UNSAFE_BARE.sub(_escape, field) or "-"


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return "\\" + character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogatepass"))
