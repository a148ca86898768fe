"""Tokens that are granted, taken back and listed from the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from central.access.grants import Grant, Right, lives
from central.access.store import Store, new_token
from central.command.arguments import Expiry
from central.command.status import Output
from host.clock import date
from host.quantities import Rate

READ: frozenset[Right] = frozenset({"read"})
WRITE: frozenset[Right] = frozenset({"read", "write"})


async def grant(
    name: str,
    file: Path,
    output: Output,
    *,
    write: bool,
    expires: Expiry | None,
    rate: float | None,
    downloads: int | None,
) -> None:
    """Make a token and print it, this once. Raises GrantError, TokenFileError."""
    now = _now()
    token = new_token()
    granted = Store(file, create=True).grant(
        name,
        token=token,
        now=now,
        rights=WRITE if write else READ,
        expires=None if expires is None else expires.at(now),
        rate=rate,
        downloads=downloads,
    )
    output.result(token, "granted", token=token, **record(granted, now))


async def revoke(name: str, file: Path, output: Output) -> None:
    """Take a grant back. Raises GrantError, TokenFileError."""
    revoked = Store(file).revoke(name, now=_now())
    output.result(f"revoked {revoked.name}", "revoked", name=revoked.name, id=revoked.id)


async def show_all(file: Path, output: Output) -> None:
    """Print every grant there ever was, a line each. Raises TokenFileError."""
    now = _now()
    grants = Store(file).grants()
    rows = table(grants, now)
    output.heading(rows[0])
    for row, each in zip(rows[1:], grants, strict=True):
        output.result(row, "grant", **record(each, now))


def record(granted: Grant, now: float) -> dict[str, Any]:
    """What a grant says, without the token; dates in UTC, bytes per second, null: no limit."""
    return {
        "name": granted.name,
        "id": granted.id,
        "state": state(granted, now),
        "rights": sorted(granted.rights),
        "granted": _when(granted.granted),
        "expires": None if granted.expires is None else _when(granted.expires),
        "rate": granted.rate,
        "downloads": granted.downloads,
        "used": round(granted.used, 3),
    }


def state(granted: Grant, now: float) -> str:
    """Whether it is good for anything, or why not."""
    if granted.revoked is not None:
        return "revoked"
    return "valid" if lives(granted, now) else "expired"


def table(grants: list[Grant], now: float) -> list[str]:
    """The grants in columns, below a line of headings; dates by this computer's clock."""
    rows = [("NAME", "ID", "STATE", "MAY", "EXPIRES", "RATE", "DOWNLOADS")]
    for each in grants:
        most = "" if each.downloads is None else f" of {each.downloads}"
        rows.append(
            (
                each.name,
                each.id,
                state(each, now),
                "+".join(sorted(each.rights)),
                "never" if each.expires is None else _local(each.expires),
                "unlimited" if each.rate is None else str(Rate(each.rate)),
                f"{each.used:.4g}{most}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _now() -> float:
    return date(asyncio.get_running_loop()).timestamp()


def _when(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")


def _local(timestamp: float) -> str:
    return f"{datetime.fromtimestamp(timestamp).astimezone():%Y-%m-%d %H:%M}"
