"""The client's end of one persistent socket: requests out, answers and events in."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from central.channel import frames
from central.channel.asked import (
    SHOWN,
    Asked,
    AskedGet,
    AskedList,
    AskedPut,
    AskedSubscribe,
    Trouble,
)
from central.channel.deadlines import Silence, TooSlowError
from central.channel.frames import BreachError, Data, Decoder, Frame, Item, Received
from central.channel.news import MOST_NEWS
from central.channel.writer import FrameWriter
from central.config import ClientConfig
from central.errors import DeniedError, DiskError, LinkError, TransferError
from central.landing import Landing
from central.link import Link
from host.host import Host

SCRATCH = 16 * 1024
"""Bytes of frames read at a time; those of DATA go where they belong as soon as it has begun."""


class Channel(asyncio.BufferedProtocol):
    """An open connection to a server; requests may be made at any time, and several at once."""

    def __init__(self, host: Host, config: ClientConfig) -> None:
        """Made by `open`."""
        self._host = host
        self._loop = host.loop
        self._decoder = Decoder(frames.TO_CLIENT)
        self._scratch = memoryview(bytearray(SCRATCH))
        self._asked: deque[Asked] = deque()
        self._next_id = 0
        self._into: AskedGet | None = None
        self._events: deque[frames.Event] = deque()
        self._woken: asyncio.Future[None] | None = None
        self._held = False
        self._trouble: Trouble | None = None
        self._sending: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._silence = Silence(config.patience_s, self._loop.time())
        self._data_most = frames.DATA_MOST
        self._lost: asyncio.Future[None] = self._loop.create_future()

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
        patience_s = config.patience_s if config.patience_s < math.inf else None
        where = link.authority
        try:
            async with asyncio.timeout(patience_s):
                channel = await host.connect(lambda: cls(host, config), link.address, link.port)
        except TimeoutError:
            raise TransferError(f"{where} does not answer: nothing for {patience_s:g} s") from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise TransferError(f"{where} does not answer: {reason or error}") from None
        channel._say(hello)
        return channel

    async def close(self) -> None:
        """End the connection; what is under way fails."""
        self._end(Trouble(0, "the connection was closed"))
        await self._lost

    # ---- requests

    async def listing(self, folder: str = "") -> list[Item]:
        """What is directly in a folder, sorted by path. Raises CentralError."""
        asked = AskedList(frames.List(self._id(), folder))
        await self._answered(asked)
        return asked.entries

    async def subscribe(self, folder: str = "") -> None:
        """Have `event` tell of every change below a folder from now on. Raises CentralError."""
        await self._answered(AskedSubscribe(frames.Subscribe(self._id(), folder)))
        self._silence.listening = True
        self._arm()

    async def event(self) -> frames.Event:
        """What has changed next. Raises what ended the connection."""
        while not self._events:
            if self._trouble is not None:
                raise self._trouble.error("")
            self._woken = self._loop.create_future()
            await self._woken
        event = self._events.popleft()
        self._go_on()
        return event

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
            get = frames.Get(self._id(), path, offset, request_size, etag, wanted)
            asked = AskedGet(get, landing, first=not under_way)
            under_way.append(asked)
            self._ask(asked)
            return asked

        landing.on_room = self._go_on
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
                self._give_up(each)

    async def put(
        self, local: Path, path: str, report: Callable[[int], None] = lambda sent: None
    ) -> Item:
        """Send the file at `local` to be stored as `path`; `report` gets the bytes sent so far.

        Raises CentralError.
        """
        try:
            file = await self._host.compute(lambda: local.open("rb"))
        except OSError as error:
            raise DiskError(f"{local}: {error.strerror or error}") from None
        with file:
            try:
                digest = await self._host.compute(hashlib.file_digest, file, "sha256")
            except OSError as error:
                raise DiskError(f"{local}: {error.strerror or error}") from None
            size = file.tell()
            asked = AskedPut(frames.Put(self._id(), path, size, digest.hexdigest()))
            self._ask(asked)
            try:
                await asked.began()
                await self._send_file(asked, file, size, report)
                await asked.whole()
            finally:
                self._give_up(asked)
        assert asked.entry is not None
        return asked.entry

    async def _send_file(
        self, asked: AskedPut, file: BinaryIO, size: int, report: Callable[[int], None]
    ) -> None:
        sent = 0
        while sent < size and not asked.over:
            part = min(self._writer.size, self._data_most, size - sent)
            self._sending = asyncio.ensure_future(
                self._writer.send_data(asked.question.id, file, sent, part)
            )
            try:
                await asyncio.wait([self._sending])
            finally:
                self._sending.cancel()
                sending, self._sending = self._sending, None
            if self._trouble is not None:
                return
            if not sending.cancelled() and (error := sending.exception()) is not None:
                self._end(Trouble(0, f"sending it failed: {error}"))
                return
            sent += part
            self._silence.heard(self._loop.time())
            report(sent)
            await asyncio.sleep(0)

    def _id(self) -> int:
        self._next_id = (self._next_id + 1) % 2**32
        return self._next_id

    def _ask(self, asked: Asked) -> None:
        if self._trouble is not None:
            raise self._trouble.error(asked.question.path)
        try:
            frame = frames.encode(asked.question)
        except ValueError as error:
            raise LinkError(f"{asked.question.path[:SHOWN]!r} is no path: {error}") from None
        if not self._asked:
            self._silence.heard(self._loop.time())
        self._asked.append(asked)
        self._writer.say(frame)
        self._arm()

    async def _answered(self, asked: Asked) -> None:
        self._ask(asked)
        try:
            await asked.whole()
        finally:
            self._give_up(asked)

    def _give_up(self, asked: Asked) -> None:
        """Nobody waits for it any more; the server need not go on, if it has not ended."""
        if asked in self._asked and self._trouble is None:
            asked.fail(Trouble(0, "given up").error(asked.question.path))
            self._say(frames.Cancel(asked.question.id))
            self._go_on()

    def _say(self, frame: Frame) -> None:
        if self._trouble is None:
            self._writer.say(frames.encode(frame))

    # ---- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._writer = FrameWriter(self._host, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._into is not None and self._into.landing is not None:
            return self._into.landing.buffer()[: self._decoder.direct]
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        self._silence.heard(self._loop.time())
        if self._trouble is not None:
            return
        if self._into is not None and self._into.landing is not None:
            self._decoder.took(nbytes)
            self._into.took(nbytes)
        else:
            self._decoder.receive(self._scratch[:nbytes])
        self._advance()

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    def eof_received(self) -> bool:
        self._end(Trouble(0, "the server closed the connection"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        reason = getattr(error, "strerror", None) or error or "closed"
        self._end(Trouble(0, f"the connection was lost: {reason}"))
        self._lost.set_result(None)

    # ---- frames in

    def _advance(self) -> None:
        """Take what has come, up to where a landing or the listener has no room for more."""
        try:
            while self._trouble is None and not self._hold():
                event = self._decoder.next_event(self._room())
                if event is None:
                    break
                self._take(event)
            self._aim()
        except BreachError as error:
            self._end(Trouble(0, f"the server broke the protocol: {error}"))

    def _hold(self) -> bool:
        """Read no more for now, if there is no room for more."""
        full = not self._room() or len(self._events) >= MOST_NEWS
        if full and not self._held:
            self._held = True
            self._transport.pause_reading()
        return full

    def _go_on(self) -> None:
        """There may be room again."""
        if self._held and self._trouble is None and not self._hold():
            self._held = False
            self._silence.heard(self._loop.time())
            self._transport.resume_reading()
            self._advance()

    def _room(self) -> int:
        first = self._asked[0] if self._asked else None
        return first.room if isinstance(first, AskedGet) else frames.DATA_MOST

    def _aim(self) -> None:
        """Let DATA that has begun go straight where it belongs."""
        self._into = None
        if size := self._decoder.direct:
            self._into = self._getting(self._decoder.data_id)
            self._into.expect(size)

    def _getting(self, request: int) -> AskedGet:
        first = self._asked[0] if self._asked else None
        if not isinstance(first, AskedGet) or first.question.id != request:
            raise BreachError("a DATA for no GET")
        return first

    def _take(self, event: Received) -> None:
        match event:
            case Data():
                self._getting(event.id).put(event.data)
            case frames.Event():
                if self._silence.listening or any(
                    isinstance(a, AskedSubscribe) for a in self._asked
                ):
                    self._events.append(event)
                    self._wake()
            case frames.Ping():
                self._say(frames.Pong())
            case frames.Welcome():
                if event.version != frames.VERSION:
                    raise BreachError(f"version {event.version}, not {frames.VERSION}")
                self._data_most = event.data
            case frames.Error(id=None):
                self._end(Trouble(event.code, event.reason))
            case frames.Pong():
                pass
            case _:
                self._answer(event)

    def _answer(self, frame: Frame) -> None:
        first = self._asked[0] if self._asked else None
        if first is None or getattr(frame, "id", None) != first.question.id:
            raise BreachError(f"a {type(frame).__name__.upper()} for no request whose turn it is")
        if first.hear(frame):
            self._asked.popleft()
            self._arm()

    # ---- silence and the end

    def _arm(self) -> None:
        """Have `_ring` called when the server's silence may be too long; what is due later by then
        rings early."""
        due = self._silence.due(owes=bool(self._asked))
        if self._trouble is not None or (self._timer is not None and self._timer.when() <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._ring) if due < math.inf else None

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._held:
            self._silence.heard(now)  # it is we who are slow
        try:
            if self._silence.judge(now, owes=bool(self._asked)):
                self._say(frames.Ping())
        except TooSlowError as error:
            self._end(Trouble(0, str(error)))
        self._arm()

    def _end(self, trouble: Trouble) -> None:
        """The connection is at its end, and all that waits for it learns why."""
        if self._trouble is not None:
            return
        self._trouble = trouble
        self._into = None
        if self._timer is not None:
            self._timer.cancel()
        for asked in self._asked:
            asked.fail(trouble.error(asked.question.path))
        self._asked.clear()
        self._wake()
        self._writer.resume()
        if self._sending is not None:
            # First: a transport can't be aborted while a file is being sent.
            self._sending.add_done_callback(lambda _: self._transport.abort())
            self._sending.cancel()
        else:
            self._transport.abort()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


def _nothing() -> None:
    pass
