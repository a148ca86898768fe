"""bench.classroom.lessons: five lessons, each of which its run bears out."""

from functools import cache

import pytest

from bench.classroom.asking import Add, Kill
from bench.classroom.frames import Frame, Merged, Scene
from bench.classroom.lessons import LESSONS, choose, find, moment
from bench.classroom.recording import play
from bench.classroom.refusal import Refusal
from bench.classroom.settings import Settings


@cache
def played(name: str) -> tuple[Scene, Frame]:
    """The last scene of a lesson, and all that was told."""
    settings, speed = choose({}, lesson=name)
    told = play(settings, speed=speed, lesson=name)
    last = max(index for index, news in enumerate(told) if isinstance(news, Scene))
    whole = Merged()
    for news in told[last + 1 :]:
        assert isinstance(news, Frame)
        whole.add(news)
    scene = told[last]
    assert isinstance(scene, Scene)
    return scene, whole.frame()


def finishes(name: str, side: int) -> dict[int, float]:
    """When each client had the file."""
    return {row[0]: row[6] for row in played(name)[1].sides[side].hosts if row[6] is not None}


def copies(name: str, side: int) -> float:
    """How many times the file the origin sent."""
    return next(row[2] / 1000 for row in played(name)[1].sides[side].hosts if row[0] == 0)


def test_there_are_five() -> None:
    assert list(LESSONS) == ["load", "outage", "late", "slow", "riders"]
    with pytest.raises(Refusal, match="lesson: 'x'; expected one of load, outage, late, slow, rid"):
        find("x")


def test_moments() -> None:
    outage = find("outage")
    assert moment(outage, choose({}, lesson="outage")[0]) == pytest.approx(2 * 8.388608)
    assert outage.happening == Kill(who=0)
    late = find("late")
    assert moment(late, choose({}, lesson="late")[0]) == pytest.approx(5 * 8.388608)
    assert late.happening == Add(count=10)


def test_what_is_given_comes_first() -> None:
    assert choose({"clients": None}) == (Settings(), 5.0)
    assert choose({"seed": 7}, lesson="late") == (Settings(clients=10, seed=7), 4)
    assert choose({"clients": "3"}, lesson="late", speed="8") == (Settings(clients=3), 8.0)
    with pytest.raises(Refusal, match="speed"):
        choose({}, speed=0)
    with pytest.raises(Refusal, match=r"clients: '205'; expected 1 to 200"):
        choose({"clients": 195}, lesson="late")  # to which ten are added


def test_load() -> None:
    assert copies("load", 0) == pytest.approx(30, rel=0.001)
    assert 1 < copies("load", 1) < 6
    assert len(finishes("load", 0)) == len(finishes("load", 1)) == 30
    told = [(key, values) for _, key, values in played("load")[1].events]
    assert told == [
        ("start", {}),
        ("finished", {"side": "p2p"}),
        ("speed", {"speed": 24.0}),  # the class has seen the point
        ("finished", {"side": "central"}),
    ]


def test_outage() -> None:
    _, told = played("outage")
    assert len(finishes("outage", 0)) == 0
    assert len(finishes("outage", 1)) == 20
    assert [(key, values) for _, key, values in told.events if key in ("kill", "stalled")] == [
        ("kill", {"who": 0}),
        ("stalled", {"side": "central", "left": 20}),
    ]
    assert told.state == "over"


def test_late() -> None:
    scene, told = played("late")
    (added_s,) = [t for t, key, _ in told.events if key == "add"]
    assert len(scene.hosts) == 21
    waits = [
        max(finish for index, finish in finishes("late", side).items() if index > 10) - added_s
        for side in (0, 1)
    ]
    assert waits[0] > 5 * waits[1]


def test_slow() -> None:
    once_s = 100 * 2**20 * 8 / 10e6
    assert once_s < max(finishes("slow", 1).values()) < 1.1 * once_s
    assert copies("slow", 1) == pytest.approx(1.04, abs=0.02)


def test_riders() -> None:
    scene, _ = played("riders")
    riding = {index for index, host in enumerate(scene.hosts) if host.rides}
    assert len(riding) == 10
    mean = [
        sum(found) / len(found)
        for found in (
            [when for index, when in finishes("riders", 1).items() if (index in riding) == rides]
            for rides in (False, True)
        )
    ]
    assert mean[0] < 0.95 * mean[1]
