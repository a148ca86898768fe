"""The TFTP client: fetches and puts files with the options that the server knows (RFC 2347).

A server that does not know them ignores them or answers ERROR 8; then it goes without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

from central.config import ClientConfig
from central.errors import LinkError, TransferError
from central.landing import Landing
from central.link import Link
from central.outgoing import open_to_send
from central.tftp.asking import ask, clearly, conversing, wishes
from central.tftp.conversation import PeerError
from central.tftp.dallying import leave_dallying
from central.tftp.exchange import receive_blocks, send_blocks
from central.tftp.options import Options, check_answer, is_value
from central.tftp.packets import ErrorCode, FileRequest, OptionAck
from central.tftp.reading import Stretch
from central.tftp.receiving import Receiver
from central.tftp.sending import Sender
from central.tftp.timer import Patience, QuietTimer, Timer
from host.host import Host


async def fetch(host: Host, link: Link, landing: Landing, config: ClientConfig) -> None:
    """Fetch what `landing` lacks of the file behind `link`. Raises CentralError."""
    wish = replace(wishes(config), tsize=0, etag="0", sha256="0")
    if landing.received and landing.etag and is_value("etag", landing.etag):
        wish = replace(wish, etag=landing.etag, offset=landing.received)

    async def attempt(wish: Options) -> None:
        await _fetch(host, link, landing, config, wish)

    with clearly(link, config):
        await _with_or_without(attempt, wish)


async def _with_or_without(attempt: Callable[[Options], Awaitable[None]], wish: Options) -> None:
    """Try with options, and without where the server can't stand them. Raises PeerError."""
    try:
        await attempt(wish)
    except PeerError as error:
        if error.code != ErrorCode.OPTIONS:
            raise
        await attempt(Options())


async def _fetch(
    host: Host, link: Link, landing: Landing, config: ClientConfig, wish: Options
) -> None:
    async with conversing(host) as conversation:
        request = FileRequest(False, link.path, options=wish.write())
        first = await ask(host, conversation, link, request, config)
        agreed = isinstance(first, OptionAck)
        settled = check_answer(wish, first.options) if isinstance(first, OptionAck) else Options()
        await landing.settle()
        digest = None if settled.sha256 == "0" else settled.sha256
        landing.begin(settled.offset or 0, settled.tsize, settled.etag, digest)
        timer = QuietTimer(float(settled.timeout or config.retransmit_s))
        receiver = Receiver(settled.block_size, settled.window, timer)
        receiver.start(conversation.now())
        if agreed:
            await conversation.send(receiver.answer())
        patience = Patience(config.patience_s)
        await receive_blocks(
            conversation, receiver, landing.write, patience, None if agreed else first
        )
        if landing.size is None:
            landing.finish()
        if landing.received != landing.size:
            raise TransferError(f"{link.path}: ended at {landing.received} of {landing.size} bytes")
        await conversation.send(receiver.answer())
        leave_dallying(host, conversation, receiver)


async def put(
    host: Host,
    link: Link,
    path: Path,
    config: ClientConfig,
    report: Callable[[int], None] = lambda sent: None,
) -> None:
    """Upload the local file at `path` as `link.path`; `report` gets the bytes that have arrived.

    Raises CentralError.
    """
    if not link.name:
        raise LinkError(f"{link} names no file; expected the name it is to have behind the port")
    file, size = open_to_send(path)
    with file:
        digest = await host.compute(lambda: hashlib.file_digest(file, "sha256").hexdigest())

        async def attempt(wish: Options) -> None:
            await _put(host, link, file, size, config, report, wish)

        with clearly(link, config):
            await _with_or_without(attempt, replace(wishes(config), tsize=size, sha256=digest))


async def _put(
    host: Host,
    link: Link,
    file: BufferedReader,
    size: int,
    config: ClientConfig,
    report: Callable[[int], None],
    wish: Options,
) -> None:
    async with conversing(host) as conversation:
        request = FileRequest(True, link.path, options=wish.write())
        first = await ask(host, conversation, link, request, config)
        settled = check_answer(wish, first.options) if isinstance(first, OptionAck) else Options()
        timer = Timer(float(settled.timeout or config.retransmit_s))
        sender = Sender(size, settled.block_size, settled.window, timer)
        window_bytes = settled.block_size * settled.window
        stretch = Stretch(host, file.fileno(), 0, window_bytes)
        patience = Patience(config.patience_s)
        await send_blocks(
            conversation, sender, stretch.read, patience, lambda _: report(sender.acked_bytes)
        )
        conversation.close()
