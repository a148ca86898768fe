"""The client's end of one connection: frames out, and those that come to whom they are for."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import IO

from central.channel import frames
from central.channel.asked import SHOWN, Asked, AskedGet, AskedPut, AskedSubscribe, Trouble
from central.channel.deadlines import Silence, TooSlowError
from central.channel.frames import BreachError, Data, Decoder, Frame, Received
from central.channel.news import MOST_NEWS
from central.channel.writer import FrameWriter
from central.deadline import Deadline
from central.errors import LinkError
from host.host import Host

SCRATCH = 16 * 1024
"""Bytes of frames read at a time; those of DATA go where they belong as soon as it has begun."""


class Caller(asyncio.BufferedProtocol):
    """An open connection to a server; requests may be made at any time, and several at once."""

    def __init__(self, host: Host, patience_s: float) -> None:
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
        self._deadline = Deadline(self._loop, self._late)
        self._silence = Silence(patience_s, self._loop.time())
        self._data_most = frames.DATA_MOST
        self._lost: asyncio.Future[None] = self._loop.create_future()

    async def close(self) -> None:
        """End the connection; what is under way fails."""
        self._end(Trouble(0, "the connection was closed"))
        await self._lost

    # ---- for who asks

    def new_id(self) -> int:
        """An id for the next request."""
        self._next_id = (self._next_id + 1) % 2**32
        return self._next_id

    def ask(self, asked: Asked) -> None:
        """Send a request; `asked` learns what comes of it. Raises CentralError."""
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

    def give_up(self, asked: Asked) -> None:
        """Nobody waits for it any more; the server need not go on, if it has not ended."""
        if asked in self._asked and self._trouble is None:
            asked.fail(Trouble(0, "given up").error(asked.question.path))
            self.say(frames.Cancel(asked.question.id))
            self.go_on()

    def say(self, frame: Frame) -> None:
        """Send a frame, unless the connection is at its end."""
        if self._trouble is None:
            self._writer.say(frames.encode(frame))

    async def send(self, asked: AskedPut, file: IO[bytes], offset: int, most: int) -> int:
        """Send a DATA of a PUT, at most `most` bytes of `file`; returns how many.

        Less than that, and `asked` has failed, when the connection ends.
        """
        part = min(self._writer.size, self._data_most, most)
        self._sending = asyncio.ensure_future(
            self._writer.send_data(asked.question.id, file, offset, part)
        )
        try:
            await asyncio.wait([self._sending])
        finally:
            self._sending.cancel()
            sending, self._sending = self._sending, None
        if self._trouble is not None:
            return 0
        if not sending.cancelled() and (error := sending.exception()) is not None:
            self._end(Trouble(0, f"sending it failed: {error}"))
            return 0
        self._silence.heard(self._loop.time())
        return part

    def listen(self) -> None:
        """The server would say when something changes: it may not be silent for long."""
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
        self.go_on()
        return event

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

    def go_on(self) -> None:
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
                self.say(frames.Pong())
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
        """Have `_late` called when the server's silence may be too long."""
        due = self._silence.due(owes=bool(self._asked))
        if self._trouble is not None:
            return
        if due < math.inf:
            self._deadline.set(due - self._loop.time())
        else:
            self._deadline.clear()

    def _late(self) -> None:
        now = self._loop.time()
        if self._held:
            self._silence.heard(now)  # it is we who are slow
        try:
            if self._silence.judge(now, owes=bool(self._asked)):
                self.say(frames.Ping())
        except TooSlowError as error:
            self._end(Trouble(0, str(error)))
        self._arm()

    def _end(self, trouble: Trouble) -> None:
        """The connection is at its end, and all that waits for it learns why."""
        if self._trouble is not None:
            return
        self._trouble = trouble
        self._into = None
        self._deadline.cancel()
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
