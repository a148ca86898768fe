"""Fixtures that every kind of test uses: a network of hosts, run to its end and looked over."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from lab import Lab, RunLab

from host.clock import Clock, run

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

T = TypeVar("T")
REAL_DEADLINE_S = 20.0
DESCRIPTORS = Path("/proc/self/fd")


def descriptors() -> list[str]:
    """What the process has open; nothing where the system does not say."""
    links = DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ()
    return sorted(str(link.readlink()) for link in links if link.is_symlink())


Body = Callable[[Lab], Awaitable[T]]


@pytest.fixture
def run_lab(tmp_path: Path) -> RunLab:
    """Run `await body(lab)` under host.clock and return its result.

    Afterwards no task, socket or descriptor is left, and nothing was reported to the loop's
    exception handler.
    """

    def run_body(
        body: Body[T],
        *,
        clock: Clock = "virtual",
        speed: float = 1.0,
        deadline_s: float = 1e6,
        **options: Any,
    ) -> T:
        troubles: list[dict[str, Any]] = []

        async def main() -> T:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: troubles.append(context))
            lab = Lab(tmp_path, **options)
            try:
                result = await body(lab)
            finally:
                await lab.network.close()
                # What is closed has a few turns to say so to its protocol.
                for _ in range(5):
                    await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert [task.get_name() for task in left] == []
            return result

        if clock != "virtual":
            deadline_s = min(deadline_s, REAL_DEADLINE_S)
        before = descriptors()
        try:
            result = run(main(), clock=clock, speed=speed, deadline_s=deadline_s)
        finally:
            if descriptors() != before:
                gc.collect()  # a cycle may hold a closed transport's socket
                assert descriptors() == before
        assert troubles == []
        return result

    return run_body


@pytest.fixture(params=["virtual", "real"])
def clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    """Both ends of the clock's range; paced is virtual with a brake."""
    yield request.param
