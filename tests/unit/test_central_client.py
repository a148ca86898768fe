"""central.client and central.download: what is kept of what a server sends, and what is refused."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from lab import Lab, RunLab
from recorders import Recorder, payload

from central.client import Client
from central.download import Download
from central.errors import LinkError, TransferError
from central.link import Link
from central.server import Server
from host.clock import Clock
from host.files import PartialFile
from host.host import Host

SIZE = 300_001


class Scripted(Recorder):
    """A server that says what it was told to, whatever is asked, and may hang up then."""

    def __init__(self, answer: bytes, pieces: int, hang_up: bool) -> None:
        super().__init__(keep_open=True)
        self._answer = answer
        self._step = len(answer) // pieces + 1
        self._hang_up = hang_up
        self._asked = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if b"\r\n\r\n" in self.data and not self._asked:
            self._asked = True
            self._say(0)

    def _say(self, start: int) -> None:
        """One piece now, and the rest after it has arrived."""
        if start < len(self._answer):
            self.transport.write(self._answer[start : start + self._step])
            self._loop.call_later(0.001, self._say, start + self._step)
        elif self._hang_up:
            self.transport.close()


async def scripted(
    host: Host, body: bytes, answer: bytes, *, pieces: int = 1, hang_up: bool = False
) -> str:
    """A link to `body` on a server that answers with `answer`."""
    listener = await host.listen(lambda: Scripted(answer, pieces, hang_up))
    digest = hashlib.sha256(body).hexdigest()
    return str(Link(*listener.address, "file.bin", digest))


def head(size: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode()


async def no_trace(client: Client, folder: Path) -> None:
    assert os.listdir(folder) == []  # noqa: PTH208
    await client.close()


@pytest.mark.parametrize("size", [0, 1, 65_536, SIZE, 3_000_000])
@pytest.mark.parametrize("pieces", [1, 2, 40])
def test_a_file_is_fetched_whole_however_it_is_cut(
    run_lab: RunLab, clock: Clock, size: int, pieces: int
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        data = payload(size)
        server = lab.host("server")
        link = await scripted(server, data, head(size) + data, pieces=pieces)
        path = await client.fetch(link, host.directory)
        assert path == host.directory / "file.bin"
        assert path.read_bytes() == data
        assert [each.name for each in host.directory.iterdir()] == ["file.bin"]
        assert client.holdings() == {"file.bin": (size, size)}
        # The connection is given up as soon as the file is whole.
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))
        await client.close()

    run_lab(body, clock=clock)


def test_the_request_is_plain_http(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> bytes:
        host, server = lab.host("client"), lab.host("server")
        accepted: list[Scripted] = []

        def factory() -> Scripted:
            accepted.append(Scripted(head(1) + b"x", 1, False))
            return accepted[-1]

        listener = await server.listen(factory, 8080)
        digest = hashlib.sha256(b"x").hexdigest()
        link = Link(*listener.address, "a b", digest)
        await Client(host).fetch(str(link), host.directory)
        return bytes(accepted[0].data).replace(server.address.encode(), b"ADDRESS")

    assert run_lab(body) == (
        b"GET /a%20b HTTP/1.1\r\nHost: ADDRESS:8080\r\nUser-Agent: fileshare-lab\r\n\r\n"
    )


@pytest.mark.parametrize("informational", ["100 Continue", "103 Early Hints"])
@pytest.mark.parametrize("pieces", [1, 9])
def test_informational_answers_are_passed_over(
    run_lab: RunLab, informational: str, pieces: int
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        answer = f"HTTP/1.1 {informational}\r\n\r\n".encode() + head(3) + b"abc"
        link = await scripted(lab.host("server"), b"abc", answer, pieces=pieces)
        assert (await Client(host).fetch(link, host.directory)).read_bytes() == b"abc"

    run_lab(body)


REFUSED: dict[str, tuple[bytes, bool, str]] = {
    # what the server says, whether it hangs up then, what the client says of it
    "other bytes": (head(3) + b"abd", False, "its SHA-256 is not the one in the link"),
    "fewer bytes": (head(2) + b"ab", False, "its SHA-256 is not the one in the link"),
    "nothing": (head(0), False, "its SHA-256 is not the one in the link"),
    "cut short": (head(3) + b"ab", True, "the server closed after 2 of 3 bytes"),
    "cut at once": (head(3), True, "the server closed after 0 of 3 bytes"),
    "too much": (head(3) + b"abcd", False, "sent more than the 3 bytes"),
    "silence": (b"", True, "the server closed without an answer"),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", True, "closed without an answer"),
    "not found": (head(9, "404 Not Found") + b"not found", False, "the server answered 404"),
    "elsewhere": (head(0, "302 Found"), False, "the server answered 302"),
    "a part": (head(3, "206 Partial Content") + b"abc", False, "the server answered 206"),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\nabc", True, "the server gave no length"),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        False,
        "the server gave no length",
    ),
    "no number": (
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        False,
        "does not speak HTTP/1.1",
    ),
    "another protocol": (b"220 welcome\r\n\r\n", False, "does not speak HTTP/1.1"),
    "an endless head": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000, False, "HTTP/1.1"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("pieces", [1, 2, 25])
def test_a_wrong_answer_is_refused_and_leaves_nothing_behind(
    run_lab: RunLab, case: str, pieces: int
) -> None:
    answer, hang_up, expected = REFUSED[case]

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        server = lab.host("server")
        link = await scripted(server, b"abc", answer, pieces=pieces, hang_up=hang_up)
        with pytest.raises(TransferError) as caught:
            await client.fetch(link, host.directory)
        assert expected in str(caught.value)
        assert str(caught.value).startswith("file.bin: ")
        assert "\n" not in str(caught.value)
        await no_trace(client, host.directory)

    run_lab(body)


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_server_that_crashes(run_lab: RunLab, clock: Clock, when: str) -> None:
    async def body(lab: Lab) -> None:
        host, server = lab.host("client", down=4e6), lab.host("server")
        client = Client(host)
        answer = b"" if when == "before" else head(2_000_000) + bytes(1_000_000)
        link = await scripted(server, b"", answer)
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0.02)
        await server.close()
        with pytest.raises(TransferError, match=r"connection was lost|server closed"):
            await fetching
        await no_trace(client, host.directory)

    run_lab(body, clock=clock)


def test_a_server_that_is_not_there(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host, server = lab.host("client"), lab.host("server")
        client = Client(host)
        link = Link(server.address, 999, "file.bin", "0" * 64)
        with pytest.raises(
            TransferError, match=rf"{server.address}:999 does not answer: .*refused"
        ):
            await client.fetch(str(link), host.directory)
        await no_trace(client, host.directory)

    run_lab(body, clock=clock)


@pytest.mark.parametrize("moment", [0.0, 0.02])
@pytest.mark.parametrize("latency", [0.0, 0.05])
@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_fetch_can_be_given_up(
    run_lab: RunLab, clock: Clock, moment: float, latency: float, how: str
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", latency=latency)
        server = lab.host("server", up=1e6, latency=latency)
        client = Client(host)
        link = await scripted(server, b"", head(2_000_000) + bytes(1_000_000))
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0)
        await asyncio.sleep(moment)
        if how == "cancel":
            fetching.cancel()
        else:
            await client.close()
        if how == "cancel":
            with pytest.raises(asyncio.CancelledError):
                await fetching
        else:
            with pytest.raises(TransferError, match="closed before the file was whole"):
                await fetching
        await no_trace(client, host.directory)

    run_lab(body, clock=clock)


def test_a_download_that_is_closed_awaits_nothing_more(run_lab: RunLab) -> None:
    """Nobody is left to hear how it ends."""

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        with (host.directory / "out").open("wb") as out:
            download = Download(host, Link("127.0.0.1", 1, "x", "0" * 64), out)
            await download.close()
            download.connection_lost(None)
            assert download.done.cancelled()

    run_lab(body)


def test_a_disk_that_fails_is_no_fault_of_the_server(
    run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        link = await scripted(lab.host("server"), b"abc", head(3) + b"abc")

        def full(self: PartialFile) -> Path:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(PartialFile, "commit", full)
        with pytest.raises(OSError, match="No space left"):
            await client.fetch(link, host.directory)
        await no_trace(client, host.directory)

    run_lab(body, clock=clock)


def test_the_same_file_is_not_fetched_twice_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        link = await scripted(lab.host("server"), b"abc", head(3) + b"abc")
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0)
        with pytest.raises(TransferError, match="already being fetched"):
            await client.fetch(link, host.directory)
        first = await fetching
        # Later it may be: the file is replaced by the same.
        assert await client.fetch(link, host.directory) == first
        await client.close()

    run_lab(body)


def test_a_link_that_is_none_is_refused_before_anything_happens(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        with pytest.raises(LinkError):
            await client.fetch("http://x/y", host.directory)
        assert client.holdings() == {}
        with pytest.raises(TypeError, match="a server publishes"):
            await client.publish(Path("x"))
        await no_trace(client, host.directory)

    run_lab(body)


def test_what_is_here_so_far_can_be_seen(run_lab: RunLab, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        server = Server(lab.host("server", up=100_000))
        link = await server.publish(path)
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(1.5)
        (had, whole) = client.holdings()["file.bin"]
        assert whole == SIZE
        assert 130_000 < had <= 150_000
        await fetching
        assert client.holdings() == {"file.bin": (SIZE, SIZE)}
        await client.close()
        await server.close()

    run_lab(body)
