"""central.deadline: it moves, and calls once."""

import asyncio

from lab import Lab, RunLab

from central.deadline import Deadline


def test_it_is_at_its_latest_time_and_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        passed: list[float] = []
        deadline = Deadline(loop, lambda: passed.append(lab.now))
        deadline.set(5.0)
        await asyncio.sleep(3.0)
        deadline.set(5.0)  # later
        await asyncio.sleep(3.0)
        assert passed == []
        deadline.set(1.0)  # earlier
        await asyncio.sleep(10.0)
        assert passed == [7.0]
        deadline.set(2.0)
        deadline.clear()
        await asyncio.sleep(5.0)
        deadline.set(2.0)
        deadline.cancel()
        deadline.set(float("inf"))
        await asyncio.sleep(5.0)
        assert passed == [7.0]
        deadline.set(1.0)
        await asyncio.sleep(2.0)
        assert passed == [7.0, lab.now - 1.0]

    run_lab(body)
