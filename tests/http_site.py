"""A site served over HTTP in a lab, and a client that speaks raw bytes to it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import Lab
from recorders import Recorder

from central.access.admission import Admission
from central.access.guard import Guard
from central.access.log import Request
from central.config import Limits
from central.http.server import HttpServer
from central.library.library import Library
from central.site import Site
from host.host import Host

CLOSE = "Connection: close"


def get(target: str, method: str = "GET", *headers: str, version: str = "1.1") -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/{version}", "Host: server", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@dataclass
class Answer:
    """One answer, taken apart."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


def split(data: bytes | bytearray) -> Answer:
    """An answer that is all there is."""
    head, separator, rest = bytes(data).partition(b"\r\n\r\n")
    assert separator
    status, *lines = head.decode("ascii").split("\r\n")
    version, code, reason = status.split(" ", 2)
    assert version == "HTTP/1.1"
    headers: dict[str, str] = {}
    for line in lines:
        name, value = line.split(": ", 1)
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return Answer(int(code), reason, headers, rest)


def split_all(data: bytes | bytearray, *, heads: bool = False) -> list[Answer]:
    """Answers that follow each other, by their lengths; `heads`: they are to HEAD requests."""
    answers = []
    rest = bytes(data)
    while rest:
        answer = split(rest)
        bare = heads or answer.status in (204, 304) or answer.status < 200
        size = 0 if bare else int(answer["content-length"])
        assert len(answer.body) >= size
        answer.body, rest = answer.body[:size], answer.body[size:]
        answers.append(answer)
    return answers


class HttpSite:
    """An HTTP server and who speaks to it; `async with` starts and ends it."""

    def __init__(
        self,
        lab: Lab,
        root: Path | None = None,
        *,
        writable: bool = False,
        limits: Limits | None = None,
        guard: Callable[[Host], Guard] = Guard,
        library: Any = None,
        descriptors: int = 1 << 20,
        up: float = math.inf,
    ) -> None:
        self.lab = lab
        self.host = lab.host("server", up=up)
        self.log: list[Request] = []
        limits = limits or Limits()
        self.library = library or Library(self.host, root, writable=writable)
        self.admission = Admission(limits, descriptors)
        self.site = Site(
            host=self.host,
            library=self.library,
            guard=guard(self.host),
            limits=limits,
            admission=self.admission,
            log=self.log.append,
        )
        self.server = HttpServer(self.site)
        self.client = lab.host("client")

    async def __aenter__(self) -> "HttpSite":
        self.address = await self.server.start(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.server.close()
        await self.site.guard.close()
        await self.library.close()

    async def open(self) -> Recorder:
        return await self.client.connect(lambda: Recorder(keep_open=True), *self.address)

    async def ask(self, *pieces: bytes) -> bytes:
        """The whole of what is answered to what ends the connection."""
        end = await self.open()
        for piece in pieces:
            end.transport.write(piece)
        await end.ended
        end.transport.close()
        await end.lost
        return bytes(end.data)

    async def answer(self, target: str, method: str = "GET", *headers: str) -> Answer:
        """The answer to one request."""
        return split(await self.ask(get(target, method, *headers, CLOSE)))

    @property
    def statuses(self) -> list[int]:
        """What the log says was answered, in order."""
        return [request.status for request in self.log]
