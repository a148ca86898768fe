"""Between the run's thread and the web's loop: neither waits for the other, nothing piles up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from bench.classroom.asking import Question
from bench.classroom.frames import Frame, Merged, Scene
from bench.classroom.refusal import Refusal

Told = Callable[[Scene | Frame], None]


class Run(Protocol):
    """What is shown: bench.classroom.engine.Engine."""

    def start(self) -> None: ...
    def ask(self, asked: Question, refused: Callable[[Refusal], None]) -> None: ...
    def close(self) -> None: ...


class Relay:
    """Hands what the run tells to the web's loop; at most one call is under way."""

    def __init__(self, take: Told) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._frames = Merged()
        self._calling = False

    def tell(self, news: Scene | Frame) -> None:
        """Take in what is next, and return at once; from the run's thread."""
        with self._lock:
            if isinstance(news, Scene):
                self._scene, self._frames = news, Merged()
            else:
                self._frames.add(news)
            calling, self._calling = self._calling, True
        if not calling:
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            scene, frames = self._scene, self._frames
            self._scene, self._frames, self._calling = None, Merged(), False
        if scene is not None:
            self._take(scene)
        if not frames.empty:
            self._take(frames.frame())
