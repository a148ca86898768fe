"""Who watches a run, who controls it, and what each page has yet to get. Pure.

Pages of the same pace get the same bytes, encoded once. A page that is slower gets what it missed
put together into one frame, and one that comes late the scene and everything so far: what is kept
for them is bounded by the run itself, however long they take.
"""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.classroom.asking import Join, Question, Take
from bench.classroom.frames import Frame, Merged, Scene
from bench.classroom.refusal import Refusal

MOST_WATCHERS = 200
"""Pages at a time: more than any class brings, and few enough for two cores."""
MOST_REFUSALS = 8
"""Refusals kept for a page that does not read; of more the newest."""


@dataclass(eq=False)
class Watcher:
    """One page: an identity, and how far it has got."""

    joined: bool = False
    """Whether it has asked to watch; before, it is told nothing of the run."""
    has_token: bool = False
    role: dict[str, Any] | None = None
    """The newest role that it was told."""
    scene: Scene | None = None
    """The scene that it was told."""
    stretch: int = 0
    """The number of the first stretch of frames that it has yet to get."""
    refusals: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))


class Watchers:
    """All pages of a run."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._pages: list[Watcher] = []
        self._controlling: Watcher | None = None
        self._story = _Story()

    def arrive(self) -> Watcher:
        """Let a page in, which is to join. Raises Refusal when there are too many."""
        if len(self._pages) >= MOST_WATCHERS:
            raise Refusal("full", most=MOST_WATCHERS)
        watcher = Watcher()
        self._pages.append(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a page; if it controlled, the next that may does."""
        self._pages.remove(watcher)
        if self._controlling is watcher:
            self._controlling = next((page for page in self._pages if page.has_token), None)

    def asked(self, watcher: Watcher, question: Question) -> bool:
        """Take in what a page asks; returns whether it is for the run. Raises Refusal."""
        if isinstance(question, Join):
            self._join(watcher, question)
            return False
        if not watcher.joined:
            raise Refusal("unknown", reason="expected to be asked to join first")
        if not watcher.has_token:
            raise Refusal("student")
        if isinstance(question, Take):
            self._controlling = watcher
            return False
        if self._controlling is not watcher:
            raise Refusal("contested")
        return True

    def refuse(self, watcher: Watcher, refusal: Refusal) -> None:
        """Have a page told that something is not done."""
        watcher.refusals.append(_text(refusal.message()))

    def told(self, news: Scene | Frame) -> None:
        """Take in what the run tells all pages; a scene comes first."""
        if isinstance(news, Scene):
            self._story = _Story(news)
        else:
            self._story.add(news, [page for page in self._pages if page.joined])

    def take(self, watcher: Watcher) -> list[str]:
        """Return the messages that a page has yet to get, which it now has."""
        messages = list(watcher.refusals)
        watcher.refusals.clear()
        if watcher.joined:
            role = self._role(watcher)
            if role != watcher.role:
                watcher.role = role
                messages.insert(0, _text(role))
            messages += self._story.take(watcher)
        return messages

    def _join(self, watcher: Watcher, join: Join) -> None:
        if watcher.joined:
            raise Refusal("unknown", reason="expected to be asked to join once")
        watcher.joined = True
        # A page may send any text; only bytes of any kind can be compared in constant time.
        given = (join.token or "").encode()
        watcher.has_token = hmac.compare_digest(given, self._token)
        if watcher.has_token and self._controlling is None:
            self._controlling = watcher

    def _role(self, watcher: Watcher) -> dict[str, Any]:
        controls = watcher is self._controlling
        return {
            "kind": "role",
            "role": "teacher" if controls else "student",
            "watchers": sum(page.joined for page in self._pages),
            "contested": watcher.has_token and not controls,
        }


class _Story:
    """A run since its scene: everything so far, and stretches of what some page has yet to get.

    A stretch begins where a page is up to date when a frame comes. Those that no page begins with
    are joined to the one before, so there are never more of them than pages.
    """

    def __init__(self, scene: Scene | None = None) -> None:
        self._scene = scene
        self._so_far = Merged()
        self._stretches: dict[int, Merged] = {}
        self._next = 0
        self._texts: dict[int, str] = {}
        """Encoded since the newest frame: from a stretch on, or (-1) everything."""
        self._opening = "" if scene is None else _text(scene)

    def add(self, frame: Frame, pages: list[Watcher]) -> None:
        """Take in the next frame; only `pages` will want what is kept."""
        assert self._scene is not None, "a frame came before a scene"
        begun = {page.stretch for page in pages if page.scene is self._scene}
        kept: list[tuple[int, Merged]] = []
        for number, stretch in self._stretches.items():
            if number in begun:
                kept.append((number, stretch))
            elif kept:
                kept[-1][1].add(stretch.frame())
        if self._next in begun:
            kept.append((self._next, Merged()))
            self._next += 1
        if kept:
            kept[-1][1].add(frame)
        self._stretches = dict(kept)
        self._so_far.add(frame)
        self._texts.clear()

    def take(self, watcher: Watcher) -> list[str]:
        """Return what a page has yet to get of it."""
        if self._scene is None:
            return []
        begun, watcher.stretch = watcher.stretch, self._next
        if watcher.scene is not self._scene:
            watcher.scene = self._scene
            return [self._opening] + ([] if self._so_far.empty else [self._encoded(-1)])
        return [] if begun == self._next else [self._encoded(begun)]

    def _encoded(self, begun: int) -> str:
        if begun not in self._texts:
            self._texts[begun] = _text(self._from(begun).frame())
        return self._texts[begun]

    def _from(self, begun: int) -> Merged:
        if begun < 0:
            return self._so_far
        stretches = [one for number, one in self._stretches.items() if number >= begun]
        if len(stretches) == 1:
            return stretches[0]
        merged = Merged()
        for stretch in stretches:
            merged.add(stretch.frame())
        return merged


def _text(message: Any) -> str:
    return msgspec.json.encode(message).decode()
