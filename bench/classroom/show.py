"""One run of the demonstration: both sides on one clock, which can be held, and what is done to
them."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.classroom import asking
from bench.classroom.frames import Event, Frame, Merged, Scene, SceneHost, SceneSide
from bench.classroom.layout import mesh, star
from bench.classroom.lessons import Lesson, find, moment
from bench.classroom.observer import Observer, pieces
from bench.classroom.refusal import Refusal
from bench.classroom.settings import RANGES, Settings, ranges, riding, scenario, texts
from bench.classroom.side import Side
from bench.lasting import Stall
from bench.plots.style import COLOURS
from bench.scenario import BACKENDS
from bench.sweep import Trial
from bench.trial import make_file
from host.clock import VirtualLoop

STEPS = 25
"""Steps in the quicker side's least time."""
STALLED = 0.3
"""Parts of the longest bound without any progress after which nothing more is expected."""
LEAST_STALLED_S = 10.0
"""And seconds at the least: peers look around now and then."""
ACTS = (asking.Kill, asking.Revive, asking.Cut, asking.Slow, asking.Restore)


class Show:
    """Both systems, ready to begin; it lives on the running loop, in a task group."""

    def __init__(
        self, settings: Settings, *, run: int = 1, speed: float = 1.0, lesson: str | None = None
    ) -> None:
        """`run` numbers the runs that a page sees; `lesson` is the name of what is played."""
        self.settings = settings
        self.state = "ready"
        self._scenario = scenario(settings)
        self._run = run
        self._speed = speed
        self._lesson = lesson
        self._rng = random.Random(f"{settings.seed}/demo")
        self._sides: list[Side] = []
        self._observers: list[Observer] = []
        self._events: list[Event] = []
        self._total = Merged()
        self._last = (math.nan, "", math.nan)
        self._known = 0
        self._pending = 0
        self._ended: set[str] = set()
        self._stalls: dict[str, Stall] = {}
        self._group: asyncio.TaskGroup
        self._loop: VirtualLoop

    async def open(self, folder: Path, group: asyncio.TaskGroup) -> None:
        """Make the hosts of both sides, with their files below `folder`; time is held."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop, self._group = loop, group
        loop.set_exception_handler(self._crashed)
        loop.hold(loop.time())
        for backend in BACKENDS:
            trial = Trial(
                scenario=self._scenario,
                backend=backend,
                clients=self.settings.clients,
                seed=self.settings.seed,
                repeat=0,
            )
            place = folder / backend
            place.mkdir()
            side = Side(trial, place, group)
            self._sides.append(side)
            await side.open(make_file(place, trial))
            self._observers.append(Observer(side))
            self._stalls[backend] = Stall(0.0)

    async def close(self) -> None:
        """End both sides."""
        for side in self._sides:
            await side.close()

    @property
    def now(self) -> float:
        """Seconds of the run."""
        return self._sides[0].network.now()

    @property
    def least_s(self) -> float:
        """The least time of the quicker side, in seconds."""
        return min(side.bound_s(self.clients) for side in self._sides)

    @property
    def most_s(self) -> float:
        """The least time of the slower side, in seconds."""
        return max(side.bound_s(self.clients) for side in self._sides)

    @property
    def clients(self) -> int:
        """How many there are now."""
        return len(self._sides[0].members) - 1

    @property
    def need(self) -> int:
        """Bytes that the files of both sides take, with some to spare."""
        return 2 * (self.settings.clients + 12) * self._scenario.transfer_size

    # ---- what is told

    def _scene(self) -> Scene:
        """What stays the same, until hosts are added."""
        rides = riding(self.settings)
        members = self._sides[0].members
        return Scene(
            run=self._run,
            settings=texts(self.settings),
            ranges=ranges(),
            speed=self._speed,
            lesson=self._lesson,
            size=int(self._scenario.file_size),
            moved=int(self._scenario.transfer_size),
            pieces=pieces(self._sides[0]),
            hosts=[
                SceneHost(
                    name=member.host.name,
                    up=_finite(member.host.up.rate * self._scenario.scale),
                    down=_finite(member.host.down.rate * self._scenario.scale),
                    rides=bool(index) and rides[(index - 1) % len(rides)],
                )
                for index, member in enumerate(members)
            ],
            sides=[
                SceneSide(
                    name=side.name,
                    colour=COLOURS[side.name],
                    bound_s=side.bound_s(self.clients),
                    bucket_s=side.bucket_s,
                    places=(star if side.name == "central" else mesh)(len(members)),
                    addresses=[member.host.address for member in side.members],
                )
                for side in self._sides
            ],
        )

    def news(self, pace: float | None = None) -> list[Scene | Frame]:
        """What has changed since the last call: nothing, or a frame; at first and when hosts were
        added the scene, and a frame with all so far. `pace`: seconds of the run in a second.
        """
        self._judge()
        frame = Frame(
            t=round(self.now, 6),
            state=self.state,
            speed=self._speed,
            pace=pace,
            sides=[observer.look(over=self.state == "over") for observer in self._observers],
            events=self._events,
        )
        self._events = []
        last, self._last = self._last, (frame.t, frame.state, frame.speed)
        if last == self._last and not frame.events and not any(map(_tells, frame.sides)):
            return []
        self._total.add(frame)
        known, self._known = self._known, self.clients
        return [frame] if known == self.clients else [self._scene(), self._total.frame()]

    def note(self, key: str, **values: object) -> None:
        """Write something into the log."""
        self._events.append((round(self.now, 6), key, values))

    # ---- time

    def start(self) -> None:
        """Let the run begin, or go on."""
        if self.state != "running":
            self.note("start" if self.state == "ready" else "resume")
            self._go_on()

    def _go_on(self) -> None:
        if self.state == "ready":
            for side in self._sides:
                side.begin()
            if self._lesson is not None:
                self._expect(find(self._lesson))
        elif self.state == "over":
            for stall in self._stalls.values():
                stall.expect(self.now)
        self.state = "running"
        self._loop.hold(math.inf)

    def pause(self) -> None:
        """Let time stand still."""
        if self.state == "running":
            self.note("pause")
            self._hold("held")

    def _hold(self, state: str) -> None:
        self.state = state
        self._loop.hold(self._loop.time())

    def step(self) -> None:
        """Let a little time pass, then hold it."""
        if self.state != "running":
            self.note("step")
            self._go_on()
        self._loop.hold(self._loop.time() + self.least_s / STEPS, lambda: self._hold("held"))

    def change_speed(self, speed: float) -> None:
        """Pass so many seconds of the run in a second."""
        self._loop.speed = self._speed = speed
        self.note("speed", speed=speed)

    def look_after(self, seconds: float, then: Callable[[], None]) -> None:
        """Hold time in so many seconds and call `then`, which lets it go on; for who records."""
        self._loop.hold(self._loop.time() + seconds, then)

    def fail(self, error: BaseException) -> None:
        """Nothing more will come, for this reason."""
        line = str(error).partition("\n")[0] or type(error).__name__
        self.note("failed", message=line)
        self._hold("over")

    def _crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A node raised where nobody awaits it: in a callback of the loop."""
        self.fail(context.get("exception") or RuntimeError(context["message"]))

    # ---- what is done to hosts

    async def act(self, asked: asking.Question) -> None:
        """Do it, to the same host on both sides. Raises Refusal."""
        if isinstance(asked, asking.Random):
            up = [index for index, one in enumerate(self._sides[0].members) if index and one.up]
            if not up:
                raise Refusal("late")
            asked = asking.Kill(self._rng.choice(up))
        if isinstance(asked, asking.Add):
            self._add(asked.count)
        elif isinstance(asked, ACTS):
            if not 0 <= asked.who <= self.clients:
                raise Refusal("unknown", reason=f"no host {asked.who}")
            key = type(asked).__name__.lower()
            self.note(key, who=asked.who)
            for side in self._sides:
                await getattr(side, key)(asked.who)
        if self.state == "over":
            self._go_on()

    def _add(self, count: int) -> None:
        most = RANGES["clients"][1]
        if not 1 <= count <= most - self.clients:
            raise Refusal("most", most=most)
        if self.state == "ready":
            raise Refusal("late")
        self.note("add", count=count)
        for side in self._sides:
            side.add(count)

    def _expect(self, lesson: Lesson) -> None:
        """What happens in a lesson happens at its time."""
        if lesson.happening is not None:
            self._pending += 1
            self._group.create_task(self._happen(lesson), name="lesson")

    async def _happen(self, lesson: Lesson) -> None:
        assert lesson.happening is not None
        await asyncio.sleep(moment(lesson, self.settings) - self.now)
        self._pending -= 1
        with suppress(Refusal):  # a teacher has added hosts before, and there is no more room
            await self.act(lesson.happening)

    # ---- the end

    def _judge(self) -> None:
        """Note which side is done, or gets no further; when both are, time is held."""
        if self.state != "running":
            return
        now = self.now
        patience_s = max(LEAST_STALLED_S, STALLED * self.most_s)
        for side in self._sides:
            left = [client for client in side.clients if not client.finished]
            able = any(client.up for client in left)
            here = sum(client.held + client.finished for client in side.clients)
            if self._pending:
                self._stalls[side.name].expect(now)
            stalled = self._stalls[side.name].lasts(here, now, patience_s)
            if side.name in self._ended and able and not stalled:
                self._ended.remove(side.name)
            if side.name in self._ended or (able and not stalled):
                continue
            self._ended.add(side.name)
            if able or len(left) == self.clients:
                self.note("stalled", side=side.name, left=len(left))
            else:
                last_s = now if left else max(client.finish_s for client in side.clients)
                self._events.append((round(last_s, 6), "finished", {"side": side.name}))
        if len(self._ended) == len(self._sides) and not self._pending:
            self._hold("over")


def _finite(rate: float) -> float | None:
    return None if math.isinf(rate) else float(rate)


def _tells(changes: object) -> bool:
    fields = ("hosts", "links", "pieces", "opened", "closed", "origin")
    return any(getattr(changes, field) for field in fields)
