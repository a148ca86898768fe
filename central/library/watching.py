"""Notices what others do to a directory: something happened, so look again and tell what differs.

That something happened is all the kernel is believed: its events may be lost, doubled or late, and
a second look is none of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager

from central.library.changes import diff
from central.library.entries import Change, Entry
from central.library.jail import Jail
from central.library.scanning import scan
from central.library.waker import POLL_S, Waker
from host.host import Host

REST = 4.0
"""Times that a look took which pass before the next one: a fifth of a processor at most."""


class Watch:
    """Tells subscribers of changes; it looks only while there are any."""

    def __init__(self, host: Host, jail: Jail | None, published: Container[str]) -> None:
        """What is `published` is not in the jail, even if something there has its path."""
        self._host = host
        self._jail = jail
        self._published = published
        self._tells: dict[object, Callable[[Change], None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._ending: dict[asyncio.Task[None], None] = {}
        self._ready = asyncio.Event()
        self._known: dict[str, Entry] = {}
        self._noted: dict[str, None] = {}

    @contextmanager
    def subscribed(self, tell: Callable[[Change], None]) -> Iterator[None]:
        """Within the block `tell` is called, on the loop, with each change."""
        key = object()
        self._tells[key] = tell
        if self._watching is None and self._jail is not None:
            self._start(self._jail)
        try:
            yield
        finally:
            self._tells.pop(key, None)
            if not self._tells:
                self._stop()

    async def settled(self) -> None:
        """Return when each change to the disk from now on will be told."""
        if self._watching is not None:
            await self._ready.wait()

    def note(self, change: Change) -> None:
        """We made this change ourselves: tell it at once, and not again when it is seen."""
        if self._watching is not None and change.path not in self._published:
            self._noted[change.path] = None
            if change.entry is not None and change.entry.is_version(self._known.get(change.path)):
                return
            self._apply(change)
        self._tell(change)

    async def close(self) -> None:
        """Tell nobody any more."""
        self._tells.clear()
        self._stop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _start(self, jail: Jail) -> None:
        self._known, self._noted = {}, {}
        self._ready = asyncio.Event()
        self._watching = self._host.spawn(self._watch(jail, self._ready), "watches its files")

    def _stop(self) -> None:
        task, self._watching = self._watching, None
        if task is not None:
            self._ready.set()
            task.cancel()
            self._ending[task] = None
            task.add_done_callback(self._ending.pop)

    async def _watch(self, jail: Jail, ready: asyncio.Event) -> None:
        waker = Waker(self._host, jail.path)
        try:
            while True:
                began = self._host.loop.time()
                self._noted.clear()
                try:
                    seen = await self._host.compute(_look_again, jail, dict(self._known))
                except OSError:  # no descriptor to spare, say
                    await asyncio.sleep(POLL_S)
                    continue
                if seen is None:
                    return
                folders, changes = seen
                for change in changes:
                    self._see(change)
                ready.set()
                await asyncio.sleep(REST * (self._host.loop.time() - began))
                await waker.wait(folders)
        finally:
            ready.set()
            await waker.close()

    def _see(self, change: Change) -> None:
        """A look has found that; what we did ourselves since it began is newer."""
        if change.path in self._noted or change.path in self._published:
            return
        self._apply(change)
        if self._ready.is_set():  # what the first look finds was there before
            self._tell(change)

    def _apply(self, change: Change) -> None:
        if change.entry is None:
            self._known.pop(change.path, None)
        else:
            self._known[change.path] = change.entry

    def _tell(self, change: Change) -> None:
        for tell in list(self._tells.values()):
            tell(change)


def _look_again(
    jail: Jail, known: Mapping[str, Entry]
) -> tuple[list[tuple[str, ...]], list[Change]] | None:
    """The folders to watch, and what differs from what was known; None when it is too much.

    Raises OSError.
    """
    with jail.entered() as root:
        snapshot = scan(root)
    if snapshot is None:
        return None
    return snapshot.folders, list(diff(known, snapshot.files))
