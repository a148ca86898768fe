"""central.access.permit: bytes by the rate and in turn, downloads counted, transfers stopped."""

import asyncio
import math
from typing import Any

import pytest
from lab import Lab, RunLab

from central.access.permit import Permit
from central.access.uses import Uses
from central.errors import DeniedError


async def send(permit: Permit, lab: Lab, sizes: list[int], times: list[float]) -> None:
    for size in sizes:
        await permit.pace(size)
        times.append(lab.now)


def test_an_unlimited_rate_costs_no_turn_of_the_loop(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "-")
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        for _ in range(1000):
            await permit.pace(1 << 30)
        assert turns == []
        assert permit.stretch(1 << 20) == 1 << 20
        assert permit.rate == math.inf

    run_lab(body)


def test_a_transfer_keeps_to_the_rate_behind_a_burst(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob", 8192.0)
        size = permit.stretch(1 << 20)
        assert size == 2048
        times: list[float] = []
        await send(permit, lab, [size] * 5, times)
        assert times == [0.0, 0.25, 0.5, 0.75, 1.0]
        # A rest earns one burst and no more.
        await asyncio.sleep(60)
        await send(permit, lab, [size] * 3, times)
        assert times[5:] == [61.0, 61.25, 61.5]

    run_lab(body)


def test_who_asks_first_goes_first_and_all_share_one_rate(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob", 4096.0)
        times: list[list[float]] = [[], [], []]
        await asyncio.gather(*(send(permit, lab, [1024] * 3, each) for each in times))
        # The first finds a full bucket and asks again before the others ask at all.
        assert times == [[0.0, 0.25, 1.0], [0.5, 1.25, 1.75], [0.75, 1.5, 2.0]]

    run_lab(body)


def test_who_gives_up_waiting_has_spent_nothing(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("server")
        permit = Permit(host.loop, "bob", 4096.0)
        await permit.pace(1024)
        # The first of these is asleep, the others are queued behind it.
        waiting = [host.spawn(permit.pace(1024), f"wait {n}") for n in range(100)]
        await asyncio.sleep(0.1)
        for each in waiting:
            each.cancel()
        await permit.pace(1024)
        assert lab.now == 0.25

    run_lab(body)


def test_one_big_piece_is_earned_before_it_goes(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob", 4096.0)
        await permit.pace(1024 + 40_960)
        assert lab.now == 10.0

    run_lab(body)


def test_a_stretch_is_a_quarter_of_a_second_of_all_transfers(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob", 65_536.0)
        assert permit.stretch(1 << 20) == 16_384
        assert permit.stretch(512) == 512
        with permit.using(list), permit.using(list):
            assert permit.stretch(1 << 20) == 8192
        assert Permit(asyncio.get_running_loop(), "slow", 1.0).stretch(1 << 20) == 1024

    run_lab(body)


def test_downloads_are_counted_to_the_limit(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob", uses=Uses(2, 0.0))
        permit.reserve(1.0)
        permit.reserve(1.0)
        with pytest.raises(DeniedError, match=r"^the token's downloads are used up$") as caught:
            permit.reserve(0.001)
        assert caught.value.known
        permit.refund(0.5)
        permit.reserve(0.5)
        with pytest.raises(DeniedError):
            permit.reserve(0.0)

    run_lab(body)


def test_without_a_limit_nothing_is_refused(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "-")
        for _ in range(100):
            permit.reserve(1.0)
        permit.refund(1.0)

    run_lab(body)


def test_each_transfer_under_way_is_stopped_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob")
        stopped: list[str] = []
        with permit.using(lambda: stopped.append("left")):
            pass
        with permit.using(lambda: stopped.append("a")), permit.using(lambda: stopped.append("b")):
            permit.end()
            assert stopped == ["a", "b"]
            permit.end()
        assert stopped == ["a", "b"]
        # Who was let in a moment ago and begins now is stopped as well.
        with permit.using(lambda: stopped.append("late")):
            assert stopped == ["a", "b", "late"]

    run_lab(body)


def test_a_stop_may_end_other_transfers(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(asyncio.get_running_loop(), "bob")
        stopped: list[str] = []
        other = permit.using(lambda: stopped.append("other"))

        def stop() -> None:
            stopped.append("one")
            other.__exit__(None, None, None)

        with permit.using(stop):
            other.__enter__()
            permit.end()
        assert stopped == ["one"]

    run_lab(body)


def test_a_stop_that_fails_does_not_keep_the_others_going(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        handler, reported = loop.get_exception_handler(), list[dict[str, Any]]()
        loop.set_exception_handler(lambda loop, context: reported.append(context))
        permit = Permit(loop, "bob")
        stopped: list[str] = []
        with permit.using(lambda: [][0]), permit.using(lambda: stopped.append("b")):
            permit.end()
        loop.set_exception_handler(handler)
        assert stopped == ["b"]
        assert [context["message"] for context in reported] == ["stopping a transfer of bob"]

    run_lab(body)
