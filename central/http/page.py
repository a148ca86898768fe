"""A folder as an answer: JSON for programs, a plain page for people, which needs no script.

JSON: {"path": "album/", "entries": [{"name": "a.flac", "path": "album/a.flac", "size": 123,
"modified": "2024-05-01T12:00:00Z", "modified_ns": 1714564800000000000, "etag": "...",
"folder": false}, ...]}, sorted by path; the path of a folder ends with a slash.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from central.library.library import Entry
from host.quantities import Size

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page's Content-Security-Policy: whatever a name holds, nothing is loaded or run."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em; }}
td, th {{ padding: 0.2em 1em 0.2em 0; text-align: left; }}
td.size {{ text-align: right; white-space: nowrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
<tr><th>Name</th><th>Size</th><th>Modified (UTC)</th></tr>
{rows}</table>
</body>
</html>
"""


class Listed(msgspec.Struct, frozen=True):
    """A line of a listing."""

    name: str
    path: str
    size: int
    modified: str
    """ISO 8601, UTC, to the second."""
    modified_ns: int
    etag: str
    """Without quotes; empty for a folder."""
    folder: bool


class Listing(msgspec.Struct, frozen=True):
    """What is directly in a folder."""

    path: str
    """Empty for the top, otherwise with a slash at its end."""
    entries: list[Listed]


def write_json(path: str, entries: Sequence[Entry]) -> bytes:
    """The listing of the folder `path` ("" for the top) as JSON."""
    return msgspec.json.encode(Listing(path and f"{path}/", [_listed(entry) for entry in entries]))


def _listed(entry: Entry) -> Listed:
    folder = entry.path.endswith("/")
    return Listed(
        _name(entry),
        entry.path,
        entry.size,
        _date(entry).replace(" ", "T") + "Z",
        entry.modified_ns,
        "" if folder else entry.etag,
        folder,
    )


def write_page(path: str, entries: Sequence[Entry]) -> bytes:
    """The listing of the folder `path` ("" for the top) as HTML; links are relative to it."""
    up = '<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n' if path else ""
    rows = up + "".join(map(_row, entries))
    return _PAGE.format(title=html.escape(f"/{path}/" if path else "/"), rows=rows).encode()


def _row(entry: Entry) -> str:
    name = _name(entry)
    slash = "/" if entry.path.endswith("/") else ""
    size = "" if slash else Size(entry.size).about()
    # Behind `./` a name with a colon is no scheme.
    return (
        f'<tr><td><a href="./{quote(name)}{slash}">{html.escape(name)}{slash}</a></td>'
        f'<td class="size">{size}</td><td>{_date(entry)}</td></tr>\n'
    )


def _name(entry: Entry) -> str:
    return entry.path.rstrip("/").rpartition("/")[2]


def _date(entry: Entry) -> str:
    seconds = min(max(entry.modified_ns // 10**9, 0), 253402300799)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
