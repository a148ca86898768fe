"""Links to files on a central server: a URL whose fragment may carry the file's SHA-256.

SCHEME://HOST:PORT/PATH#sha256=HEX.  A fragment is never sent to the server (RFC 9110, section 7.1),
so the digest that a client checks comes from who gave it the link, not from who sends the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote, unquote, urlsplit

from central.errors import LinkError
from central.paths import parse_path

Scheme = Literal["http", "socket", "tftp"]
DEFAULT_PORTS: dict[str, int] = {"http": 80, "socket": 8081, "tftp": 69}
"""For links that name none: RFC 9110, section 4.2.1; our own; RFC 1350, section 4."""


@dataclass(frozen=True)
class Link:
    """Where a file is, and what it must hash to."""

    scheme: Scheme
    address: str
    """A name or an IPv4 address."""
    port: int
    path: str
    """Names with `/` between them; empty for the server's whole directory."""
    sha256: str | None = None
    """64 hexadecimal digits, or None where nobody said."""

    def __str__(self) -> str:
        digest = f"#sha256={self.sha256}" if self.sha256 else ""
        return f"{self.scheme}://{self.authority}{self.target}{digest}"

    @property
    def authority(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def target(self) -> str:
        """The path as HTTP asks for it."""
        return "/" + quote(self.path)

    @property
    def name(self) -> str:
        """The last part of the path: what the file is called."""
        return self.path.rpartition("/")[2]

    @classmethod
    def parse(cls, text: str) -> Link:
        """The link that `text` spells; LinkError says what is wrong with it."""
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError as error:
            raise LinkError(f"{text!r} is not a URL: {error}") from None
        scheme = next((scheme for scheme in get_args(Scheme) if scheme == url.scheme), None)
        if scheme is None or not url.hostname or url.username is not None:
            raise LinkError(
                f"{text!r} is not a link to a server; expected http://HOST:PORT/PATH, or socket:// "
                "or tftp://"
            )
        if ":" in url.hostname:
            raise LinkError(f"{text!r} has an IPv6 address; expected an IPv4 address or a name")
        try:
            path = unquote(url.path.removeprefix("/"), errors="strict")
        except UnicodeDecodeError:
            raise LinkError(f"{text!r}: its path is not UTF-8") from None
        if url.query or "%2f" in url.path.lower() or (path and parse_path(path) is None):
            raise LinkError(f"{text!r} names no file of ours; expected a plain path after the port")
        digest = re.fullmatch("sha256=([0-9a-f]{64})", url.fragment)
        if url.fragment and digest is None:
            raise LinkError(f"{text!r}: expected #sha256= and 64 digits, or nothing")
        return cls(
            scheme,
            url.hostname,
            DEFAULT_PORTS[scheme] if port is None else port,
            path,
            digest[1] if digest else None,
        )
