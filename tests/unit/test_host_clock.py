"""host.clock: time that jumps, time with a brake, and runs that cannot go on."""

import asyncio
import itertools
import math
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

import host.clock
from host.clock import InKernel, LateError, StuckError, VirtualLoop, new_loop, run


class TestVirtual:
    def test_time_starts_at_nought_and_jumps_from_timer_to_timer(self) -> None:
        async def main() -> list[tuple[str, float]]:
            loop = asyncio.get_running_loop()
            seen = [("start", loop.time())]

            async def sleeper(name: str, delay: float) -> None:
                await asyncio.sleep(delay)
                seen.append((name, loop.time()))

            await asyncio.gather(sleeper("a", 3600.0), sleeper("b", 0.001), sleeper("c", 86_400.0))
            return seen

        assert run(main()) == [("start", 0.0), ("b", 0.001), ("a", 3600.0), ("c", 86_400.0)]

    def test_a_long_time_is_reached_exactly(self) -> None:
        """asyncio waits a day at most at a time, and sums of floats are not exact."""

        async def main() -> float:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(0.1)
            reached = loop.create_future()
            loop.call_at(10_000_000.7, lambda: reached.set_result(loop.time()))
            return await reached

        assert run(main()) == pytest.approx(10_000_000.7, abs=1e-8)

    def test_the_clock_stands_still_while_sockets_are_ready(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()
            loop.call_later(1.0, lambda: None)
            a, b = socket.socketpair()
            with a, b:
                a.setblocking(False)
                b.setblocking(False)
                for _ in range(1000):
                    await loop.sock_sendall(a, b"x")
                    assert await loop.sock_recv(b, 10) == b"x"
            return loop.time()

        assert run(main()) == 0.0

    def test_executors_run_inline(self) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            here = threading.get_ident()
            assert await loop.run_in_executor(None, threading.get_ident) == here
            assert await asyncio.to_thread(threading.get_ident) == here
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(None, lambda: 1 // 0)
            assert (await loop.getaddrinfo("127.0.0.1", 80))[0][4] == ("127.0.0.1", 80)
            assert loop.time() == 0.0

        run(main())


class TestStuck:
    def test_when_nothing_is_left_to_happen(self) -> None:
        async def other() -> None:
            await asyncio.Event().wait()

        async def main() -> None:
            await asyncio.sleep(1.5)
            task = asyncio.create_task(other(), name="client-007")
            await task

        with pytest.raises(StuckError) as caught:
            run(main())
        lines = str(caught.value).splitlines()
        assert lines[0] == "nothing is left to happen at 1.5 s"
        assert lines[1].startswith("  client-007 waits in ")
        assert "other" in lines[1]
        assert "Event.wait" in lines[1]
        assert lines[2].startswith("  main waits in ")
        assert len(lines) == 3

    def test_when_the_deadline_passes(self) -> None:
        async def ticking() -> None:
            for _ in itertools.repeat(None):
                await asyncio.sleep(1)

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(ticking(), name="client-001")
                await asyncio.Event().wait()

        with pytest.raises(StuckError) as caught:
            run(main(), deadline_s=100)
        lines = str(caught.value).splitlines()
        assert lines[0] == "unfinished at the deadline of 100 s"
        assert "client-001 waits in " in lines[1]
        assert "ticking" in lines[1]

    @pytest.mark.parametrize("clock", ["virtual", "paced", "real"])
    def test_the_deadline_is_the_reason_whatever_fails_after_it(self, clock: Any) -> None:
        async def main() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ZeroDivisionError("while it is taken down")

        with pytest.raises(LateError, match=r"deadline of 0\.01 s"):
            run(main(), clock=clock, deadline_s=0.01)

    def test_an_end_in_time_is_no_matter(self) -> None:
        async def main() -> str:
            await asyncio.sleep(99.9)
            return "done"

        assert run(main(), deadline_s=100) == "done"

    def test_a_cancellation_that_is_not_the_deadlines_passes(self) -> None:
        async def main() -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            run(main(), deadline_s=100)

    def test_when_time_stands_still(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.clock, "POLLS_WITHOUT_TIME", 1000)

        async def main() -> None:
            await asyncio.sleep(2)
            for _ in itertools.repeat(None):
                await asyncio.sleep(0)

        with pytest.raises(StuckError, match=r"time stands still at 2 s\n  main waits in"):
            run(main())

    def test_progress_is_no_standstill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.clock, "POLLS_WITHOUT_TIME", 10)

        async def main() -> None:
            for _ in range(100):
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await asyncio.sleep(1e-6)

        run(main())

    def test_the_tasks_of_a_stuck_run_are_ended(self) -> None:
        ended = []

        async def main() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                ended.append(True)

        with pytest.raises(StuckError):
            run(main())
        assert ended == [True]


class TestKernelGuard:
    """A jump waits, for a while, for bytes that the kernel has yet to show."""

    def test_what_is_late_is_waited_for(self) -> None:
        async def main() -> tuple[bytes, float]:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            a, b = socket.socketpair()
            with a, b:
                b.setblocking(False)
                loop.in_kernel.total += 1
                timer = loop.call_later(5, lambda: None)
                thread = threading.Timer(0.05, a.send, [b"x"])
                thread.start()
                data = await loop.sock_recv(b, 10)
                loop.in_kernel.total -= 1
                thread.join()
                timer.cancel()
                return data, loop.time()

        assert run(main()) == (b"x", 0.0)

    def test_what_never_comes_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.clock, "KERNEL_PATIENCE_S", 0.01)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.in_kernel.total = 7
            loop.in_kernel.describers += [lambda: "", lambda: "7 B from a to b"]
            try:
                await asyncio.sleep(1)
            finally:
                await asyncio.sleep(1)  # what is closed then must not be held up again

        with pytest.raises(StuckError, match="the kernel keeps what was sent: 7 B from a to b"):
            run(main())

    def test_wakes_from_other_threads_do_not_put_it_off(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host.clock, "KERNEL_PATIENCE_S", 0.1)
        ended = threading.Event()

        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.in_kernel.total = 7

            def wake() -> None:
                while not ended.wait(0.001):
                    loop.call_soon_threadsafe(lambda: None)

            waker = threading.Thread(target=wake)
            waker.start()
            try:
                await asyncio.sleep(1)
            finally:
                ended.set()
                waker.join()

        with pytest.raises(StuckError, match="the kernel keeps what was sent"):
            run(main())

    def test_a_connection_has_a_name_of_some_kind_always(self) -> None:
        assert str(InKernel()) == "unknown connection"


class Wall:
    """A wall clock that stands still but where a selector waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(host.clock, "monotonic", lambda: self.now)

    def wait(self, delay: float) -> list[Any]:
        self.now += delay
        return []

    def interrupted(self, after: float) -> Callable[[float], list[Any]]:
        def wait(delay: float) -> list[Any]:
            assert after < delay
            self.now += after
            return ["event"]

        return wait


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


@pytest.fixture
def paced(wall: Wall) -> Any:
    with VirtualLoopInHand(10.0) as loop:
        yield loop


class VirtualLoopInHand(VirtualLoop):
    """A loop that a test drives itself."""

    def __enter__(self) -> "VirtualLoopInHand":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class TestPaced:
    def test_a_jump_takes_its_share_of_wall_time(self, paced: Any, wall: Wall) -> None:
        assert paced._advance(30.0, wall.wait) == []
        assert paced.time() == 30.0
        assert wall.now == pytest.approx(1003.0)
        paced._advance(5.0, wall.wait)
        assert wall.now == pytest.approx(1003.5)

    def test_work_counts_as_waiting(self, paced: Any, wall: Wall) -> None:
        wall.now += 0.05
        paced._advance(1.0, wall.wait)
        assert wall.now == pytest.approx(1000.1)

    def test_a_little_lateness_is_made_up_for(self, paced: Any, wall: Wall) -> None:
        wall.now += 0.09
        paced._advance(0.5, wall.wait)
        assert (paced.time(), wall.now) == (0.5, pytest.approx(1000.09))
        paced._advance(0.5, wall.wait)
        assert (paced.time(), wall.now) == (1.0, pytest.approx(1000.1))

    def test_a_machine_that_stood_still_does_not_hurry(self, paced: Any, wall: Wall) -> None:
        wall.now += 60.0
        paced._advance(1.0, wall.wait)
        assert (paced.time(), wall.now) == (1.0, pytest.approx(1060.0))
        paced._advance(10.0, wall.wait)
        assert (paced.time(), wall.now) == (11.0, pytest.approx(1061.0))

    def test_an_event_ends_the_wait_at_the_time_it_is(self, paced: Any, wall: Wall) -> None:
        assert paced._advance(30.0, wall.interrupted(1.0)) == ["event"]
        assert paced.time() == pytest.approx(10.0)
        paced._advance(20.0, wall.wait)
        assert paced.time() == pytest.approx(30.0)
        assert wall.now == pytest.approx(1003.0)

    def test_the_speed_can_be_changed(self, paced: Any, wall: Wall) -> None:
        assert paced.speed == 10.0
        paced._advance(10.0, wall.wait)
        paced.speed = 100.0
        paced._advance(10.0, wall.wait)
        assert wall.now == pytest.approx(1001.1)
        paced.speed = None
        paced._advance(1e6, wall.wait)
        assert (paced.time(), wall.now) == (1_000_020.0, pytest.approx(1001.1))
        paced.speed = 1.0
        paced._advance(2.0, wall.wait)
        assert wall.now == pytest.approx(1003.1)

    def test_a_run_is_never_faster_than_its_speed(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            for _ in range(50):
                await asyncio.sleep(1)
            loop.speed = 500
            await asyncio.sleep(25)
            return loop.time()

        start = monotonic()
        assert run(main(), clock="paced", speed=1000) == pytest.approx(75.0)
        assert monotonic() - start >= 0.1

    def test_an_outside_event_is_served_while_it_waits(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()
            called = loop.create_future()
            thread = threading.Timer(
                0.02, loop.call_soon_threadsafe, [lambda: called.set_result(loop.time())]
            )
            thread.start()
            timer = loop.call_later(100_000, lambda: None)
            at: float = await called
            timer.cancel()
            thread.join()
            return at

        assert 20 <= run(main(), clock="paced", speed=1000) < 50_000


class TestLoops:
    def test_each_clock_has_its_loop(self) -> None:
        for clock, kind, speed in [
            ("virtual", VirtualLoop, None),
            ("paced", VirtualLoop, 3.0),
            ("real", asyncio.SelectorEventLoop, None),
        ]:
            loop = new_loop(clock, 3.0)  # type: ignore[arg-type]
            assert type(loop) is kind
            assert getattr(loop, "speed", None) == speed
            loop.close()

    def test_another_clock_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'sundial' is not one of virtual, paced, real"):
            new_loop("sundial")  # type: ignore[arg-type]

    def test_the_real_clock_is_the_machines(self) -> None:
        async def main() -> float:
            loop = asyncio.get_running_loop()
            here = threading.get_ident()
            assert await loop.run_in_executor(None, threading.get_ident) != here
            return loop.time()

        before = monotonic()
        assert before <= run(main(), clock="real") <= monotonic()


class TestHold:
    """Time that stands still until it is told to go on."""

    def run_until(self, end_s: float, *, speed: float | None = None, holds: list[float]) -> Any:
        """Tick every second to the end; returns the ticks and when each hold was reached."""
        loop = VirtualLoop(speed)
        ticks: list[float] = []
        reached: list[float] = []

        def arrive() -> None:
            reached.append(loop.time())
            loop.hold(holds.pop(0) if holds else math.inf, arrive)

        async def main() -> None:
            loop.hold(holds.pop(0), arrive)
            while loop.time() < end_s:
                await asyncio.sleep(1.0)
                ticks.append(loop.time())

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
        return ticks, reached

    @pytest.mark.parametrize("speed", [None, 1000.0])
    def test_who_looks_on_changes_nothing(self, speed: float | None) -> None:
        ticks, reached = self.run_until(3.0, speed=speed, holds=[0.5, 1.0, 1.0, 2.25])
        assert ticks == [1.0, 2.0, 3.0]
        assert reached == [0.5, 1.0, 1.0, 2.25]

    def test_what_is_due_at_that_moment_happens(self) -> None:
        loop = VirtualLoop()
        order: list[str] = []

        async def main() -> None:
            loop.call_at(2.0, order.append, "timer")
            loop.hold(2.0, lambda: (order.append("held"), loop.hold(math.inf)))
            await asyncio.sleep(3.0)

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
        assert order == ["timer", "held"]

    def test_another_thread_lets_it_go_on(self) -> None:
        loop = VirtualLoop()
        held = threading.Event()
        times: list[float] = []

        def release() -> None:
            times.append(loop.time())
            loop.hold(math.inf)

        def other() -> None:
            assert held.wait(10)
            loop.call_soon_threadsafe(release)

        async def main() -> float:
            def arrived() -> None:
                held.set()
                loop.hold(0.0)  # for good: time has passed that moment

            loop.hold(1.5, arrived)
            await asyncio.sleep(9.0)
            return loop.time()

        thread = threading.Thread(target=other)
        thread.start()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            assert runner.run(main()) == 9.0
        thread.join()
        assert times == [1.5]

    def test_with_nothing_left_it_waits_for_who_holds_it(self) -> None:
        loop = VirtualLoop()

        async def main() -> str:
            told = loop.create_future()
            loop.hold(5.0, lambda: told.set_result("held") or loop.hold(math.inf))
            return await told

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            assert runner.run(main()) == "held"
        assert loop.time() == 5.0

    def test_a_brake_counts_from_when_it_goes_on(self) -> None:
        """Time that stood still is not made up for."""
        loop = VirtualLoop(speed=10.0)

        async def main() -> float:
            loop.hold(0.0)
            threading.Timer(0.3, lambda: loop.call_soon_threadsafe(loop.hold, math.inf)).start()
            await asyncio.sleep(0.0)
            wall = monotonic()
            await asyncio.sleep(1.0)  # 0.1 s at this speed, after 0.3 s
            return monotonic() - wall

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            assert 0.39 <= runner.run(main()) < 5.0
