"""One file uploaded by PUT (RFC 9110, section 9.3.4), after the server has agreed to take it.

The request says `Expect: 100-continue` and waits for the word (section 10.1.1), so a refusal costs
no bytes; one that comes while bytes go out ends the sending.  By `Want-Repr-Digest` it says that it
will hear it if the server's disk takes its time (102 Processing).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from central.config import ClientConfig
from central.errors import CorruptError, DiskError, LinkError, TransferError
from central.http.answer import Answer
from central.http.caller import Caller, HungUpError
from central.http.fields import write_digest
from central.http.session import Kept, Session
from central.link import Link
from central.outgoing import open_to_send
from host.host import Host

EXPECT_S = 1.0
"""Seconds to wait for `100 Continue`, which an old server never sends (curl waits as long)."""

GOOD = frozenset((200, 201, 204))

MOST_SAID = 64 * 1024
"""Bytes that a server may say about a file that it has stored; with more it is not listened to."""

STRETCH_MIN, STRETCH_MAX = 16 * 1024, 4 * 1024 * 1024
"""Bytes handed over at a time: each stretch has to be gone within the patience."""


class Upload:
    """Sends one open file."""

    def __init__(
        self,
        host: Host,
        link: Link,
        file: BufferedReader,
        size: int,
        config: ClientConfig,
        report: Callable[[int], None],
        kept: Kept | None = None,
    ) -> None:
        self._host = host
        self._link = link
        self._file = file
        self._size = size
        self._patience_s = config.patience_s
        self._report = report
        self._session = Session(host, link, config, kept)

    async def run(self) -> None:
        """Return when the server has the whole file. Raises CentralError."""
        digest = await self._host.compute(_digest, self._file)
        caller = await self._session.connected()
        used = caller.answers > 0
        try:
            answer = await self._put(digest, expect=self._size > 0)
        except HungUpError:
            if not used:
                raise
            self._session.drop()  # a kept connection may end between two requests
            answer = await self._put(digest, expect=self._size > 0)
        if answer.status == 417:
            self._session.drop()
            answer = await self._put(digest, expect=False)
        if answer.status not in GOOD:
            raise self._session.refusal(answer)

    def close(self) -> None:
        """End the connection."""
        self._session.drop()

    async def _put(self, digest: str, *, expect: bool) -> Answer:
        caller = await self._session.connected()
        more = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(self._size)),
            ("Repr-Digest", write_digest(digest)),
            ("Want-Repr-Digest", "sha-256=1"),
        ]
        if expect:
            more.append(("Expect", "100-continue"))
        caller.ask("PUT", self._link.target, self._session.fields(*more))
        if expect:
            with suppress(TimeoutError):
                async with asyncio.timeout(EXPECT_S):
                    if (answer := await caller.go_ahead()) is not None:
                        return answer
        answering = asyncio.ensure_future(caller.answer())
        sending = asyncio.ensure_future(self._send(caller))
        try:
            await asyncio.wait([answering, sending], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                self._check_file(sending.exception())
            answer = await answering
            if answer.status in GOOD:
                await self._all_sent(sending)
                if answer.sha256 not in (None, digest):
                    raise CorruptError(f"{self._link.path}: the server has stored another file")
                await self._leave(caller, answer)
            return answer
        finally:
            self._session.drop()
            for task in (answering, sending):
                task.cancel()
            await asyncio.gather(answering, sending, return_exceptions=True)

    async def _leave(self, caller: Caller, answer: Answer) -> None:
        """The file is stored: read what else the server says, and keep the connection if we can."""
        self._session.release(answer)
        if self._session.caller is None or (answer.length or 0) > MOST_SAID:
            return
        with suppress(TransferError):
            while await caller.piece() is not None:
                pass
            self._session.leave()

    async def _send(self, caller: Caller) -> None:
        """Send all of it, in stretches that the patience allows; caller.answer() watches it."""
        loop, sent, stretch = self._host.loop, 0, STRETCH_MIN
        while sent < self._size:
            size = min(stretch, self._size - sent)
            start = loop.time()
            await caller.send(self._file, sent, size)
            sent += size
            self._report(sent)
            if loop.time() - start < self._patience_s / 16:
                stretch = min(2 * stretch, STRETCH_MAX)
            else:
                stretch = max(stretch // 2, STRETCH_MIN)

    async def _all_sent(self, sending: asyncio.Future[None]) -> None:
        """The server says that it has the file: it must have had all of it."""
        try:
            async with asyncio.timeout(EXPECT_S):
                await sending
        except OSError:
            reason = "the server says that it has the file, and did not take all of it"
            raise TransferError(f"{self._link.path}: {reason}") from None

    def _check_file(self, error: BaseException | None) -> None:
        """Sending may have failed for the file; otherwise the server has said why, or is gone."""
        if error is not None and os.fstat(self._file.fileno()).st_size < self._size:
            raise DiskError(f"{self._file.name}: became shorter while it was sent")


def _digest(file: BufferedReader) -> str:
    """The file's SHA-256 (hex)."""
    return hashlib.file_digest(file, "sha256").hexdigest()


async def put(
    host: Host,
    link: Link,
    path: Path,
    config: ClientConfig,
    report: Callable[[int], None] = lambda sent: None,
    kept: Kept | None = None,
) -> None:
    """Upload the local file at `path` as `link.path`; `report` gets the bytes sent so far.

    `kept`: a connection comes from there, and stays there for the next, if it may.  Raises
    CentralError.
    """
    if not link.name:
        raise LinkError(f"{link} names no file; expected the name it is to have behind the port")
    file, size = open_to_send(path)
    with file:
        upload = Upload(host, link, file, size, config, report, kept)
        try:
            await upload.run()
        finally:
            upload.close()
