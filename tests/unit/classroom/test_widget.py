"""bench.demo: what a notebook's view is told of a real run, by a comm that keeps it."""

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comm.base_comm import BaseComm

import bench
from bench.classroom.cell import GAVE_WAY, Demo
from bench.classroom.page import module, style
from bench.classroom.refusal import Refusal
from bench.classroom.widget import WidgetError
from bench.errors import BenchError
from bench.results import Results

DEADLINE_S = 20.0
SMALL: dict[str, Any] = {"clients": 1, "file_size": "64 KiB", "speed": 1000}
ROLE = {"kind": "role", "role": "teacher", "watchers": 1, "contested": False}


class Comm(BaseComm):
    """A comm that keeps what is sent, and the thread that sends it."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[Any] = []
        self.threads: set[threading.Thread] = set()
        self.woken = asyncio.Event()
        super().__init__(**options)

    def publish_msg(self, msg_type: str, data: Any = None, **rest: Any) -> None:
        self.threads.add(threading.current_thread())
        if msg_type == "comm_msg" and data["method"] == "custom":
            self.sent.append(data["content"])
        elif msg_type == "comm_close":
            self.sent.append(msg_type)
        self.woken.set()


class View:
    """A notebook's side of a demo."""

    def __init__(self, demo: Demo) -> None:
        self.comm: Comm = demo.comm

    def ask(self, content: object) -> None:
        data = {"method": "custom", "content": content}
        self.comm.handle_msg({"content": {"data": data}, "buffers": []})

    @property
    def sent(self) -> list[Any]:
        return self.comm.sent

    async def until(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Wait for a message; returns all up to it, which are taken away."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(wanted(message) for message in self.sent):
                self.comm.woken.clear()
                await self.comm.woken.wait()
        end = next(n for n, message in enumerate(self.sent, 1) if wanted(message))
        taken, self.sent[:end] = self.sent[:end], []
        return taken

    async def until_state(self, state: str) -> list[Any]:
        return await self.until(lambda message: message.get("state") == state)

    async def until_kind(self, kind: str) -> list[Any]:
        return await self.until(lambda message: message["kind"] == kind)


def running() -> list[str]:
    """The threads of runs."""
    names = [thread.name for thread in threading.enumerate()]
    return sorted(name for name in names if name in ("simulation", "frames"))


def stand_still(until: Callable[[], bool]) -> None:
    """Keep the loop busy meanwhile, as a cell that computes does."""
    deadline = time.monotonic() + DEADLINE_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Comms that lead nowhere; no run is left."""
    monkeypatch.setattr("comm.create_comm", Comm)
    yield
    Demo.close_all()
    assert running() == []


# --- what is made ------------------------------------------------------------------------------


async def test_a_demo_is_the_pages_module_and_waits() -> None:
    demo = bench.demo(**SMALL)
    state = demo.get_state()
    assert (state["_esm"], state["_css"]) == (module(), style())
    assert state["_esm"].rstrip().endswith("export default { render };")
    assert running() == []
    text = "<bench.demo: one server or peers, 1 clients, 64 KiB, live; run this cell in Jupyter to "
    data, _ = demo._repr_mimebundle_()
    assert data.pop("text/plain") == repr(demo) == f"{text}see it>"
    assert [*data] == ["application/vnd.jupyter.widget-view+json"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"clients": 100_000}, "clients: '100000'; expected 1 to 200"),
        ({"peer_up": "-3 Mbit/s"}, "peer_up: '-3 Mbit/s'; expected 1 kbit/s to 100 Gbit/s"),
        ({"file_size": "big"}, "file_size: 'big'; expected e.g. '100 MiB'"),
        ({"speed": 0}, "speed: '0'; expected 0.25 to 1000.0"),
        ({"lesson": "tea"}, "lesson: 'tea'; expected one of load, outage, late, slow, riders"),
    ],
)
async def test_a_value_that_is_wrong_has_its_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(Refusal) as caught:
        bench.demo(**given)
    assert caught.value._render_traceback_() == [f"Refusal: {line}"]


async def test_a_lesson_sets_what_the_caller_does_not() -> None:
    view = View(bench.demo(lesson="load", clients=3))
    view.ask({"do": "join", "token": None})
    *_, scene = await view.until_kind("scene")
    assert (scene["lesson"], scene["speed"], scene["settings"]["clients"]) == ("load", 6.0, 3)


async def test_without_anywidget_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    line = 'the demo needs anywidget, which is not installed: pip install -e ".[notebook]"'
    with pytest.raises(WidgetError) as caught:
        bench.demo()
    assert str(caught.value) == line


def test_outside_a_notebook_a_line_says_where_to_go() -> None:
    with pytest.raises(WidgetError, match=r"^bench.demo\(\) is for a Jupyter notebook; "):
        bench.demo()


# --- a run -------------------------------------------------------------------------------------


async def test_a_view_sees_a_run_to_its_end() -> None:
    demo = bench.demo(**SMALL)
    view = View(demo)
    view.ask({"do": "join", "token": None})
    role, scene, ready = await view.until_state("ready")
    assert (role, scene["kind"], scene["settings"]["file_size"]) == (ROLE, "scene", "64 KiB")
    assert ready["sides"][0]["hosts"][0][:2] == (0, 1000)
    view.ask({"do": "start"})
    frames = await view.until_state("over")
    last = {side: rows for side in (0, 1) for f in frames for rows in f["sides"][side]["hosts"]}
    assert {side: row[1] for side, row in last.items()} == {0: 1000, 1: 1000}
    assert view.comm.threads == {threading.current_thread()}


async def test_a_second_view_hears_everything_so_far() -> None:
    demo = bench.demo(**SMALL)
    view = View(demo)
    view.ask({"do": "join", "token": None})
    demo.start()
    before = await view.until_state("over")
    view.ask({"do": "join", "token": None})
    role, scene, frame = await view.until_state("over")
    assert (role, scene) == (ROLE, before[1])
    assert [event[1] for event in frame["events"]] == ["start", "finished", "finished"]
    assert len(frame["sides"][1]["pieces"]) == scene["pieces"]


async def test_a_busy_kernel_finds_one_frame_with_all_of_it() -> None:
    demo = bench.demo(**SMALL)
    view = View(demo)
    view.ask({"do": "join", "token": None})
    await view.until_state("ready")
    demo.start()
    await asyncio.sleep(0)
    engine = demo._engine
    assert engine is not None
    stand_still(lambda: engine._last is not None and engine._last.state == "over")
    assert view.sent == []
    (frame,) = await view.until_state("over")
    assert [event[1] for event in frame["events"]] == ["start", "finished", "finished"]


async def test_what_a_view_may_not_ask_comes_back() -> None:
    view = View(bench.demo(**SMALL))
    view.ask({"do": "join", "token": None})
    await view.until_state("ready")
    view.ask({"do": "set", "settings": {"clients": -3}})
    refused = {"field": "clients", "given": "-3", "least": "1", "most": "200"}
    assert await view.until_kind("error") == [{"kind": "error", "key": "range", **refused}]
    for strange in ({"do": "dance"}, "dance", None, [1], {"do": "kill", "who": "me"}):
        view.ask(strange)
        (error,) = await view.until_kind("error")
        assert error["key"] == "unknown"
    view.ask({"do": "take"})
    view.ask({"do": "kill", "who": 7})
    (error,) = await view.until_kind("error")
    assert error == {"kind": "error", "key": "unknown", "reason": "no host 7"}


async def test_a_thread_of_jupyters_may_bring_what_a_view_asks() -> None:
    view = View(bench.demo(**SMALL))
    await asyncio.to_thread(view.ask, {"do": "join", "token": None})
    await view.until_state("ready")
    assert view.comm.threads == {threading.current_thread()}


# --- from Python -------------------------------------------------------------------------------


async def test_what_has_a_button_has_a_line() -> None:
    demo = bench.demo(**SMALL | {"speed": 0.25, "file_size": "100 MiB"})
    view = View(demo)
    demo.start()
    demo.kill()
    demo.revive()
    demo.ask("speed", speed=2)
    demo.pause()
    heard = await view.until_state("held")
    events = [event for message in heard for event in message.get("events", [])]
    assert [event[1:] for event in events] == [
        ("start", {}),
        ("kill", {"who": 0}),
        ("revive", {"who": 0}),
        ("speed", {"speed": 2.0}),
        ("pause", {}),
    ]
    demo.reset()
    *_, scene, _ = await view.until_state("ready")
    assert (scene["run"], scene["speed"]) == (2, 2.0)
    with pytest.raises(Refusal, match="a message that is none: Invalid value 'dance'"):
        demo.ask("dance")


async def test_a_run_is_recorded_as_it_is_set(tmp_path: Path) -> None:
    demo = bench.demo(**SMALL)
    view = View(demo)
    demo.ask("set", settings={"clients": 2})
    await view.until(lambda message: message.get("settings", {}).get("clients") == 2)
    assert demo.record(tmp_path / "lesson.html") == tmp_path / "lesson.html"
    assert (tmp_path / "lesson.html").read_text().startswith("<!doctype html>")
    with pytest.raises(BenchError, match=r": is a directory$"):
        demo.record(tmp_path)


async def test_bench_measures_what_the_demo_plays() -> None:
    demo = bench.demo(clients=2, file_size="1 MiB", peer_up="3 Mbit/s", seed=4)
    scenario = demo.scenario
    assert (scenario.clock, scenario.clients, scenario.seed) == ("virtual", (2,), 4)
    results: Results = bench.run(scenario, out=False, progress=False, jobs=1)
    assert list(results.runs["finished"]) == [2, 2]


# --- its end -----------------------------------------------------------------------------------


async def test_the_next_demo_ends_the_one_before_which_can_begin_anew() -> None:
    first = bench.demo(**SMALL | {"file_size": "1 GiB", "speed": 1})
    view = View(first)
    first.start()
    await view.until_state("running")
    second = bench.demo(**SMALL)
    assert second._engine is None
    assert running() == ["frames", "simulation"]
    other = View(second)
    other.ask({"do": "join", "token": None})
    await other.until_state("ready")
    *_, last = await view.until_state("over")
    assert last["events"][-1][1:] == ("failed", {"message": GAVE_WAY})
    assert running() == ["frames", "simulation"]
    view.ask({"do": "join", "token": None})  # its notebook was loaded anew: no reason to change
    _, scene, frame = await view.until_state("over")
    assert (scene["settings"]["file_size"], frame["events"][-1]) == ("1 GiB", last["events"][-1])
    view.ask({"do": "reset"})
    scene, frame = await view.until_state("ready")
    assert (scene["run"], frame["t"], first._engine is not None) == (1, 0.0, True)
    assert second._engine is None
    assert running() == ["frames", "simulation"]


async def test_a_demo_that_was_never_seen_says_that_it_has_ended() -> None:
    view = View(bench.demo(**SMALL))
    view.ask({"do": "join", "token": None})
    bench.demo(**SMALL).start()
    told = await view.until(lambda message: message.get("state") in ("ended", "over"))
    assert told[0] == ROLE
    assert told[-1]["kind"] in ("connection", "frame")  # the thread may have been the first


async def test_a_closed_demo_leaves_nothing() -> None:
    demo = bench.demo(**SMALL)
    view = View(demo)
    demo.start()
    await view.until_state("over")
    demo.close()
    assert (running(), view.sent) == ([], ["comm_close"])
    view.ask({"do": "start"})
    await asyncio.sleep(0)
    assert (running(), view.sent) == ([], ["comm_close"])
    with pytest.raises(BenchError, match=r"^this demo is closed; bench.demo\(\) makes "):
        demo.start()
    demo.close()


async def test_a_machine_too_small_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise Refusal("failed", message="too few descriptors")

    demo = bench.demo(**SMALL)
    for place in ("engine", "widget"):
        monkeypatch.setattr(
            importlib.import_module(f"bench.classroom.{place}"), "ensure_machine", refuse
        )
    with pytest.raises(Refusal, match="too few descriptors"):
        bench.demo(**SMALL)
    view = View(demo)
    view.ask({"do": "join", "token": None})
    (error,) = await view.until_kind("error")
    assert error == {"kind": "error", "key": "failed", "message": "too few descriptors"}
