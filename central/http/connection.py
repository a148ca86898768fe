"""One client's connection: requests in, their answers out in order, and a time for everything.

RFC 9112, section 9.  A thin shell: it moves bytes and keeps the deadlines; what is answered is
decided elsewhere.
"""

from __future__ import annotations

import asyncio
import enum
from contextlib import suppress
from typing import IO

from central.access.log import Request
from central.deadline import Deadline
from central.http.exchange import begin
from central.http.heads import plain, write_head
from central.http.house import HttpHouse
from central.http.reply import RETRY, Reply
from central.http.request import BadRequestError, Head, find_end, parse_head
from host.progress import progress
from host.sockets import reset_on_close

READ_AHEAD = 64 * 1024
"""Bytes that may wait while an answer is under way, or part of a body is put on the disk."""

TURN = 16
"""Requests answered at a time, so that a long pipeline leaves room for others."""

LINGER_S = 2.0
"""Seconds for a client to stop sending and read why it should (nginx's lingering_timeout is 5)."""

LINGER_BYTES = 1024 * 1024
"""Bytes that it may send meanwhile."""


class Phase(enum.Enum):
    """What a connection waits for."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    WORK = enum.auto()
    SENDING = enum.auto()
    LINGER = enum.auto()
    LOST = enum.auto()


class Connection(asyncio.Protocol):
    """Answers the requests of one client, one after the other."""

    __slots__ = (
        "_address",
        "_admitted",
        "_buffer",
        "_crowded",
        "_deadline",
        "_ended",
        "_eof",
        "_gone_out",
        "_house",
        "_mark",
        "_more",
        "_most",
        "_phase",
        "_received",
        "_reply",
        "_site",
        "_task",
        "_transport",
    )

    _transport: asyncio.Transport

    def __init__(self, house: HttpHouse) -> None:
        self._house = house
        self._site = house.site
        self._deadline = Deadline(house.site.host.loop, self._late)
        self._phase = Phase.HEAD
        self._buffer = bytearray()
        self._address = "-"
        self._admitted = self._crowded = self._eof = False
        self._received = self._mark = self._most = self._gone_out = 0
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._more: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    # ---- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._house.open:
            transport.abort()
            return
        self._address = transport.get_extra_info("peername")[0]
        self._house.guests[self] = None
        # Paused means: something was written that the kernel did not take.
        transport.set_write_buffer_limits(high=0)
        self._admitted = self._site.admission.enter(self._address) is None
        if self._admitted:
            self._deadline.set(self._site.limits.head_s)
        else:
            self._refuse(503, RETRY)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._phase is Phase.LINGER:
            if self._received > self._most:
                self._too_much()
            return
        self._buffer += data
        if self._more is not None:
            self._wake()
        elif self._reply is None and not self._crowded:
            self._advance()
        if len(self._buffer) > READ_AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep it open: a client may close its half and still read its answers."""
        self._eof = True
        if self._phase is Phase.LINGER:
            return False
        if self._more is not None:
            self._wake()
        elif self._reply is not None:
            self._reply.hurry()
        elif not self._crowded:
            self._advance()
        return True

    def pause_writing(self) -> None:
        self._crowded = True

    def resume_writing(self) -> None:
        self._crowded = False
        if self._phase is Phase.LINGER:
            self._await_end()
        elif self._reply is None:
            self._site.host.loop.call_soon(self._advance)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone_out = self.gone_out()
        self._phase = Phase.LOST
        self._deadline.cancel()
        if self._task is not None:
            self._task.cancel()
        if self._admitted:
            self._site.admission.leave(self._address)
        self._house.left(self)
        if self._ended is not None:
            self._ended.set_result(None)

    async def close(self) -> None:
        """End the connection and what is under way."""
        if self._task is not None:
            # First: the standard transport can't be aborted while a file is being sent.
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._phase is not Phase.LOST:
            self._ended = self._site.host.loop.create_future()
            self._transport.abort()
            await self._ended

    # ---- requests, one after the other

    def _advance(self) -> None:
        """Answer what is there, until something takes time or the next request is not all there."""
        for _ in range(TURN):
            busy = self._reply is not None or self._crowded
            if busy or self._phase in (Phase.LINGER, Phase.LOST) or self._transport.is_closing():
                return
            self._skip_empty_lines()
            try:
                end = find_end(self._buffer)
                if not end:
                    self._wait()
                    return
                head = parse_head(bytes(self._buffer[:end]))
            except BadRequestError as error:
                self._refuse(error.status)
                return
            del self._buffer[:end]
            self._answer(head)
        self._site.host.loop.call_soon(self._advance)

    def _skip_empty_lines(self) -> None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]  # RFC 9112, section 2.2

    def _wait(self) -> None:
        """Wait for the next request, or the rest of it."""
        if self._eof:
            if self._buffer:
                self._refuse(400)
            else:
                self._transport.close()
            return
        limits = self._site.limits
        if self._phase in (Phase.WORK, Phase.SENDING) and not self._buffer:
            self._phase = Phase.IDLE
            self._deadline.set(limits.idle_s)
        elif self._phase is not Phase.HEAD:
            self._phase = Phase.HEAD
            self._deadline.set(limits.head_s)
        self._transport.resume_reading()

    def _answer(self, head: Head) -> None:
        self._phase = Phase.WORK
        self._deadline.clear()
        now = self._site.host.date()
        reply = self._reply = Reply(self, head, now, self._house.date(now), self._address)
        reply.hurried = self._eof
        rest = None
        if self._house.meant(head):
            rest = begin(reply, self._site)
        else:
            reply.close(421)
        if rest is None:
            self._answered()
        else:
            self._task = self._site.host.spawn(rest, f"answers {self._address}")
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            context = {"message": "an answer failed", "exception": error, "protocol": self}
            self._site.host.loop.call_exception_handler(context)
        if (task.cancelled() or error is not None) and self._phase is not Phase.LOST:
            self._transport.abort()
        self._answered()
        self._advance()

    def _answered(self) -> None:
        reply, self._reply = self._reply, None
        assert reply is not None
        self._site.log(reply.finish())
        if self._phase is Phase.LOST or self._transport.is_closing():
            return
        self._phase = Phase.WORK
        if not reply.keep:
            self._skip_empty_lines()
            if reply.linger or self._buffer or self._crowded:
                self._linger()
            else:
                self._transport.close()
        elif self._crowded:
            self._watch(Phase.SENDING)

    def _refuse(self, status: int, fields: str = "") -> None:
        """Answer what is no request, and end the connection."""
        now = self._site.host.date()
        fields, body = plain(status, fields)
        self._transport.write(write_head(status, self._house.date(now), fields, "close") + body)
        self._site.log(
            Request(
                address=self._address, user="-", date=now, line="-", status=status, sent=len(body)
            )
        )
        self._linger()

    def _linger(self) -> None:
        """End the connection so that its last answer arrives.

        Closed with something unread, it would be reset, and what is under way lost (RFC 9112,
        section 9.6).  What is written is watched until it is with the kernel; only then the client
        knows soon that it is to go.
        """
        self._buffer.clear()
        self._most = self._received + LINGER_BYTES
        if self._eof or not self._house.linger(self):
            self._transport.close()
        else:
            self._transport.write_eof()
            self._transport.resume_reading()
        self._watch(Phase.LINGER)
        if not self._crowded:
            self._await_end()

    def _too_much(self) -> None:
        """A client that is to go sends on: not before it has its answer."""
        if self._crowded:
            self._transport.pause_reading()
        else:
            self._transport.abort()

    def _await_end(self) -> None:
        """All is with the kernel: wait for the client to go."""
        if not self._transport.is_closing():
            self._most = self._received + LINGER_BYTES
            self._mark = self.gone_out()
            self._transport.resume_reading()
            self._deadline.set(LINGER_S)

    def _still_takes(self) -> bool:
        """The kernel has more for it, and the client takes it as fast as it must."""
        state = progress(self._transport)
        least = self._site.limits.least_rate * LINGER_S
        return bool(state and state.waiting and state.sent - self._mark >= max(least, 1))

    # ---- time

    def _watch(self, phase: Phase) -> None:
        """From now on judge how fast the client takes or gives."""
        self._phase = phase
        limits = self._site.limits
        if limits.least_rate:
            self._mark = self._received if phase is Phase.BODY else self.gone_out()
            self._deadline.set(limits.rate_s)

    def _late(self) -> None:
        least = self._site.limits.least_rate * self._site.limits.rate_s
        if self._phase is Phase.HEAD and self._received:
            self._refuse(408)
        elif self._phase in (Phase.IDLE, Phase.HEAD):
            self._transport.close()
        elif self._phase is Phase.SENDING or (self._phase is Phase.LINGER and self._crowded):
            if progress(self._transport) and self.gone_out() - self._mark < least:
                self.reset()
            else:
                self._watch(self._phase)
        elif self._phase is Phase.LINGER:
            if self._still_takes():
                self._await_end()
            else:
                self._transport.abort()
        elif self._phase is Phase.BODY:
            if self._more is not None and self._received - self._mark < least:
                self._more.set_exception(BadRequestError("the body comes too slowly", 408))
                self._more = None
            else:
                self._watch(Phase.BODY)

    # ---- for the answers

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    async def send_file(self, file: IO[bytes], offset: int, size: int) -> None:
        self._watch(Phase.SENDING)
        await self._site.host.send_file(self._transport, file, offset, size)
        self._phase = Phase.WORK
        self._deadline.clear()

    def position(self) -> int:
        state = progress(self._transport)
        waiting = self._transport.get_write_buffer_size()
        return waiting + (state.sent + state.waiting if state else 0)

    def gone_out(self) -> int:
        if self._phase is Phase.LOST:
            return self._gone_out
        state = progress(self._transport)
        return state.sent if state else 0

    @property
    def starved(self) -> bool:
        return not self._buffer

    async def read(self) -> bytes:
        if not self._buffer and not self._eof:
            if self._phase is not Phase.BODY:
                self._watch(Phase.BODY)
            self._transport.resume_reading()
            self._more = self._site.host.loop.create_future()
            try:
                await self._more
            finally:
                self._more = None
        if not self._buffer:
            raise BadRequestError("the body was cut short")
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _wake(self) -> None:
        assert self._more is not None
        if not self._more.done():
            self._more.set_result(None)

    def unread(self, data: bytes) -> None:
        self._buffer[:0] = data

    def reset(self) -> None:
        with suppress(OSError):  # it is closed already
            reset_on_close(self._transport.get_extra_info("socket"))
        if self._task is not None:
            self._task.cancel()  # and `_done` aborts the transport
        else:
            self._transport.abort()
