"""Which requests come from a page of ours: by Host and Origin (RFC 9110, 7.2; RFC 6454). Pure.

A stranger's page can have its name point here, and could then read and ask what ours does (DNS
rebinding, CVE-2018-5702). It has no say over an address.
"""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"(localhost|[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
LOCALHOST = "localhost"
"""The one name that browsers take nobody's word for."""


def names_us(host: str, *, everywhere: bool) -> bool:
    """True when a Host field can only mean us.

    It is this computer's address (any address where we listen `everywhere`), or localhost.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    if found[1] == LOCALHOST:
        return True
    try:
        address = ipaddress.ip_address(found[1].strip("[]"))
    except ValueError:
        return False
    return everywhere or address.is_loopback


def is_our_page(origin: str | None, host: str) -> bool:
    """True when what asked is a page that came from that Host; all browsers say which it is."""
    return origin == f"http://{host}"


def policy(host: str) -> str:
    """Return the Content-Security-Policy of what is served as a Host (CSP Level 3).

    Some browsers do not take a WebSocket for 'self'.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
