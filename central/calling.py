"""A client's call to a server: a TCP connection, made in time or not at all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TypeVar

from central.errors import TransferError
from central.link import Link
from host.host import Host

P = TypeVar("P", bound=asyncio.BaseProtocol)


async def call(host: Host, link: Link, patience_s: float, factory: Callable[[], P]) -> P:
    """Connect a protocol that `factory` makes to the link's server.

    Raises TransferError when the server refuses, or is silent for `patience_s` (math.inf: never).
    """
    try:
        async with asyncio.timeout(patience_s if patience_s < math.inf else None):
            return await host.connect(factory, link.address, link.port)
    except (OSError, UnicodeError) as error:
        # The timeout's own error has no words.
        words = getattr(error, "strerror", None) or str(error)
        reason = words or f"nothing for {patience_s:g} s"
        raise TransferError(f"{link.authority} does not answer: {reason}") from None
