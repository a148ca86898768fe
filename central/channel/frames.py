"""Frames of the persistent socket, version 1: bytes in, events out (our own protocol).

A client opens one TCP connection and keeps it.  Each side first sends the four bytes `FSL1`, then
frames, as many as it likes and whenever it likes:

    u32 length | u8 type | body         big-endian; `length` counts the type and the body

The body is a JSON object (RFC 8259) with exactly the fields of the class below that has the type's
number; fields with a default may be left out.  Only DATA differs: a u32 request id, then bytes of
a file.  No body is longer than its class's `most`, or, for DATA, than WELCOME says.

The client's first frame is HELLO; it need not wait for WELCOME before it asks.  A request carries
an id that the client chooses, other than those of requests not yet answered:

    LIST       -> LISTING (`more`) ... LISTING
    GET        -> FILE, DATA ..., DONE      the stretch `offset`, `length` of one version
    PUT        -> GO, then DATA ... from the client, then STORED
    SUBSCRIBE  -> DONE, then EVENT whenever something below that folder changes
    CANCEL     the request is answered by ERROR 499, unless it was answered already

Any of them can be answered by ERROR instead, also in its middle.  Answers come in the order of the
requests, one after the other; EVENT and PING may come between any two frames.  A subscription
replaces an earlier one.  A server that computes for long sends PING; either side answers PONG.
ERROR without an id concerns the connection, which then ends.

A PUT refused after its GO: the client may have sent DATA before it heard of that.  The server drops
such DATA until all that the PUT announced is through, or DATA of a later PUT comes, or a request
that has its id.  A client that closes its half of the connection gets the answers to what it asked,
then the server closes; a PUT whose DATA is not all there, and a subscription, end with that.

GET with `etag` means: from `offset` on if the file is still that version, else from 0 (FILE tells
where it begins).  Error codes are those of HTTP (RFC 9110, section 15), and 499 as nginx uses it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta

from central.errors import TransferError
from central.paths import MAX_PATH

MAGIC = b"FSL1"
VERSION = 1

SMALL_MOST = 256
"""Bytes in a body that holds only numbers."""

HELLO_MOST = 4 * 1024
"""Bytes in a body with a token or a reason: what nginx gives a request line (client_header_buffer)
four times."""

PATH_MOST = 32 * 1024
"""Bytes in a body with one path: 4 KiB (PATH_MAX), each escaped as `\\u00xx` at worst."""

LISTING_MOST = 64 * 1024
"""Bytes in a LISTING; a longer one comes in several frames."""

DATA_MOST = 1024 * 1024
"""Bytes of a file in one DATA frame."""

REQUESTS_MOST = 64
"""Requests of one connection that may wait for their answers (nginx: 128 HTTP/2 streams)."""

DATA = 19
_HEAD = struct.Struct(">IB")
_DATA_HEAD = struct.Struct(">IBI")

Id = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Path = Annotated[str, Meta(max_length=MAX_PATH)]
Token = Annotated[str, Meta(max_length=1024)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Etag = Annotated[str, Meta(max_length=128)]
Reason = Annotated[str, Meta(max_length=1000)]
Kind = Annotated[str, Meta(pattern="^(added|changed|removed)$")]
Code = Annotated[int, Meta(ge=400, le=599)]


class BreachError(TransferError):
    """The other side broke the protocol; the text says how."""


class Frame(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a frame other than DATA."""

    number: ClassVar[int]
    """The frame's type."""
    most: ClassVar[int]
    """Bytes in its body."""


class Hello(Frame):
    """The client: this version, this bearer."""

    number, most = 1, HELLO_MOST
    version: int
    token: Token | None = None


class List(Frame):
    """What is directly in a folder?  The empty path is the top."""

    number, most = 2, PATH_MOST
    id: Id
    path: Path = ""


class Get(Frame):
    """Give me a stretch of a file; `length` None: all from `offset` on."""

    number, most = 3, PATH_MOST
    id: Id
    path: Path
    offset: Size = 0
    length: Size | None = None
    etag: Etag | None = None
    digest: bool = False
    """Whether FILE shall carry the whole file's SHA-256, even if it takes time to compute."""


class Put(Frame):
    """Take this file."""

    number, most = 4, PATH_MOST
    id: Id
    path: Path
    size: Size
    sha256: Sha256 | None = None


class Subscribe(Frame):
    """Tell me of every change below a folder, from now on."""

    number, most = 5, PATH_MOST
    id: Id
    path: Path = ""


class Cancel(Frame):
    """The answer to that request is not wanted any more."""

    number, most = 6, SMALL_MOST
    id: Id


class Ping(Frame):
    """Are you there?"""

    number, most = 7, SMALL_MOST


class Pong(Frame):
    """I am; one answers all PINGs that came before it."""

    number, most = 8, SMALL_MOST


class Welcome(Frame):
    """The server: I speak this version, and take so many bytes in a DATA and so many requests."""

    number, most = 16, SMALL_MOST
    version: int
    data: Annotated[int, Meta(ge=1, le=DATA_MOST)]
    requests: Annotated[int, Meta(ge=1)]


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """A file in a LISTING, EVENT or STORED; a folder's path ends with `/`."""

    path: Path
    size: Size
    modified_ns: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    """Nanoseconds since 1970."""
    etag: Etag


class Listing(Frame):
    """Some of what is in the folder, sorted by path; the rest follows if `more`."""

    number, most = 17, LISTING_MOST
    id: Id
    entries: list[Item]
    more: bool = False


class File(Frame):
    """`length` bytes of this version of the file follow, from `offset` on."""

    number, most = 18, SMALL_MOST * 4
    id: Id
    size: Size
    offset: Size
    length: Size
    etag: Etag
    modified_ns: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    sha256: Sha256 | None = None


class Done(Frame):
    """That request is answered."""

    number, most = 20, SMALL_MOST
    id: Id


class Go(Frame):
    """The file that PUT announced may come."""

    number, most = 21, SMALL_MOST
    id: Id


class Stored(Frame):
    """It is on disk, under its name."""

    number, most = 22, PATH_MOST
    id: Id
    entry: Item


class Event(Frame):
    """A file has changed; its entry is None when it is gone."""

    number, most = 23, PATH_MOST * 2
    kind: Kind
    path: Path
    entry: Item | None = None


class Error(Frame):
    """That request failed, or without an id the connection."""

    number, most = 24, HELLO_MOST
    code: Code
    reason: Reason
    id: Id | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """Some bytes of a DATA frame: a frame may give several of these."""

    id: int
    data: bytes


Received: TypeAlias = Frame | Data
Question: TypeAlias = List | Get | Put | Subscribe
TO_SERVER: Mapping[int, type[Frame]] = {
    kind.number: kind for kind in (Hello, List, Get, Put, Subscribe, Cancel, Ping, Pong)
}
TO_CLIENT: Mapping[int, type[Frame]] = {
    kind.number: kind
    for kind in (Welcome, Listing, File, Done, Go, Stored, Event, Error, Ping, Pong)
}


def encode(frame: Frame) -> bytes:
    """The frame's bytes; ValueError when its body is too long or not Unicode."""
    body = msgspec.json.encode(frame)
    if len(body) > frame.most:
        raise ValueError(f"{len(body)} bytes do not fit a {_name(type(frame))}")
    return _HEAD.pack(1 + len(body), frame.number) + body


def data_head(request: int, size: int) -> bytes:
    """What goes before `size` bytes of a file to make a DATA frame of them."""
    return _DATA_HEAD.pack(5 + size, DATA, request)


class Decoder:
    """What one side sends, taken apart.

    It keeps one begun frame, and what `receive` was given and `next_event` was not asked for.
    """

    def __init__(self, accepted: Mapping[int, type[Frame]]) -> None:
        """`accepted`: TO_SERVER or TO_CLIENT."""
        self._accepted = accepted
        self._greeting = Hello if Hello.number in accepted else Welcome
        self._buffer = bytearray()
        self._body = 0
        self._broken: BreachError | None = None
        self.magic = False
        """Whether the other side speaks this protocol at all."""
        self.greeted = False
        """Whether its first frame has come."""
        self.data_id = 0
        """The request that the current or last DATA belongs to."""

    @property
    def begun(self) -> bool:
        """Whether a frame has begun whose end is still to come, the body of DATA not counted."""
        return bool(self._buffer) or not self.greeted

    @property
    def direct(self) -> int:
        """Bytes of the current DATA that may be read elsewhere, if `took` is told of them."""
        return 0 if self._buffer else self._body

    def took(self, size: int) -> None:
        """So many of the `direct` bytes were read elsewhere."""
        self._body -= size

    def receive(self, data: bytes | memoryview) -> None:
        """Take in what came."""
        self._buffer += data

    def next_event(self, room: int = DATA_MOST) -> Received | None:
        """The next frame, or at most `room` bytes of DATA; None when more must come first.

        Raises BreachError, then and from then on.
        """
        if self._broken is not None:
            raise self._broken
        try:
            return self._next(room)
        except BreachError as error:
            self._broken = error
            self._buffer.clear()
            raise

    def _next(self, room: int) -> Received | None:
        if not self.magic:
            if not MAGIC.startswith(self._buffer[:4]):
                raise BreachError(f"it does not begin with {MAGIC.decode()}")
            if len(self._buffer) < len(MAGIC):
                return None
            del self._buffer[: len(MAGIC)]
            self.magic = True
        if not self._body and (len(self._buffer) < _HEAD.size or not self._head()):
            return None
        if self._body:
            return self._data(room)
        length, number = _HEAD.unpack_from(self._buffer)
        kind = self._accepted[number]
        body = bytes(self._buffer[_HEAD.size : 4 + length])
        del self._buffer[: 4 + length]
        self.greeted = True
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BreachError(f"a {_name(kind)} that is none: {error}"[:200]) from None

    def _data(self, room: int) -> Data | None:
        size = min(self._body, len(self._buffer), room)
        if not size:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._body -= size
        return Data(self.data_id, data)

    def _head(self) -> bool:
        """Check the head of the next frame; False when more of the frame must come first."""
        length: int
        length, number = _HEAD.unpack_from(self._buffer)
        if number == DATA and self.greeted:
            if not 5 < length <= 5 + DATA_MOST:
                raise BreachError(f"a DATA of {length - 5} bytes; expected 1 to {DATA_MOST}")
            if len(self._buffer) < _DATA_HEAD.size:
                return False
            self.data_id = _DATA_HEAD.unpack_from(self._buffer)[2]
            self._body = length - 5
            del self._buffer[: _DATA_HEAD.size]
            return True
        kind = self._accepted.get(number)
        if kind is None:
            raise BreachError(f"a frame of type {number}, which has no place here")
        first = kind in (self._greeting, Error)
        if (not self.greeted and not first) or (self.greeted and kind is self._greeting):
            raise BreachError(f"a {_name(kind)} where it has no place")
        if not 1 <= length <= 1 + kind.most:
            raise BreachError(f"a {_name(kind)} of {length} bytes; expected at most {kind.most}")
        return len(self._buffer) >= 4 + length


def _name(kind: type[Frame]) -> str:
    return kind.__name__.upper()
