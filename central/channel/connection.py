"""The server's end of one persistent socket: what comes in, in order, and what goes out."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import IO, TypeVar

from central.access.guard import Permit, Right
from central.channel import frames
from central.channel.answers import Turn, answer, item
from central.channel.deadlines import Deadlines, TooSlowError
from central.channel.frames import BreachError, Decoder, Frame, Received
from central.channel.intake import Intake, Intakes
from central.channel.news import News
from central.channel.writer import FrameWriter
from central.deadline import Deadline
from central.errors import DeniedError
from central.house import House
from central.library.library import Change
from central.site import Site
from host.progress import progress
from host.sockets import reset_on_close

T = TypeVar("T")

LINGER_S = 1.0
"""Seconds that an ended connection is still read, so that its last words are not lost to a RST
(RFC 9112, section 9.6)."""

PRESENT_S = 5.0
"""Seconds of work without a word, after which a client is told by PING that it goes on."""

FOREIGN = b"This port speaks the persistent socket of fileshare-lab (socket://), not HTTP.\n"
NOT_OURS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(FOREIGN), FOREIGN)
)
"""What is said to whom does not begin as this protocol does: most likely a browser or curl."""


class ServerConnection(asyncio.Protocol):
    """Answers one client's requests, one after the other, and tells it of changes in between."""

    def __init__(self, site: Site, house: House) -> None:
        """A guest of `house` from its beginning to its end."""
        self.site = site
        self.address = ""
        self._house = house
        self._loop = site.host.loop
        self._deadline = Deadline(self._loop, self._late)
        self._decoder = Decoder(frames.TO_SERVER)
        self._token: str | None = None
        self._turns: deque[Turn] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._intakes = Intakes()
        self._news = News()
        self._subscription = ExitStack()
        self._entered = self._over = self._deaf = self._eof = False
        self._lost: asyncio.Future[None] = self._loop.create_future()

    # ---- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._writer = FrameWriter(self.site.host, transport)
        if not self._house.open:
            self._abort()
            return
        self.address = transport.get_extra_info("peername")[0]
        self._house.guests[self] = None
        self._deadlines = Deadlines(self.site.limits, self._loop.time())
        reason = self.site.admission.enter(self.address)
        self._entered = reason is None
        if reason is None:
            self._arm()
        else:
            self._farewell(503, reason)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._decoder.receive(data)
        ended = False
        try:
            while not self._over and (event := self._decoder.next_event()) is not None:
                ended = True
                self._take(event)
        except BreachError as error:
            self._breach(error)
        self._deadlines.heard(self._loop.time(), ended=ended, begun=self._decoder.begun)
        self._arm()

    def eof_received(self) -> bool:
        """Keep it open: who asks nothing more may still read its answers."""
        if self._over:
            return False
        self._eof = True
        # No frame can end, and paused means from now on: not everything has gone.
        self._deadlines.deaf()
        self._transport.set_write_buffer_limits(high=0)
        if self._intakes.latest is not None:
            self._intakes.latest.end()
        self._regulate()
        self._rest()
        return True

    def pause_writing(self) -> None:
        self._writer.pause()
        self._deadlines.takes(self._loop.time(), self._gone())
        self._regulate()
        self._rest()

    def resume_writing(self) -> None:
        self._writer.resume()
        self._deadlines.took()
        self._tell_news()
        self._regulate()
        self._rest()

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        self._deadline.cancel()
        self._subscription.close()
        self._writer.resume()
        if self._worker is not None:
            self._worker.cancel()
        if self._entered:
            self.site.admission.leave(self.address)
        self._house.left(self)
        self._lost.set_result(None)

    async def close(self) -> None:
        """End the connection at once; return when it is gone and its work has ended."""
        worker = self._worker
        self._abort()
        if worker is not None:
            await asyncio.wait([worker])
        await self._lost

    # ---- frames in

    def _take(self, event: Received) -> None:
        match event:
            case frames.Data():
                self._deadlines.gave(len(event.data))
                self._intakes.put(event.id, event.data)
            case frames.List() | frames.Get() | frames.Put() | frames.Subscribe():
                self._ask(event)
            case frames.Cancel():
                for turn in self._turns:
                    if turn.question.id == event.id:
                        turn.cancelled = True
                if self._intakes.latest is not None:
                    self._intakes.latest.wake()
            case frames.Hello():
                self._greet(event)
            case frames.Ping():
                self.say(frames.Pong())

    def _greet(self, hello: frames.Hello) -> None:
        if hello.version != frames.VERSION:
            self._farewell(505, f"expected version {frames.VERSION}")
            return
        self._token = hello.token
        try:
            self.permit("read")
        except DeniedError as error:
            if not error.known:
                self._farewell(401, str(error))
                return
        self.say(frames.Welcome(frames.VERSION, frames.DATA_MOST, frames.REQUESTS_MOST))
        self._deadlines.rests(self._loop.time())

    def _ask(self, question: frames.Question) -> None:
        if len(self._turns) >= frames.REQUESTS_MOST:
            raise BreachError(f"more than {frames.REQUESTS_MOST} requests at a time")
        if any(turn.question.id == question.id for turn in self._turns):
            raise BreachError(f"two requests with the id {question.id}")
        self._intakes.forget(question.id)
        self._turns.append(Turn(question))
        if self._worker is None:
            self._deadlines.works()
            self._worker = self.site.host.spawn(self._serve(), f"serves {self.address}")

    def _breach(self, error: BreachError) -> None:
        if self._decoder.magic:
            self._farewell(400, str(error))
        else:
            self._transport.write(NOT_OURS)
            self._end()

    # ---- answers

    async def _serve(self) -> None:
        try:
            while self._turns:
                await answer(self, self._turns[0])
                self._turns.popleft()
        finally:
            self._worker = None
            self._rest()

    def _rest(self) -> None:
        """Wait for what the client asks next; end when it can't, and has all that it asked for."""
        if self._worker is None and not self._over:
            if self._writer.paused:
                # It has as long as `least_rate` gives it: an answer to PING would not be read.
                self._deadlines.works()
            elif self._eof:
                self._end()
            else:
                self._deadlines.rests(self._loop.time())
        self._arm()

    @property
    def frame_size(self) -> int:
        return self._writer.size

    def permit(self, right: Right) -> Permit:
        return self.site.guard.check(self._token, right)

    def say(self, frame: Frame) -> None:
        if not self._over:
            self._writer.say(frames.encode(frame))

    async def drained(self) -> None:
        await self._writer.drained()

    async def send_data(self, request: int, file: IO[bytes], offset: int, size: int) -> None:
        self._deadlines.takes(self._loop.time(), self._gone())
        self._arm()
        await self._writer.send_data(request, file, offset, size)
        self._deadlines.took()
        self._tell_news()
        # Bytes that the kernel takes at once give nobody else a turn.
        await asyncio.sleep(0)

    async def meanwhile(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=PRESENT_S))[0]:
                self.say(frames.Ping())
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        return task.result()

    def expect(self, put: frames.Put) -> Intake:
        intake = Intake(put, self._regulate)
        if self._eof:
            intake.end()
        self._intakes.add(intake)
        self._regulate()
        return intake

    def _regulate(self) -> None:
        """Read on, unless the client has to take or the disk has to store something first."""
        intake = self._intakes.latest
        deaf = self._writer.paused or (intake is not None and intake.full)
        now = self._loop.time()
        if deaf != self._deaf and not self._over:
            self._deaf = deaf
            if deaf:
                self._transport.pause_reading()
                self._deadlines.deaf()
            else:
                self._transport.resume_reading()
        if intake is None or deaf or not intake.wanted:
            self._deadlines.gave_all()
        else:
            self._deadlines.gives(now)
        self._arm()

    # ---- news

    def listen(self, folder: str, permit: Permit) -> None:
        self._subscription.close()
        self._news = News(folder)
        self._subscription.enter_context(permit.using(self.reset))
        self._subscription.enter_context(self.site.library.subscribed(self._tell))

    def _tell(self, change: Change) -> None:
        if self._over:
            return
        if not self._news.add(change):
            # It reads nothing; it will find out what it missed when it comes back.
            self.reset()
        self._tell_news()

    def _tell_news(self) -> None:
        while not (self._writer.in_frame or self._writer.paused or self._over):
            change = self._news.take()
            if change is None:
                return
            entry = None if change.entry is None else item(change.entry)
            self.say(frames.Event(change.kind, change.path, entry))

    # ---- the end

    def _arm(self) -> None:
        """Have `_late` called when one of the deadlines has passed."""
        if self._over:
            return
        due = self._deadlines.due
        if due < math.inf:
            self._deadline.set(due - self._loop.time())
        else:
            self._deadline.clear()

    def _late(self) -> None:
        if self._over:
            self._transport.abort()
            return
        try:
            if self._deadlines.judge(self._loop.time(), self._gone()):
                self.say(frames.Ping())
        except TooSlowError as error:
            self._farewell(408, str(error))
        self._arm()

    def _gone(self) -> int | None:
        """Bytes that have reached the client, where the system says."""
        state = progress(self._transport)
        return None if state is None else state.sent

    def _farewell(self, code: int, reason: str) -> None:
        """Say why, and end the connection; at once where a DATA would have to end first."""
        if self._writer.in_frame:
            self._abort()
            return
        self.say(frames.Error(code, reason))
        self._end()

    def _end(self) -> None:
        """End the connection behind what was said, and leave the client time to read that."""
        self._over = True
        if self._worker is not None:
            self._worker.cancel()
        self._deadline.set(LINGER_S)
        if self._eof or not self._house.linger(self):
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()

    def reset(self) -> None:
        """End the connection at once, as one that has crashed."""
        if not self._transport.is_closing():
            reset_on_close(self._transport.get_extra_info("socket"))
        self._abort()

    def _abort(self) -> None:
        self._over = True
        if self._worker is not None:
            # First: a transport can't be aborted while a file is being sent.
            self._worker.add_done_callback(lambda _: self._transport.abort())
            self._worker.cancel()
        else:
            self._transport.abort()
