"""Where the bytes of one file land: hashed and written as they come, kept when they stop coming.

Two buffers take turns: one fills from the socket while the other is hashed and written.  What has
come lies in NAME.part; NAME.part.json beside it says what it is the beginning of, so that another
transfer can ask for the rest and for no other version's (RFC 9110, section 13.1.5).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from central.errors import CorruptError, DiskError, TransferError
from central.link import Link
from host.files import PartialFile
from host.host import Host

T = TypeVar("T")
BUFFER_MIN, BUFFER_MAX = 64 * 1024, 2 * 1024 * 1024
CHUNK = 1024 * 1024

MAX_NOTE = 64 * 1024
"""Bytes of a note: a path of 4 KiB, three times as long in a URL, with room to spare."""


class Beginning(msgspec.Struct, frozen=True):
    """What a part is the beginning of."""

    source: str
    """The link it came by, without a digest."""
    etag: str | None
    """The server's name for this version of the file, if it gave one that is strong."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None
    """The whole file's, from the link or the server."""
    size: Annotated[int, msgspec.Meta(ge=0)] | None
    """Bytes of the whole file; None while the server has not told."""


class Landing:
    """One file on its way to `path`."""

    def __init__(self, host: Host, path: Path, link: Link) -> None:
        """Made by `open`."""
        self._part: PartialFile
        self._host = host
        self._link = link
        self._source = f"{link.scheme}://{link.authority}{link.target}"
        self._note = path.with_name(path.name + ".part.json")
        self._known: Beginning | None = None
        self._begun = self._abandoned = False
        self._digest = hashlib.sha256()
        self._front = memoryview(bytearray(BUFFER_MIN))
        self._back = memoryview(b"")
        self._filled = 0
        self._stored = 0
        self._storing: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.path = path
        self.on_room: Callable[[], None] = _nothing
        """Called when a `crowded` landing takes bytes again, or will never."""
        self.received = 0
        """Bytes that are here, from the file's first one on."""
        self.size: int | None = None
        """Bytes of the whole file, once `begin` or `finish` has told."""
        self.etag: str | None = None
        """The version that what is here belongs to, for asking the same server for the rest."""
        self.sha256 = link.sha256
        """What the whole file must hash to, if anybody has said."""

    @classmethod
    async def open(cls, host: Host, path: Path, link: Link, *, resume: bool = True) -> Landing:
        """A landing at `path`, which goes on with what is there if that belongs to `link`.

        Nothing on disk changes before `begin`.  Raises DiskError, also while another transfer is on
        its way to the same path.
        """
        landing = cls(host, path, link)
        try:
            landing._part = PartialFile(path, resume=True)
        except OSError as error:
            raise _disk_error(path, error) from None
        try:
            if resume and (known := landing._read_note()):
                await landing._to_its_end(landing._take_over, known)
        except BaseException as error:
            landing._release()
            if isinstance(error, OSError):
                raise _disk_error(path, error) from None
            raise
        return landing

    def begin(self, offset: int, size: int | None, etag: str | None, sha256: str | None) -> None:
        """The server's answer begins: bytes from `offset` on, of a file of `size` bytes.

        `offset` is `received`, or 0 to begin anew, after `settle`.  With a `size` of None the file
        ends at `finish`.  May be called for each stretch of a file.  Raises TransferError when that
        does not fit with what has come before, CorruptError for a file that is not the link's,
        DiskError.
        """
        wanted = self._link.sha256
        if wanted and sha256 and wanted != sha256:
            raise CorruptError(f"{self._link.path}: the server has another file than the link's")
        if offset != self.received:
            if offset or self._filled or self._storing is not None:
                raise self._changed()
            self._forget()
        elif not self.fits(size, etag, sha256):
            raise self._changed()
        if size is not None and offset > size:
            raise TransferError(f"{self._link.path}: the server has {size} bytes, fewer than came")
        first = not self._begun
        self.size, self.etag = size, etag
        self.sha256 = wanted or sha256 or (self.sha256 if offset else None)
        if first or not offset:
            self._make_room()

    def fits(self, size: int | None, etag: str | None, sha256: str | None) -> bool:
        """True when what is here can be the beginning of that version of the file."""
        if not self.received:
            return True
        if self._begun:
            same = (size, etag) == (self.size, self.etag)
        else:
            known = self._known
            same = known is not None and known.size in (None, size) and self.etag in (None, etag)
        return same and (not sha256 or not self.sha256 or sha256 == self.sha256)

    def finish(self) -> None:
        """The file ends here: its size is what has come."""
        self.size = self.received
        self._flush()

    # ---- bytes

    @property
    def crowded(self) -> bool:
        """True when both buffers are full: read no more until `on_room`."""
        return self._filled == len(self._front)

    def buffer(self) -> memoryview:
        """Where the next bytes of the file go; empty only when `crowded`."""
        return self._front[self._filled :]

    def took(self, size: int) -> None:
        """So many bytes of the file were put into `buffer`.

        Raises TransferError when they are more than the file has, DiskError when the disk took
        less than it should.
        """
        self._raise()
        if self.size is not None and size > self.size - self.received:
            raise TransferError(f"{self._link.path}: more came than the {self.size} bytes it has")
        self._filled += size
        self.received += size
        if self._filled == len(self._front) or self.received == self.size:
            self._flush()

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the file's next bytes, waiting for room where there is none. Raises as `took`."""
        view = memoryview(data)
        while view:
            if self.crowded and self._storing is not None:
                await asyncio.wait([self._storing])
            room = self.buffer()
            size = min(len(room), len(view))
            room[:size] = view[:size]
            self.took(size)
            view = view[size:]

    async def settle(self) -> None:
        """Return when all that was taken has been handed to the disk. Raises DiskError."""
        while self._storing is not None or (self._filled and self._error is None):
            self._flush()
            if self._storing is not None:
                await asyncio.wait([self._storing])
        self._raise()

    async def commit(self) -> Path:
        """Give the whole file its name and return it.

        Raises TransferError when it is not whole, CorruptError when its digest is another one (what
        has come is then worth nothing and removed), DiskError.
        """
        await self.settle()
        if self.received != self.size:
            raise TransferError(f"{self._link.path}: {self.received} of {self.size} bytes came")
        if self.sha256 is not None and self._digest.hexdigest() != self.sha256:
            self.discard()
            raise CorruptError(f"{self._link.path}: its SHA-256 is not {self.sha256}")
        try:
            await self._to_its_end(self._finalize)
        except OSError as error:
            raise _disk_error(self.path, error) from None
        return self.path

    async def close(self) -> None:
        """Keep what has come, unless it was committed, for another transfer to go on with."""
        try:
            with suppress(DiskError):
                await self.settle()
        finally:
            self._abandoned = True
            if self._storing is None:
                self._release()
            # Otherwise we are cancelled once more, and a thread still writes.

    def discard(self) -> None:
        """Remove what has come."""
        if not self._part.committed and not self._part.file.closed:
            with suppress(OSError):
                self._note.unlink(missing_ok=True)
            with suppress(OSError):
                self._part.discard()
            self._part.leave()

    def _release(self) -> None:
        """Let go of the part; without a byte in it it need not stay."""
        if self._part.file.closed:
            return
        if self._begun:
            self.received = self._stored  # a disk that refuses has fewer than came
        if not os.fstat(self._part.file.fileno()).st_size:
            self.discard()
        self._part.leave()

    # ---- hashing and writing

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        """Hash and write the front buffer; bytes go on coming into the other one."""
        if self._storing is not None or not self._filled or self._error is not None:
            return
        full = self._front[: self._filled]
        self._front, self._back = self._back, self._front
        self._filled = 0
        self._storing = asyncio.ensure_future(self._host.compute(self._store, full))
        self._storing.add_done_callback(self._flushed)

    def _store(self, data: memoryview) -> None:
        self._digest.update(data)
        descriptor = self._part.file.fileno()
        while data:
            written = os.pwrite(descriptor, data, self._stored)
            self._stored += written
            data = data[written:]

    def _flushed(self, storing: asyncio.Future[None]) -> None:
        self._storing = None
        error = None if storing.cancelled() else storing.exception()
        if self._abandoned:
            self._release()
        elif storing.cancelled():
            self._error = TransferError(f"{self._link.path}: given up before it was whole")
        elif error is not None:
            # Whatever it is: bytes are missing now, so nothing may be committed.
            self._error = _disk_error(self.path, error) if isinstance(error, OSError) else error
        elif self.crowded or self.received == self.size:
            self._flush()
        if self._error is not None:
            self._filled = 0  # who is held back goes on, and meets the error
        self.on_room()

    async def _to_its_end(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function` off the loop and wait for its end also when cancelled: it has the file."""
        working = asyncio.ensure_future(self._host.compute(function, *args))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._abandoned = True
            while not working.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
            with suppress(asyncio.CancelledError, OSError):
                working.result()
            raise

    def _finalize(self) -> None:
        try:
            self._part.commit()
        finally:
            if self._part.committed:
                self._note.unlink(missing_ok=True)

    # ---- how it begins

    def _changed(self) -> TransferError:
        return TransferError(f"{self._link.path}: the file changed while it was fetched")

    def _forget(self) -> None:
        """What is here belongs to another file."""
        self._digest = hashlib.sha256()
        self.received = self._stored = 0
        self.sha256 = self._link.sha256

    def _make_room(self) -> None:
        """On disk: the part as far as it is good and its note; in memory: buffers that fit."""
        try:
            # What is there goes before the note says otherwise, whenever a crash may come.
            os.ftruncate(self._part.file.fileno(), self.received)
            note = Beginning(self._source, self.etag, self.sha256, self.size)
            self._note.write_bytes(msgspec.json.encode(note))
        except OSError as error:
            raise _disk_error(self.path, error) from None
        self._begun = True
        if not self._filled:
            sixteenth = BUFFER_MAX if self.size is None else self.size // 16
            capacity = max(BUFFER_MIN, min(BUFFER_MAX, sixteenth))
            self._front = memoryview(bytearray(capacity))
            self._back = memoryview(bytearray(capacity))

    def _read_note(self) -> Beginning | None:
        """What the part here is the beginning of, if that is what the link names."""
        try:
            with self._note.open("rb") as file:
                known = msgspec.json.decode(file.read(MAX_NOTE + 1), type=Beginning)
        except (OSError, ValueError):
            return None
        wanted = self._link.sha256
        same = known.sha256 == wanted if wanted and known.sha256 else known.source == self._source
        return known if same and (known.etag or known.sha256 or wanted) else None

    def _take_over(self, known: Beginning) -> None:
        """Hash what is there, up to the size that it is to have."""
        descriptor = self._part.file.fileno()
        received, digest = 0, hashlib.sha256()
        most = os.fstat(descriptor).st_size
        if known.size is not None:
            most = min(most, known.size)
        while received < most and not self._abandoned:
            data = os.pread(descriptor, min(CHUNK, most - received), received)
            if not data:
                break
            digest.update(data)
            received += len(data)
        self._known, self._digest = known, digest
        self.received = self._stored = received
        # Another server's name for the same file says nothing here.
        self.etag = known.etag if known.source == self._source else None
        self.sha256 = self._link.sha256 or known.sha256


def _nothing() -> None:
    pass


def _disk_error(path: Path, error: OSError) -> DiskError:
    return DiskError(f"{path}: {error.strerror or error}")
