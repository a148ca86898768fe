"""Wakes who waits for something to happen in folders (inotify(7), by watchfiles).

The folders are given one by one and none is entered, so no symbolic link leads the watch astray.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from central.library.threads import compute_until_stopped
from host.host import Host

POLL_S = 1.0
"""Seconds to wait where the kernel does not say that something happened."""

RESCAN_S = 30.0
"""Seconds after which to wake in any case: of a network's file system the kernel says nothing."""

_GATHER_MS, _STEP_MS = 100, 25
"""Milliseconds that events are gathered for at most, and until it is seen that no more come."""

_BEGIN_MS = 500
"""Milliseconds after which a waker wakes for the first time, whatever happens."""


class Waker:
    """Wakes who waits when something happens; under virtual time, or where the kernel can't tell,
    every second."""

    def __init__(self, host: Host, top: Path) -> None:
        self._host = host
        self._top = top
        self._folders: Sequence[tuple[str, ...]] = ()
        self._happened = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def wait(self, folders: Sequence[tuple[str, ...]]) -> None:
        """Return when something has happened in these folders since they were given first."""
        if self._host.network.virtual:
            await asyncio.sleep(POLL_S)
            return
        if folders != self._folders:
            await self.close()
            self._folders = folders
            self._listening = self._host.spawn(self._listen(), "watches its folders")
        try:
            async with asyncio.timeout(RESCAN_S):
                await self._happened.wait()
        except TimeoutError:
            pass
        self._happened.clear()

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        paths = [self._top.joinpath(*names) for names in self._folders]

        def happened() -> None:
            self._host.loop.call_soon_threadsafe(self._happened.set)

        try:
            await compute_until_stopped(self._host, lambda stop: _listen(paths, happened, stop))
        except (OSError, RuntimeError, ValueError):  # too many folders, or one has just gone
            await asyncio.sleep(POLL_S)
            self._folders = ()
            self._happened.set()


def _listen(paths: Sequence[Path], happened: Callable[[], None], stop: threading.Event) -> None:
    """Call `happened` when something visible changes in the folders, and once in the beginning.

    What changed before the kernel was asked to tell is seen by who looks after that first call.
    Raises OSError, RuntimeError or ValueError when the kernel does not tell.
    """
    from watchfiles import watch  # it takes 40 ms to import, and few servers are watched

    first = True
    for events in watch(
        *paths,
        watch_filter=lambda change, path: not Path(path).name.startswith("."),
        debounce=_GATHER_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=_BEGIN_MS,
        yield_on_timeout=True,
        recursive=False,
        ignore_permission_denied=True,
    ):
        if events or first:
            happened()
        first = False
