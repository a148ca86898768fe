"""Whether a request's conditions hold for a file as it is now (RFC 9110, section 13)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from central.http.dates import parse_date

_TAG = rb'(?:W/)?"[!\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t,]*%b)*[ \t,]*" % (_TAG, _TAG))
_EACH_TAG = re.compile(_TAG)

STRONG_S = 60
"""Seconds after which a file's date names one version of it (RFC 7232, section 2.2.2; RFC 9110,
section 8.8.2.2): within the second that it tells the file may have changed more than once."""


class Validators(NamedTuple):
    """What names one version of a file."""

    etag: bytes
    """Strong, in its quotes."""
    modified: int | None
    """Seconds since 1970; None for what has no time of its own."""


def judge(
    method: str, fields: Mapping[bytes, bytes], now: Validators | None
) -> Literal[200, 304, 412]:
    """Go on (200), or answer 304 or 412 at once, in the order of section 13.2.2.

    `now` is None where there is no file yet. Dates that are none are ignored.
    """
    modified = None if now is None else now.modified
    if (wanted := fields.get(b"if-match")) is not None:
        if not _matches(wanted, now, weak=False):
            return 412
    elif modified is not None and modified > _date(fields, b"if-unmodified-since", math.inf):
        return 412
    reading = method in ("GET", "HEAD")
    if (known := fields.get(b"if-none-match")) is not None:
        if _matches(known, now, weak=True):
            return 304 if reading else 412
        return 200
    if reading and modified is not None:
        return 304 if modified <= _date(fields, b"if-modified-since", -math.inf) else 200
    return 200


def range_holds(fields: Mapping[bytes, bytes], there: Validators, now: int) -> bool:
    """True when a Range field is to be heeded: If-Range is absent or names this very version.

    `now` in seconds since 1970: a date that is too young to name one version is none that holds.
    """
    value = fields.get(b"if-range")
    if value is None:
        return True
    if value.endswith(b'"'):
        return value == there.etag
    modified = there.modified
    return modified is not None and modified <= now - STRONG_S and parse_date(value) == modified


def _date(fields: Mapping[bytes, bytes], name: bytes, otherwise: float) -> float:
    """The date in a field, in seconds since 1970; `otherwise` where there is none."""
    date = parse_date(fields.get(name, b""))
    return otherwise if date is None else date


def _matches(value: bytes, now: Validators | None, *, weak: bool) -> bool:
    if now is None:
        return False
    if value == b"*":
        return True
    if not _TAGS.fullmatch(value):
        return False
    tags = _EACH_TAG.findall(value)
    return any((tag.removeprefix(b"W/") if weak else tag) == now.etag for tag in tags)
