"""`bench demo`: what it takes, prints and exits with, and that a signal ends all of it."""

import asyncio
import signal
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import psutil
import pytest
from command_line import Bench, bench_here

import bench.classroom.engine
from bench.classroom import serving
from bench.classroom.relay import Told
from bench.classroom.server import Server
from bench.classroom.settings import Settings
from host.quantities import Duration, Rate, Size

DEADLINE_S = 20.0
ENDED_WITHIN_S = 2.0
"""Seconds from Ctrl-C to the end, with pages open."""


class Served:
    """What `bench demo` had served: by a server that is none."""

    def __init__(self) -> None:
        self.port = 8765
        self.where: dict[str, Any] = {}
        self.engine: dict[str, Any] = {}

    async def serve(
        self, begin: Callable[[Told], Any], *, ready: Callable[[Server], None], **where: Any
    ) -> None:
        self.where = where
        begin(lambda news: None)
        server = Server(begin)
        server.port = self.port
        server.token = "secret"
        ready(server)

    def begin(self, settings: Settings, **options: Any) -> None:
        options.pop("told")
        self.engine = {"settings": settings, **options}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    served = Served()
    monkeypatch.setattr(serving, "serve", served.serve)
    monkeypatch.setattr(bench.classroom.engine, "Engine", served.begin)
    return served


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], served: Served
) -> Iterator[Bench]:
    """Run `bench` and return its exit code, stdout and stderr; nothing is served."""
    yield from bench_here(monkeypatch, capsys)


def test_it_prints_the_link_with_the_token(command: Bench, served: Served) -> None:
    code, out, err = command("demo")
    assert (code, out) == (130, "http://127.0.0.1:8765/#token=secret\n")
    assert err == "Ctrl-C ends it.\nbench: the demo has ended\n"
    assert served.where == {"address": "127.0.0.1", "port": 8765}
    assert served.engine == {"settings": Settings(), "speed": 5.0, "lesson": None}


def test_every_option(command: Bench, served: Served) -> None:
    given = {
        "clients": "7",
        "file-size": "2 MiB",
        "origin-up": "10 Mbit/s",
        "peer-up": "1 Mbit/s",
        "latency": "20 ms",
        "riders": "2",
        "seed": "3",
        "speed": "0.5",
        "port": "8001",
    }
    code, _, _ = command("demo", *(f"--{option}={text}" for option, text in given.items()))
    assert code == 130
    assert served.engine == {
        "settings": Settings(
            clients=7,
            file_size=Size(2 * 2**20),
            origin_up=Rate(1.25e6),
            peer_up=Rate(1.25e5),
            latency=Duration(0.02),
            riders=2,
            seed=3,
        ),
        "speed": 0.5,
        "lesson": None,
    }
    assert served.where["port"] == 8001


def test_a_lesson_has_its_own_settings_and_speed_which_options_change(
    command: Bench, served: Served
) -> None:
    command("demo", "--lesson", "slow")
    slow = Settings(clients=8, origin_up=Rate(1.25e6))
    assert served.engine == {"settings": slow, "speed": 15.0, "lesson": "slow"}
    command("demo", "--lesson", "slow", "--clients", "9", "--speed", "2")
    assert served.engine["settings"].clients == 9
    assert served.engine["settings"].origin_up == 1.25e6
    assert served.engine["speed"] == 2.0


@pytest.mark.parametrize(
    ("option", "given", "line"),
    [
        ("clients", "100000", "clients: '100000'; expected 1 to 200"),
        ("clients", "ten", "clients: 'ten'; expected e.g. '20'"),
        ("clients", "0", "clients: '0'; expected 1 to 200"),
        ("riders", "21", "riders: '21'; expected 0 to 20"),
        ("file-size", "9", "file_size: '9'; expected e.g. '100 MiB'"),
        ("file-size", "1 B", "file_size: '1 B'; expected 64 KiB to 1 TiB"),
        ("origin-up", "-5 Mbit/s", "origin_up: '-5 Mbit/s'; expected 1 kbit/s to 100 Gbit/s"),
        ("peer-up", "fast", "peer_up: 'fast'; expected e.g. '20 Mbit/s'"),
        ("latency", "1 h", "latency: '1 h'; expected 0 s to 2 s"),
        ("seed", "-1", "seed: '-1'; expected 0 to 4294967295"),
        ("speed", "0", "speed: '0'; expected 0.25 to 1000.0"),
        ("speed", "nan", "speed: 'nan'; expected 0.25 to 1000.0"),
        ("lesson", "x", "lesson: 'x'; expected one of load, outage, late, slow, riders"),
        ("port", "65536", "port: '65536'; expected 0 to 65535"),
        ("port", "http", "port: 'http'; expected 0 to 65535"),
        ("port", "", "port: ''; expected 0 to 65535"),
        (
            "listen",
            "here",
            "listen: 'here'; expected an address of this computer, or 0.0.0.0 for all of them",
        ),
    ],
)
def test_a_bad_value_is_one_line(
    command: Bench, served: Served, option: str, given: str, line: str
) -> None:
    assert command("demo", f"--{option}={given}") == (2, "", f"bench: {line}\n")
    assert served.where == {}


def test_another_port_is_said(command: Bench, served: Served) -> None:
    served.port = 8767
    _, out, err = command("demo")
    assert out == "http://127.0.0.1:8767/#token=secret\n"
    assert err.splitlines()[0] == "port 8765 is in use; this is at 8767"
    assert len(command("demo", "--port", "0")[2].splitlines()) == 2


def test_where_the_room_may_watch_there_is_a_link_without_the_token(
    command: Bench, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = command("demo", "--listen", "192.0.2.7")
    assert out.splitlines() == [
        "http://192.0.2.7:8765/#token=secret",
        "to watch, without the controls: http://192.0.2.7:8765/",
    ]
    assert served.where["address"] == "192.0.2.7"

    class Card:
        def __init__(self, address: str) -> None:
            self.address = address

    cards = {
        "lo": [Card("127.0.0.1"), Card("::1")],
        "wifi": [Card("192.0.2.7"), Card("fe80::1%wifi"), Card("00:00:5e:00:53:01")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    _, out, _ = command("demo", "--listen", "0.0.0.0")
    assert out.splitlines() == [
        "http://127.0.0.1:8765/#token=secret",
        "to watch, without the controls: http://192.0.2.7:8765/",
    ]
    assert command("demo", "--listen", "::1")[1] == "http://[::1]:8765/#token=secret\n"


def test_a_browser_is_opened_where_asked(command: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    command("demo")
    assert opened == []
    command("demo", "--open")
    deadline = time.monotonic() + DEADLINE_S
    while not opened:  # by a thread
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert opened == ["http://127.0.0.1:8765/#token=secret"]


def test_a_recording_needs_no_server(
    command: Bench, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    recording = ModuleType("bench.classroom.recording")
    recording.__dict__["record"] = lambda *given, **options: kept.append((given, options))
    monkeypatch.setitem(sys.modules, "bench.classroom.recording", recording)
    assert command("demo", "--record", "x.html", "--clients", "3", "--speed", "9")[0] == 0
    assert kept == [((Path("x.html"), Settings(clients=3)), {"speed": 9.0, "lesson": None})]
    assert served.where == {}


# ---- in a process of its own


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`bench demo` with some options; afterwards it has ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "bench.cli", "demo", "--clients", "3", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def link(process: asyncio.subprocess.Process) -> tuple[str, str]:
    """The page's address and the token, as they were printed."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        line = (await process.stdout.readline()).decode().strip()
    url, _, token = line.partition("/#token=")
    return url, token


@pytest.mark.parametrize("number", serving.ENDING)
async def test_a_signal_ends_all_of_it_while_pages_are_open(number: signal.Signals) -> None:
    async with running("--port", "0") as process, aiohttp.ClientSession() as session:
        url, token = await link(process)
        pages = [await session.ws_connect(f"{url}/ws", origin=url) for _ in range(2)]
        await pages[0].send_json({"do": "join", "token": token})
        await pages[0].send_json({"do": "start"})
        await pages[1].send_json({"do": "join", "token": None})
        for page in pages:
            while True:
                message = await page.receive_json(timeout=DEADLINE_S)
                if message["kind"] == "frame" and message["state"] == "running":
                    break
        begun = time.monotonic()
        process.send_signal(number)
        # The second page reads no more, and does not even say goodbye.
        async with asyncio.timeout(DEADLINE_S):
            async for _ in pages[0]:
                pass
            out, err = await process.communicate()
        assert time.monotonic() - begun < ENDED_WITHIN_S
        assert pages[0].close_code == aiohttp.WSCloseCode.GOING_AWAY
        assert (out, err.decode()) == (b"", "Ctrl-C ends it.\nbench: the demo has ended\n")
        assert process.returncode == 130


async def test_a_port_in_use_is_passed_over() -> None:
    with serving.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        async with running("--port", str(port)) as process:
            url, _ = await link(process)
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(DEADLINE_S):
                _, err = await process.communicate()
    other = int(url.rpartition(":")[2])
    assert port < other <= port + serving.PORTS_TRIED
    assert err.decode().splitlines()[0] == f"port {port} is in use; this is at {other}"


async def test_help_does_not_wait_for_what_only_the_demo_needs() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import bench.cli, sys; print('aiohttp' in sys.modules)"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert (await process.communicate())[0] == b"False\n"
