"""bench.classroom.server: real pages (aiohttp's client) that watch a run that is made up."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bench.classroom import asking, page, server, serving, watchers
from bench.classroom.admission import names_us
from bench.classroom.frames import Frame, Scene, SideChanges
from bench.classroom.refusal import Refusal
from bench.classroom.relay import Told
from bench.classroom.server import Server
from bench.classroom.serving import listen
from bench.errors import BenchError

DEADLINE_S = 10.0
LOOPBACK = "127.0.0.1"
SCENE = Scene(
    run=1,
    settings={},
    ranges={},
    speed=5.0,
    lesson=None,
    size=8,
    moved=8,
    pieces=4,
    hosts=[],
    sides=[],
)


def frame(number: int, size: int = 1) -> Frame:
    """A frame with so many pieces in it."""
    pieces = [(number, piece) for piece in range(size)]
    sides = [SideChanges(pieces=pieces)]
    return Frame(t=float(number), state="running", speed=5.0, pace=5.0, sides=sides)


class MadeUp:
    """A run that tells what a test has it tell."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.asked: list[asking.Question] = []
        self.refusal: Refusal | None = None
        self.state = "new"

    def start(self) -> None:
        self.state = "started"
        self.told(SCENE)
        self.told(frame(0))

    def ask(self, asked: asking.Question, refused: Callable[[Refusal], None]) -> None:
        self.asked.append(asked)
        if self.refusal is not None:
            thread = threading.Thread(target=refused, args=(self.refusal,))
            thread.start()
            thread.join()

    def close(self) -> None:
        assert self.state == "started"
        self.state = "closed"


class Class:
    """A server, its run, and the pages of a test."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.run: MadeUp
        self.server = Server(self._begin)

    def _begin(self, told: Told) -> MadeUp:
        self.run = MadeUp(told)
        return self.run

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.server.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    async def open(self, session: aiohttp.ClientSession | None = None, **options: Any) -> "Page":
        headers = {"Origin": self.url} | options.pop("headers", {})
        session = session or self.session
        return Page(await session.ws_connect(f"{self.url}/ws", headers=headers, **options))

    async def join(self, token: str | None = None, **options: Any) -> "Page":
        """A page that watches, and has been told its role."""
        one = await self.open(**options)
        await one.ask(do="join", token=token)
        await one.next("role")
        return one

    async def teach(self) -> "Page":
        return await self.join(self.server.token)


class Page:
    """A page's end of its WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.role: dict[str, Any] = {}

    async def ask(self, **question: Any) -> None:
        await self.socket.send_json(question)

    async def next(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; those before it are dropped."""
        while True:
            message: dict[str, Any] = await self.socket.receive_json(timeout=DEADLINE_S)
            if message["kind"] == "role":
                self.role = message
            if message["kind"] == kind:
                return message

    async def until_role(self, **wanted: Any) -> None:
        while not wanted.items() <= self.role.items():
            await self.next("role")

    async def end(self) -> int | None:
        """Read to the end; returns the code that the server closed with."""
        async with asyncio.timeout(DEADLINE_S):
            async for _ in self.socket:
                pass
        return self.socket.close_code


@asynccontextmanager
async def in_class() -> AsyncIterator[Class]:
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: troubles.append(what))
    running = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        lesson = Class(session)
        await lesson.server.start(listen(LOOPBACK, 0))
        try:
            yield lesson
        finally:
            await lesson.server.close()
    assert lesson.run.state == "closed"
    async with asyncio.timeout(DEADLINE_S):
        while asyncio.all_tasks() - running - {asyncio.current_task()}:
            await asyncio.sleep(0.001)
    assert troubles == []


@pytest.fixture
async def lesson(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Class]:
    monkeypatch.setattr(page, "module", lambda: "export default 1;\n")
    monkeypatch.setattr(page, "style", lambda: ".fsl-demo { margin: 0; }\n")
    async with in_class() as lesson:
        yield lesson


# ---- what is served, and to whom


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", '<div class="fsl-demo"></div>'),
        ("/demo.js", "text/javascript", "export default 1;\n\nopenPage();"),
        ("/demo.css", "text/css", ".fsl-demo"),
    ],
)
async def test_the_page_and_its_parts(lesson: Class, path: str, kind: str, part: str) -> None:
    async with lesson.session.get(lesson.url + path) as response:
        assert (response.status, response.content_type) == (200, kind)
        assert response.charset == "utf-8"
        assert part in await response.text()
        headers = response.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        f"connect-src 'self' ws://{lesson.host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


async def test_nothing_served_has_the_token(lesson: Class) -> None:
    for path in ("/", "/demo.js", "/demo.css", "/ws", "/other"):
        async with lesson.session.get(lesson.url + path) as response:
            assert lesson.server.token not in await response.text()
            assert lesson.server.token not in str(response.headers)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 200),  # a tunnel's
        ("localhost:8765", 200),
        ("LOCALHOST", 200),
        ("[::1]:8765", 200),
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.0.2.7", 421),
        ("[2001:db8::1]", 421),
        ("0.0.0.0", 421),
        ("127.0.0.1:8765; script-src *", 421),
        ("user@127.0.0.1", 421),
        ("", 421),
    ],
)
async def test_a_name_that_may_be_anybodys_is_refused(
    lesson: Class, host: str, status: int
) -> None:
    for path in ("/", "/demo.js", "/ws"):
        async with lesson.session.get(lesson.url + path, headers={"Host": host}) as response:
            wanted = 403 if path == "/ws" and status == 200 else status
            assert response.status == wanted
            assert "evil" not in str(response.headers)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("192.0.2.7:8765", True),
        ("[2001:db8::1]:8765", True),
        ("127.0.0.1", True),
        ("localhost:8765", True),
        ("laptop.local:8765", False),
        ("192.0.2.7.evil.example", False),
        ("999.0.2.7", False),
        ("[192.0.2.7", False),
        ("192.0.2.7:8765\n", False),
        ("", False),
    ],
)
def test_where_the_room_may_watch_any_address_is_ours_and_still_no_name(
    host: str, ours: bool
) -> None:
    assert names_us(host, everywhere=True) is ours


async def test_what_is_no_http_gets_an_answer_and_no_word(
    lesson: Class, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, lesson.server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
    status = await reader.readline()
    assert status.split()[1] == b"400"
    writer.close()
    await writer.wait_closed()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://localhost:{port}",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
    ],
)
async def test_a_socket_is_for_our_own_page(lesson: Class, origin: str | None) -> None:
    origin = origin and origin.format(port=lesson.server.port)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await lesson.session.ws_connect(f"{lesson.url}/ws", origin=origin)
    assert refused.value.status == 403


# ---- who controls


async def test_the_page_with_the_token_controls_and_others_watch(lesson: Class) -> None:
    teacher, student = await lesson.teach(), await lesson.join("a guess")
    assert teacher.role["role"] == "teacher"
    assert student.role == {"kind": "role", "role": "student", "watchers": 2, "contested": False}
    await teacher.until_role(watchers=2)
    await student.ask(do="start")
    assert await student.next("error") == {"kind": "error", "key": "student"}
    await teacher.ask(do="kill", who=3)
    await teacher.ask(do="nonsense")
    assert (await teacher.next("error"))["key"] == "unknown"
    lesson.run.refusal = Refusal("late")
    await teacher.ask(do="start")
    assert await teacher.next("error") == {"kind": "error", "key": "late"}
    assert lesson.run.asked == [asking.Kill(3), asking.Start()]
    lesson.run.told(frame(1))
    assert (await student.socket.receive_json())["t"] == 1  # and no error of another's


async def test_a_second_page_with_the_token_takes_over_or_inherits(lesson: Class) -> None:
    first, second = await lesson.teach(), await lesson.teach()
    assert (second.role["role"], second.role["contested"]) == ("student", True)
    await second.ask(do="start")
    assert (await second.next("error"))["key"] == "contested"
    await second.ask(do="take")
    await second.until_role(role="teacher", contested=False)
    await first.until_role(role="student", contested=True)
    await second.socket.close()
    await first.until_role(role="teacher", watchers=1)
    await first.ask(do="start")
    await first.ask(do="nonsense")
    await first.next("error")
    assert lesson.run.asked == [asking.Start()]


async def test_too_many_pages_get_a_clear_refusal(
    lesson: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "MOST_WATCHERS", 1)
    first = await lesson.join()
    second = await lesson.open()
    assert (await second.next("error")).items() >= {"key": "full", "most": 1}.items()
    assert await second.end() == aiohttp.WSCloseCode.TRY_AGAIN_LATER
    await first.next("frame")


# ---- what pages send


@pytest.mark.parametrize("text", ["", "start", "{}", '{"do":"fly"}', "x" * (asking.LONGEST + 1)])
async def test_a_message_that_is_none_gets_a_refusal(lesson: Class, text: str) -> None:
    teacher = await lesson.teach()
    await teacher.socket.send_str(text)
    assert (await teacher.next("error"))["key"] == "unknown"
    await teacher.socket.send_bytes(b"\xff")
    assert (await teacher.next("error"))["key"] == "unknown"
    assert lesson.run.asked == []


async def test_a_message_that_is_far_too_long_ends_the_connection(lesson: Class) -> None:
    student = await lesson.join()
    await student.socket.send_str("x" * (17 * asking.LONGEST))
    assert await student.end() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_page_that_never_joins_is_dropped(
    lesson: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "JOIN_S", 0.01)
    stranger = await lesson.open()
    assert await stranger.end() == aiohttp.WSCloseCode.POLICY_VIOLATION


# ---- what pages get


async def test_a_late_page_gets_everything_so_far(lesson: Class) -> None:
    early = await lesson.join()
    for number in (1, 2):
        lesson.run.told(frame(number))
        while (await early.next("frame"))["t"] != number:
            pass
    late = await lesson.join()
    assert (await late.next("scene"))["run"] == 1
    everything = await late.next("frame")
    assert everything["t"] == 2
    assert everything["sides"][0]["pieces"] == [[0, 0], [1, 0], [2, 0]]


async def test_the_run_does_not_wait_for_the_web_nor_pile_up_what_it_tells(lesson: Class) -> None:
    student = await lesson.join()
    await student.next("frame")

    def tell() -> None:
        for number in range(1, 1001):
            lesson.run.told(frame(number))

    calls = []
    loop = asyncio.get_running_loop()
    call = loop.call_soon_threadsafe
    loop.call_soon_threadsafe = (  # type: ignore[method-assign]
        lambda *arguments, **options: calls.append(1) or call(*arguments, **options)  # type: ignore[func-returns-value]
    )
    # The web's loop stands still meanwhile: it is this thread's.
    thread = threading.Thread(target=tell)
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert len(calls) == 1
    message = await student.next("frame")
    assert message["t"] == 1000
    assert message["sides"][0]["pieces"] == [[number, 0] for number in range(1, 1001)]


FRAMES, PIECES = 150, 2000
"""Some 2 MB: more than any socket's buffers hold."""


async def test_a_slow_page_gets_one_frame_later_and_holds_nobody_up(lesson: Class) -> None:
    async with small_window() as session:
        slow = await lesson.join(session=session, max_msg_size=0)
        quick = await lesson.join(max_msg_size=0)
        await quick.next("frame")
        for number in range(1, FRAMES + 1):
            lesson.run.told(frame(number, PIECES))
            while (await quick.next("frame"))["t"] != number:
                pass
        frames, pieces = 0, []
        t = -1.0
        while t < FRAMES:
            message = await slow.next("frame")
            frames, t = frames + 1, message["t"]
            pieces += message["sides"][0]["pieces"]
        assert frames < FRAMES // 2
        assert pieces == [[0, 0]] + [
            [number, piece] for number in range(1, FRAMES + 1) for piece in range(PIECES)
        ]
        await slow.socket.close()


@asynccontextmanager
async def small_window() -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose connections have little room for what they do not read."""

    def make(address: Any) -> socket.socket:
        made = socket.socket(address[0], address[1], address[2])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(socket_factory=make)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.mark.parametrize("reads", [True, False])
async def test_a_page_that_hangs_is_dropped(
    lesson: Class, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    teacher = await lesson.teach()
    monkeypatch.setattr(server, "HEARTBEAT_S", 0.2)
    async with small_window() as session:
        hanging = await lesson.join(session=session, autoping=False)
        await teacher.until_role(watchers=2)
        for number in range(1, 1 if reads else FRAMES):
            lesson.run.told(frame(number, PIECES))
            while (await teacher.next("frame"))["t"] != number:
                pass
        await teacher.until_role(watchers=1)
        hanging.socket._response.close()


# ---- the end


async def test_at_the_end_all_pages_are_told_and_none_holds_it_up(lesson: Class) -> None:
    teacher, student = await lesson.teach(), await lesson.join()
    async with small_window() as session:
        slow = await lesson.join(session=session)
        for number in range(1, FRAMES):
            lesson.run.told(frame(number, PIECES))
            while (await teacher.next("frame"))["t"] != number:
                pass
        ends = [asyncio.create_task(one.end()) for one in (teacher, student)]
        async with asyncio.timeout(DEADLINE_S):
            await lesson.server.close()
            assert await asyncio.gather(*ends) == [1001, 1001]
        assert lesson.run.state == "closed"
        slow.socket._response.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await lesson.session.get(lesson.url)


async def test_where_the_run_cannot_start_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(told: Told) -> MadeUp:
        raise Refusal("failed", message="too few files may be open")

    monkeypatch.setattr(page, "live_script", lambda: "")
    monkeypatch.setattr(page, "page_style", lambda: "")
    broken = Server(begin)
    with pytest.raises(Refusal, match="too few files"):
        await broken.start(listen(LOOPBACK, 0))
    listen(LOOPBACK, broken.port).close()


def test_a_port_in_use_is_passed_over() -> None:
    with listen(LOOPBACK, 0) as first:
        port = first.getsockname()[1]
        with listen(LOOPBACK, port) as second:
            assert port < second.getsockname()[1] <= port + serving.PORTS_TRIED


def test_where_no_port_is_free_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PORTS_TRIED", 0)
    with listen(LOOPBACK, 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(BenchError, match=f"ports {port} to {port} of 127.0.0.1 are all in use"):
            listen(LOOPBACK, port)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(BenchError) as refused:
        listen("192.0.2.1", 8765)
    line = "cannot listen at 192.0.2.1, port 8765: Cannot assign requested address"
    assert str(refused.value) == line


async def test_frames_are_json_as_the_view_reads_it(lesson: Class) -> None:
    student = await lesson.open()
    await student.ask(do="join", token=None)
    kinds = []
    while "frame" not in kinds:
        message = await student.socket.receive(DEADLINE_S)
        assert message.type is aiohttp.WSMsgType.TEXT
        kinds.append(json.loads(message.data)["kind"])
    assert kinds == ["role", "scene", "frame"]
