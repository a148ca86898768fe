"""The demo as one object of a notebook: the page's view as an anywidget, and the run behind it.

What is sent to the view, and what is done for it, is done on the notebook's loop: a comm belongs to
one thread, and JupyterLab may have messages read in another (a subshell).
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from anywidget import AnyWidget
from traitlets import Unicode

from bench.classroom import asking
from bench.classroom.engine import Engine
from bench.classroom.frames import Frame, Merged, Scene, SideChanges
from bench.classroom.page import module, style
from bench.classroom.recording import record
from bench.classroom.refusal import Refusal
from bench.classroom.relay import Relay
from bench.classroom.settings import Settings, change, scenario
from bench.errors import BenchError
from bench.scenario import Scenario

ROLE = {"kind": "role", "role": "teacher", "watchers": 1, "contested": False}
"""What every view is told: it is the reader's own notebook."""
ENDED = {"kind": "connection", "state": "ended"}
"""What a view is told whose run ended before there was anything of it to see."""

GAVE_WAY = "another demo of this notebook has begun; reset this one to see it again"


class Demo(AnyWidget):
    """Both systems side by side, live; `bench.demo` makes it, and a notebook shows it.

    Its views show the same run, and each has all the controls. The run is made when it is first
    shown or asked for something, and waits at its beginning. In a notebook one demo has a run at a
    time: when another one gets its own this one's ends, and its picture stays. Reset, or asked for
    anything else, it begins anew. So a cell that is run ten times leaves one run behind, which ends
    with the kernel or with `close`.

    A cell that keeps the kernel busy keeps the picture still, and the run goes on; `await
    bench.arun(...)` lets both go on.
    """

    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    # The one with a run. It is the kernel's processors and memory that are shared: nobody who makes
    # a demo knows of the others.
    _live: ClassVar[Demo | None] = None
    _engine: Engine | None = None

    def __init__(
        self,
        settings: Settings,
        *,
        speed: float,
        lesson: str | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`speed`: virtual seconds per second. `loop` is the notebook's, which runs."""
        self._settings, self._speed, self._lesson = settings, speed, lesson
        self._loop = loop
        self._scene: Scene | None = None
        self._so_far = Merged()
        self._newest: Frame | None = None
        super().__init__(_esm=module(), _css=style())
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        s = self._settings
        return (
            f"<bench.demo: one server or peers, {s.clients} clients, {s.file_size}, live; "
            "run this cell in Jupyter to see it>"
        )

    # ---- for the author of a notebook

    @property
    def scenario(self) -> Scenario:
        """What the two systems play, for `bench.run`, which measures it under the virtual clock."""
        return msgspec.structs.replace(scenario(self._settings), clock="virtual")

    def start(self) -> None:
        """Let the run begin, or go on."""
        self.ask("start")

    def pause(self) -> None:
        """Let time stand still."""
        self.ask("pause")

    def reset(self) -> None:
        """Begin anew with the same settings and seed, and wait."""
        self.ask("reset")

    def kill(self, who: int = 0) -> None:
        """Crash a host's program on both sides: 0 is the server, 1 to N are the clients."""
        self.ask("kill", who=who)

    def revive(self, who: int = 0) -> None:
        """Start a host's program anew, with what it has on its disk."""
        self.ask("revive", who=who)

    def ask(self, do: str, **values: Any) -> None:
        """Have something done, in a moment: all that the view can ask, such as
        `ask("speed", speed=20)`, `ask("slow", who=0)`, `ask("add", count=10)`.

        The view tells what is not possible. Raises Refusal where nothing is called `do` or its
        values are others, and BenchError after `close`.
        """
        question = asking.read({"do": do, **values})
        if self.comm is None:
            raise BenchError("this demo is closed; bench.demo() makes another")
        self._soon(partial(self._answer, question))

    def record(self, path: str | Path) -> Path:
        """Play a run with these settings to its end, and write it as one page, which replays it.

        Returns the path. Raises Refusal, and BenchError where it fails.
        """
        path = Path(path)
        # This thread's loop runs already, and a recording needs one of its own.
        with ThreadPoolExecutor(1, "recording") as aside:
            playing = partial(record, speed=self._speed, lesson=self._lesson)
            aside.submit(playing, path, self._settings).result()
        return path

    def close(self) -> None:
        """End the run, and take the views away."""
        self._end_run()
        super().close()

    # ---- any thread

    def _heard(self, _widget: AnyWidget, content: object, _buffers: object) -> None:
        """A view asks something."""
        self._soon(partial(self._read, content))

    def _soon(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the kernel has ended, and nobody is left to see it
            self._loop.call_soon_threadsafe(call)

    def _refused(self, refusal: Refusal) -> None:
        self._soon(partial(self.send, refusal.message()))

    # ---- the notebook's loop

    def _read(self, content: object) -> None:
        try:
            self._answer(asking.read(content if isinstance(content, dict) else str(content)))
        except Refusal as refusal:
            self.send(refusal.message())

    def _answer(self, question: asking.Question) -> None:
        if self.comm is None or isinstance(question, asking.Take):
            return  # nobody else has the control
        joins = isinstance(question, asking.Join)
        anew = self._engine is None and not (joins and self._scene)
        if anew:
            try:
                self._begin_run()
            except Refusal as refusal:
                self.send(refusal.message())
        if joins:
            self._welcome()
        elif self._engine is not None and not (anew and isinstance(question, asking.Reset)):
            self._engine.ask(question, self._refused)

    def _welcome(self) -> None:
        """Tell a new view everything so far. The others hear it too, and it is the same to them."""
        self.send(ROLE)
        if self._scene is not None:
            self.send(msgspec.to_builtins(self._scene))
        if not self._so_far.empty:
            self.send(msgspec.to_builtins(self._so_far.frame()))

    def _take(self, news: Scene | Frame) -> None:
        """Take in what the run tells, and tell the views."""
        if isinstance(news, Scene):
            self._scene, self._so_far = news, Merged()
            self._settings = change(Settings(), news.settings)
            self._speed, self._lesson = news.speed, news.lesson
        else:
            self._so_far.add(news)
            self._newest, self._speed = news, news.speed
        self.send(msgspec.to_builtins(news))

    # ---- the run

    def _begin_run(self) -> None:
        """Make the run, and end another demo's. Raises Refusal."""
        if Demo._live is not None:
            Demo._live._give_way()
        relay = Relay(self._take)

        def tell(news: Scene | Frame) -> None:
            with suppress(RuntimeError):  # the kernel has ended
                relay.tell(news)

        engine = Engine(self._settings, speed=self._speed, lesson=self._lesson, told=tell)
        engine.start()
        self._engine, Demo._live = engine, self
        atexit.register(self._end_run)

    def _give_way(self) -> None:
        """End the run for another demo's, and say so once all that it told has been handed over."""
        self._end_run()
        self._loop.call_soon(self._say_goodbye)

    def _say_goodbye(self) -> None:
        if self._newest is None:
            self.send(ENDED)
            return
        if self._newest.state == "over":
            return
        event = (self._newest.t, "failed", {"message": GAVE_WAY})
        sides = [SideChanges() for _ in self._newest.sides]
        last = msgspec.structs.replace(self._newest, state="over", sides=sides, events=[event])
        self._take(last)

    def _end_run(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        Demo._live = None
        atexit.unregister(self._end_run)
        engine.close()
