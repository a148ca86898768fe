"""The demonstration's thread: it plays run after run on the paced clock, as it is asked to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic

from msgspec.structs import replace

from bench.backends import BACKENDS
from bench.classroom import asking
from bench.classroom.frames import Frame, Scene, SideChanges
from bench.classroom.lessons import SPEED, choose, find
from bench.classroom.refusal import Refusal
from bench.classroom.settings import RANGES, Settings, change, read, scenario
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
        self._asked: SimpleQueue[tuple[asking.Question, Refused] | None] = SimpleQueue()
        self._closing = Event()
        self._begun = Event()
        self._failure: Exception | None = None
        self._playing: _Playing | None = None
        self._last: Frame | None = None
        self._look_due = False
        self._paces: deque[tuple[float, float]] = deque()
        self._thread = Thread(target=self._play, name="simulation", daemon=True)
        self._ticker = Thread(target=self._tick, name="frames", daemon=True)

    def start(self) -> None:
        """Begin: returns when the first run is made, and waits at its beginning. Raises Refusal."""
        raise_descriptors()
        ensure_machine(self._settings)
        self._thread.start()
        self._begun.wait()
        if self._failure is not None:
            raise Refusal("failed", message=first_line(self._failure)) from self._failure
        self._ticker.start()

    def close(self) -> None:
        """End all of it, and return when it has ended."""
        self._closing.set()
        self._asked.put(None)
        self._wake()
        for thread in (self._thread, self._ticker):
            if thread.ident is not None:
                thread.join()

    def ask(self, asked: asking.Question, refused: Refused) -> None:
        """Do what is asked, in a moment; `refused` is called in the engine's thread. Any thread may
        call this."""
        self._asked.put((asked, refused))
        self._wake()

    # ---- other threads

    def _wake(self) -> None:
        playing = self._playing
        if playing is not None:
            playing.soon(playing.woken.set)

    def _tick(self) -> None:
        while not self._closing.wait(1 / FRAMES):
            playing = self._playing
            if playing is not None and not self._look_due:  # the last look has its turn first
                self._look_due = True
                playing.soon(self._look)

    # ---- the engine's thread

    def _play(self) -> None:
        for run in count(1):
            try:
                with asyncio.Runner(loop_factory=partial(VirtualLoop, self._speed)) as runner:
                    runner.run(self._play_one(run))
            except Exception as error:  # whatever it is, the class is told, and may go on
                self._failure = error
                if not self._begun.is_set():
                    break
                self._tell_failure(error)
                self._wait_for_another()
            if self._closing.is_set():
                break
        self._begun.set()

    async def _play_one(self, run: int) -> None:
        """Make a run, and keep it until another is wanted, or none."""
        show = Show(self._settings, run=run, speed=self._speed, lesson=self._lesson)
        with TemporaryDirectory(prefix="bench-", dir=memory(show.need)) as folder:
            async with asyncio.TaskGroup() as group:
                try:
                    await show.open(Path(folder), group)
                    self._playing = _Playing(show)
                    self._paces.clear()
                    self._look()
                    self._begun.set()
                    await self._answer(self._playing)
                finally:
                    self._playing = None
                    await show.close()

    def _look(self) -> None:
        """Tell what has changed."""
        self._look_due = False
        if self._playing is None:
            return
        show = self._playing.show
        wall, now = monotonic(), show.now
        if show.state != "running":
            self._paces.clear()
        self._paces.append((wall, now))
        while wall - self._paces[0][0] > PACED_OVER:
            self._paces.popleft()
        first_wall, first = self._paces[0]
        pace = (now - first) / (wall - first_wall) if len(self._paces) > 1 else None
        for news in show.news(pace and float(f"{pace:.3g}")):
            self._told(news)
            if isinstance(news, Frame):
                self._last = news

    def _tell_failure(self, error: Exception) -> None:
        last = self._last
        if last is not None:
            event = (last.t, "failed", {"message": first_line(error)})
            sides = [SideChanges() for _ in last.sides]
            self._told(replace(last, state="over", sides=sides, events=[event]))

    # ---- what is asked

    async def _answer(self, playing: _Playing) -> None:
        """Do as asked, one after the other; return when another run is wanted, or none."""
        while True:
            with suppress(Empty):
                while (next_one := self._asked.get_nowait()) is not None:
                    asked, refused = next_one
                    try:
                        if self._is_another_run(asked):
                            return
                        await self._do(playing.show, asked)
                    except Refusal as refusal:
                        refused(refusal)
                return
            await playing.woken.wait()
            playing.woken.clear()

    def _wait_for_another(self) -> None:
        """After a run that failed: return when another is wanted, or none."""
        while (next_one := self._asked.get()) is not None:
            asked, refused = next_one
            try:
                if self._is_another_run(asked):
                    return
                raise Refusal("late")
            except Refusal as refusal:
                refused(refusal)

    def _is_another_run(self, asked: asking.Question) -> bool:
        """Whether this asks for another run, which is played next. Raises Refusal."""
        settings, lesson, speed = self._settings, self._lesson, self._speed
        match asked:
            case asking.Reset():
                pass
            case asking.Set(given):
                settings, lesson = change(settings, given), None
            case asking.Lesson(None):
                settings, lesson = Settings(seed=settings.seed), None
            case asking.Lesson(str(lesson)):
                settings, speed = choose({}, lesson=lesson)
            case _:
                return False
        ensure_machine(settings)
        self._settings, self._lesson, self._speed = settings, lesson, speed
        return True

    async def _do(self, show: Show, asked: asking.Question) -> None:
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
            case asking.Add(more) if 0 < more <= RANGES["clients"][1] - show.clients:
                ensure_machine(replace(self._settings, clients=show.clients + more))
                await show.act(asked)
            case _:
                await show.act(asked)


class _Playing:
    """A run under way; other threads have only its loop."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self.woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def soon(self, call: Callable[[], None]) -> None:
        """Have something called in the run's thread, from another."""
        with suppress(RuntimeError):  # closed just now; the next run looks by itself
            self._loop.call_soon_threadsafe(call)


def ensure_machine(settings: Settings) -> None:
    """Check that this machine can hold a run. Raises Refusal."""
    played = scenario(settings)
    try:
        ensure_descriptors(
            sum(BACKENDS[name](played).descriptors(settings.clients) for name in played.backends)
        )
    except MachineLimitError as error:
        raise Refusal("failed", message=str(error)) from None


def first_line(error: BaseException) -> str:
    """Return the first line of the first thing that went wrong."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error).partition("\n")[0] or type(error).__name__
