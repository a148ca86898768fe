"""Dates in header fields (RFC 9110, section 5.6.7): written in one form, read in all three."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LAST = 253402300799
"""The last second of the year 9999, in seconds since 1970."""

_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = [
    re.compile(form.encode())
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
]


def write_date(seconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970, bounded by 1970 and 9999."""
    day = datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC)
    return (
        f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04} "
        f"{day.hour:02}:{day.minute:02}:{day.second:02} GMT"
    )


def parse_date(value: bytes) -> int | None:
    """Seconds since 1970; None for what is no date."""
    for form in _FORMS:
        if (found := form.fullmatch(value)) is not None:
            break
    else:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    month = _MONTHS.index(found["month"].decode()) + 1
    hour, minute, second = (int(found[name]) for name in ("hour", "minute", "second"))
    try:
        # A leap second is the same as the one before it for us, who have none.
        day = datetime(year, month, int(found["day"]), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return int(day.timestamp()) if second <= 60 else None
