"""The client of the persistent socket: fetch, put, list and watch, each over one connection."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from central.channel.asked import MOST_ENTRIES
from central.channel.channel import Channel
from central.channel.frames import BreachError, Item
from central.channel.news import entry_of, note
from central.config import ClientConfig
from central.errors import BusyError, TransferError
from central.landing import Landing
from central.library.changes import changes_between
from central.library.library import Change, Entry
from central.link import Link
from host.host import Host

RETRY_S = 1.0
"""Seconds between two attempts to reach a server that was lost."""


@asynccontextmanager
async def opened(host: Host, link: Link, config: ClientConfig) -> AsyncIterator[Channel]:
    """A channel to the link's server for the length of the block. Raises TransferError."""
    channel = await Channel.open(host, link, config)
    try:
        yield channel
    finally:
        await channel.close()


async def fetch(host: Host, link: Link, landing: Landing, config: ClientConfig) -> None:
    """Fetch what `landing` lacks of the link's file. Raises CentralError."""
    async with opened(host, link, config) as channel:
        await channel.get(link.path, landing, config.request_size)


async def put(
    host: Host,
    link: Link,
    path: Path,
    config: ClientConfig,
    report: Callable[[int], None] = lambda sent: None,
) -> None:
    """Send the file at `path` to be stored as the link says. Raises CentralError."""
    async with opened(host, link, config) as channel:
        await channel.put(path, link.path, report)


async def listing(host: Host, link: Link, config: ClientConfig) -> list[Entry]:
    """What is directly in the link's folder, sorted by path. Raises CentralError."""
    async with opened(host, link, config) as channel:
        return [entry_of(item) for item in await channel.listing(link.path)]


async def watch(host: Host, link: Link, config: ClientConfig) -> AsyncIterator[Change]:
    """What happens to the files below the link's folder from now on, as it happens.

    A server that is lost may be back within `patience_s`; then comes what has changed meanwhile.
    Raises CentralError.
    """
    known: dict[str, Item] | None = None
    lost = math.inf
    while True:
        try:
            async with opened(host, link, config) as channel:
                await channel.subscribe(link.path)
                found = await _files(channel, link.path)
                lost = math.inf
                before, known = known, found
                for change in changes_between(found if before is None else before, found, entry_of):
                    yield change
                while True:
                    event = await channel.event()
                    news = note(known, event.path, event.entry)
                    if news is not None:
                        yield news
        except (TransferError, BusyError) as error:
            now = host.loop.time()
            lost = min(lost, now)
            if known is None or isinstance(error, BreachError) or now - lost >= config.patience_s:
                raise
        await asyncio.sleep(RETRY_S)


async def _files(channel: Channel, folder: str) -> dict[str, Item]:
    """Every file below a folder by its path."""
    files: dict[str, Item] = {}
    folders = [folder]
    while folders:
        for item in await channel.listing(folders.pop()):
            if item.path.endswith("/"):
                folders.append(item.path.removesuffix("/"))
            else:
                files[item.path] = item
            if len(files) + len(folders) > MOST_ENTRIES:
                raise TransferError(f"{folder or '/'}: more than {MOST_ENTRIES} files to watch")
    return files
