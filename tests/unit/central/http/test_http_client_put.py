"""central.http.upload: a file is sent when the server wants it, and what it says is heard."""

import asyncio
import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from http_scripts import answer, field_of
from lab import Lab, RunLab
from recorders import Recorder, payload

from central.config import ClientConfig
from central.errors import BusyError, CentralError, DeniedError, DiskError, LinkError, TransferError
from central.http import client as http
from central.link import Link
from host.clock import Clock
from host.host import Host

SIZE = 300_001
DATA = payload(SIZE)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Taker:
    """A server of uploads: what it says to a head, after some bytes of the body, and at its end."""

    host: Host
    to_head: bytes = CONTINUE
    early: tuple[int, bytes] | None = None
    at_end: bytes = answer("201 Created")
    hang_up: bool = False
    unexpected: bytes | None = None
    """What it says to a head without an expectation."""

    def __post_init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.listener: Any = None

    async def link(self, path: str = "a/file.bin") -> Link:
        self.listener = await self.host.listen(lambda: _Taking(self))
        return Link("http", *self.listener.address, path)


class _Taking(Recorder):
    def __init__(self, taker: Taker) -> None:
        super().__init__(keep_open=True)
        self._taker = taker
        self._head: str | None = None
        self._said: set[str] = set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        taker = self._taker
        if self._head is None and b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            self._head, self.data = head.decode(), bytearray(rest)
            taker.heads.append(self._head)
            expects = field_of(self._head, "Expect") is not None
            self._say("head", taker.to_head if expects else taker.unexpected or b"")
        if self._head is not None:
            if taker.early is not None and len(self.data) >= taker.early[0]:
                self._say("early", taker.early[1], taker.hang_up)
            if len(self.data) == int(field_of(self._head, "Content-Length") or 0):
                taker.bodies.append(bytes(self.data))
                self._say("end", taker.at_end)

    def _say(self, when: str, data: bytes, hang_up: bool = False) -> None:
        if when not in self._said and not self.transport.is_closing():
            self._said.add(when)
            self.transport.write(data)
            if hang_up:
                self.transport.close()


def source(host: Host, data: bytes = DATA) -> Path:
    path = host.directory / "mine.bin"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, SIZE, 3_000_000])
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "204 No Content"])
def test_a_file_is_put_there_whole(run_lab: RunLab, clock: Clock, size: int, status: str) -> None:
    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(size)
        taker = Taker(lab.host("server"), at_end=answer(status))
        link = await taker.link()
        told: list[int] = []
        config = ClientConfig(token="secret")
        await http.put(host, link, source(host, data), config, told.append)
        assert taker.bodies == [data]
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        expect = "\r\nExpect: 100-continue" if size else ""
        assert taker.heads == [
            f"PUT /a/file.bin HTTP/1.1\r\nHost: {link.authority}\r\nUser-Agent: fileshare-lab\r\n"
            "Authorization: Bearer secret\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {size}\r\nRepr-Digest: sha-256=:{digest}:\r\n"
            f"Want-Repr-Digest: sha-256=1{expect}"
        ]
        assert told == sorted(set(told))
        assert told[-1:] == ([size] if size else [])
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))

    run_lab(body, clock=clock)


def test_the_body_waits_for_the_word(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", latency=0.1)
        taker = Taker(lab.host("server", latency=0.1))
        link = await taker.link()
        start = lab.now
        await http.put(host, link, source(host), ClientConfig())
        # Connection, head and word, body and answer: three round trips.
        assert lab.now - start == pytest.approx(0.6)

    run_lab(body)


def test_a_server_that_does_not_know_the_word_gets_the_body_after_a_second(
    run_lab: RunLab,
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        taker = Taker(lab.host("server"), to_head=b"")
        start = lab.now
        await http.put(host, await taker.link(), source(host), ClientConfig())
        assert lab.now - start == pytest.approx(1.0)
        assert taker.bodies == [DATA]

    run_lab(body)


def test_an_expectation_that_fails_is_not_repeated(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        taker = Taker(lab.host("server"), to_head=answer("417 Expectation Failed"))
        await http.put(host, await taker.link(), source(host), ClientConfig())
        assert [field_of(head, "Expect") for head in taker.heads] == ["100-continue", None]
        assert taker.bodies == [DATA]

    run_lab(body)


REFUSALS: dict[str, tuple[type[CentralError], str]] = {
    "401 Unauthorized": (DeniedError, "wants a token (401)"),
    "403 Forbidden": (DeniedError, "does not permit this (403)"),
    "405 Method Not Allowed": (TransferError, "answered 405 Method Not Allowed"),
    "413 Content Too Large": (TransferError, "answered 413 "),
    "503 Service Unavailable": (BusyError, "busy (503); try again later"),
    "507 Insufficient Storage": (DiskError, "has no room for it (507)"),
    "307 Temporary Redirect": (TransferError, "answered 307 Temporary Redirect"),
}


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("when", ["head", "early", "early and gone", "end"])
def test_a_refusal_is_heard_whenever_it_comes(
    run_lab: RunLab, clock: Clock, status: str, when: str
) -> None:
    kind, expected = REFUSALS[status]

    async def body(lab: Lab) -> None:
        host = lab.host("client", up=2e6)
        no = answer(status)
        taker = Taker(lab.host("server"), hang_up=when == "early and gone")
        if when == "head":
            taker.to_head = no
        elif when == "end":
            taker.at_end = no
        else:
            taker.early = (10_000, no)
        link = await taker.link()
        with pytest.raises(kind) as caught:
            await http.put(host, link, source(host), ClientConfig())
        assert str(caught.value).startswith("a/file.bin: the server ")
        assert expected in str(caught.value)
        assert taker.bodies == ([DATA] if when == "end" else [])
        if when == "head":
            assert host.meter.up_bytes < 1000
        elif when != "end":
            assert host.meter.up_bytes < SIZE

    run_lab(body, clock=clock)


def test_a_server_that_has_the_file_too_early(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", up=100_000)
        taker = Taker(lab.host("server"), early=(10_000, answer("201 Created")))
        link = await taker.link()
        with pytest.raises(TransferError, match="has the file, and did not take all of it"):
            await http.put(host, link, source(host), ClientConfig())

    run_lab(body)


@pytest.mark.parametrize("moment", [0.0, 0.05])
def test_a_server_that_crashes(run_lab: RunLab, clock: Clock, moment: float) -> None:
    async def body(lab: Lab) -> None:
        host, server = lab.host("client", up=1e6), lab.host("server")
        link = await Taker(server).link()
        putting = asyncio.ensure_future(http.put(host, link, source(host), ClientConfig()))
        await asyncio.sleep(moment)
        await server.close()
        start = lab.now
        with pytest.raises(TransferError, match=r"lost|closed|refused|reset"):
            await putting
        assert lab.now - start < 1

    run_lab(body, clock=clock)


@pytest.mark.parametrize("case", ["deaf", "silent"])
def test_a_server_that_stops(run_lab: RunLab, case: str) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", up=1e6)
        taker = Taker(lab.host("server"), at_end=b"")
        link = await taker.link()
        putting = asyncio.ensure_future(
            http.put(host, link, source(host), ClientConfig(patience_s=5.0))
        )
        if case == "deaf":
            await asyncio.sleep(0.1)
            for stream in taker.host._streams:
                stream.pause_reading()
        start = lab.now
        with pytest.raises(TransferError, match="the server says nothing for 5 s"):
            await putting
        assert 5 <= lab.now - start < 6

    run_lab(body)


def test_a_slow_link_is_no_silence(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", up=2000)
        taker = Taker(lab.host("server"))
        link = await taker.link()
        await http.put(host, link, source(host), ClientConfig(patience_s=20.0))
        assert taker.bodies == [DATA]
        assert lab.now > 150

    run_lab(body)


def test_it_can_be_given_up(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", up=1e6)
        taker = Taker(lab.host("server"))
        link = await taker.link()
        putting = asyncio.ensure_future(http.put(host, link, source(host), ClientConfig()))
        await asyncio.sleep(0.1)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))
        assert taker.bodies == []

    run_lab(body, clock=clock)


def test_what_is_no_file_is_not_sent(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        link = Link("http", "127.0.0.1", 1, "x")
        os.mkfifo(host.directory / "pipe")
        with pytest.raises(DiskError, match=r"missing: No such file"):
            await http.put(host, link, host.directory / "missing", ClientConfig())
        with pytest.raises(DiskError, match="client: is no regular file"):
            await http.put(host, link, host.directory, ClientConfig())
        with pytest.raises(DiskError, match="pipe: is no regular file"):
            await http.put(host, link, host.directory / "pipe", ClientConfig())
        with pytest.raises(LinkError, match="names no file"):
            link = Link("http", "127.0.0.1", 1, "")
            await http.put(host, link, source(host), ClientConfig())

    run_lab(body)


def test_a_file_that_shrinks_under_way(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", up=1e6)
        taker = Taker(lab.host("server"))
        link, path = await taker.link(), source(host)
        putting = asyncio.ensure_future(http.put(host, link, path, ClientConfig()))
        await asyncio.sleep(0.1)
        os.truncate(path, 1000)
        with pytest.raises(DiskError, match=r"mine\.bin: became shorter while it was sent"):
            await putting

    run_lab(body, clock=clock)
