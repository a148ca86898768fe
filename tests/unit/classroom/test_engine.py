"""bench.classroom.engine: a thread that plays run after run, and does as other threads ask."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from bench.classroom import asking
from bench.classroom.engine import Engine, ensure_machine
from bench.classroom.frames import Frame, Scene
from bench.classroom.refusal import Refusal
from bench.classroom.settings import Settings, change
from bench.classroom.side import Side
from host.limits import MachineLimitError

PATIENCE_S = 30.0
QUICK = change(
    Settings(), {"clients": 3, "file_size": "1 MiB", "origin_up": 2**17, "peer_up": 2**16}
)


class Heard:
    """What an engine tells, for who waits in another thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.told: list[Scene | Frame] = []
        self.refusals: list[str] = []

    def told_by(self, news: Scene | Frame) -> None:
        with self._changed:
            self.told.append(news)
            self._changed.notify_all()

    def refused(self, refusal: Refusal) -> None:
        with self._changed:
            self.refusals.append(refusal.key)
            self._changed.notify_all()

    def until(self, what: Callable[[], Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(what, PATIENCE_S)

    def frames(self) -> list[Frame]:
        """Those of the last run."""
        found: list[Frame] = []
        for news in self.told:
            if isinstance(news, Scene):
                found = []
            else:
                found.append(news)
        return found

    def is_in(self, state: str) -> bool:
        return bool(self.frames()) and self.frames()[-1].state == state

    def scenes(self) -> list[Scene]:
        return [news for news in self.told if isinstance(news, Scene)]

    def ends(self) -> list[float]:
        """When either side had finished: seconds."""
        told = [event for frame in self.frames() for event in frame.events]
        return sorted(t for t, key, _ in told if key == "finished")

    def events(self) -> list[str]:
        return [key for frame in self.frames() for _, key, _ in frame.events]


@contextmanager
def engine(speed: float = 1000.0, lesson: str | None = None) -> Iterator[tuple[Engine, Heard]]:
    """An engine that is ready; none of its threads is left afterwards."""
    before = set(threading.enumerate())
    heard = Heard()
    one = Engine(QUICK, speed=speed, lesson=lesson, told=heard.told_by)
    one.start()
    try:
        heard.until(lambda: heard.is_in("ready"))
        yield one, heard
    finally:
        begun = monotonic()
        one.close()
        assert monotonic() - begun < 2.0
        assert set(threading.enumerate()) <= before


def ask(one: Engine, heard: Heard, *questions: asking.Question) -> None:
    for question in questions:
        one.ask(question, heard.refused)


def test_a_run_to_its_end_and_once_more() -> None:
    with engine() as (one, heard):
        ask(one, heard, asking.Start())
        heard.until(lambda: heard.is_in("over"))
        assert heard.events() == ["start", "finished", "finished"]
        ends = heard.ends()
        ask(one, heard, asking.Reset(), asking.Start())
        heard.until(lambda: len(heard.scenes()) == 2 and heard.is_in("over"))
        assert [scene.run for scene in heard.scenes()] == [1, 2]
        assert heard.ends() == pytest.approx(ends, rel=0.02)
        assert heard.refusals == []


def test_frames_come_at_the_pages_pace() -> None:
    with engine(speed=8.0) as (one, heard):
        begun = monotonic()
        ask(one, heard, asking.Start())
        heard.until(lambda: heard.frames()[-1].t >= 8.0)
        spent = monotonic() - begun
        assert len(heard.frames()) <= 20 * spent + 4
        assert spent >= 0.99
        paces = [frame.pace for frame in heard.frames() if frame.pace]
        assert max(paces) < 12


def test_pause_step_and_speed() -> None:
    with engine(speed=4.0) as (one, heard):
        ask(one, heard, asking.Start())
        heard.until(lambda: heard.frames()[-1].t > 0.5)
        ask(one, heard, asking.Pause())
        heard.until(lambda: heard.is_in("held"))
        at = heard.frames()[-1].t
        ask(one, heard, asking.Step())
        heard.until(lambda: heard.is_in("held") and heard.frames()[-1].t > at)
        step_s = min(side.bound_s for side in heard.scenes()[0].sides) / 25
        assert heard.frames()[-1].t - at == pytest.approx(step_s, abs=1e-5)
        ask(one, heard, asking.Speed(1000.0), asking.Start())
        heard.until(lambda: heard.is_in("over"))
        assert heard.events()[:4] == ["start", "pause", "step", "speed"]


def test_start_goes_on_beyond_a_step() -> None:
    with engine(speed=0.25) as (one, heard):
        ask(one, heard, asking.Step())
        heard.until(lambda: heard.is_in("running"))
        ask(one, heard, asking.Start(), asking.Speed(1000.0))
        heard.until(lambda: heard.is_in("over"))
        assert "finished" in heard.events()


@pytest.mark.parametrize("before", [[], [asking.Start()]])
def test_everybody_killed_and_a_new_run(before: list[asking.Question]) -> None:
    with engine() as (one, heard):
        ask(one, heard, *before, *(asking.Kill(who) for who in range(4)), asking.Start())
        heard.until(lambda: heard.is_in("over"))
        ask(one, heard, asking.Reset(), asking.Start())
        heard.until(lambda: len(heard.scenes()) == 2 and heard.is_in("over"))
        assert heard.events() == ["start", "finished", "finished"]


def trouble(*_: Any, **__: Any) -> Any:
    raise OSError("no more room")


@pytest.mark.parametrize(
    "place",
    [
        "bench.classroom.engine.TemporaryDirectory",
        "bench.classroom.show.make_file",
        "bench.classroom.side.Side.revive",
        "bench.classroom.show.Show.news",
    ],
)
def test_a_run_that_fails_is_told_and_another_can_be_had(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with engine() as (one, heard):
        with monkeypatch.context() as broken:
            broken.setattr(place, trouble)
            ask(one, heard, asking.Reset() if "revive" not in place else asking.Revive(1))
            heard.until(lambda: "failed" in heard.events())
            assert heard.frames()[-1].events[-1][2] == {"message": "no more room"}
        assert heard.is_in("over")
        ask(one, heard, asking.Start(), asking.Kill(1), asking.Set({"clients": 0}))
        heard.until(lambda: len(heard.refusals) == 3)
        assert heard.refusals == ["late", "late", "range"]
        ask(one, heard, asking.Reset(), asking.Start())
        heard.until(lambda: heard.events()[-2:] == ["finished", "finished"])


def test_what_the_loop_itself_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(side: Side) -> None:
        side.network.in_kernel.total = 7  # which nobody has sent, or will get

    monkeypatch.setattr("host.clock.KERNEL_PATIENCE_S", 0.01)
    monkeypatch.setattr("bench.classroom.side.Side.begin", begin)
    with engine() as (one, heard):
        ask(one, heard, asking.Start())
        heard.until(lambda: "failed" in heard.events())
        assert "the kernel keeps what was sent" in heard.frames()[-1].events[-1][2]["message"]


@pytest.mark.parametrize("what", ["TemporaryDirectory", "Show"])
def test_a_first_run_that_fails_is_refused(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(f"bench.classroom.engine.{what}", trouble)
    one = Engine(QUICK, told=lambda news: None)
    with pytest.raises(Refusal, match="the run ended: no more room"):
        one.start()
    one.close()


def test_what_is_done_while_time_is_held() -> None:
    with engine() as (one, heard):
        ask(one, heard, asking.Kill(0), asking.Cut(2), asking.Start())
        heard.until(lambda: heard.is_in("over"))
        assert heard.events() == ["kill", "cut", "start", "stalled", "stalled"]
        ask(one, heard, asking.Revive(0), asking.Restore(2))
        heard.until(lambda: heard.events().count("finished") == 2)


def test_other_settings_and_lessons() -> None:
    with engine() as (one, heard):
        ask(one, heard, asking.Set({"clients": "5"}))
        heard.until(lambda: len(heard.scenes()) == 2 and heard.is_in("ready"))
        assert len(heard.scenes()[-1].hosts) == 6
        ask(one, heard, asking.Lesson("late"))
        heard.until(lambda: len(heard.scenes()) == 3 and heard.is_in("ready"))
        scene = heard.scenes()[-1]
        assert (scene.lesson, scene.speed, len(scene.hosts)) == ("late", 4.0, 11)
        ask(one, heard, asking.Lesson(None))
        heard.until(lambda: len(heard.scenes()) == 4 and heard.is_in("ready"))
        assert heard.scenes()[-1].settings["clients"] == 20


def test_hosts_that_are_added_come_with_a_new_scene() -> None:
    with engine() as (one, heard):
        ask(one, heard, asking.Start(), asking.Add(2))
        heard.until(lambda: heard.is_in("over"))
        scenes = heard.scenes()
        assert [(scene.run, len(scene.hosts)) for scene in scenes] == [(1, 4), (1, 6)]
        assert heard.events() == ["start", "add", "finished", "finished"]


@pytest.mark.parametrize(
    ("question", "key"),
    [
        (asking.Set({"clients": 100_000}), "range"),
        (asking.Set({"peer_up": "-1 Mbit/s"}), "range"),
        (asking.Set({"peer_up": "fast"}), "quantity"),
        (asking.Set({"colour": "red"}), "unknown"),
        (asking.Speed(0.1), "range"),
        (asking.Speed(float("nan")), "range"),
        (asking.Lesson("swimming"), "lesson"),
        (asking.Kill(4), "unknown"),
        (asking.Kill(-1), "unknown"),
        (asking.Add(10), "late"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(question: asking.Question, key: str) -> None:
    with engine() as (one, heard):
        ask(one, heard, question)
        heard.until(lambda: heard.refusals)
        assert heard.refusals == [key]
        assert len(heard.scenes()) == 1


def test_more_than_the_machine_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(needed: int) -> None:
        raise MachineLimitError(f"{needed} are too many")

    monkeypatch.setattr("bench.classroom.engine.ensure_descriptors", no)
    with pytest.raises(Refusal, match=r"the run ended: \d+ are too many"):
        ensure_machine(QUICK)


def test_a_lesson_that_is_none() -> None:
    with pytest.raises(Refusal, match="swimming"):
        Engine(QUICK, lesson="swimming", told=lambda news: None)
    with pytest.raises(Refusal, match="speed"):
        Engine(QUICK, speed=0, told=lambda news: None)


def test_closed_in_the_middle_of_a_run() -> None:
    with engine(speed=0.25) as (one, heard):
        ask(one, heard, asking.Start())
        heard.until(lambda: heard.is_in("running"))
