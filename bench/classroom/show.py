"""One run of the demonstration: both sides on one clock, which can be held, and what is done to
them."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from bench.classroom import asking
from bench.classroom.frames import Event, Frame, Merged, Scene, SceneHost, SceneSide
from bench.classroom.layout import mesh, star
from bench.classroom.lessons import Lesson, find, moment
from bench.classroom.observer import Observer
from bench.classroom.refusal import Refusal
from bench.classroom.settings import RANGES, Settings, ranges, riding, scenario, texts
from bench.classroom.side import Side
from bench.lasting import STALLED_BOUNDS, STALLED_S, Stall, turns
from bench.plots.style import COLOURS
from bench.scenario import BACKENDS
from bench.sweep import Trial
from bench.theory import bound
from bench.trial import make_file
from host.clock import VirtualLoop

STEPS = 25
"""Steps in the quicker side's least time."""
HURRY = 4
"""How many times faster a lesson goes on when one side is done: the class has seen the point."""
SOON_S, SOON_BOUNDS = 5.0, 0.1
"""Seconds, and parts of the longer bound, without progress after which a side stands still for good
where the file is not to be had any more."""
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
        self._hurried = False
        self._looker: Callable[[], None] | None = None
        self._ends: dict[str, str] = {}
        """For each side how it ended: finished, stalled, or empty while it goes on."""
        self._stalls: dict[str, Stall] = {}
        self._group: asyncio.TaskGroup
        self._tasks: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()
        self._loop: VirtualLoop

    async def open(self, folder: Path, group: asyncio.TaskGroup) -> None:
        """Make the hosts of both sides, with their files below `folder`; time is held."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop, self._group = loop, group
        self._in_group(self._crash())
        self._in_group(self._beat())
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
            side = Side(trial, place, group, self._judge)
            self._open.push_async_callback(side.close)
            self._sides.append(side)
            await side.open(make_file(place, trial))
            self._observers.append(Observer(side))
            self._stalls[backend] = Stall(0.0)

    async def close(self) -> None:
        """End both sides, and what goes on beside them."""
        for task in self._tasks:
            task.cancel()
        await self._open.aclose()

    def _in_group(self, coro: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._group.create_task(coro))

    async def _crash(self) -> None:
        """End the run when a node raises where nobody awaits it: in a callback of the loop."""
        crash: asyncio.Future[None] = self._loop.create_future()

        def crashed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if not crash.done():
                error = context.get("exception") or RuntimeError(context["message"])
                crash.set_exception(error)

        self._loop.set_exception_handler(crashed)
        await crash

    async def _beat(self) -> None:
        """Let time pass even where all hosts are down and nothing is left to happen."""
        while True:  # noqa: ASYNC110 - nobody waits for it
            await asyncio.sleep(self.least_s / STEPS)

    @property
    def now(self) -> float:
        """Seconds of the run."""
        return self._sides[0].network.now()

    @property
    def least_s(self) -> float:
        """The least time of the quicker side, in seconds."""
        return min(self._bounds())

    @property
    def most_s(self) -> float:
        """The least time of the slower side, in seconds."""
        return max(self._bounds())

    def _bounds(self) -> list[float]:
        return [bound(self._scenario, backend, self.clients) for backend in BACKENDS]

    @property
    def clients(self) -> int:
        """How many there are now."""
        return len(self._sides[0].members) - 1 if self._sides else self.settings.clients

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
            pieces=self._sides[0].piece_count,
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
        if self.state == "running":
            self._loop.hold(math.inf)  # a step goes on beyond its end
        else:
            self.note("start" if self.state == "ready" else "resume")
            self._go_on()

    def _go_on(self) -> None:
        if self.state == "ready":
            for side in self._sides:
                side.begin()
            if self._lesson is not None:
                self._expect(find(self._lesson))
        self._expect_more()
        self.state = "running"
        self._loop.hold(math.inf)

    def pause(self) -> None:
        """Let time stand still."""
        if self.state == "running":
            self.note("pause")
            self._hold("held")

    def _hold(self, state: str) -> None:
        self.state = state
        self._loop.hold(self._loop.time(), self._looker)

    def step(self) -> None:
        """Let a little time pass, then hold it."""
        self.note("step")
        if self.state != "running":
            self._go_on()
        self._loop.hold(self._loop.time() + self.least_s / STEPS, lambda: self._hold("held"))

    def change_speed(self, speed: float) -> None:
        """Pass so many seconds of the run in a second."""
        self._speed = speed
        if self._loop.speed is not None:  # who records is as fast as the machine
            self._loop.speed = speed
        self.note("speed", speed=speed)

    def look_after(self, seconds: float, then: Callable[[], None]) -> None:
        """Hold time in so many seconds, or when all is over, and call `then`, which lets it go on;
        for who records."""
        self._looker = then
        self._loop.hold(self._loop.time() + seconds, then)

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
            if not any([await getattr(side, key)(asked.who) for side in self._sides]):
                return
            self.note(key, who=asked.who)
        self._expect_more()
        if self.state == "over":
            self._go_on()

    def _expect_more(self) -> None:
        """Something was done: count anew until a side is taken to get no further."""
        for stall in self._stalls.values():
            stall.expect(self.now)

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
            self._in_group(self._happen(lesson))

    async def _happen(self, lesson: Lesson) -> None:
        assert lesson.happening is not None
        await asyncio.sleep(moment(lesson, self.settings) - self.now)
        self._pending -= 1
        with suppress(Refusal):  # a teacher has added hosts before, and there is no more room
            await self.act(lesson.happening)

    # ---- the end

    def _judge(self) -> None:
        """Note which side is done, or gets no further; when both are, time is held.

        At each look, and when a client has the file: no time passes after the last one.
        """
        if self.state != "running":
            return
        for side in self._sides:
            end = self._end(side)
            key = "" if end is None else end[1]
            if end is not None and key != self._ends.get(side.name):
                self._events.append(end)
            self._ends[side.name] = key
        if all(self._ends.values()) and not self._pending:
            self._hold("over")
        elif (
            any(self._ends.values())
            and self._lesson is not None
            and not (self._pending or self._hurried)
        ):
            self._hurried = True
            self.change_speed(min(HURRY * self._speed, RANGES["speed"][1]))

    def _end(self, side: Side) -> Event | None:
        """What a side came to, and when; None while something is to be expected of it."""
        now, name = self.now, side.name
        here = sum(client.look() + client.finished for client in side.clients)
        left = [client for client in side.clients if not client.finished]
        able = any(client.up for client in left)
        stall = self._stalls[name]
        if self._pending:
            stall.expect(now)
        if stall.lasts(here, now, self._patience_s(side)) if able else len(left) == self.clients:
            return (round(now, 6), "stalled", {"side": name, "left": len(left)})
        if able:
            return None
        last_s = now if left else max(client.finish_s for client in side.clients)
        return (round(last_s, 6), "finished", {"side": name})

    def _patience_s(self, side: Side) -> float:
        """Seconds without progress after which a side is taken to get no further: few where it is
        plain that nobody can have it all, else as many as the bench waits."""
        turns_s = turns(side.network_hosts(), self._scenario.scale)
        if side.lost:
            return max(SOON_S, SOON_BOUNDS * self.most_s, turns_s)
        return max(STALLED_S, STALLED_BOUNDS * self.most_s, turns_s)


def _finite(rate: float) -> float | None:
    return None if math.isinf(rate) else float(rate)


def _tells(changes: object) -> bool:
    fields = ("hosts", "links", "pieces", "opened", "closed", "origin")
    return any(getattr(changes, field) for field in fields)
