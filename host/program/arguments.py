"""What the words mean that several programs take: addresses and rates."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple

from host.quantities import Rate

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")  # of a host: RFC 1035, section 2.3.4


class ArgumentError(Exception):
    """Something on the command line that cannot be used as it is; one line for a person."""


class HostPort(NamedTuple):
    """Where somebody listens."""

    host: str
    """A name or an IPv4 address."""
    port: int


@dataclass(frozen=True)
class Listen:
    """Where to listen."""

    address: str = "127.0.0.1"
    port: int | None = None
    """None: where the program usually does."""

    @property
    def wildcard(self) -> bool:
        """True for all of this computer's addresses, none of which is one to give to others."""
        return ipaddress.IPv4Address(self.address).is_unspecified

    @property
    def loopback(self) -> bool:
        """True where only this computer gets to."""
        return ipaddress.IPv4Address(self.address).is_loopback

    def reaches(self, address: str) -> bool:
        """False where a socket bound here cannot get: from loopback to another computer."""
        return not self.loopback or ipaddress.IPv4Address(address).is_loopback


def listen(text: str) -> Listen:
    """Read `ADDRESS` or `ADDRESS:PORT`. Raises ArgumentError."""
    address, colon, digits = text.partition(":")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        raise ArgumentError(
            f"{text!r} is no place to listen at; expected an IPv4 address of this computer, or "
            "0.0.0.0 for all of them, with or without :PORT"
        ) from None
    return Listen(address, port(text, digits, lowest=0) if colon else None)


def host_port(text: str) -> HostPort:
    """Read `HOST:PORT`; the host is a name or an IPv4 address. Raises ArgumentError."""
    host, _, digits = text.rpartition(":")
    if not _NAME.fullmatch(host):
        raise ArgumentError(f"{text!r} is no address; expected HOST:PORT")
    return HostPort(host, port(text, digits, lowest=1))


def port(text: str, digits: str, lowest: int) -> int:
    """Read the port in `text`: `digits`, those after its colon. Raises ArgumentError."""
    number = int(digits) if re.fullmatch("[0-9]{1,5}", digits, re.ASCII) else -1
    if not lowest <= number < 65536:
        raise ArgumentError(f"{text!r}: expected a port from {lowest} to 65535 after the colon")
    return number


def link_rate(text: str) -> Rate:
    """Read a rate that a link can have. Raises ArgumentError or QuantityError."""
    rate = Rate.parse(text)
    if not rate > 0:
        raise ArgumentError(f"{text!r}: expected more than nothing, or 'unlimited'")
    return rate
