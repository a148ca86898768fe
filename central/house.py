"""Who is connected to one server, and whether another may come."""

from __future__ import annotations

import asyncio
from typing import Protocol

LINGERING = 32
"""Connections at a time that have time to read why they are ended; they are beyond the limits."""


class Guest(Protocol):
    """A connection."""

    async def close(self) -> None:
        """End it, and what is under way."""


class House:
    """The connections that are there, and whether another may come."""

    def __init__(self) -> None:
        self.open = False
        """Whoever still comes when it is closed is turned away."""
        self.guests: dict[Guest, None] = {}
        self._lingering: dict[Guest, None] = {}

    def linger(self, guest: Guest) -> bool:
        """True when `guest` may stay until its last words were read, or `left`."""
        if len(self._lingering) >= LINGERING:
            return False
        self._lingering[guest] = None
        return True

    def left(self, guest: Guest) -> None:
        """`guest` is gone."""
        self.guests.pop(guest, None)
        self._lingering.pop(guest, None)

    async def close(self) -> None:
        """Be closed, and send everybody away."""
        self.open = False
        while self.guests:
            await asyncio.gather(*[guest.close() for guest in self.guests])
