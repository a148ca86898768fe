"""`bench.demo(...)`: both systems side by side, live, in a notebook's cell."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from bench.classroom.engine import ensure_machine
from bench.classroom.lessons import choose
from bench.errors import BenchError
from host.limits import raise_descriptors

if TYPE_CHECKING:
    from bench.classroom.cell import Demo


class WidgetError(BenchError):
    """A notebook's view is not to be had here: one line that says what is missing."""


def demo(
    *,
    clients: int | str | None = None,
    file_size: str | float | None = None,
    origin_up: str | float | None = None,
    peer_up: str | float | None = None,
    latency: str | float | None = None,
    riders: int | str | None = None,
    seed: int | str | None = None,
    speed: str | float | None = None,
    lesson: str | None = None,
) -> Demo:
    """Return one server and its clients beside the same hosts as peers, live, to be shown by a
    notebook: as the last line of a cell, or with `display`.

    Values are texts (`"100 MiB"`, `"20 Mbit/s"`, `"10 ms"`) or numbers in bytes, bytes per second
    and seconds. What is not given is as the lesson has it ("load", "outage", "late", "slow" or
    "riders"), else 20 clients, 100 MiB, 100 and 20 Mbit/s, 10 ms, no riders, seed 1. `speed` is
    virtual seconds per second, by default the lesson's, else 5.

    The run waits at its beginning for the button or `.start()`; see `Demo` for its other methods.
    Raises Refusal for a value, or where this machine cannot hold the run; WidgetError outside a
    notebook, or without the extra `notebook`.
    """
    given = {
        "clients": clients,
        "file_size": file_size,
        "origin_up": origin_up,
        "peer_up": peer_up,
        "latency": latency,
        "riders": riders,
        "seed": seed,
    }
    settings, pace = choose(given, lesson=lesson, speed=speed)
    raise_descriptors()
    ensure_machine(settings)
    try:
        import_module("anywidget")
    except ImportError:
        needed = 'pip install -e ".[notebook]"'
        raise WidgetError(f"the demo needs anywidget, which is not installed: {needed}") from None
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise WidgetError(
            "bench.demo() is for a Jupyter notebook; elsewhere: `bench demo` in a terminal"
        ) from None
    from bench.classroom.cell import Demo

    return Demo(settings, speed=pace, lesson=lesson, loop=loop)
