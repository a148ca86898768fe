"""Answers held back until there is something new: long polling (RFC 6202, section 2).

A client names the version that it has (If-None-Match), and says for how many seconds it would
rather wait than hear that there is no other (Prefer: wait=30).  RFC 7240, section 4.3, has that as
the longest that an answer may take.  A change is heard of as the persistent socket hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from central.http.fields import read_wait
from central.http.reply import Reply
from central.http.request import Head
from central.http.target import Target
from central.library.library import Change
from central.site import Site


def wait_of(head: Head) -> int:
    """Seconds for which an answer may be held back; 0: not at all."""
    known = b"if-none-match" in head.fields
    return read_wait(head.fields.get(b"prefer")) if known else 0


async def hold(
    reply: Reply, site: Site, target: Target, unchanged: Callable[[], Awaitable[bool]]
) -> None:
    """Return when the target is no longer `unchanged`, or the client has waited long enough.

    At once when the server holds enough answers back, or the client may be gone.  What is not
    looked at (see `Library.subscribed`) is seen at the end of the time only.
    """
    if reply.hurried or not site.admission.wait():
        return
    seconds = min(wait_of(reply.head), site.limits.wait_s)
    news = asyncio.Event()
    reply.on_hurry = news.set

    def tell(change: Change) -> None:
        if _concerns(change, target):
            news.set()

    permit = reply.permit
    assert permit is not None
    try:
        with permit.using(reply.way.reset), site.library.subscribed(tell):
            async with asyncio.timeout(seconds):
                await site.library.settled()
                while not reply.hurried:
                    news.clear()
                    if not await unchanged():
                        break
                    await news.wait()
    except TimeoutError:
        pass
    finally:
        site.admission.waited()
    reply.answer_at(site.host.date())
    if not reply.hurried:
        reply.applied = f"Preference-Applied: wait={seconds:g}\r\n"


def _concerns(change: Change, target: Target) -> bool:
    if target.folder:
        return not target.path or change.path.startswith(f"{target.path}/")
    return change.path == target.path
