"""Ways to hear of what is new at a server: to ask every while, to ask and wait, or to be told.

Polling is a conditional request (RFC 9110, section 13.1.2) every while, long polling one that stays
open until there is news (RFC 6202); over the persistent socket the server speaks by itself.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

from bench.play import Case
from central.channel import client as channel
from central.config import ClientConfig
from central.http import client as http
from central.library.library import Change
from central.link import Link, Scheme
from host.host import Host

POLLING, LONG_POLLING, SOCKET = "polling", "long polling", "socket"
WAIT_S = 30
"""Seconds that a question stays open (RFC 6202, section 5.5)."""


@dataclass(frozen=True)
class Way:
    """How a client hears of news."""

    kind: str
    interval_s: float = math.nan
    """Between two questions; for polling alone."""
    close_each: bool = False
    """HTTP: each request has a connection of its own."""

    @classmethod
    def of(cls, case: Case) -> Way:
        """The one that `case` names."""
        return cls(case["way"], case["interval_s"], case["close_each"])

    @property
    def case(self) -> dict[str, str | float | bool]:
        """The same as a part of a play's case."""
        return {"way": self.kind, "interval_s": self.interval_s, "close_each": self.close_each}

    @property
    def name(self) -> str:
        """The same in words."""
        words = f"{self.kind}, {self.interval_s:g} s" if self.kind == POLLING else self.kind
        return f"{words}, closing" if self.close_each else words

    @property
    def scheme(self) -> Scheme:
        return "socket" if self.kind == SOCKET else "http"

    @property
    def config(self) -> ClientConfig:
        waits = self.kind == LONG_POLLING
        return ClientConfig(
            poll_s=self.interval_s if self.kind == POLLING else 1.0,
            wait_s=WAIT_S if waits else None,
            close_each=self.close_each,
        )

    def watch(self, host: Host, folder: Link) -> AsyncGenerator[Change, None]:
        """What changes in a folder, as this way hears of it."""
        if self.kind == SOCKET:
            return cast(AsyncGenerator[Change, None], channel.watch(host, folder, self.config))
        return http.watch(host, folder, self.config)
