"""Links to files on a central server: a URL whose fragment carries the file's SHA-256.

http://ADDRESS:PORT/NAME#sha256=HEX.  A fragment is never sent to the server (RFC 9110, section
7.1), so the digest a client checks comes from who gave it the link, not from who sends the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from central.errors import LinkError
from host.files import safe_name


@dataclass(frozen=True)
class Link:
    """Where a file is, and what it must hash to."""

    address: str
    port: int
    name: str
    sha256: str
    """64 hexadecimal digits."""

    def __str__(self) -> str:
        return f"http://{self.authority}{self.target}#sha256={self.sha256}"

    @property
    def authority(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def target(self) -> str:
        """The path to ask the server for."""
        return "/" + quote(self.name)

    @classmethod
    def parse(cls, text: str) -> Link:
        """The link that `text` spells; LinkError says what is wrong with it."""
        try:
            url = urlsplit(text)
            port = url.port or 80
        except ValueError as error:
            raise LinkError(f"{text!r} is not a URL: {error}") from None
        name = unquote(url.path.removeprefix("/"))
        digest = re.fullmatch("sha256=([0-9a-f]{64})", url.fragment)
        if url.scheme != "http" or not url.hostname:
            raise LinkError(f"{text!r} is not a link to a server; expected http://HOST:PORT/NAME")
        if not safe_name(name) or url.query:
            raise LinkError(f"{text!r} names no file of ours; expected one name after the port")
        if digest is None:
            raise LinkError(f"{text!r} carries no digest; expected #sha256= and 64 digits")
        return cls(url.hostname, port, name, digest[1])
