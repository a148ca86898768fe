"""One file fetched by HTTP: whole, what is missing, or in stretches (RFC 9110, sections 13, 14).

Ranges are asked for on the condition that the file is still the version of which the beginning is
here (If-Range); with stretches the next request is on its way while an answer comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from central.config import ClientConfig
from central.errors import NotFoundError, TransferError
from central.http.answer import REDIRECTIONS, Answer
from central.http.caller import Caller, HungUpError
from central.http.session import Kept, Session
from central.landing import Landing
from central.link import Link
from host.host import Host


@dataclass(frozen=True)
class Stretch:
    """What one request asks for: bytes from `start` up to `stop`, or to the end."""

    start: int
    stop: int | None

    @property
    def ranged(self) -> bool:
        return bool(self.start) or self.stop is not None

    @property
    def field(self) -> str:
        return f"bytes={self.start}-" + ("" if self.stop is None else str(self.stop - 1))


class Download:
    """Brings what a landing lacks."""

    def __init__(
        self,
        host: Host,
        link: Link,
        landing: Landing,
        config: ClientConfig,
        kept: Kept | None = None,
    ) -> None:
        self._link = link
        self._landing = landing
        self._size = config.request_size
        self._one_ahead = not config.close_each
        self._session = Session(host, link, config, kept)
        self._asked: deque[Stretch] = deque()
        self._version: str | tuple[str | None, str | None] | None = None
        """How the first answer names the file's version: by a strong etag, or by a weak one and
        when it was made."""
        self._anew = False
        """What is here belongs to another version: ask for all, and on no condition."""

    async def run(self) -> None:
        """Return when the landing has the whole file. Raises CentralError."""
        while self._landing.size is None or self._landing.received < self._landing.size:
            caller = await self._session.connected()
            if not self._asked:
                self._ask(caller, self._landing.received)
            used = caller.answers > 0
            try:
                answer = await caller.answer()
            except HungUpError:
                if not used:
                    raise
                self._drop()  # a kept connection may end between two answers
            else:
                await self._take(caller, self._asked.popleft(), answer)
        self._session.leave()

    def close(self) -> None:
        """End the connection."""
        self._session.drop()

    def _drop(self) -> None:
        self._session.drop()
        self._asked.clear()

    # ---- asking

    def _ask(self, caller: Caller, start: int) -> None:
        landing = self._landing
        stop = None if self._size is None else start + self._size
        if stop is not None and landing.size is not None:
            stop = min(stop, landing.size)
        stretch = Stretch(0, None) if self._anew else Stretch(start, stop)
        more = [("Accept-Encoding", "identity")]
        if stretch.ranged:
            more.append(("Range", stretch.field))
        if stretch.start and landing.etag is not None:
            more.append(("If-Range", f'"{landing.etag}"'))
        if landing.sha256 is None and landing.size is None:
            more.append(("Want-Repr-Digest", "sha-256=1"))
        caller.ask("GET", self._session.target, self._session.fields(*more))
        self._asked.append(stretch)

    def _ask_ahead(self, caller: Caller, start: int) -> None:
        """Ask for the stretch behind the one that is coming, so that no round trip is lost."""
        size = self._landing.size
        if self._one_ahead and not self._asked and size is not None and start < size:
            self._ask(caller, start)

    # ---- taking

    async def _take(self, caller: Caller, stretch: Stretch, answer: Answer) -> None:
        if answer.status in REDIRECTIONS:
            self._asked.clear()
            self._session.redirect(answer)
            if self._session.target.partition("?")[0].endswith("/"):
                raise NotFoundError(f"{self._link.path}: is a folder on the server, and no file")
        elif answer.status == 416 and stretch.ranged:
            self._drop()
            await self._nothing_behind(stretch)
        elif answer.status == 206 and stretch.ranged:
            await self._take_part(caller, stretch, answer)
        elif answer.status == 200:
            await self._take_all(caller, answer)
        else:
            raise self._session.refusal(answer)

    async def _take_part(self, caller: Caller, stretch: Stretch, answer: Answer) -> None:
        self._check_encoding(answer)
        first, last, size = self._fitting(stretch, answer)
        length = last + 1 - first
        if answer.length not in (None, length) or (answer.length is None and not answer.chunked):
            raise self._error("the server announces another length than that of the range")
        version = answer.etag or (answer.fields.get("etag"), answer.fields.get("last-modified"))
        self._version = self._version or version
        if version != self._version or not self._landing.fits(size, answer.etag, answer.sha256):
            self._start_anew()
            return
        self._landing.begin(first, size, answer.etag, answer.sha256)
        whole = last + 1 == (size if stretch.stop is None else min(stretch.stop, size))
        if whole and answer.reusable:
            self._ask_ahead(caller, last + 1)
        await self._receive(caller, answer, length)
        if not whole:
            self._drop()
        self._release(answer)

    async def _take_all(self, caller: Caller, answer: Answer) -> None:
        self._check_encoding(answer)
        size = answer.length
        if size is None and not answer.chunked and not (self._link.sha256 or answer.sha256):
            raise self._error("the server gives no length, nor a digest: it might be cut short")
        # What is here already is of another version, or the server knows no ranges.
        await self._landing.settle()
        self._landing.begin(0, size, answer.etag, answer.sha256)
        await self._receive(caller, answer, size)
        self._landing.finish()
        self._release(answer)

    async def _receive(self, caller: Caller, answer: Answer, size: int | None) -> None:
        """Put a body of `size` bytes (None: as many as come) into the landing."""
        if answer.length is not None:
            await caller.land(self._landing, answer.length)
            return
        end = None if size is None else self._landing.received + size
        while (data := await caller.piece()) is not None:
            if end is not None and len(data) > end - self._landing.received:
                raise self._error(f"the server sent more than the {size} bytes of the range")
            await self._landing.write(data)
        if end is not None and self._landing.received < end:
            raise self._error(f"the server sent fewer than the {size} bytes of the range")

    def _release(self, answer: Answer) -> None:
        self._session.release(answer)
        if self._session.caller is None:
            self._asked.clear()

    # ---- what does not fit

    def _fitting(self, stretch: Stretch, answer: Answer) -> tuple[int, int, int]:
        """The range of an answer that is the one asked for, or the beginning of it."""
        found = answer.content_range
        if (
            found is not None
            and found[0] == stretch.start == self._landing.received
            and (stretch.stop is None or found[1] < stretch.stop)
        ):
            return found
        raise self._error(f"the server answered {stretch.field} with another range")

    def _check_encoding(self, answer: Answer) -> None:
        encoding = answer.fields.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise self._error(f"the server sends it encoded ({encoding[:40]!r}), unasked")

    def _start_anew(self) -> None:
        self._anew = True
        self._drop()

    async def _nothing_behind(self, stretch: Stretch) -> None:
        """The file ends before that: it is all here, or another one, or empty."""
        here = self._landing.received
        if stretch.start and here:
            fields = ("Accept-Encoding", "identity")
            answer = await self._session.get(self._session.target, fields, method="HEAD")
            if answer.status != 200:
                raise self._session.refusal(answer)
            if answer.length == here and self._landing.fits(here, answer.etag, answer.sha256):
                self._landing.begin(here, here, answer.etag, answer.sha256)
                return
        self._start_anew()

    def _error(self, reason: str) -> TransferError:
        return TransferError(f"{self._link.path}: {reason}")
