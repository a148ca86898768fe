"""Transfers of the command line: files from a server, and one to it."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from central.channel import client as channel
from central.client import FETCH
from central.command.status import Moved, Output
from central.config import ClientConfig
from central.errors import NotFoundError
from central.http import client as http
from central.landing import Landing
from central.link import Link
from central.tftp import client as tftp
from host.program.session import Computer, look_up, this_computer

TICK_S = 0.5
"""Seconds between two looks at how far it is."""

PUT = {
    "http": http.put,
    "socket": channel.put,
    "tftp": tftp.put,
}

T = TypeVar("T")


async def get(
    links: Sequence[Link],
    directory: Path,
    config: ClientConfig,
    output: Output,
    down_rate: float = math.inf,
) -> None:
    """Fetch one file after the other into `directory`; the first that fails ends it.

    `down_rate` is in bytes per second.  Raises CentralError.
    """
    async with joined(links, directory, down_rate=down_rate) as host:
        for link in links:
            link = numeric(host, link)
            landing = await Landing.open(host, directory / link.name, link, resume=config.resume)
            try:
                fetching = FETCH[link.scheme](host, link, landing, config)
                await _shown(fetching, partial(_landed, landing), output)
                path = str(await landing.commit())
            finally:
                await landing.close()
            output.result(path, "done", path=path, bytes=landing.size, sha256=landing.sha256)


async def put(
    file: Path,
    size: int,
    link: Link,
    config: ClientConfig,
    output: Output,
    up_rate: float = math.inf,
) -> None:
    """Upload `file`, of `size` bytes, as `link`; `up_rate` is in bytes per second.

    Raises CentralError, OSError.
    """
    moved = Moved(file.name, 0, size)

    def sent(done: int) -> None:
        nonlocal moved
        moved = replace(moved, done=done)

    async with joined([link], file.parent, up_rate=up_rate) as host:
        uploading = PUT[link.scheme](host, numeric(host, link), file, config, sent)
        await _shown(uploading, lambda: moved, output)
        output.result(str(link), "stored", url=str(link), bytes=size)


@asynccontextmanager
async def joined(
    links: Iterable[Link],
    directory: Path,
    *,
    up_rate: float = math.inf,
    down_rate: float = math.inf,
) -> AsyncIterator[Computer]:
    """This computer, which knows the addresses of the links' servers, for the block.

    Raises NotFoundError for a name that nobody knows.
    """
    names: dict[str, str] = {}
    for link in links:
        if link.address not in names:
            number = await look_up(link.address)
            if number is None:
                raise NotFoundError(f"{link.authority}: no IPv4 address is known for it")
            names[link.address] = number
    here = all(ipaddress.IPv4Address(number).is_loopback for number in names.values())
    address = "127.0.0.1" if here else "0.0.0.0"
    async with this_computer(address, directory, up_rate=up_rate, down_rate=down_rate) as host:
        host.names = names
        yield host


def numeric(host: Computer, link: Link) -> Link:
    """The link with its server's number where the protocol has no use for the name."""
    return replace(link, address=host.names[link.address]) if link.scheme == "tftp" else link


def _landed(landing: Landing) -> Moved | None:
    """How far it is; None until the server has agreed to what was here before."""
    if not landing.received and landing.size is None:
        return None
    return Moved(landing.path.name, landing.received, landing.size or 0)


async def _shown(work: Awaitable[T], look: Callable[[], Moved | None], output: Output) -> T:
    """Do the work while `output` is told how far it is."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            if (moved := look()) is not None:
                output.progress(moved, loop.time())
            await asyncio.wait([task], timeout=TICK_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return task.result()
