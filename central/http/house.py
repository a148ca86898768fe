"""What the connections of one HTTP server share."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from central.http.dates import write_date
from central.http.fields import names_here
from central.http.request import Head
from central.site import Site

LINGERING = 32
"""Connections at a time that have time to read why they are ended; they are beyond the limits."""


class Guest(Protocol):
    """A connection."""

    async def close(self) -> None:
        """End it, and what is under way."""


class House:
    """Who is here, and the date."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.open = False
        """Whoever still comes when it is closed is turned away."""
        self.private = False
        """Reached from this computer alone, and without a token."""
        self.connections: dict[Guest, None] = {}
        self._lingering: dict[Guest, None] = {}
        self._date = ("", -1)

    def meant(self, head: Head) -> bool:
        """True when a request is for this server, and not for a name that leads astray."""
        return not self.private or names_here(head.fields.get(b"host", b"127.0.0.1"))

    def linger(self, guest: Guest) -> bool:
        """True when `guest` may stay for its last answer; until `left`."""
        if len(self._lingering) >= LINGERING:
            return False
        self._lingering[guest] = None
        return True

    def left(self, guest: Guest) -> None:
        """`guest` is gone."""
        self.connections.pop(guest, None)
        self._lingering.pop(guest, None)

    async def close(self) -> None:
        """Be closed, and send everybody away."""
        self.open = False
        while self.connections:
            await next(iter(self.connections)).close()

    def date(self, now: datetime) -> str:
        """The Date field (RFC 9110, section 6.6.1), written once a second."""
        second = int(now.timestamp())
        if self._date[1] != second:
            self._date = (write_date(second), second)
        return self._date[0]
