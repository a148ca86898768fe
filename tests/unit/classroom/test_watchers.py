"""bench.classroom.watchers: who controls, and that every page gets all of the run in the end."""

import json
import random
from typing import Any

import pytest

from bench.classroom import asking, watchers
from bench.classroom.frames import Frame, Merged, Scene, SideChanges
from bench.classroom.refusal import Refusal
from bench.classroom.watchers import Watcher, Watchers

TOKEN = "the token"


def scene(run: int = 1) -> Scene:
    return Scene(
        run=run,
        settings={},
        ranges={},
        speed=5.0,
        lesson=None,
        size=8,
        moved=8,
        pieces=4,
        hosts=[],
        sides=[],
    )


def frame(t: float, **changes: Any) -> Frame:
    return Frame(t=t, state="running", speed=5.0, pace=5.0, sides=[SideChanges(**changes)])


def join(pages: Watchers, token: str | None = None) -> Watcher:
    """A page that watches and has read all that there is."""
    watcher = pages.arrive()
    assert not pages.asked(watcher, asking.Join(token))
    pages.take(watcher)
    return watcher


def got(pages: Watchers, watcher: Watcher) -> list[dict[str, Any]]:
    return [json.loads(text) for text in pages.take(watcher)]


def role(pages: Watchers, watcher: Watcher) -> dict[str, Any]:
    """The role that a page was told last."""
    pages.take(watcher)
    assert watcher.role is not None
    return {key: value for key, value in watcher.role.items() if key != "kind"}


TEACHER = {"role": "teacher", "contested": False}
STUDENT = {"role": "student", "contested": False}
CONTESTED = {"role": "student", "contested": True}


# ---- who controls


def test_the_token_controls() -> None:
    pages = Watchers(TOKEN)
    teacher = join(pages, TOKEN)
    student = join(pages)
    wrong = join(pages, "another token")
    assert role(pages, teacher) == TEACHER | {"watchers": 3}
    assert role(pages, student) == role(pages, wrong) == STUDENT | {"watchers": 3}
    assert pages.asked(teacher, asking.Start())
    for watcher in (student, wrong):
        for question in (asking.Start(), asking.Take()):
            with pytest.raises(Refusal) as refused:
                pages.asked(watcher, question)
            assert refused.value.key == "student"


@pytest.mark.parametrize("token", ["", "x", "토큰", TOKEN[:-1], TOKEN + "x"])
def test_what_is_not_the_token_does_not_control(token: str) -> None:
    pages = Watchers(TOKEN)
    assert role(pages, join(pages, token)) == STUDENT | {"watchers": 1}


def test_a_second_page_with_the_token_controls_when_it_takes_over() -> None:
    pages = Watchers(TOKEN)
    first, second = join(pages, TOKEN), join(pages, TOKEN)
    assert role(pages, second) == CONTESTED | {"watchers": 2}
    with pytest.raises(Refusal) as refused:
        pages.asked(second, asking.Start())
    assert refused.value.key == "contested"
    assert not pages.asked(second, asking.Take())
    assert role(pages, second) == TEACHER | {"watchers": 2}
    assert role(pages, first) == CONTESTED | {"watchers": 2}
    assert pages.asked(second, asking.Start())


def test_when_the_page_that_controls_leaves_the_next_with_the_token_does() -> None:
    pages = Watchers(TOKEN)
    first = join(pages, TOKEN)
    student = join(pages)
    second, third = join(pages, TOKEN), join(pages, TOKEN)
    pages.leave(first)
    assert role(pages, second) == TEACHER | {"watchers": 3}
    assert role(pages, third) == CONTESTED | {"watchers": 3}
    pages.leave(second)
    pages.leave(third)
    assert role(pages, student) == STUDENT | {"watchers": 1}
    assert role(pages, join(pages, TOKEN)) == TEACHER | {"watchers": 2}


def test_a_role_is_told_when_it_changes_and_only_then() -> None:
    pages = Watchers(TOKEN)
    teacher = join(pages, TOKEN)
    assert got(pages, teacher) == []
    student = join(pages)
    assert got(pages, teacher) == [{"kind": "role", **TEACHER, "watchers": 2}]
    pages.leave(student)
    join(pages)
    assert got(pages, teacher) == []  # it is as it was told


def test_a_page_that_has_not_joined_is_told_nothing_and_asks_nothing() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene())
    watcher = pages.arrive()
    pages.told(frame(1.0))
    assert got(pages, watcher) == []
    with pytest.raises(Refusal, match="join first"):
        pages.asked(watcher, asking.Start())
    assert role(pages, join(pages)) == STUDENT | {"watchers": 1}


def test_joining_twice_is_refused() -> None:
    pages = Watchers(TOKEN)
    student = join(pages)
    with pytest.raises(Refusal, match="once"):
        pages.asked(student, asking.Join(TOKEN))
    assert role(pages, student) == STUDENT | {"watchers": 1}


def test_more_pages_than_can_watch_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "MOST_WATCHERS", 2)
    pages = Watchers(TOKEN)
    first = pages.arrive()
    join(pages)
    with pytest.raises(Refusal, match="2 pages watch already; no more can"):
        pages.arrive()
    pages.leave(first)
    pages.arrive()


def test_refusals_go_to_the_page_that_asked_the_newest_of_too_many() -> None:
    pages = Watchers(TOKEN)
    asker, other = join(pages), join(pages)
    pages.take(asker)
    for number in range(20):
        pages.refuse(asker, Refusal("most", most=number))
    assert got(pages, asker) == [
        {"kind": "error", "key": "most", "most": number} for number in range(12, 20)
    ]
    assert got(pages, asker) == got(pages, other) == []


# ---- what each gets


def test_a_page_that_keeps_up_gets_every_frame() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene())
    watcher = join(pages)
    for t in (1.0, 2.0):
        pages.told(frame(t, pieces=[(1, int(t))]))
        (message,) = got(pages, watcher)
        assert (message["t"], message["sides"][0]["pieces"]) == (t, [[1, int(t)]])
    assert got(pages, watcher) == []


def test_pages_of_the_same_pace_get_the_same_bytes() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene())
    quick = [join(pages) for _ in range(3)]
    slow = [join(pages) for _ in range(2)]
    for watcher in (*quick, *slow):
        pages.take(watcher)
    for t in (1.0, 2.0):
        pages.told(frame(t))
        texts = [pages.take(watcher) for watcher in quick]
        assert len({id(text) for (text,) in texts}) == 1
    texts = [pages.take(watcher) for watcher in slow]
    assert len({id(text) for (text,) in texts}) == 1


def test_a_slow_page_gets_what_it_missed_in_one_frame() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene())
    slow, quick = join(pages), join(pages)
    pages.take(slow)
    for number in range(50):
        pages.told(
            frame(
                float(number),
                hosts=[(1, number, 0, 0, 0.0, 0, None)],
                links=[(0, 1, number)],
                pieces=[(1, number)],
                opened=[(number, 1, 5000, 0, 80)],
                closed=[number - 1] if number else [],
            )
        )
        (message,) = got(pages, quick)
        assert message["t"] == number
    (message,) = got(pages, slow)
    assert message["t"] == 49
    assert message["sides"] == [
        {
            "hosts": [[1, 49, 0, 0, 0.0, 0, None]],
            "links": [[0, 1, 49]],
            "pieces": [[1, number] for number in range(50)],
            "opened": [[49, 1, 5000, 0, 80]],
            "closed": [],
            "origin": [],
        }
    ]
    assert got(pages, slow) == []


def test_a_late_page_gets_the_scene_and_everything_so_far() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene(7))
    for number in range(3):
        pages.told(frame(float(number), pieces=[(1, number)]))
    late = pages.arrive()
    pages.asked(late, asking.Join())
    first, second, third = got(pages, late)
    assert (first["kind"], second["kind"], third["kind"]) == ("role", "scene", "frame")
    assert (second["run"], third["t"]) == (7, 2.0)
    assert third["sides"][0]["pieces"] == [[1, 0], [1, 1], [1, 2]]
    pages.told(frame(3.0, pieces=[(1, 3)]))
    (message,) = got(pages, late)
    assert message["sides"][0]["pieces"] == [[1, 3]]


def test_a_new_scene_takes_the_place_of_all_before_it() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene(1))
    watcher, slow = join(pages), join(pages)
    pages.told(frame(1.0, pieces=[(1, 1)]))
    pages.take(watcher)
    pages.told(scene(2))
    (message,) = got(pages, watcher)
    assert (message["kind"], message["run"]) == ("scene", 2)
    pages.told(frame(0.0))
    (message,) = got(pages, watcher)
    assert (message["kind"], message["t"]) == ("frame", 0.0)
    new_scene, everything = got(pages, slow)[-2:]
    assert (new_scene["run"], everything["t"]) == (2, 0.0)
    assert everything["sides"][0]["pieces"] == []


def test_before_the_first_scene_there_is_nothing_to_get() -> None:
    pages = Watchers(TOKEN)
    watcher = join(pages)
    assert got(pages, watcher) == []
    pages.told(scene())
    assert [message["kind"] for message in got(pages, watcher)] == ["scene"]


@pytest.mark.parametrize("seed", range(20))
def test_however_pages_come_go_and_dawdle_all_of_them_end_up_with_the_same(seed: int) -> None:
    rng = random.Random(seed)
    pages = Watchers(TOKEN)
    seen: dict[Watcher, Merged] = {}
    told = Merged()
    open_: list[int] = []
    pages.told(scene())
    for step in range(400):
        act = rng.random()
        if act < 0.05:
            watcher = pages.arrive()
            pages.asked(watcher, asking.Join())
            seen[watcher] = Merged()
        elif act < 0.07 and seen:
            pages.leave(gone := rng.choice(list(seen)))
            del seen[gone]
        elif act < 0.5 and seen:
            read_all(pages, seen, rng.choice(list(seen)))
        else:
            closed = [open_.pop(rng.randrange(len(open_)))] if len(open_) > 3 else []
            open_.append(step)
            changes = frame(
                float(step),
                hosts=[(rng.randrange(4), step, 0, 0, 0.0, 0, None)],
                links=[(rng.randrange(4), rng.randrange(4), rng.randrange(3))],
                pieces=[(rng.randrange(4), step)],
                opened=[(step, 1, 2, 3, 4)],
                closed=closed,
                origin=[(step // 9, step)],
            )
            changes.events = [(float(step), "pause", {})]
            told.add(changes)
            pages.told(changes)
    for watcher, merged in seen.items():
        read_all(pages, seen, watcher)
        assert meant(merged) == meant(told)
        assert got(pages, watcher) == []


def read_all(pages: Watchers, seen: dict[Watcher, Merged], watcher: Watcher) -> None:
    for message in got(pages, watcher):
        if message.pop("kind") == "frame":
            message["sides"] = [
                SideChanges(**{key: rows(value) for key, value in side.items()})
                for side in message["sides"]
            ]
            message["events"] = rows(message["events"])
            seen[watcher].add(Frame(**message))


def rows(values: list[Any]) -> list[Any]:
    return [tuple(value) if isinstance(value, list) else value for value in values]


def meant(merged: Merged) -> tuple[Any, ...]:
    """What a page that has taken this in shows."""
    frame = merged.frame()
    (side,) = frame.sides
    return (
        frame.t,
        frame.events,
        sorted(side.hosts),
        sorted(link for link in side.links if link[2]),
        side.pieces,
        {row for row in side.opened if row[0] not in side.closed},
        sorted(side.origin),
    )


def test_what_is_kept_is_bounded_by_the_pages_not_by_the_frames() -> None:
    pages = Watchers(TOKEN)
    pages.told(scene())
    idle = [join(pages) for _ in range(3)]
    quick = join(pages)
    for watcher in idle:
        pages.take(watcher)
    for number in range(200):
        pages.told(frame(float(number), hosts=[(1, number, 0, 0, 0.0, 0, None)]))
        pages.take(quick)
        if number in (50, 100):
            pages.take(idle[number // 100])
    assert len(pages._story._stretches) <= 4
    for watcher in (*idle, quick):
        pages.leave(watcher)
    pages.told(frame(200.0))
    assert pages._story._stretches == {}
