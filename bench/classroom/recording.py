"""A run of the demonstration as one HTML file: it replays anywhere, with no server or network.

The run is played under the virtual clock, as fast as the machine can; the same settings give the
same run, but for the ports that the machine hands out.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.classroom.engine import ensure_machine, first_line
from bench.classroom.frames import Frame, Scene
from bench.classroom.page import DEMO, TITLE, document, inlined, module, page_style
from bench.classroom.settings import Settings
from bench.classroom.show import Show
from bench.errors import BenchError
from bench.pool import memory
from host.clock import VirtualLoop
from host.limits import raise_descriptors

QUICKER, SLOWER = 100, 1500
"""Frames in the least time of the quicker side, and at the most in that of the slower."""
MOST_FRAMES = 3 * SLOWER
"""What lasts longer is cut off there."""
LONGEST_S = 1e6
"""Seconds of a run that is recorded: peers look around every few of them."""
DATA = "fsl-recording"
START = f"""
const place = document.querySelector(".fsl-demo");
if (!("DecompressionStream" in window)) {{
  place.textContent = "This recording needs a newer browser. 더 새로운 브라우저가 필요합니다.";
  throw new Error("no DecompressionStream");
}}
const packed = document.querySelector(".{DATA}").textContent;
const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
openReplay(place, await new Response(unpacked).json());
"""


def record(
    path: Path, settings: Settings, *, speed: float, lesson: str | None = None
) -> list[Scene | Frame]:
    """Play a run and write it to `path`; returns what it told.

    `speed`: seconds of the run in a second, as it is replayed at first. Raises Refusal where this
    machine cannot hold it, and BenchError where it fails or the file can't be written.
    """
    raise_descriptors()
    ensure_machine(settings)
    told = play(settings, speed=speed, lesson=lesson)
    try:
        path.write_text(replay(told), encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return told


def play(settings: Settings, *, speed: float, lesson: str | None = None) -> list[Scene | Frame]:
    """Play a run to its end and return what a page is told. Raises BenchError."""
    show = Show(settings, speed=speed, lesson=lesson)
    if show.most_s > LONGEST_S:
        days = f"{show.most_s / 86_400:,.0f} days"
        raise BenchError(f"the run would take {days}; expected a smaller file or faster links")
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(_play(show))
    except Exception as error:
        raise BenchError(f"the run failed: {first_line(error)}") from error


async def _play(show: Show) -> list[Scene | Frame]:
    told: list[Scene | Frame] = []
    over = asyncio.Event()

    def look() -> None:
        """Between two turns of the loop: nothing in the run knows of it."""
        told.extend(show.news())
        if show.state == "over" or len(told) > MOST_FRAMES:
            over.set()
        else:
            show.look_after(max(show.least_s / QUICKER, show.most_s / SLOWER), look)

    with TemporaryDirectory(prefix="bench-", dir=memory(show.need)) as folder:
        async with asyncio.TaskGroup() as group:
            try:
                await show.open(Path(folder), group)
                told.extend(show.news())
                show.start()
                show.look_after(0.0, look)
                await over.wait()
            finally:
                await show.close()
    return told


def replay(told: list[Scene | Frame]) -> str:
    """Return the page that replays what was told."""
    # No time of day in it: the same run gives the same bytes.
    packed = gzip.compress(msgspec.json.encode(told), mtime=0)
    data = base64.b64encode(packed).decode()
    return document(
        TITLE,
        inlined(f"{module()}\n{START}", page_style()),
        f'{DEMO}\n<script type="text/plain" class="{DATA}">{data}</script>',
    )
