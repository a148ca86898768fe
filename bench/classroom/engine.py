"""The demonstration's thread: it plays run after run on the paced clock, as it is asked to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic

from bench.backends import BACKENDS
from bench.classroom import asking
from bench.classroom.frames import Frame, Scene
from bench.classroom.lessons import SPEED, choose, find
from bench.classroom.refusal import Refusal
from bench.classroom.settings import Settings, change, read, scenario
from bench.classroom.show import Show
from bench.pool import memory
from host.clock import VirtualLoop
from host.limits import MachineLimitError, ensure_descriptors, raise_descriptors

FRAMES = 20
"""Frames in a second of the machine's time, at most."""
PACED_OVER = 1.0
"""Seconds of the machine's time over which the pace is measured."""

Told = Callable[[Scene | Frame], None]
Refused = Callable[[Refusal], None]


class Engine:
    """Plays runs, one after the other, until it is closed; does what it is asked to."""

    def __init__(
        self, settings: Settings, *, speed: float = SPEED, lesson: str | None = None, told: Told
    ) -> None:
        """`speed`: seconds of the run in a second. `told` is called in the engine's thread: with a
        scene at each new run and when hosts were added, then with a frame of all so far, then with
        frames of what changes. Raises Refusal.
        """
        self._settings = settings
        self._speed: float = read("speed", speed)
        self._lesson = lesson
        if lesson is not None:
            find(lesson)
        self._told = told
        self._asked: SimpleQueue[tuple[asking.Question, Refused]] = SimpleQueue()
        self._closing = Event()
        self._loop: VirtualLoop | None = None
        self._show: Show
        self._next: asyncio.Event
        self._woken: asyncio.Event
        self._look_due = False
        self._paces: deque[tuple[float, float]] = deque()
        self._thread = Thread(target=self._play, name="simulation", daemon=True)
        self._ticker = Thread(target=self._tick, name="frames", daemon=True)

    def start(self) -> None:
        """Begin: the first run is made and waits at its beginning. Raises Refusal."""
        raise_descriptors()
        ensure_machine(self._settings)
        self._thread.start()
        self._ticker.start()

    def close(self) -> None:
        """End all of it, and return when it has ended."""
        self._closing.set()
        self._wake(self._answer)
        self._thread.join()
        self._ticker.join()

    def ask(self, asked: asking.Question, refused: Refused) -> None:
        """Do what is asked, in a moment; `refused` is called in the engine's thread. Any thread may
        call this."""
        self._asked.put((asked, refused))
        self._wake(self._answer)

    # ---- other threads

    def _wake(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # closed just now; the next run looks by itself
                loop.call_soon_threadsafe(call)

    def _tick(self) -> None:
        while not self._closing.wait(1 / FRAMES):
            if not self._look_due:  # the last look has its turn first
                self._look_due = True
                self._wake(self._look)

    # ---- the engine's thread

    def _play(self) -> None:
        run = 0
        while not self._closing.is_set():
            run += 1
            loop = VirtualLoop(self._speed)
            with asyncio.Runner(loop_factory=partial(same, loop)) as runner:
                runner.run(self._play_one(run, loop))

    async def _play_one(self, run: int, loop: VirtualLoop) -> None:
        """Make a run, and keep it until another is wanted."""
        self._next = asyncio.Event()
        self._woken = asyncio.Event()
        show = Show(self._settings, run=run, speed=self._speed, lesson=self._lesson)
        self._show = show
        answering = loop.create_task(self._answer_all(), name="answers")
        try:
            with TemporaryDirectory(prefix="bench-", dir=memory(show.need)) as folder:
                async with asyncio.TaskGroup() as group:
                    try:
                        await show.open(Path(folder), group)
                        self._begin_to_tell(loop)
                        await self._next.wait()
                    finally:
                        await show.close()
        except* Exception as failures:
            self._fail(failures.exceptions[0])
            await self._next.wait()
        self._loop = None
        answering.cancel()

    def _begin_to_tell(self, loop: VirtualLoop) -> None:
        self._paces.clear()
        self._loop = loop  # before the look: ticks that nobody heard are made up for by it
        self._look()
        self._answer()

    def _look(self) -> None:
        """Tell what has changed."""
        self._look_due = False
        wall, now = monotonic(), self._show.now
        if self._show.state != "running":
            self._paces.clear()
        self._paces.append((wall, now))
        while wall - self._paces[0][0] > PACED_OVER:
            self._paces.popleft()
        first_wall, first = self._paces[0]
        pace = (now - first) / (wall - first_wall) if len(self._paces) > 1 else None
        for news in self._show.news(pace and float(f"{pace:.3g}")):
            self._told(news)

    def _fail(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self._show.fail(error)
        self._look()

    # ---- what is asked

    def _answer(self) -> None:
        if self._closing.is_set():
            self._next.set()
        self._woken.set()

    async def _answer_all(self) -> None:
        """Do as asked, one after the other; what follows a reset is for the next run."""
        while not self._next.is_set():
            await self._woken.wait()
            self._woken.clear()
            with suppress(Empty):
                while not self._next.is_set():
                    asked, refused = self._asked.get_nowait()
                    try:
                        await self._do(asked)
                    except Refusal as refusal:
                        refused(refusal)

    async def _do(self, asked: asking.Question) -> None:
        show = self._show
        match asked:
            case asking.Start():
                show.start()
            case asking.Pause():
                show.pause()
            case asking.Step():
                show.step()
            case asking.Speed(speed):
                self._speed = read("speed", speed)
                show.change_speed(self._speed)
            case asking.Reset():
                self._next.set()
            case asking.Set(given):
                self._play_next(change(self._settings, given), None, self._speed)
            case asking.Lesson(None):
                self._play_next(Settings(seed=self._settings.seed), None, self._speed)
            case asking.Lesson(str(name)):
                settings, speed = choose({"seed": self._settings.seed}, lesson=name)
                self._play_next(settings, name, speed)
            case _:
                await show.act(asked)

    def _play_next(self, settings: Settings, lesson: str | None, speed: float) -> None:
        ensure_machine(settings)
        self._settings, self._lesson, self._speed = settings, lesson, speed
        self._next.set()


def ensure_machine(settings: Settings) -> None:
    """Check that this machine can hold a run. Raises Refusal."""
    played = scenario(settings)
    try:
        ensure_descriptors(
            sum(BACKENDS[name](played).descriptors(settings.clients) for name in played.backends)
        )
    except MachineLimitError as error:
        raise Refusal("failed", message=str(error)) from None


def same(loop: VirtualLoop) -> VirtualLoop:
    """Return it; what makes a loop for a Runner."""
    return loop
