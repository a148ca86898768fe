"""central.http.connection: time, rates and room; all of it in virtual time, to the moment."""

import asyncio
import math
from pathlib import Path

import pytest
from http_site import HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import payload

from central.config import Limits
from central.house import LINGERING
from central.http.connection import LINGER_S, Connection
from host.clock import Clock

BIG = 8_000_000
CONTENT = payload(8000) * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"content of a")
    (root / "big").write_bytes(CONTENT)
    return root


# ---- time


def test_a_silent_connection_is_closed(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=Limits(head_s=7.0)) as site:
            assert await site.ask() == b""
            assert lab.now == 7.0
            assert site.log == []

    run_lab(body)


@pytest.mark.parametrize("gap_s", [0.5, 3.0])
def test_a_head_that_never_ends_is_timed_from_its_beginning(
    run_lab: RunLab, root: Path, gap_s: float
) -> None:
    """Slow-loris: a byte now and then moves no deadline."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=Limits(head_s=7.0)) as site:
            end = await site.open()
            end.transport.write(get("/a"))
            await end.has(100)
            await asyncio.sleep(20.0)
            size = len(end.data)
            begun = lab.now
            end.transport.write(b"GET /a HTTP/1.1\r\nHost: s\r\n")
            while not end.ended.done():
                await asyncio.sleep(gap_s)
                end.transport.write(b"X: y\r\n")
            answer = split(end.data[size:])
            assert (answer.status, answer["connection"]) == (408, "close")
            assert end.arrivals[-1][0] == begun + 7.0
            end.transport.close()
            await end.lost
            assert site.statuses == [200, 408]

    run_lab(body)


def test_a_kept_connection_may_rest_for_a_while(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=Limits(head_s=5.0, idle_s=30.0)) as site:
            end = await site.open()
            for target in ("/a", "/big", "/", "/none"):
                before = len(end.data)
                end.transport.write(get(target))
                await end.has(before + 10)
                await asyncio.sleep(29.0)
                assert not end.ended.done()
            answered = len(end.data)
            await end.ended
            assert lab.now == 4 * 29.0 + 1.0
            assert len(end.data) == answered
            end.transport.close()
            await end.lost

    run_lab(body)


def test_without_limits_no_timer_is_left(run_lab: RunLab, root: Path) -> None:
    limits = Limits(head_s=math.inf, idle_s=math.inf, least_rate=0.0)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=limits, writable=True) as site:
            end = await site.open()
            end.transport.write(get("/a") + get("/big"))
            end.transport.write(get("/new", "PUT", "Content-Length: 3") + b"abc" + b"GET ")
            await asyncio.sleep(1.0)
            assert [request.status for request in site.log] == [200, 200, 201]
            timers = lab.network.loop._scheduled  # type: ignore[attr-defined]
            assert [timer for timer in timers if timer.when() < 1e6] == []  # the test's own
            end.transport.abort()
            await end.lost

    run_lab(body)


# ---- rates


def test_a_client_that_does_not_take_its_answer_is_cut_off(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    limits = Limits(least_rate=1024.0, rate_s=0.5, idle_s=5.0)
    with (root / "huge").open("wb") as file:
        file.truncate(256_000_000)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=limits) as site:
            end = await site.open()
            end.transport.pause_reading()
            begun = lab.now
            end.transport.write(get("/huge"))
            while site.admission.total:
                await asyncio.sleep(0.05)
            assert lab.now - begun < 3.0
            (request,) = site.log
            assert request.status == 499
            assert 0 < request.sent < 256_000_000
            end.transport.abort()
            await end.lost

    run_lab(body, clock=clock)


def test_a_client_that_asks_and_asks_and_takes_nothing_is_cut_off(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    """Small files, too, which are sent without a task."""
    limits = Limits(least_rate=1024.0, rate_s=0.5, idle_s=5.0)
    (root / "small").write_bytes(bytes(60_000))

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=limits) as site:
            end = await site.open()
            end.transport.pause_reading()
            end.transport.write(get("/small") * 1000)
            begun = lab.now
            while site.admission.total:
                await asyncio.sleep(0.05)
            assert lab.now - begun < 3.0
            assert 0 < len(site.log) < 1000
            end.transport.abort()
            await end.lost

    run_lab(body, clock=clock)


def test_a_slow_client_that_keeps_the_least_rate_is_served(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        (root / "slow").write_bytes(payload(200_000))
        limits = Limits(least_rate=1000.0, rate_s=20.0)
        async with HttpSite(lab, root, limits=limits, up=2500.0) as site:
            answer = await site.answer("/slow")
            assert answer.body == payload(200_000)
            assert lab.now > 80

    run_lab(body)


def test_a_slow_client_below_the_least_rate_is_not(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        (root / "slow").write_bytes(payload(200_000))
        limits = Limits(least_rate=1000.0, rate_s=20.0)
        async with HttpSite(lab, root, limits=limits, up=900.0) as site:
            end = await site.open()
            end.transport.write(get("/slow"))
            await end.ended
            # Within the first stretch that was judged.
            assert 20.0 <= lab.now < 41.0
            assert len(end.data) < 41 * 900
            end.transport.close()
            await end.lost

    run_lab(body)


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_body_that_comes_too_slowly_is_refused(run_lab: RunLab, root: Path, framing: str) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(least_rate=100.0, rate_s=20.0)
        async with HttpSite(lab, root, limits=limits, writable=True) as site:
            end = await site.open()
            end.transport.write(get("/new", "PUT", framing))
            await asyncio.sleep(0)
            while not end.ended.done():
                end.transport.write(b"5\r\nabcde\r\n")  # a chunk, or just ten bytes
                await asyncio.sleep(1.0)
            answer = split(end.data)
            assert (answer.status, answer["connection"]) == (408, "close")
            assert end.arrivals[-1][0] == 20.0
            end.transport.close()
            await end.lost
            assert site.statuses == [408]
        assert sorted(path.name for path in root.iterdir()) == ["a", "big"]

    run_lab(body)


def test_a_body_that_comes_fast_enough_is_taken(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(least_rate=100.0, rate_s=20.0)
        async with HttpSite(lab, root, limits=limits, writable=True) as site:
            end = await site.open()
            end.transport.write(get("/new", "PUT", "Content-Length: 12000"))
            for _ in range(100):
                end.transport.write(b"x" * 120)
                await asyncio.sleep(1.0)
            assert split(end.data).status == 201
            end.transport.close()
            await end.lost

    run_lab(body)
    assert (root / "new").read_bytes() == b"x" * 12000


# ---- room


def test_a_full_server_says_so_at_once(run_lab: RunLab, root: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=Limits(connections=2)) as site:
            inside = [await site.open(), await site.open()]
            answer = split(await site.ask())  # without a word
            assert (answer.status, answer.reason) == (503, "Service Unavailable")
            assert (answer["retry-after"], answer["connection"]) == ("5", "close")
            assert split(await site.ask(get("/a"))).status == 503
            inside[0].transport.write(get("/a"))
            await inside[0].has(100)
            inside[1].transport.abort()
            await inside[1].lost
            while site.admission.total > 1:
                await asyncio.sleep(0.001)
            assert (await site.answer("/a")).status == 200
            inside[0].transport.abort()
            await inside[0].lost
            assert site.statuses == [503, 503, 200, 200]

    run_lab(body, clock=clock)


def test_those_who_are_sent_away_do_not_stay(run_lab: RunLab, root: Path) -> None:
    """However many they are, and although they would."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, limits=Limits(connections=0)) as site:
            ends = [await site.open() for _ in range(2 * LINGERING)]
            for end in ends:
                await end.ended
                assert split(end.data).status == 503
            connections = site.server._house.guests
            assert len(connections) == LINGERING
            await asyncio.sleep(LINGER_S + 0.1)
            assert connections == {}
            # There is room again for others who are sent away.
            assert split(await site.ask()).status == 503
            for end in ends:
                end.transport.abort()
                await end.lost

    run_lab(body)


def test_a_crowd_of_idle_clients_costs_an_honest_one_nothing(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(connections=500, per_address=500)
        async with HttpSite(lab, root, limits=limits) as site:
            crowd = [await site.open() for _ in range(300)]
            for end in crowd:
                end.transport.write(b"GET /a HTTP/1.1\r\n")
            begun = lab.now
            honest = await site.open()
            honest.transport.write(get("/a") * 3)
            honest.transport.write_eof()
            await honest.ended
            assert [answer.body for answer in split_all(honest.data)] == [b"content of a"] * 3
            assert lab.now == begun
            for end in (*crowd, honest):
                end.transport.abort()
                await end.lost

    run_lab(body)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_closing_when_a_connection_is_on_its_way(
    run_lab: RunLab, root: Path, clock: Clock, turns: int
) -> None:
    """Whatever state it is in, it ends, and with it what the server knows of it."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            attempt = asyncio.ensure_future(site.open())
            for _ in range(turns):
                await asyncio.sleep(0)
            await site.server.close()
            try:
                end = await attempt
            except ConnectionError:
                pass
            else:
                await end.ended
                assert end.data == b""
                end.transport.close()
                await end.lost
            assert site.admission.total == 0
            assert site.server._house.guests == {}

    run_lab(body, clock=clock)


def test_who_was_accepted_just_before_the_end_is_turned_away(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            await site.server.close()
            listener = await site.host.listen(lambda: Connection(site.server._house))
            site.address = listener.address
            assert await site.ask(get("/a")) == b""
            assert site.admission.total == 0
            assert site.server._house.guests == {}
            listener.close()

    run_lab(body, clock=clock)
