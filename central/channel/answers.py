"""Answers to the requests of one connection, one at a time: LIST, GET, PUT and SUBSCRIBE."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import IO, Protocol, TypeVar

import msgspec

from central.access.guard import Permit, Right
from central.access.log import Request, write_line
from central.channel import frames
from central.channel.frames import Frame, Item
from central.channel.intake import Intake
from central.errors import BusyError, CorruptError, DeniedError, DiskError
from central.library.library import Entry, Opened
from central.site import Site

T = TypeVar("T")
GONE = 499
"""The client was gone, or did not want it any more, before the answer was whole (nginx)."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class RefusedError(Exception):
    """The request gets an ERROR; nobody is to blame here."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class Turn:
    """A request and how far its answer is."""

    question: frames.Question
    cancelled: bool = False
    user: str = "-"
    status: int = GONE
    sent: int = 0
    """Bytes of a file that have gone, or of a listing."""


class Line(Protocol):
    """The connection, as an answer sees it."""

    site: Site
    address: str

    @property
    def frame_size(self) -> int:
        """Bytes that the next DATA should have."""

    def permit(self, right: Right) -> Permit:
        """What the client may do. Raises DeniedError."""

    def say(self, frame: Frame) -> None:
        """Send a frame."""

    async def drained(self) -> None:
        """Return when the client has taken most of what was said."""

    async def send_data(self, request: int, file: IO[bytes], offset: int, size: int) -> None:
        """Send a DATA. Raises OSError when the connection or the file ends."""

    async def meanwhile(self, work: Awaitable[T]) -> T:
        """Its result; while it takes long the client hears that the server is there."""

    def expect(self, put: frames.Put) -> Intake:
        """From now on DATA of this request may come."""

    def listen(self, folder: str, permit: Permit) -> None:
        """From now on the client is told of changes."""

    def reset(self) -> None:
        """End the connection at once."""


async def answer(line: Line, turn: Turn) -> None:
    """Answer one request and write it down."""
    question = turn.question
    date = line.site.host.date()
    try:
        await _answer(line, turn)
    except DeniedError as error:
        _refuse(line, turn, 403 if error.known else 401, str(error))
    except CorruptError as error:
        _refuse(line, turn, 422, str(error))
    except BusyError as error:
        _refuse(line, turn, 503, str(error))
    except DiskError as error:
        _refuse(line, turn, 500, str(error))
    except RefusedError as error:
        _refuse(line, turn, error.code, str(error))
    except OSError as error:
        # The disk's: what it said is in words that tell no path.
        code = 507 if error.errno in FULL else 500
        _refuse(line, turn, code, error.strerror or "the file cannot be read or written")
    finally:
        kind = type(question).__name__.upper()
        line.site.log(
            Request(
                address=line.address,
                user=turn.user,
                date=date,
                line=write_line(kind, question.path, f"SOCKET/{frames.VERSION}"),
                status=turn.status,
                sent=turn.sent,
            )
        )


def _refuse(line: Line, turn: Turn, code: int, reason: str) -> None:
    turn.status = code
    line.say(frames.Error(code, reason[:1000], turn.question.id))


async def _answer(line: Line, turn: Turn) -> None:
    question = turn.question
    right: Right = "write" if isinstance(question, frames.Put) else "read"
    permit = line.permit(right)
    turn.user = permit.name
    _check(turn)
    with permit.using(line.reset):
        if isinstance(question, frames.Get):
            await _get(line, turn, question, permit)
        elif isinstance(question, frames.Put):
            await _put(line, turn, question, permit)
        elif isinstance(question, frames.List):
            await _list(line, turn, question)
        else:
            await _folder(line, question.path)
            line.listen(question.path, permit)
            await line.meanwhile(line.site.library.settled())
            line.say(frames.Done(question.id))
            turn.status = 200


def _check(turn: Turn) -> None:
    if turn.cancelled:
        raise RefusedError(GONE, "cancelled")


# ---- files out


async def _get(line: Line, turn: Turn, get: frames.Get, permit: Permit) -> None:
    opened = line.site.library.open(get.path)
    if opened is None:
        raise RefusedError(404, "no such file")
    try:
        offset, length = stretch(get, opened.entry)
        sha256 = await _digest(line, opened, wanted=get.digest)
        _check(turn)
        size = opened.entry.size
        permit.reserve(length / max(1, size))
        begun = 0
        line.say(
            frames.File(
                get.id, size, offset, length, opened.entry.etag, opened.entry.modified_ns, sha256
            )
        )
        try:
            while begun < length:
                _check(turn)
                part = permit.stretch(min(line.frame_size, length - begun))
                await permit.pace(part)
                begun += part
                await _send(line, turn, opened, offset + begun - part, part)
        finally:
            # A stretch that was begun counts: how much of it came only the client knows.
            permit.refund((length - begun) / max(1, size))
        line.say(frames.Done(get.id))
        turn.status = 200 if length == size else 206
    finally:
        opened.close()


async def _send(line: Line, turn: Turn, opened: Opened, offset: int, size: int) -> None:
    try:
        await line.send_data(turn.question.id, opened.file, offset, size)
    except OSError:
        # The connection has ended with it, and the task of this answer will.
        await asyncio.get_running_loop().create_future()
    turn.sent += size


async def _digest(line: Line, opened: Opened, *, wanted: bool) -> str | None:
    library = line.site.library
    known = library.known_digest(opened)
    return await line.meanwhile(library.digest(opened)) if known is None and wanted else known


def stretch(get: frames.Get, entry: Entry) -> tuple[int, int]:
    """The offset and length that are sent. Raises RefusedError when there is no such stretch."""
    offset = get.offset if get.etag in (None, entry.etag) else 0
    if offset > entry.size:
        raise RefusedError(416, f"the file has {entry.size} bytes")
    left = entry.size - offset
    return offset, left if get.length is None else min(left, get.length)


# ---- files in


async def _put(line: Line, turn: Turn, put: frames.Put, permit: Permit) -> None:
    site = line.site
    if put.size > site.limits.upload_bytes:
        raise RefusedError(413, f"expected at most {site.limits.upload_bytes} bytes")
    upload = site.library.begin_upload(put.path)
    try:
        intake = line.expect(put)
        line.say(frames.Go(put.id))
        left = put.size
        try:
            while left:
                _check(turn)
                data = await intake.take()
                if intake.cut and not data:
                    raise RefusedError(GONE, f"the file was cut short, by {left} bytes")
                await permit.pace(len(data))
                await site.host.compute(upload.write, data)
                left -= len(data)
        finally:
            intake.close()
        _check(turn)
        entry = await line.meanwhile(site.host.compute(upload.commit, put.sha256))
        line.say(frames.Stored(put.id, item(entry)))
        turn.status = 201
    finally:
        upload.discard()


# ---- listings


async def _folder(line: Line, path: str) -> list[Entry]:
    entries = await line.site.host.compute(line.site.library.listing, path)
    if entries is None:
        raise RefusedError(404, "no such folder")
    return entries


async def _list(line: Line, turn: Turn, question: frames.List) -> None:
    items: list[Item] = []
    room = frames.LISTING_MOST - frames.SMALL_MOST
    filled = 0
    for entry in await _folder(line, question.path):
        size = len(msgspec.json.encode(item(entry))) + 1
        if filled + size > room:
            line.say(frames.Listing(question.id, items, True))
            turn.sent += filled
            items, filled = [], 0
            await line.drained()
            _check(turn)
        items.append(item(entry))
        filled += size
    turn.sent += filled
    line.say(frames.Listing(question.id, items))
    turn.status = 200


def item(entry: Entry) -> Item:
    """A file as it goes over the wire."""
    return Item(entry.path, entry.size, entry.modified_ns, entry.etag)
