"""bench.classroom.frames: frames that follow each other, put together into one."""

from typing import Any

import msgspec

from bench.classroom.frames import Frame, Merged, SideChanges


def frame(t: float, *events: Any, **changes: Any) -> Frame:
    return Frame(
        t=t,
        state="running",
        speed=5.0,
        pace=None,
        sides=[SideChanges(**changes), SideChanges()],
        events=list(events),
    )


def merged(*frames: Frame) -> Frame:
    whole = Merged()
    for one in frames:
        whole.add(one)
    return whole.frame()


def test_nothing_yet() -> None:
    assert Merged().empty


def test_what_is_told_twice_is_told_once_as_it_is_now() -> None:
    first = frame(
        1.0,
        (0.0, "start", {}),
        hosts=[(0, 1000, 10, 0, 0.0, 0, None), (1, 1, 0, 0, 0.0, 0, None)],
        links=[(0, 1, 4), (0, 2, 4)],
        pieces=[(1, 0)],
        opened=[(0, 1, 5000, 0, 80), (1, 2, 5000, 0, 80)],
        origin=[(0, 7), (1, 3)],
    )
    then = frame(
        2.0,
        (1.5, "kill", {"who": 1}),
        hosts=[(1, 9, 0, 0, 0.0, 1, None)],
        links=[(0, 1, 0)],
        pieces=[(2, 3)],
        opened=[(2, 2, 5001, 0, 80)],
        closed=[1],
        origin=[(1, 8)],
    )
    whole = merged(first, then)
    assert (whole.t, whole.events) == (2.0, [(0.0, "start", {}), (1.5, "kill", {"who": 1})])
    side = whole.sides[0]
    assert side.hosts == [(0, 1000, 10, 0, 0.0, 0, None), (1, 9, 0, 0, 0.0, 1, None)]
    assert side.links == [(0, 1, 0), (0, 2, 4)]
    assert side.pieces == [(1, 0), (2, 3)]
    assert side.opened == [(0, 1, 5000, 0, 80), (2, 2, 5001, 0, 80)]
    assert side.closed == []  # nobody was told that it had been opened
    assert side.origin == [(0, 7), (1, 8)]


def test_a_connection_that_was_told_of_is_told_to_be_closed() -> None:
    assert merged(frame(1.0), frame(2.0, closed=[4])).sides[0].closed == [4]


def test_what_was_given_does_not_change_later() -> None:
    whole = Merged()
    whole.add(frame(1.0, pieces=[(1, 0)]))
    given = whole.frame()
    whole.add(frame(2.0, (2.0, "pause", {}), pieces=[(1, 1)]))
    assert (given.t, given.sides[0].pieces, given.events) == (1.0, [(1, 0)], [])


def test_as_json() -> None:
    plain = msgspec.json.decode(msgspec.json.encode(frame(0.5, links=[(0, 1, 16)])))
    assert plain["kind"] == "frame"
    assert plain["sides"][0]["links"] == [[0, 1, 16]]
    assert plain["sides"][1].keys() == {"hosts", "links", "pieces", "opened", "closed", "origin"}
