"""bench.classroom.show: both sides on one clock, under the virtual clock and looked at exactly."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bench.classroom import asking
from bench.classroom.frames import ABSENT, CUT, KILLED, SLOWED, Frame, HostRow, Merged, Scene
from bench.classroom.recording import play
from bench.classroom.refusal import Refusal
from bench.classroom.settings import Settings, change, scenario
from bench.classroom.show import Show
from bench.sweep import Trial
from bench.trial import run_trial
from host.clock import VirtualLoop

# The file once over the origin's uplink takes 8 s, over a client's 40 s.
SMALL = change(
    Settings(), {"clients": 4, "file_size": "1 MiB", "origin_up": 2**17, "peer_up": 2**17 // 5}
)


class Watched:
    """A show, and what it told."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self.whole = Merged()
        self.scenes: list[Scene] = []
        self.look()

    def look(self) -> list[Scene | Frame]:
        told = self.show.news()
        for news in told:
            if isinstance(news, Scene):
                self.scenes.append(news)
                self.whole = Merged()
            else:
                self.whole.add(news)
        return told

    async def until(self, seconds: float) -> None:
        """Look now and then, until so many seconds of the run have passed, or it is over."""
        reached = asyncio.Event()

        def arrive() -> None:
            self.look()
            if self.show.now >= seconds - 1e-9 or self.show.state == "over":
                reached.set()
            else:
                self.show.look_after(min(0.25, seconds - self.show.now), arrive)

        self.show.look_after(0.0, arrive)
        await reached.wait()

    def row(self, side: int, host: int) -> HostRow:
        return next(row for row in self.whole.frame().sides[side].hosts if row[0] == host)

    def events(self) -> list[tuple[float, str, dict[str, Any]]]:
        return self.whole.frame().events


Body = Callable[[Watched], Awaitable[None]]


def shown(body: Body, folder: Path, settings: Settings = SMALL, lesson: str | None = None) -> None:
    """Run `await body(watched)` on a show that is ready."""

    async def main() -> None:
        show = Show(settings, speed=5.0, lesson=lesson)
        async with asyncio.TaskGroup() as group:
            try:
                await show.open(folder, group)
                await body(Watched(show))
            finally:
                await show.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_the_scene(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        (scene,) = watched.scenes
        assert (scene.size, scene.moved, scene.pieces) == (2**20, 2**20, 64)
        assert [host.name for host in scene.hosts[:2]] == ["origin", "client-001"]
        assert (scene.hosts[0].up, scene.hosts[0].down) == (2**17, None)
        assert [side.name for side in scene.sides] == ["central", "p2p"]
        assert [side.colour for side in scene.sides] == ["#D55E00", "#0072B2"]
        assert scene.sides[0].bound_s == 32.0
        assert scene.sides[1].bound_s == pytest.approx(4 * 8 / (1 + 4 / 5), rel=1e-4)
        assert {len(side.places) for side in scene.sides} == {5}
        assert len({address for side in scene.sides for address in side.addresses}) == 10
        frame = watched.whole.frame()
        assert (frame.t, frame.state, frame.speed) == (0.0, "ready", 5.0)
        assert watched.row(0, 0)[1] == 1000
        assert watched.row(1, 4)[1:] == (0, 0, 0, 0.0, ABSENT, None)
        assert watched.look() == []

    shown(body, tmp_path)


def test_to_the_end(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        watched.show.start()
        await watched.until(1000.0)
        assert watched.show.state == "over"
        frame = watched.whole.frame()
        for side, about in zip(frame.sides, watched.scenes[0].sides, strict=True):
            finishes = [row[6] for row in side.hosts if row[6] is not None]
            assert len(finishes) == 4
            assert about.bound_s < max(finishes) < 1.25 * about.bound_s
            assert sorted(side.pieces) == [
                (host, piece) for host in range(1, 5) for piece in range(64)
            ]
            assert {level for *_, level in side.links} == {0}
            assert [row[3:5] for row in side.hosts] == [(0, 0.0)] * 5
        central = frame.sides[0]
        assert 4000 < watched.row(0, 0)[2] < 4010
        assert sum(size for _, size in central.origin) == pytest.approx(4 * 2**20, rel=0.002)
        assert [(key, values) for _, key, values in frame.events] == [
            ("start", {}),
            ("finished", {"side": "p2p"}),
            ("finished", {"side": "central"}),
        ]
        assert watched.look() == []

    shown(body, tmp_path)


def test_it_is_the_run_that_the_bench_measures(tmp_path: Path) -> None:
    """Only who is served first where several are due at the same moment may differ."""
    told = play(SMALL, speed=5.0)
    whole = Merged()
    for news in told:
        if isinstance(news, Frame):
            whole.add(news)
    for backend, side in zip(("central", "p2p"), whole.frame().sides, strict=True):
        trial = Trial(
            scenario=scenario(SMALL), backend=backend, clients=4, seed=SMALL.seed, repeat=0
        )
        measured = run_trial(trial, tmp_path, lambda share: None)
        finishes = [row[6] for row in side.hosts if row[6] is not None]
        assert max(finishes) == pytest.approx(measured.run["finish_s"], rel=0.02)
        sent = next(row[2] for row in side.hosts if row[0] == 0)
        assert sent / 1000 * 2**20 == pytest.approx(measured.run["origin_up_bytes"], rel=0.05)


def test_time_is_held_and_goes_on(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(3.0)
        show.pause()
        assert (show.state, show.now) == ("held", 3.0)
        show.pause()
        watched.look()
        assert watched.look() == []
        show.start()
        await watched.until(1000.0)
        assert [key for _, key, _ in watched.events()] == [
            "start", "pause", "resume", "finished", "finished"
        ]  # fmt: skip
        assert watched.row(0, 1)[6] < 33

    shown(body, tmp_path)


def test_without_the_origin_the_server_side_stops(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(14.0)
        assert watched.row(0, 0)[3] > 950  # its uplink is full
        assert watched.row(0, 1)[4] == pytest.approx(2**17 / 4, rel=0.3)
        await show.act(asking.Kill(who=0))
        await watched.until(23.9)
        assert show.state == "running"
        assert watched.row(0, 1)[4] == watched.row(0, 0)[3] == 0
        await watched.until(1000.0)
        assert [row[6] for row in watched.whole.frame().sides[0].hosts] == [None] * 5
        assert None not in [row[6] for row in watched.whole.frame().sides[1].hosts[1:]]
        assert watched.row(0, 0)[5] == watched.row(1, 0)[5] == KILLED
        assert (14.0, "kill", {"who": 0}) in watched.events()
        (stalled,) = [values for _, key, values in watched.events() if key == "stalled"]
        assert stalled == {"side": "central", "left": 4}
        assert show.state == "over"
        await show.act(asking.Revive(who=0))
        assert show.state == "running"
        await watched.until(2000.0)
        assert all(row[6] for row in watched.whole.frame().sides[0].hosts[1:])
        assert [key for _, key, _ in watched.events()].count("finished") == 2

    shown(body, tmp_path)


def test_killed_and_revived_before_it_begins(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        for asked in (asking.Kill(who=1), asking.Kill(who=2), asking.Revive(who=2)):
            await show.act(asked)
        show.start()
        await watched.until(2.0)
        assert [watched.row(0, host)[5] for host in (1, 2, 3)] == [KILLED, 0, 0]
        await show.act(asking.Revive(who=1))
        await watched.until(1000.0)
        assert all(row[6] for side in watched.whole.frame().sides for row in side.hosts[1:])

    shown(body, tmp_path)


def test_a_cut_a_slow_link_and_back(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(4.0)
        await show.act(asking.Cut(who=1))
        await show.act(asking.Slow(who=2))
        await show.act(asking.Slow(who=2))
        await watched.until(12.0)
        assert [watched.row(side, 1)[5] for side in (0, 1)] == [CUT, CUT]
        assert [watched.row(side, 2)[5] for side in (0, 1)] == [SLOWED, SLOWED]
        held = watched.row(0, 1)[1]
        await watched.until(20.0)
        assert watched.row(0, 1)[1] == held
        for who in (1, 2):
            await show.act(asking.Restore(who=who))
        await watched.until(1000.0)
        assert all(row[6] for side in watched.whole.frame().sides for row in side.hosts[1:])
        assert [watched.row(side, 2)[5] for side in (0, 1)] == [0, 0]

    shown(body, tmp_path)


def test_who_is_down_is_not_waited_for(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        watched.show.start()
        await watched.until(2.0)
        await watched.show.act(asking.Kill(who=1))
        await watched.until(1000.0)
        ends = [(t, values) for t, key, values in watched.events() if key == "finished"]
        assert [values["side"] for _, values in ends] == ["p2p", "central"]
        assert ends[1][0] < 32  # three clients are served sooner
        assert watched.show.state == "over"

    shown(body, tmp_path)


def test_more_hosts(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        with pytest.raises(Refusal, match="not possible now"):
            await show.act(asking.Add(count=10))
        show.start()
        await watched.until(8.0)
        await show.act(asking.Add(count=3))
        with pytest.raises(Refusal, match="at most 200 clients"):
            await show.act(asking.Add(count=194))
        await watched.until(1000.0)
        before, after = watched.scenes
        assert (len(before.hosts), len(after.hosts), before.run, after.run) == (5, 8, 1, 1)
        assert after.sides[0].bound_s == 56.0
        finishes = [row[6] for row in sorted(watched.whole.frame().sides[0].hosts)]
        assert len(finishes) == 8
        assert max(finish for finish in finishes if finish is not None) == pytest.approx(56, 0.01)
        assert (8.0, "add", {"count": 3}) in watched.events()

    shown(body, tmp_path)


def test_a_random_host_is_a_client_that_is_up(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(1.0)
        for _ in range(4):
            await show.act(asking.Random())
        with pytest.raises(Refusal, match="not possible now"):
            await show.act(asking.Random())
        killed = [values["who"] for _, key, values in show.news()[0].events if key == "kill"]  # type: ignore[union-attr]
        assert sorted(killed) == [1, 2, 3, 4]
        with pytest.raises(Refusal, match="no host 5"):
            await show.act(asking.Kill(who=5))
        watched.look()
        assert show.state == "over"  # nobody is left to wait for

    shown(body, tmp_path)


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    """But for the ports, which the machine hands out."""

    def told() -> list[object]:
        return [
            [(side.hosts, side.links, side.pieces, side.origin) for side in news.sides]
            for news in play(SMALL, speed=5.0)
            if isinstance(news, Frame)
        ]

    assert told() == told()


def test_a_node_that_fails_where_nobody_awaits_it_ends_the_run(tmp_path: Path) -> None:
    def trouble() -> None:
        raise OSError("no more room")

    async def body(watched: Watched) -> None:
        watched.show.start()
        await watched.until(2.0)
        asyncio.get_running_loop().call_soon(trouble)
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        shown(body, tmp_path)
    assert caught.group_contains(OSError, match="no more room")


def test_what_changes_nothing_is_not_told(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(1000.0)
        for asked in (asking.Revive(who=0), asking.Restore(who=1)):
            await show.act(asked)
        assert show.state == "over"
        assert watched.look() == []

    shown(body, tmp_path)


def test_all_hosts_down_and_up_again(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        show = watched.show
        show.start()
        await watched.until(13.0)
        for who in range(5):
            await show.act(asking.Kill(who=who))
        await watched.until(200.0)
        assert show.state == "over"
        for who in range(5):
            await show.act(asking.Revive(who=who))
        await watched.until(1000.0)
        assert all(row[6] for side in watched.whole.frame().sides for row in side.hosts[1:])

    shown(body, tmp_path)


@pytest.mark.parametrize(
    "given",
    [
        {"clients": 5, "peer_up": "64 kbit/s", "riders": 2},
        {"latency": "2 s"},
        {"clients": 8, "origin_up": "10 kbit/s", "peer_up": "10 kbit/s", "file_size": "64 KiB"},
    ],
)
def test_what_is_slow_is_not_taken_to_stand_still(given: dict[str, Any]) -> None:
    told = play(change(SMALL, given), speed=5.0)
    events = [event for news in told if isinstance(news, Frame) for event in news.events]
    assert [key for _, key, _ in events] == ["start", "finished", "finished"]


def test_connections_are_those_of_the_sockets(tmp_path: Path) -> None:
    async def body(watched: Watched) -> None:
        watched.show.start()
        await watched.until(3.0)
        central, p2p = watched.whole.frame().sides
        assert sorted((i, j, port) for _, i, _, j, port in central.opened) == [
            (client, 0, 8080) for client in range(1, 5)
        ]
        assert sorted(i for _, i, _, j, _ in p2p.opened if j < 0) == [0, 1, 2, 3, 4]
        calls = [(i, j) for _, i, _, j, _ in p2p.opened if j >= 0]
        assert len({frozenset(pair) for pair in calls}) == len(calls) == 10
        assert math.isclose(watched.whole.frame().t, 3.0)

    shown(body, tmp_path)
