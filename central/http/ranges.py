"""The part of a file that a request wants (RFC 9110, section 14): one range of bytes at most.

Several ranges at once are a way to make a server send a file many times over (CVE-2011-3192); a
server may ignore them, and this one does.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(rb"bytes=([0-9]{0,19})-([0-9]{0,19})", re.IGNORECASE)


class Range(NamedTuple):
    """Bytes `start` to `end`, `end` not included; none at all when it cannot be satisfied."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """The Content-Range field of an answer about a file of `size` bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}" if self else f"bytes */{size}"

    def __bool__(self) -> bool:
        """True when there is something to send."""
        return self.end > self.start


def parse_range(value: bytes, size: int) -> Range | None:
    """The range that a Range field asks for of a file of `size` bytes.

    None where the field is to be ignored: another unit, several ranges, malformed.
    """
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        return Range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    start = int(first)
    return Range(min(start, size), min(int(last) + 1, size) if last else size)
