"""Which file or folder a request's target names (RFC 9112, section 3.2; RFC 3986, section 2.1)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

_ABSOLUTE = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
_AMISS = re.compile(rb"%(?![0-9A-Fa-f]{2})|%2[fF]|%00|#")
"""What is no percent-encoding, hides a separator or ends a C string, or is never sent."""


class Target(NamedTuple):
    """A path as the library knows it."""

    path: str
    """Decoded names with `/` between them; empty for the top. Not yet known to be harmless."""
    folder: bool
    """It ended with a slash, so a folder is meant."""

    def __str__(self) -> str:
        """As it is written in an answer: an absolute path on the same origin."""
        return "/" + quote(self.path) + ("/" if self.folder and self.path else "")


def parse_target(target: bytes) -> Target | None:
    """What is asked for; None for a target that cannot name anything here.

    It is decoded once and never repaired; whose name an absolute target has is of no matter (RFC
    9112, section 3.2.2), nor is a query.
    """
    if target[:1] != b"/":
        origin = _ABSOLUTE.match(target)
        if origin is None:
            return None
        target = target[origin.end() :] or b"/"
        if target[:1] == b"?":
            target = b"/" + target
    path = target.partition(b"?")[0][1:]
    if b"%" in path or b"#" in path:
        if _AMISS.search(path):
            return None
        path = unquote_to_bytes(path)
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return None
    if not text:
        return Target("", True)
    if not text.endswith("/"):
        return Target(text, False)
    return Target(text[:-1], True) if text != "/" else None
