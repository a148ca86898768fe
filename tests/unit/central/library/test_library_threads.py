"""central.library.threads: what runs in a thread has ended when its caller goes on."""

import asyncio
import threading

import pytest
from lab import Lab, RunLab

from central.library.threads import compute_until_stopped
from host.clock import Clock


def test_its_result_and_its_error_are_the_functions(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("host")
        assert await compute_until_stopped(host, lambda stop: stop.is_set()) is False

        def fail(stop: threading.Event) -> None:
            raise OSError("no")

        with pytest.raises(OSError, match="no"):
            await compute_until_stopped(host, fail)

    run_lab(body, clock=clock)


@pytest.mark.parametrize("fails", [False, True])
def test_who_is_cancelled_waits_for_the_end(run_lab: RunLab, fails: bool) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        begun.set()
        assert stop.wait(10)
        ended.set()
        if fails:
            raise OSError("nobody hears this")

    async def body(lab: Lab) -> None:
        task = asyncio.ensure_future(compute_until_stopped(lab.host("host"), work))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    run_lab(body, clock="real")
