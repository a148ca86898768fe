"""What the words mean that only `central` takes: protocols, tokens, dates, and who may come in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from central.access.grants import RIGHTS, Right
from central.errors import LinkError
from central.link import Link, Scheme
from host.program.arguments import ArgumentError, Listen, port
from host.quantities import Duration, QuantityError

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,4096}=*")
"""What can be sent as a bearer token (RFC 6750, section 2.1)."""


@dataclass(frozen=True)
class Served:
    """A protocol to serve by."""

    scheme: Scheme
    port: int | None = None
    """None: the one of --listen, or else the protocol's usual one."""


def protocol(text: str) -> Served:
    """Read `PROTOCOL` or `PROTOCOL:PORT`. Raises ArgumentError."""
    name, colon, digits = text.partition(":")
    for scheme in get_args(Scheme):
        if name == scheme:
            return Served(scheme, port(text, digits, lowest=0) if colon else None)
    raise ArgumentError(f"{text!r} is no protocol; expected http, socket or tftp, or http:PORT")


def ports(
    served: Iterable[Served], listen: Listen, usual: Mapping[Scheme, int]
) -> dict[Scheme, int]:
    """The port of each protocol, in the order asked for. Raises ArgumentError."""
    wanted = list(served)
    if listen.port is not None and len(wanted) != 1:
        raise ArgumentError(
            f"--listen {listen.address}:{listen.port} has one port for {len(wanted)} protocols; "
            "expected each with its own, as in --protocol http:8080 --protocol socket:8081"
        )
    chosen: dict[Scheme, int] = {}
    for each in wanted:
        if each.scheme in chosen:
            raise ArgumentError(f"--protocol {each.scheme}: expected each protocol once")
        if each.port is not None and listen.port is not None:
            raise ArgumentError(
                f"--listen {listen.address}:{listen.port} and --protocol {each.scheme}:{each.port} "
                "both name a port; expected one of them"
            )
        told = listen.port if each.port is None else each.port
        chosen[each.scheme] = usual[each.scheme] if told is None else told
    return chosen


def anonymous_rights(
    listen: Listen, *, tokens: bool, anyone: bool, allow_put: bool
) -> frozenset[Right]:
    """What may be done without a token. Raises ArgumentError where that was not thought over."""
    if tokens and anyone:
        raise ArgumentError(
            "--token-file and --anyone exclude each other: with tokens, all need one"
        )
    if tokens:
        return frozenset()
    if not (anyone or listen.loopback):
        raise ArgumentError(
            f"--listen {listen.address} lets other computers in: name who may come with "
            "--token-file FILE (see central grant), or say --anyone"
        )
    return RIGHTS if allow_put else frozenset({"read"})


def token(text: str) -> str:
    """Read a token. Raises ArgumentError, which does not show it."""
    if not _TOKEN.fullmatch(text):
        raise ArgumentError("that is no token; expected what central grant has printed")
    return text


@dataclass(frozen=True)
class Expiry:
    """When something ends."""

    seconds: float
    from_now: bool
    """Or else from the beginning of 1970 on."""

    def at(self, now: float) -> float:
        """The moment, as `now` in Unix seconds."""
        return now + self.seconds if self.from_now else self.seconds


def expiry(text: str) -> Expiry:
    """Read how long (`8h`) or until when (`2030-12-31`, `2030-12-31T18:00`), by the local clock if
    no time zone is said. Raises ArgumentError.
    """
    try:
        return Expiry(Duration.parse(text), from_now=True)
    except QuantityError:
        pass
    try:
        return Expiry(datetime.fromisoformat(text).astimezone().timestamp(), from_now=False)
    except (ValueError, OverflowError):
        raise ArgumentError(
            f"{text!r}: expected how long, e.g. '8 h', or a date, e.g. '2030-12-31' or "
            "'2030-12-31T18:00'"
        ) from None


def file_link(text: str) -> Link:
    """The link to one file. Raises LinkError."""
    link = Link.parse(text)
    if not link.name:
        raise LinkError(f"{text!r} names no file; expected one behind the port")
    return link


def folder_link(text: str) -> Link:
    """The link to a folder, with or without a slash at its end. Raises LinkError."""
    link = Link.parse(text.rstrip("/"))
    if link.scheme == "tftp":
        raise LinkError(f"{text!r}: TFTP knows no folders; expected http:// or socket://")
    return link


def upload_link(text: str, file: Path) -> Link:
    """Where `file` goes: to that name, or under its own into a folder (a slash at the end).

    Raises LinkError.
    """
    folder = Link.parse(text.rstrip("/"))
    into = text.endswith("/") or not folder.path
    name = "/" + quote(os.fsencode(file.name)) if into else ""
    link = file_link(text.rstrip("/") + name)
    if link.sha256 is not None:
        raise LinkError(f"{text!r}: a digest is for a file to get; expected none")
    return link
