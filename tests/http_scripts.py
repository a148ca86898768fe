"""HTTP servers for tests of the client: they say what they are told to, or serve ranges plainly."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recorders import Recorder

from central.link import Link
from host.host import Host


@dataclass(frozen=True)
class Say:
    """An answer: its bytes, in how many pieces they come, and what happens then."""

    data: bytes
    pieces: int = 1
    hang_up: bool = False
    head_apart: bool = False

    def cut(self) -> list[bytes]:
        head, line, body = self.data.partition(b"\r\n\r\n")
        first, rest = (head + line, body) if self.head_apart else (b"", self.data)
        step = len(rest) // self.pieces + 1
        pieces = [rest[start : start + step] for start in range(0, len(rest), step)]
        return [first, *pieces] if first else pieces


Respond = Callable[[str], Say]


class Script:
    """A server that answers each request (its head, as text) by `respond`, in order."""

    def __init__(self, host: Host, respond: Respond | Sequence[Say]) -> None:
        """A sequence: what is said to the first request, the second ..., whoever asks."""
        self.host = host
        if callable(respond):
            self.respond = respond
        else:
            says = iter(respond)
            self.respond = lambda head: next(says)
        self.requests: list[str] = []
        """The heads of all requests."""
        self.connections: list[_Connection] = []
        self.listener: Any = None

    async def start(self, port: int = 0) -> None:
        self.listener = await self.host.listen(lambda: _Connection(self), port)

    def link(self, path: str = "file.bin", body: bytes | None = None) -> Link:
        """A link to `path`, with the digest of `body` if there is one."""
        digest = None if body is None else hashlib.sha256(body).hexdigest()
        return Link("http", *self.listener.address, path, digest)

    def field(self, name: str) -> list[str | None]:
        """What each request has in the field of that name."""
        return [field_of(head, name) for head in self.requests]


class _Connection(Recorder):
    def __init__(self, script: Script) -> None:
        super().__init__(keep_open=True)
        self._script = script
        self._queue: list[Say] = []
        self._saying = False
        script.connections.append(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            self.data = bytearray(rest)
            text = head.decode("latin-1")
            self._script.requests.append(text)
            self._queue.append(self._script.respond(text))
        self._next()

    def _next(self) -> None:
        if self._queue and not self._saying:
            self._saying = True
            say = self._queue.pop(0)
            self._say(say, say.cut())

    def _say(self, say: Say, pieces: list[bytes]) -> None:
        """One piece now, and the rest after it has arrived."""
        if self.lost.done():
            return
        if pieces:
            self.transport.write(pieces[0])
        if pieces[1:]:
            self._loop.call_later(0.001, self._say, say, pieces[1:])
            return
        self._saying = False
        if say.hang_up:
            self.transport.close()
        else:
            self._next()


def field_of(head: str, name: str) -> str | None:
    """The value of a request's field, None without it."""
    found = re.search(rf"^{name}: (.*?)\r?$", head, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else None


def answer(status: str, body: bytes = b"", **fields: str) -> bytes:
    """An answer with its length, and the fields given with `_` for `-`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ranges(data: bytes, etag: str | None = '"one"', **fields: str) -> Respond:
    """Serves `data` as RFC 9110 asks: one range, If-Range, HEAD."""
    if etag is not None:
        fields["ETag"] = etag

    def respond(head: str) -> Say:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", field_of(head, "Range") or "")
        condition = field_of(head, "If-Range")
        if head.startswith("HEAD"):
            return Say(answer("200 OK", data, **fields)[: -len(data) or None])
        if asked is None or (condition is not None and condition != etag):
            return Say(answer("200 OK", data, **fields))
        first = int(asked[1])
        last = min(int(asked[2] or len(data) - 1), len(data) - 1)
        if first > last:
            no = f"bytes */{len(data)}"
            return Say(answer("416 Range Not Satisfiable", Content_Range=no))
        where = f"bytes {first}-{last}/{len(data)}"
        part = data[first : last + 1]
        return Say(answer("206 Partial Content", part, Content_Range=where, **fields))

    return respond
