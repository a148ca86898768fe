"""central.server and central.connection: what is answered to which request, byte by byte."""

import asyncio
import math
import os
from pathlib import Path

import pytest
from lab import Lab, RunLab
from recorders import Recorder, payload

from central.connection import READ_AHEAD
from central.link import Link
from central.server import PORT, Server
from host.clock import Clock

SIZE = 100_001
OK = b"HTTP/1.1 200 \r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(payload(SIZE))
    return path


def split(data: bytes | bytearray) -> tuple[str, dict[str, str], bytes]:
    """A response's status line, its headers, and what follows them."""
    head, _, rest = bytes(data).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, {k.lower(): v for k, v in (line.split(": ") for line in lines)}, rest


class Case:
    """A server that publishes a file, and a client that speaks raw HTTP."""

    def __init__(self, lab: Lab, file: Path, up: float = math.inf) -> None:
        self.lab = lab
        self.host = lab.host("server", up=up)
        self.server = Server(self.host)
        self._client = lab.host("client")
        self._file = file

    async def open(self) -> Recorder:
        if not self.server.holdings():
            self.link = Link.parse(await self.server.publish(self._file))
        return await self._client.connect(
            lambda: Recorder(keep_open=True), self.link.address, self.link.port
        )

    async def ask(self, request: bytes) -> bytes:
        """The whole of what the server sends to a request that ends the connection."""
        end = await self.open()
        end.transport.write(request)
        await end.ended
        end.transport.close()
        await end.lost
        return bytes(end.data)


def get(target: str, method: str = "GET", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: server", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


CLOSE = "Connection: close"


def test_get_gives_the_file(run_lab: RunLab, file: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        status, headers, data = split(await Case(lab, file).ask(get("/file.bin", "GET", CLOSE)))
        assert status == "HTTP/1.1 200 "
        assert headers == {
            "content-type": "application/octet-stream",
            "content-length": str(SIZE),
            "connection": "close",
        }
        assert data == payload(SIZE)

    run_lab(body, clock=clock)


def test_head_gives_its_head(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        answer = await Case(lab, file).ask(get("/file.bin", "HEAD", CLOSE))
        status, headers, data = split(answer)
        assert (status, headers["content-length"], data) == ("HTTP/1.1 200 ", str(SIZE), b"")

    run_lab(body)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/other",
        "/FILE.BIN",
        "/file.bin/",
        "//file.bin",
        "/./file.bin",
        "/../file.bin",
        "/../../../../etc/passwd",
        "/%2e%2e/file.bin",
        "/..%2ffile.bin",
        "/%00",
        "/file.bin%00",
        "*",
        "http://server/file.bin",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_but_a_published_name_is_found(
    run_lab: RunLab, file: Path, target: str, method: str
) -> None:
    async def body(lab: Lab) -> None:
        status, headers, data = split(await Case(lab, file).ask(get(target, method, CLOSE)))
        assert (status, headers["content-length"], data) == ("HTTP/1.1 404 ", "0", b"")

    run_lab(body)


def test_names_are_percent_decoded(run_lab: RunLab, tmp_path: Path) -> None:
    path = tmp_path / "föhn & co.bin"
    path.write_bytes(b"warm wind")

    async def body(lab: Lab) -> None:
        case = Case(lab, path)
        await case.open()
        answer = await case.ask(get(case.link.target, "GET", CLOSE))
        assert split(answer)[2] == b"warm wind"
        answer = await case.ask(get(case.link.target + "?query", "GET", CLOSE))
        assert split(answer)[2] == b"warm wind"

    run_lab(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"])
def test_other_methods_are_not_allowed(run_lab: RunLab, file: Path, method: str) -> None:
    async def body(lab: Lab) -> None:
        case = Case(lab, file)
        for target in ("/file.bin", "/other"):
            status, headers, data = split(await case.ask(get(target, method, CLOSE)))
            assert (status, headers["allow"], data) == ("HTTP/1.1 405 ", "GET, HEAD", b"")

    run_lab(body)


@pytest.mark.parametrize(
    "request_",
    [
        b"hello\r\n\r\n",
        b"GET /file.bin HTTP/1.1\r\n\r\n",  # no Host
        b"GET /file.bin\r\n\r\n",
        b"GET /file.bin HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET /f\xffle HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nName" + b"x" * 20_000,
    ],
)
def test_a_bad_request_is_refused_and_ends_the_connection(
    run_lab: RunLab, file: Path, request_: bytes
) -> None:
    async def body(lab: Lab) -> None:
        status, headers, data = split(await Case(lab, file).ask(request_))
        assert status in ("HTTP/1.1 400 ", "HTTP/1.1 431 ")
        assert (status == "HTTP/1.1 431 ") == (len(request_) > 20_000)
        assert headers == {"content-length": "0", "connection": "close"}
        assert data == b""

    run_lab(body)


def test_a_request_cut_short_is_refused(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        end = await Case(lab, file).open()
        end.transport.write(get("/file.bin")[:-2])
        end.transport.write_eof()
        await end.ended
        assert split(end.data)[0] == "HTTP/1.1 400 "
        end.transport.close()
        await end.lost

    run_lab(body)


def test_a_connection_serves_many_requests(run_lab: RunLab, file: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        end = await Case(lab, file).open()
        whole = 0
        for target, size in (("/file.bin", SIZE), ("/no", 0), ("/file.bin", SIZE)):
            end.transport.write(get(target))
            head = (OK % SIZE if size else b"HTTP/1.1 404 \r\nContent-Length: 0\r\n") + b"\r\n"
            await end.has(whole + len(head) + size)
            assert end.data[whole:] == head + payload(size)
            whole = len(end.data)
        end.transport.close()
        assert await end.lost is None

    run_lab(body, clock=clock)


@pytest.mark.parametrize("pieces", [1, 3, 100_000])
def test_pipelined_requests_are_answered_in_order(
    run_lab: RunLab, file: Path, clock: Clock, pieces: int
) -> None:
    """More of them than the server reads ahead, and the client closes its half behind them."""

    async def body(lab: Lab) -> None:
        end = await Case(lab, file).open()
        wanted = ["/file.bin", "/no", "/file.bin", *["/missing"] * 3000, "/file.bin"]
        requests = b"".join(map(get, wanted))
        step = len(requests) // pieces + 1
        for start in range(0, len(requests), step):
            end.transport.write(requests[start : start + step])
        end.transport.write_eof()
        await end.ended
        file_answer = OK % SIZE + b"\r\n" + payload(SIZE)
        no_answer = b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"
        expected = [file_answer if each == "/file.bin" else no_answer for each in wanted]
        assert end.data == b"".join(expected)
        end.transport.close()
        assert await end.lost is None

    run_lab(body, clock=clock)


def test_requests_without_end_wait_with_their_client(run_lab: RunLab, file: Path) -> None:
    """The server reads ahead a little and no more while an answer is under way."""

    async def body(lab: Lab) -> None:
        case = Case(lab, file, up=1000.0)
        end = await case.open()
        end.transport.write(get("/file.bin") * 50_000)
        await asyncio.sleep(10)
        assert READ_AHEAD < case.host.meter.down_bytes <= 3 * READ_AHEAD
        end.transport.abort()
        await end.lost

    run_lab(body)


def test_a_client_may_close_its_half_and_read_on(run_lab: RunLab, file: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        end = await Case(lab, file).open()
        end.transport.write(get("/file.bin"))
        end.transport.write_eof()
        await end.ended
        assert split(end.data)[2] == payload(SIZE)
        end.transport.close()
        await end.lost

    run_lab(body, clock=clock)


def test_an_idle_client_that_leaves_is_let_go(run_lab: RunLab, file: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        case = Case(lab, file)
        end = await case.open()
        end.transport.write(get("/no"))
        await end.has(10)
        end.transport.write_eof()
        await end.ended
        assert end.calls[-1] == "eof"
        end.transport.close()
        await end.lost

    run_lab(body, clock=clock)


def test_http_1_0_is_answered_and_ended(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        answer = await Case(lab, file).ask(b"GET /file.bin HTTP/1.0\r\n\r\n")
        status, headers, data = split(answer)
        assert status == "HTTP/1.1 200 "
        assert headers["connection"] == "close"
        assert data == payload(SIZE)

    run_lab(body)


def test_a_request_with_a_body_gets_its_answer(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        case = Case(lab, file)
        end = await case.open()
        end.transport.write(get("/no", "GET", "Content-Length: 5") + b"abc")
        await asyncio.sleep(1)
        assert end.data == b""
        end.transport.write(b"de" + get("/no"))
        answer = b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"
        await end.has(2 * len(answer))
        assert end.data == 2 * answer
        # A body cut short.
        end.transport.write(get("/no", "GET", "Content-Length: 5") + b"abc")
        end.transport.write_eof()
        await end.ended
        assert split(end.data[2 * len(answer) :])[0] == "HTTP/1.1 400 "
        end.transport.close()
        await end.lost

    run_lab(body)


@pytest.mark.parametrize(
    ("header", "status"),
    [("Content-Length: 1000000", "413"), ("Transfer-Encoding: chunked", "413")],
)
def test_a_large_body_is_refused(run_lab: RunLab, file: Path, header: str, status: str) -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"

    async def body(lab: Lab) -> None:
        end = await Case(lab, file).open()
        end.transport.write(get("/no", "POST", header))
        for _ in range(17):
            end.transport.write(chunk)
            await asyncio.sleep(1)
        await end.ended
        assert split(end.data)[0] == f"HTTP/1.1 {status} "
        end.transport.close()
        await end.lost

    run_lab(body)


def test_nobody_is_asked_for_a_body(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        headers = ("Content-Length: 5", "Expect: 100-continue")
        answer = await Case(lab, file).ask(get("/no", "POST", *headers))
        assert split(answer)[0] == "HTTP/1.1 417 "

    run_lab(body)


def test_an_empty_file_is_a_head_alone(run_lab: RunLab, tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")

    async def body(lab: Lab) -> None:
        status, headers, data = split(await Case(lab, path).ask(get("/empty", "GET", CLOSE)))
        assert (status, headers["content-length"], data) == ("HTTP/1.1 200 ", "0", b"")

    run_lab(body, clock=clock)


def test_a_file_that_is_gone_is_not_found(run_lab: RunLab, file: Path) -> None:
    async def body(lab: Lab) -> None:
        case = Case(lab, file)
        await case.open()
        os.unlink(file)  # noqa: PTH108
        assert split(await case.ask(get("/file.bin", "GET", CLOSE)))[0] == "HTTP/1.1 404 "

    run_lab(body)


def test_a_file_that_shrank_ends_the_connection_early(
    run_lab: RunLab, file: Path, clock: Clock
) -> None:
    async def body(lab: Lab) -> None:
        case = Case(lab, file)
        end = await case.open()
        os.truncate(file, SIZE - 1)
        end.transport.write(get("/file.bin") + get("/file.bin"))
        await end.ended
        assert len(split(end.data)[2]) < SIZE
        end.transport.close()
        await end.lost

    run_lab(body, clock=clock)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_client_that_leaves_in_the_middle_ends_its_answer(
    run_lab: RunLab, tmp_path: Path, clock: Clock, how: str
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        case = Case(lab, big)
        end = await case.open()
        end.transport.pause_reading()
        end.transport.write(get("/big"))
        await asyncio.sleep(0.02)
        getattr(end.transport, how)()
        await end.lost
        await asyncio.sleep(0.02)
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert [name for name in names if "answers" in name] == []
        # And the server goes on serving others.
        assert split(await case.ask(get("/no", "GET", CLOSE)))[0] == "HTTP/1.1 404 "

    run_lab(body, clock=clock)


def test_closing_ends_what_is_under_way(run_lab: RunLab, tmp_path: Path, clock: Clock) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        case = Case(lab, big)
        end = await case.open()
        end.transport.pause_reading()
        end.transport.write(get("/big"))
        await asyncio.sleep(0.02)
        await case.server.close()
        await case.server.close()
        with pytest.raises(ConnectionRefusedError):
            await case.open()
        end.transport.abort()
        await end.lost

    run_lab(body, clock=clock)


@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_closing_when_a_connection_is_on_its_way(
    run_lab: RunLab, file: Path, latency: float
) -> None:
    async def body(lab: Lab) -> None:
        server = Server(lab.host("s", latency=latency))
        link = Link.parse(await server.publish(file))
        client = lab.host("c", latency=latency)
        attempt = asyncio.ensure_future(client.connect(Recorder, link.address, link.port))
        await asyncio.sleep(0.1 if latency else 0)
        await server.close()
        try:
            await (await attempt).lost
        except ConnectionError:
            pass

    run_lab(body)


def test_publishing(run_lab: RunLab, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"abc")

    async def body(lab: Lab) -> None:
        host = lab.host("server")
        server = Server(host)
        assert server.holdings() == {}
        first = Link.parse(await server.publish(file))
        second = Link.parse(await server.publish(other))
        assert (first.address, first.port) == (second.address, second.port) == (host.address, PORT)
        assert second.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert server.holdings() == {"file.bin": (SIZE, SIZE), "other": (3, 3)}
        with pytest.raises(FileNotFoundError):
            await server.publish(tmp_path / "missing")
        with pytest.raises(TypeError, match="a client fetches"):
            await server.fetch(str(first), tmp_path)
        await server.close()
        # It may open again.
        assert Link.parse(await server.publish(other)) == second
        end = await lab.host("client").connect(Recorder, second.address, second.port)
        end.transport.write(get("/other"))
        await end.has(10)
        await server.close()

    run_lab(body)
