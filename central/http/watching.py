"""What changes on a server, by asking: again and again, or so that the answer waits for news.

Polling (RFC 9110, section 13.1.2) costs a request for each look, and news are as old as the last
one.  With long polling (RFC 6202, section 2) a question stays open at the server until its folder
changes, so there is one for each folder, over a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from central.config import ClientConfig
from central.errors import BusyError, NotFoundError, TransferError
from central.http.listing import Folders, Item, changes
from central.library.library import Change
from central.link import Link
from host.host import Host

MOST_OPEN = 64
"""Folders that are asked about at a time by questions that wait: each has a connection."""


async def watch(host: Host, link: Link, config: ClientConfig) -> AsyncGenerator[Change, None]:
    """What changes below the folder `link.path` from now on.

    It is looked at every `config.poll_s`, or by questions that the server may keep for
    `config.wait_s`.  A server that goes away has `config.patience_s` to come back.  Who stops early
    closes it (contextlib.aclosing).  Raises CentralError.
    """
    watching = _poll if config.wait_s is None else _wait
    async with aclosing(watching(host, link, config)) as found:
        async for change in found:
            yield change


async def _poll(host: Host, link: Link, config: ClientConfig) -> AsyncGenerator[Change, None]:
    folders = Folders(host, link, config)
    try:
        known = await folders.files()
        answered = host.loop.time()
        while True:
            await asyncio.sleep(config.poll_s)
            try:
                files = await folders.files()
            except (TransferError, BusyError):
                folders.close()
                if host.loop.time() - answered > config.patience_s + config.poll_s:
                    raise
                continue
            answered = host.loop.time()
            for change in changes(known, files):
                yield change
            known = files
    finally:
        folders.close()


async def _wait(host: Host, link: Link, config: ClientConfig) -> AsyncGenerator[Change, None]:
    known: dict[str, Item] | None = None
    lost: float | None = None
    while True:
        questions = Questions(host, link, config)
        try:
            while True:
                files = await questions.files()
                lost = None
                for change in changes(files if known is None else known, files):
                    yield change
                known = files
        except (TransferError, BusyError):
            now = host.loop.time()
            lost = now if lost is None else lost
            if known is None or now - lost > config.patience_s:
                raise
        finally:
            await questions.close()
        await asyncio.sleep(config.poll_s)


class Questions:
    """A question about every folder of a tree, each open until there is news of its folder."""

    def __init__(self, host: Host, link: Link, config: ClientConfig) -> None:
        self._host = host
        self._link = link
        self._wait_s = config.wait_s or 0
        self._poll_s = config.poll_s
        # A server that waits for news is silent meanwhile.
        self._config = replace(config, patience_s=config.patience_s + self._wait_s)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[asyncio.Task[None], None] = {}
        self._read: dict[str, dict[str, Item]] = {}
        self._news = asyncio.Event()
        self._ask(link.path)

    async def files(self) -> dict[str, Item]:
        """All files, when there is news of any folder. Raises CentralError."""
        while True:
            await self._news.wait()
            self._news.clear()
            for task in list(self._asking.values()):
                if task.done():
                    task.result()
            if self._asking.keys() == self._read.keys():
                items = (item for read in self._read.values() for item in read.items())
                return {path: item for path, item in items if not path.endswith("/")}

    async def close(self) -> None:
        """Ask no more."""
        for path in list(self._asking):
            self._leave(path)
        await asyncio.gather(*self._ended, return_exceptions=True)

    def _ask(self, path: str) -> None:
        task = self._host.spawn(self._follow(path), f"asks what is new in {path or '/'}")
        self._asking[path] = task
        task.add_done_callback(lambda _: self._news.set())

    def _leave(self, path: str) -> None:
        task = self._asking.pop(path)
        self._read.pop(path, None)
        self._ended[task] = None
        task.add_done_callback(self._ended.pop)
        task.cancel()

    async def _follow(self, path: str) -> None:
        """Ask about one folder until it is gone."""
        folders = Folders(self._host, self._link, self._config)
        loop = self._host.loop
        items = None
        try:
            while True:
                asked = loop.time()
                before, items = items, await folders.read(path, self._wait_s)
                if items is not before:
                    self._learn(path, items)
                else:
                    # A server that does not wait, or will not now, is not to be asked at once.
                    await asyncio.sleep(max(0.0, asked + self._poll_s - loop.time()))
        except NotFoundError:
            if path == self._link.path:
                raise
            self._learn(path, {})  # the folder that it was in will say so, too
        finally:
            folders.close()

    def _learn(self, path: str, items: dict[str, Item]) -> None:
        self._read[path] = items
        within = {below.removesuffix("/") for below in items if below.endswith("/")}
        prefix = f"{path}/" if path else ""
        for other in list(self._asking):
            if other != path and other.startswith(prefix) and not _covers(within, other, prefix):
                self._leave(other)
        for below in sorted(within - self._asking.keys()):
            if len(self._asking) >= MOST_OPEN:
                raise TransferError(
                    f"{self._link.path or '/'}: more than {MOST_OPEN} folders to wait for; "
                    "they can be looked at every while instead"
                )
            self._ask(below)
        self._news.set()


def _covers(within: set[str], path: str, prefix: str) -> bool:
    """Whether a folder that is left has `path` in it."""
    return prefix + path.removeprefix(prefix).partition("/")[0] in within
