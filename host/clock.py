"""The event loops that own the clock: virtual, paced or real time over the same real sockets.

Under virtual time the selector polls the sockets without waiting; while any is ready the clock
stands still, and when none is it jumps to the next timer.  The method is that of discrete-event
simulation (next-event time advance) with the kernel's loopback as the medium, so it needs one
guard: a jump must not overtake bytes that are still inside the kernel.  `InKernel` counts them.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Literal, TypeVar

Clock = Literal["virtual", "paced", "real"]
T = TypeVar("T")
_Events = list[tuple[selectors.SelectorKey, int]]
_Wait = Callable[[float | None], list[Any]]

KERNEL_PATIENCE_S = 5.0
"""Wall seconds to wait for bytes that the kernel holds before the run is called stuck."""

LATE_S = 0.1
"""Wall seconds of lateness that a paced clock makes up for by hurrying; more is forgotten."""

POLLS_WITHOUT_TIME = 2_000_000
"""Polls at one virtual instant after which the run counts as endless: an hour of 1 GiB at 16 KiB
needs some hundred thousand."""


EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""The date at which virtual time begins, so that what says the date says the same in every run."""


class StuckError(RuntimeError):
    """Virtual time cannot go on, or passed its deadline; the message names who waits for what."""


class LateError(StuckError):
    """Time passed its deadline."""


class InKernel:
    """Bytes and connection ends that one host gave to the kernel and another has yet to take."""

    def __init__(self) -> None:
        self.total = 0
        self.describers: list[Callable[[], str]] = []
        """Each names what a network of this loop waits for; nothing where it waits for nothing."""

    def __str__(self) -> str:
        held = (describe() for describe in self.describers)
        return "; ".join(filter(None, held)) or "unknown connection"


class VirtualLoop(asyncio.SelectorEventLoop):
    """A standard event loop whose `time()` starts at 0.0 and jumps from timer to timer.

    `speed` is the most virtual seconds that may pass in a wall second; None sets no limit.
    Executors run inline: a thread's wall time has no meaning on this clock.
    """

    def __init__(self, speed: float | None = None) -> None:
        self.in_kernel = InKernel()
        self._now = 0.0
        self._speed = speed
        self._anchor = (monotonic(), 0.0)
        self._held_at = math.inf
        self._on_held: Callable[[], None] | None = None
        super().__init__(_ClockSelector(self))
        # A jump computes now + (when - now), which may miss `when` by rounding.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    @property
    def speed(self) -> float | None:
        """Virtual seconds per wall second at most; may be changed while the loop runs."""
        return self._speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        self._speed = speed
        self._anchor = (monotonic(), self._now)

    def hold(self, when: float, then: Callable[[], None] | None = None) -> None:
        """Let time stand still at `when` (now, if that has passed) until the next call.

        Infinity never holds it.  `then` is called once time stands there, between two turns of the
        loop, and may call `hold` anew: what looks on so adds no timer, and changes nothing.  While
        time stands, what other threads hand over (`call_soon_threadsafe`) is done.
        """
        self._held_at = max(when, self._now)
        self._on_held = then
        self._anchor = (monotonic(), self._now)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _advance(self, timeout: float | None, wait: _Wait) -> list[Any]:
        """Move the clock on by `timeout`; `wait` may return socket events that end it early."""
        target = math.inf if timeout is None else self._now + timeout
        if target <= self._held_at:
            return self._move_to(target, wait)
        if events := self._move_to(self._held_at, wait):
            return events
        then, self._on_held = self._on_held, None
        if then is None:
            return wait(None)
        then()
        return []  # what it caused has its turn at this moment

    def _move_to(self, target: float, wait: _Wait) -> list[Any]:
        if self._speed is not None:
            wall, now = self._anchor
            delay = wall + (target - now) / self._speed - monotonic()
            if delay > 0 and (events := wait(delay)):
                passed = now + (monotonic() - wall) * self._speed
                self._now = min(target, max(self._now, passed))
                return events
            if delay < -LATE_S:
                self._anchor = (monotonic(), target)
        self._now = target
        return []


class _ClockSelector(selectors.BaseSelector):
    """A selector that never waits for sockets: it polls, and turns waiting into a clock jump."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._polls = 0
        self._waker: Any = None
        self._waits_since: float | None = None
        self._gave_up = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._waker is None:  # what wakes the loop from other threads comes first
            self._waker = fileobj
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> _Events:
        events = self._poll(0)
        self._polls += 1
        if events or (timeout is not None and timeout <= 0):
            if self._polls > POLLS_WITHOUT_TIME:
                self._polls = 0
                raise self._stuck("time stands still")
            return events
        self._polls = 0
        if not self._loop.in_kernel.total:
            self._waits_since = None
        elif not self._gave_up:  # what is closed after that error must not wait once more
            if events := self._wait_for_kernel():
                return events
            self._gave_up = True
            raise self._stuck(f"the kernel keeps what was sent: {self._loop.in_kernel};")
        if timeout is None and self._loop._held_at == math.inf:
            raise self._stuck("nothing is left to happen")
        return self._loop._advance(timeout, self._real.select)

    def _poll(self, timeout: float) -> _Events:
        """Ready sockets; what other threads wake the loop by does not count as a sign of life."""
        events = self._real.select(timeout)
        if self._waits_since and any(key.fileobj is not self._waker for key, _ in events):
            self._waits_since = None
        return events

    def _wait_for_kernel(self) -> _Events:
        """Ready sockets, once there are any; none when the patience with the kernel ends."""
        now = monotonic()
        if self._waits_since is None:
            self._waits_since = now
        return self._poll(max(0.0, self._waits_since + KERNEL_PATIENCE_S - now))

    def _stuck(self, what: str) -> StuckError:
        return StuckError(f"{what} at {self._loop.time():.6g} s\n{waiting(self._loop)}")


def date(loop: asyncio.AbstractEventLoop) -> datetime:
    """The date and time of day, in UTC, by the loop's clock."""
    if isinstance(loop, VirtualLoop):
        return EPOCH + timedelta(seconds=loop.time())
    return datetime.now(UTC)


def waiting(loop: asyncio.AbstractEventLoop) -> str:
    """Every unfinished task of the loop with the awaits it stands at, a line each."""
    return "\n".join(
        sorted(
            f"  {task.get_name()} waits in {_awaits(task.get_coro())}"
            for task in asyncio.all_tasks(loop)
        )
    )


def _awaits(coro: Any) -> str:
    """Where a coroutine stands, and the one that it awaits, down to the last."""
    chain = []
    while (frame := getattr(coro, "cr_frame", None)) is not None:
        chain.append(f"{coro.__qualname__}:{frame.f_lineno}")
        coro = coro.cr_await
    return " > ".join(chain)


def new_loop(clock: Clock, speed: float = 1.0) -> asyncio.AbstractEventLoop:
    """An event loop for `clock`; `speed` (virtual seconds per wall second) is for paced time."""
    if clock == "virtual":
        return VirtualLoop()
    if clock == "paced":
        return VirtualLoop(speed)
    if clock == "real":
        return asyncio.SelectorEventLoop()
    raise ValueError(f"clock: {clock!r} is not one of virtual, paced, real")


def run(
    main: Coroutine[Any, Any, T],
    *,
    clock: Clock = "virtual",
    speed: float = 1.0,
    deadline_s: float | None = None,
) -> T:
    """Run `main` to its end on a new loop and return its result.

    Raises `StuckError` when time cannot go on, and its kind `LateError` when `main` is unfinished
    at `deadline_s` of the loop's time (periodic timers would otherwise keep a hung run going for
    ever).
    """
    with asyncio.Runner(loop_factory=lambda: new_loop(clock, speed)) as runner:
        return runner.run(_until(main, deadline_s))


async def _until(main: Coroutine[Any, Any, T], deadline_s: float | None) -> T:
    loop = asyncio.get_running_loop()
    late: list[str] = []
    task = asyncio.current_task()
    assert task is not None
    task.set_name("main")

    def expire() -> None:
        late.append(f"unfinished at the deadline of {deadline_s:.6g} s\n{waiting(loop)}")
        task.cancel()

    timer = None if deadline_s is None else loop.call_at(loop.time() + deadline_s, expire)
    try:
        return await main
    except (asyncio.CancelledError, Exception) as error:
        # Whatever else goes wrong while the run is taken down, this is why.
        if late and task.uncancel() == 0:
            raise LateError(late[0]) from error
        raise
    finally:
        if timer is not None:
            timer.cancel()
