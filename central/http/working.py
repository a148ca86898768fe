"""Telling a client that its answer is being made (102, RFC 2518, section 10.1).

RFC 9110, section 15.2, has every client pass over informational answers, but some take any that is
not 100 for the last (http.client does).  So only those that ask for a digest are told, by
Want-Repr-Digest (RFC 9530, section 4): no browser does, and who does knows that hashing takes time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from central.http.fields import wants_digest
from central.http.heads import PROCESSING
from central.http.reply import Reply
from central.http.request import Head
from central.site import Site

WORKING_S = 5.0
"""Seconds after which a client that asked for it is told so, again and again."""

T = TypeVar("T")


def asks(head: Head) -> bool:
    """True when the client wants a digest, and hears of work."""
    return wants_digest(head.fields.get(b"want-repr-digest"))


async def working(reply: Reply, site: Site, work: Coroutine[Any, Any, T], name: str) -> T:
    """The result of `work`, which ends with the answer."""
    task = site.host.spawn(work, name)
    told = asks(reply.head) and reply.head.version != b"1.0"
    try:
        while not task.done():
            await asyncio.wait([task], timeout=WORKING_S)
            if told and not task.done():
                reply.way.write(PROCESSING)
        return task.result()
    finally:
        task.cancel()
