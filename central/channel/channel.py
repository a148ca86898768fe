"""The client of one persistent socket: LIST, GET, PUT and SUBSCRIBE, as calls."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from central.calling import call
from central.channel import frames
from central.channel.asked import Asked, AskedGet, AskedList, AskedPut, AskedSubscribe
from central.channel.caller import Caller
from central.channel.frames import Item
from central.config import ClientConfig
from central.errors import DeniedError, DiskError
from central.landing import Landing
from central.link import Link
from central.outgoing import open_to_send
from host.host import Host


class Channel:
    """An open connection to a server; requests may be made at any time, and several at once."""

    def __init__(self, host: Host, caller: Caller) -> None:
        """Made by `open`."""
        self._host = host
        self._caller = caller

    @classmethod
    async def open(cls, host: Host, link: Link, config: ClientConfig) -> Channel:
        """Connect to the link's server and say HELLO. Raises TransferError.

        Whether the server lets us in shows with the first answer; DeniedError at once for a token
        that cannot be sent.
        """
        hello = frames.Hello(frames.VERSION, config.token)
        try:
            frames.encode(hello)
        except ValueError:
            raise DeniedError("the token is none: it is too long, or has strange letters") from None
        patience_s = config.patience_s
        caller = await call(host, link, patience_s, lambda: Caller(host, patience_s))
        caller.say(hello)
        return cls(host, caller)

    async def close(self) -> None:
        """End the connection; what is under way fails."""
        await self._caller.close()

    async def listing(self, folder: str = "") -> list[Item]:
        """What is directly in a folder, sorted by path. Raises CentralError."""
        asked = AskedList(frames.List(self._caller.new_id(), folder))
        await self._answered(asked)
        return asked.entries

    async def subscribe(self, folder: str = "") -> None:
        """Have `event` tell of every change below a folder from now on. Raises CentralError."""
        await self._answered(AskedSubscribe(frames.Subscribe(self._caller.new_id(), folder)))
        self._caller.listen()

    async def event(self) -> frames.Event:
        """What has changed next. Raises what ended the connection."""
        return await self._caller.event()

    async def get(self, path: str, landing: Landing, request_size: int | None = None) -> None:
        """Fetch what `landing` lacks, `request_size` bytes at a time (None: all at once).

        The next stretch is asked for when one begins.  Raises CentralError.
        """
        # What is no named version's cannot be gone on with.
        etag = landing.etag if landing.received else None
        offset = landing.received if etag is not None else 0
        under_way: list[AskedGet] = []

        def ask(offset: int, etag: str | None) -> AskedGet:
            wanted = landing.sha256 is None
            get = frames.Get(self._caller.new_id(), path, offset, request_size, etag, wanted)
            asked = AskedGet(get, landing, first=not under_way)
            under_way.append(asked)
            self._caller.ask(asked)
            return asked

        landing.on_room = self._caller.go_on
        try:
            asked = ask(offset, etag)
            while True:
                await asked.began()
                following = ask(asked.end, landing.etag) if asked.end < asked.size else None
                await asked.whole()
                if following is None:
                    return
                asked = following
        finally:
            landing.on_room = _nothing
            for each in under_way:
                self._caller.give_up(each)

    async def put(
        self, local: Path, path: str, report: Callable[[int], None] = lambda sent: None
    ) -> Item:
        """Send the file at `local` to be stored as `path`; `report` gets the bytes sent so far.

        Raises CentralError.
        """
        file, size = await self._host.compute(open_to_send, local)
        with file:
            try:
                digest = await self._host.compute(hashlib.file_digest, file, "sha256")
            except OSError as error:
                raise DiskError(f"{local}: {error.strerror or error}") from None
            if file.tell() != size:
                raise DiskError(f"{local}: it changed while it was read")
            put = frames.Put(self._caller.new_id(), path, size, digest.hexdigest())
            asked = AskedPut(put)
            self._caller.ask(asked)
            try:
                await asked.began()
                sent = 0
                while sent < size and not asked.over:
                    sent += await self._caller.send(asked, file, sent, size - sent)
                    report(sent)
                    await asyncio.sleep(0)
                await asked.whole()
            finally:
                self._caller.give_up(asked)
        assert asked.entry is not None
        return asked.entry

    async def _answered(self, asked: Asked) -> None:
        self._caller.ask(asked)
        try:
            await asked.whole()
        finally:
            self._caller.give_up(asked)


def _nothing() -> None:
    pass
