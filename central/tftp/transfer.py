"""One transfer of a server: a download or an upload from its first packet to the end of it.

The source of a request may be forged, so before it has answered it gets no more than a few times
the request's bytes (a server that repeats at will multiplies by about 60; RFC 5358 tells of the
same for DNS).  A request that comes again is answered again.
"""

from __future__ import annotations

import errno
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from central.access.log import Request, write_line
from central.access.permit import Permit
from central.errors import BusyError, CentralError, DeniedError, NotFoundError
from central.site import Site
from central.tftp.conversation import Conversation, EndedError, PeerError
from central.tftp.exchange import SilentError
from central.tftp.options import Options
from central.tftp.packets import (
    BUSY,
    Ack,
    ErrorCode,
    FileRequest,
    OptionAck,
    Packet,
    PacketError,
    encode,
)
from central.tftp.timer import FIRST_S, Patience, Timer
from host.datagram import Address

AMPLIFICATION = 4
"""Times the bytes of a request that go to a source which is silent, if that is more than a packet
(QUIC allows 3: RFC 9000, section 8.1)."""

GONE = 499
"""The status of a transfer that its client has left (nginx's "client closed request")."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SPENT = (errno.EMFILE, errno.ENFILE)


class Transfer(ABC):
    """What is under way with one source.  `run` does all of it."""

    def __init__(
        self, site: Site, request: FileRequest, options: Options, source: Address, permit: Permit
    ) -> None:
        self.site = site
        self.host = site.host
        self.request = request
        self.options = options
        self.source = source
        self.permit = permit
        self.expendable = True
        """True while nobody would miss it: its source has never answered, or has everything."""
        self.over = False
        """True when all is done, and only the last acknowledgement may be asked for again."""
        self._status = GONE
        self._sent = 0
        self._date = site.host.date()
        self._first = b""
        self._conversation: Conversation | None = None
        self._abandoned = False

    @abstractmethod
    async def carry_out(self, conversation: Conversation) -> None:
        """Do what was asked for."""

    async def run(self) -> None:
        """Carry it out; the source is told what goes wrong."""
        try:
            conversation = await Conversation.open(self.host, self.source)
        except OSError:  # no descriptor, no port
            self._conclude(503)
            return
        self._conversation = conversation
        if self._abandoned:
            conversation.close()
        try:
            with self.permit.using(self._stop):
                await self.carry_out(conversation)
        except (PeerError, EndedError):
            pass
        except SilentError:
            self._conclude(408)
            if not self.expendable:
                await conversation.end(ErrorCode.OTHER, "silent or too slow")
        except (CentralError, PacketError, OSError) as error:
            code, status = verdict(error)
            self._conclude(status)
            await conversation.end(code, text_of(error))
        finally:
            conversation.close()

    def _conclude(self, status: int) -> None:
        """Why it failed: what was known first, and nothing if it did not."""
        if self._status == GONE:
            self._status = status

    def log(self) -> None:
        """Write down what came of it."""
        self.site.log(
            Request(
                address=self.source[0],
                user=self.permit.name,
                date=self._date,
                line=line_of(self.request),
                status=self._status,
                sent=self._sent,
            )
        )

    async def again(self, request: FileRequest) -> None:
        """The source has sent a request once more: the answer was lost, or is on its way."""
        unanswered = self._first and self.expendable and request == self.request
        if self._conversation is not None and unanswered:
            await self._conversation.again(self._first)

    async def end(self, code: ErrorCode, text: str) -> None:
        """End it from outside; a source that has never answered is told nothing."""
        self._conclude(503)
        if self._conversation is not None:
            if self.expendable:
                self.abandon()
            else:
                await self._conversation.end(code, text)

    def abandon(self) -> None:
        """End it and tell nobody: somebody else needs its place."""
        self._abandoned = True
        if self._conversation is not None:
            self._conversation.close()

    def _stop(self) -> None:
        """The permit is good for nothing any more."""
        self._conclude(403)
        self.host.spawn(self.end(ErrorCode.DENIED, "no longer permitted"), "ends a TFTP transfer")

    # ---- for both kinds

    def new_timer(self) -> Timer:
        """As the client wishes it, or as usual."""
        return Timer(float(self.options.timeout or FIRST_S))

    def new_patience(self) -> Patience:
        """With the source once it has answered."""
        limits = self.site.limits
        least_bytes = limits.least_rate * limits.rate_s
        return Patience(limits.rate_s if least_bytes else math.inf, least_bytes)

    async def introduce(self, first: Packet, answers: Callable[[Packet], bool]) -> Packet:
        """Send the first packet, and return the source's answer to it.

        Raises SilentError when none comes within the deadline for a request.
        """
        assert self._conversation is not None
        self._first = encode(first)
        room = AMPLIFICATION * len(encode(self.request)) - len(self._first)
        timer = self.new_timer()
        deadline = self._conversation.now() + self.site.limits.head_s
        await self._conversation.send(self._first)
        timer.start(self._conversation.now())
        while True:
            packet = await self._conversation.receive(min(timer.deadline, deadline))
            if packet is not None and answers(packet):
                self.expendable = False
                return packet
            if packet is None and deadline <= timer.deadline:
                raise SilentError("the source of the request is silent")
            if packet is None:
                timer.expire(self._conversation.now())
                room -= len(self._first)
                if room < 0:
                    timer.stop()
                else:
                    await self._conversation.send(self._first)

    def agreement(self, answer: Options) -> OptionAck | None:
        """What answers the options of the request; None where there is nothing to answer."""
        options = answer.write()
        return OptionAck(options) if options else None


def is_ack_of(number: int) -> Callable[[Packet], bool]:
    """Whether a packet acknowledges that block."""
    return lambda packet: isinstance(packet, Ack) and packet.number == number


def line_of(request: FileRequest) -> str:
    """The request as the access log has it."""
    return write_line("WRQ" if request.write else "RRQ", request.name, "TFTP")


def verdict(error: Exception) -> tuple[ErrorCode, int]:
    """What TFTP and HTTP call a failure."""
    match error:
        case PacketError():
            return error.code, 400
        case NotFoundError():
            return ErrorCode.NOT_FOUND, 404
        case DeniedError():
            return ErrorCode.DENIED, 403 if error.known else 401
        case BusyError():
            return ErrorCode.OTHER, 503
        case FullError():
            return ErrorCode.DISK_FULL, 413
        case OSError() if error.errno in _FULL:
            return ErrorCode.DISK_FULL, 507
        case OSError() if error.errno in _SPENT:
            return ErrorCode.OTHER, 503
        case _:
            return ErrorCode.OTHER, 500


def text_of(error: Exception) -> str:
    """What the other end is told: nothing of our files' places."""
    if isinstance(error, OSError):
        if error.errno in _SPENT:
            return f"{BUSY}: too many files are open"
        return "the disk is full" if error.errno in _FULL else "the disk does not take it"
    return f"{BUSY}: {error}" if isinstance(error, BusyError) else str(error)


class FullError(CentralError):
    """An upload is larger than what is taken."""
