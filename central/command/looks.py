"""What a server has, and what changes there, as `central list` and `central watch` print it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from central.channel import client as channel
from central.command.status import Output
from central.command.transfers import joined
from central.config import ClientConfig
from central.http import client as http
from central.library.library import Change, Entry
from central.link import Link
from host.program.program import printable
from host.program.session import until_signal
from host.quantities import Size

LISTING = {"http": http.listing, "socket": channel.listing}
WATCH = {"http": http.watch, "socket": channel.watch}


async def show_list(link: Link, config: ClientConfig, output: Output) -> None:
    """Print what is in the folder, an entry a line. Raises CentralError."""
    async with joined([link], Path()) as host:
        for entry in await LISTING[link.scheme](host, link, config):
            output.result(entry_line(entry), "entry", **entry_record(entry))


async def show_changes(link: Link, config: ClientConfig, output: Output) -> None:
    """Print what changes in the folder, a line each, until a signal. Raises CentralError."""
    async with joined([link], Path()) as host:
        with until_signal():
            async for change in WATCH[link.scheme](host, link, config):
                output.result(change_line(change), "change", **change_record(change))


def entry_line(entry: Entry) -> str:
    """Its size, when it was changed, by this computer's clock, and its path."""
    if entry.path.endswith("/"):
        return f"{'-':>10}  {'':16}  {printable(entry.path)}"
    changed = _changed(entry).astimezone()
    return f"{Size(entry.size).about():>10}  {changed:%Y-%m-%d %H:%M}  {printable(entry.path)}"


def entry_record(entry: Entry) -> dict[str, Any]:
    """The same in bytes and UTC; null for what a folder does not have."""
    if entry.path.endswith("/"):
        return {"path": entry.path, "bytes": None, "modified": None}
    return {
        "path": entry.path,
        "bytes": entry.size,
        "modified": _changed(entry).isoformat(),
    }


def change_line(change: Change) -> str:
    """What has happened to which file."""
    size = "" if change.entry is None else f"  ({Size(change.entry.size).about()})"
    return f"{change.kind:<7}  {printable(change.path)}{size}"


def change_record(change: Change) -> dict[str, Any]:
    """The same; null for what a file that was removed does not have."""
    known = {"bytes": None, "modified": None}
    if change.entry is not None:
        known = entry_record(change.entry)
    return known | {"kind": change.kind, "path": change.path}


def _changed(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.modified_ns / 1e9, UTC)
