"""What a page is told of a run: the scene once, then frames that hold what has changed. Pure.

Frames are put together where a page is slower than the run, and for one that comes late: what is
told of a thing twice is told once, as it is now.
"""

from __future__ import annotations

from typing import Any

import msgspec

HostRow = tuple[int, int, int, int, float, int, float | None]
"""Index; of the file in thousandths: held, sent; of its uplink in thousandths: in use now; bytes
per second coming down; flags; when it had the whole file (seconds of the run)."""
KILLED, CUT, SLOWED, ABSENT = 1, 2, 4, 8
"""Flags of a host."""
LEVELS = 16
"""A link's level is 0 to so much, after the square root of its rate; the most is the fastest
uplink."""
NO_HOST = -1
"""In the place of a connection's far end: a UDP socket, which has none."""


class SideChanges(msgspec.Struct, kw_only=True):
    """What changed on one side."""

    hosts: list[HostRow] = []
    links: list[tuple[int, int, int]] = []
    """From host, to host, level; 0: nothing moves any more."""
    pieces: list[tuple[int, int]] = []
    """Host, and the piece that came to it."""
    opened: list[tuple[int, int, int, int, int]] = []
    """Number of the connection, calling host and port, called host and port."""
    closed: list[int] = []
    origin: list[tuple[int, int]] = []
    """Number of a stretch of time, and the bytes that the origin sent in it."""


Event = tuple[float, str, dict[str, Any]]
"""Seconds of the run, what happened, and to whom or how."""


class Frame(msgspec.Struct, tag="frame", tag_field="kind", kw_only=True):
    """What changed since the frame before."""

    t: float
    """Seconds of the run."""
    state: str
    """ready, running, held or over."""
    speed: float
    """Virtual seconds per second that were asked for."""
    pace: float | None
    """And those that the machine reached; None while unknown."""
    sides: list[SideChanges]
    events: list[Event] = []


class SceneHost(msgspec.Struct, kw_only=True):
    """One host, the same on both sides; rates in bytes per second, None for unlimited."""

    name: str
    up: float | None
    down: float | None
    rides: bool


class SceneSide(msgspec.Struct, kw_only=True):
    """One of the two systems."""

    name: str
    colour: str
    bound_s: float
    bucket_s: float
    places: list[tuple[float, float]]
    """Of every host: from the left and from the top, 0 to 1."""
    addresses: list[str]


class Scene(msgspec.Struct, tag="scene", tag_field="kind", kw_only=True):
    """All that stays the same in a run; sizes in bytes."""

    run: int
    settings: dict[str, Any]
    ranges: dict[str, list[Any]]
    speed: float
    lesson: str | None
    size: int
    moved: int
    pieces: int
    hosts: list[SceneHost]
    sides: list[SceneSide]


class MergedSide:
    """The changes of one side, put together."""

    def __init__(self) -> None:
        self._hosts: dict[int, HostRow] = {}
        self._links: dict[tuple[int, int], int] = {}
        self._pieces: list[tuple[int, int]] = []
        self._opened: dict[int, tuple[int, int, int, int, int]] = {}
        self._closed: list[int] = []
        self._origin: dict[int, int] = {}

    def add(self, changes: SideChanges) -> None:
        """Take in what changed next."""
        self._hosts.update((row[0], row) for row in changes.hosts)
        self._links.update(((i, j), level) for i, j, level in changes.links)
        self._pieces += changes.pieces
        self._opened.update((row[0], row) for row in changes.opened)
        self._closed += [one for one in changes.closed if self._opened.pop(one, None) is None]
        self._origin.update(changes.origin)

    def changes(self) -> SideChanges:
        """All of it."""
        return SideChanges(
            hosts=list(self._hosts.values()),
            links=[(i, j, level) for (i, j), level in self._links.items()],
            pieces=list(self._pieces),
            opened=list(self._opened.values()),
            closed=list(self._closed),
            origin=list(self._origin.items()),
        )


class Merged:
    """Frames that follow each other, put together into one."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._sides: list[MergedSide] = []
        self._events: list[Event] = []

    @property
    def empty(self) -> bool:
        """Whether nothing was added yet."""
        return self._last is None

    def add(self, frame: Frame) -> None:
        """Take in the next frame."""
        if self._last is None:
            self._sides = [MergedSide() for _ in frame.sides]
        for side, changes in zip(self._sides, frame.sides, strict=True):
            side.add(changes)
        for event in frame.events:
            if event[1] == "speed" and self._events and self._events[-1][1] == "speed":
                self._events.pop()  # a slider that is dragged
            self._events.append(event)
        self._last = frame

    def frame(self) -> Frame:
        """All of it as one frame; at least one must have been added."""
        assert self._last is not None
        return msgspec.structs.replace(
            self._last, sides=[side.changes() for side in self._sides], events=list(self._events)
        )
