"""One file of a server changes now and then: how long until each of its watchers knows.

The moments are random, and the same whichever way the watchers hear of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import aclosing
from pathlib import Path

from bench.lecture.asked_or_told import Way
from bench.lecture.file_site import Place
from bench.play import Case, Rows
from host.host import Host

NAME = "news.txt"
TEXT = 100
"""Bytes of the file in its first version; each version is a byte longer, which tells them apart."""


async def hear_updates(case: Case, directory: Path) -> Rows:
    """Watch a file for a while; returns what each watcher learned when, and what that took.

    The case has way, interval_s and close_each (see `Way`), watchers, updates, seconds, settle_s
    (before and after, longer than any interval), latency_s and seed.
    """
    way = Way.of(case)
    place = Place(case, directory, way.scheme)
    loop = place.network.loop
    hosts = [place.join(f"watcher-{number:03}") for number in range(case["watchers"])]
    rng = random.Random(f"{case['seed']}/updates")
    moments = sorted(rng.uniform(0, case["seconds"]) for _ in range(case["updates"]))
    # Who polls has begun at a random moment of the interval.
    phases = [rng.random() for _ in hosts]
    heard: dict[tuple[int, int], float] = {}

    async def watch(number: int, host: Host) -> None:
        if math.isfinite(way.interval_s):
            await asyncio.sleep(phases[number] * way.interval_s)
        async with aclosing(way.watch(host, place.link(""))) as changes:
            async for change in changes:
                size = TEXT if change.entry is None else change.entry.size
                for update in range(1, size - TEXT + 1):
                    heard.setdefault((number, update), loop.time())

    watching: list[asyncio.Task[None]] = []
    try:
        _write(place, 0)
        await place.server.start()
        watching = [asyncio.ensure_future(watch(*each)) for each in enumerate(hosts)]
        await asyncio.sleep(case["settle_s"])
        start = loop.time()
        for update, moment in enumerate(moments, 1):
            await asyncio.sleep(start + moment - loop.time())
            _write(place, update)
        await asyncio.sleep(start + case["seconds"] - loop.time())
        traffic = place.traffic()
        await asyncio.sleep(case["settle_s"])
        for task in watching:
            if task.done():  # nobody who watches ever ends, unless something is wrong
                task.result()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await place.close()
    delays = [
        {"watcher": number, "update": update, "delay_s": heard[number, update] - start - moment}
        for number in range(len(hosts))
        for update, moment in enumerate(moments, 1)
    ]
    return {"delays": delays, "traffic": [traffic]}


def _write(place: Place, update: int) -> None:
    """Put the next version in its place, as an upload does."""
    upload = place.library.begin_upload(NAME)
    upload.write(bytes(TEXT + update))
    upload.commit()
