"""What a client has asked for and still waits for, request by request."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from central.channel import frames
from central.channel.frames import BreachError, Frame, Item
from central.errors import (
    BusyError,
    CentralError,
    CorruptError,
    DeniedError,
    DiskError,
    NotFoundError,
    TransferError,
)
from central.landing import Landing
from central.paths import parse_path

MOST_ENTRIES = 1_000_000
"""Files in a folder, and below one that is watched, that a client keeps."""

SHOWN = 200
"""Letters of what a server says that a person gets to see."""


@dataclass(frozen=True)
class Trouble:
    """Why something failed: a code as in HTTP, or 0 for what no server said."""

    code: int
    reason: str

    def error(self, what: str) -> CentralError:
        """The error for who asked for the file or folder `what`."""
        said = "".join(letter if letter.isprintable() else "?" for letter in self.reason[:SHOWN])
        line = f"{what or '/'}: {said}"
        if self.code in (401, 403):
            return DeniedError(line, known=self.code == 403)
        kinds = {404: NotFoundError, 422: CorruptError, 503: BusyError, 507: DiskError}
        return kinds.get(self.code, TransferError)(line)


class Asked:
    """A request and what came of it so far."""

    def __init__(self, question: frames.Question) -> None:
        self.question = question
        self._error: CentralError | None = None
        self._began = asyncio.Event()
        self._ended = asyncio.Event()

    async def began(self) -> None:
        """Return when the answer's first frame is there. Raises CentralError."""
        await self._began.wait()
        if self._error is not None:
            raise self._error

    async def whole(self) -> None:
        """Return when the answer's last frame is there. Raises CentralError."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    @property
    def over(self) -> bool:
        """Whether it was answered or has failed."""
        return self._ended.is_set()

    def fail(self, error: CentralError) -> None:
        """It comes to nothing; what is said of it later is passed over."""
        self._error = self._error or error
        self._began.set()
        self._ended.set()

    def hear(self, frame: Frame) -> bool:
        """The server's next word on it; True when that was the last. Raises BreachError."""
        if isinstance(frame, frames.Error):
            self.fail(Trouble(frame.code, frame.reason).error(self.question.path))
            return True
        last = self._hear(frame)
        self._began.set()
        if last:
            self._ended.set()
        return last

    def _hear(self, frame: Frame) -> bool:
        """As `hear`, of frames other than ERROR."""
        raise _misplaced(frame)


class AskedSubscribe(Asked):
    """Events, from the answer on."""

    def _hear(self, frame: Frame) -> bool:
        if not isinstance(frame, frames.Done):
            raise _misplaced(frame)
        return True


class AskedList(Asked):
    """What is in a folder."""

    def __init__(self, question: frames.List) -> None:
        super().__init__(question)
        self.entries: list[Item] = []

    def _hear(self, frame: Frame) -> bool:
        if not isinstance(frame, frames.Listing):
            raise _misplaced(frame)
        folder = f"{self.question.path}/" if self.question.path else ""
        for item in frame.entries:
            name = item.path.removeprefix(folder).removesuffix("/")
            if not item.path.startswith(folder) or "/" in name or parse_path(name) is None:
                raise BreachError(f"a LISTING with {item.path[:SHOWN]!r}, which is not in there")
        self.entries += frame.entries
        if len(self.entries) > MOST_ENTRIES:
            raise BreachError(f"a LISTING of more than {MOST_ENTRIES} files")
        return not frame.more


class AskedPut(Asked):
    """Leave to send a file, and that it was stored."""

    entry: Item | None = None

    def _hear(self, frame: Frame) -> bool:
        if isinstance(frame, frames.Go) and not self._began.is_set():
            return False
        if not isinstance(frame, frames.Stored) or not self._began.is_set():
            raise _misplaced(frame)
        self.entry = frame.entry
        return True


class AskedGet(Asked):
    """A stretch of a file, on its way into a landing."""

    def __init__(self, question: frames.Get, landing: Landing, *, first: bool) -> None:
        """`first`: nothing else of the file was asked for over this connection; the server may
        begin anew then."""
        super().__init__(question)
        self.landing: Landing | None = landing
        self.size = self.end = self.left = 0
        """Bytes of the file, where the stretch ends in it, and how many are still to come."""
        self._get = question
        self._first = first
        self._headed = False

    def fail(self, error: CentralError) -> None:
        super().fail(error)
        self.landing = None

    def _hear(self, frame: Frame) -> bool:
        if isinstance(frame, frames.File) and not self._headed:
            self._headed = True
            self._begin(frame)
            return False
        if not isinstance(frame, frames.Done) or not self._headed:
            raise _misplaced(frame)
        if self.left:
            raise BreachError(f"a DONE {self.left} bytes before the end")
        return True

    def _begin(self, file: frames.File) -> None:
        most = math.inf if self._get.length is None else self._get.length
        if file.offset not in (self._get.offset, 0) or file.offset > file.size:
            raise BreachError("a FILE that begins elsewhere than it was asked to")
        if file.length != min(most, file.size - file.offset):
            raise BreachError("a FILE of another length than was asked for")
        self.size, self.left = file.size, file.length
        self.end = file.offset + file.length
        if self.landing is None:
            return
        try:
            if file.offset != self._get.offset and not self._first:
                raise TransferError(f"{self._get.path}: the file changed while it was fetched")
            self.landing.begin(file.offset, file.size, file.etag, file.sha256)
        except CentralError as error:
            self.fail(error)

    # ---- DATA

    @property
    def room(self) -> int:
        """Bytes that can be taken in now."""
        return frames.DATA_MOST if self.landing is None else len(self.landing.buffer())

    def expect(self, size: int) -> None:
        """DATA of so many bytes is coming. Raises BreachError."""
        if size > self.left:
            raise BreachError("more bytes in DATA than FILE has said")

    def put(self, data: bytes) -> None:
        """Take in what `room` there is for. Raises BreachError."""
        self.expect(len(data))
        if self.landing is not None:
            self.landing.buffer()[: len(data)] = data
        self.took(len(data))

    def took(self, size: int) -> None:
        """So many bytes were put where they belong."""
        self.left -= size
        if self.landing is not None:
            try:
                self.landing.took(size)
            except CentralError as error:
                self.fail(error)


def _misplaced(frame: Frame) -> BreachError:
    return BreachError(f"a {type(frame).__name__.upper()} where it has no place")
