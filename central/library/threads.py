"""Work in a thread that can be told to stop, which asyncio's own executors leave to the caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from host.host import Host

T = TypeVar("T")


async def compute_until_stopped(host: Host, function: Callable[[threading.Event], T]) -> T:
    """Run `function(stop)` off the loop and return its result.

    When the caller is cancelled `stop` is set, and the function's end waited for: what it uses may
    be closed then.
    """
    stop = threading.Event()
    running = asyncio.ensure_future(host.compute(function, stop))
    running.add_done_callback(_look_at_error)
    try:
        await asyncio.wait([running])
    finally:
        stop.set()
        if not running.done():
            await asyncio.wait([running])
    return running.result()


def _look_at_error(running: asyncio.Future[T]) -> None:
    """A function that fails because it was stopped is nobody's concern."""
    if not running.cancelled():
        running.exception()
