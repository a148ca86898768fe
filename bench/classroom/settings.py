"""What a teacher sets before a run: hosts, file and links, each within limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from bench.classroom.refusal import Refusal
from bench.scenario import Scenario
from host.quantities import Duration, QuantityError, Rate, Size

MOVED = 4 * 1024 * 1024
"""Bytes of a larger file that really move: what two cores carry at the speeds of a lesson."""
MOVED_BY_MANY = 1024 * 1024
MANY = 50
"""Clients from which on less is moved."""
PIECES = 64
"""Pieces of the file, where each is at least a block."""
RIDES = 50
"""A free rider's uplink is so many times smaller: enough to ask, and to give next to nothing."""
SLOWED = 10
"""A slowed link is so many times slower."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One run of both systems."""

    clients: int = 20
    file_size: Size = Size(100 * 2**20)
    """Bytes."""
    origin_up: Rate = Rate(100e6 / 8)
    """Bytes per second, as the other rates."""
    peer_up: Rate = Rate(20e6 / 8)
    latency: Duration = Duration(0.01)
    """Seconds from host to host, one way."""
    riders: int = 0
    """Clients that give (next to) nothing, evenly spread."""
    seed: int = 1


RANGES: Mapping[str, tuple[Any, Any]] = {
    "clients": (1, 200),
    "file_size": (Size(64 * 2**10), Size(2**40)),
    "origin_up": (Rate(125.0), Rate(12.5e9)),
    "peer_up": (Rate(125.0), Rate(12.5e9)),
    "latency": (Duration(0.0), Duration(2.0)),
    "riders": (0, 200),
    "seed": (0, 2**32 - 1),
    "speed": (0.25, 1000.0),
}
"""The least and the most of every setting, and of the speed (virtual seconds per second)."""


def change(settings: Settings, given: Mapping[str, object]) -> Settings:
    """Return the settings with some changed, each a text as people write it or a number.

    Raises Refusal, which names the first that is wrong.
    """
    for field in given:
        if field not in Settings.__struct_fields__:
            raise Refusal("unknown", reason=f"no setting {field!r}")
    changed = msgspec.structs.replace(
        settings, **{field: read(field, value) for field, value in given.items()}
    )
    if changed.riders > changed.clients:
        raise _out_of_range("riders", changed.riders, 0, changed.clients)
    return changed


def read(field: str, value: object) -> Any:
    """Return one setting's value, or the speed's, within its range. Raises Refusal."""
    least, most = RANGES[field]
    kind = type(least)
    text = str(value).strip()
    below_0 = text.startswith("-")
    try:
        if kind in (int, float):
            number = kind(text)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = kind(value)
        else:
            number = kind.parse(text.removeprefix("-"))
            if below_0 and number:
                raise _out_of_range(field, text, least, most)
    except (QuantityError, ValueError, OverflowError):
        example = str(getattr(Settings(), field, most))
        raise Refusal("quantity", field=field, given=text, example=example) from None
    if math.isnan(number) or not least <= number <= most:
        raise _out_of_range(field, text, least, most)
    return number


def _out_of_range(field: str, given: object, least: object, most: object) -> Refusal:
    return Refusal("range", field=field, given=str(given), least=str(least), most=str(most))


def scenario(settings: Settings) -> Scenario:
    """Return the scenario that both systems play."""
    size = settings.file_size
    moved = min(size, MOVED if settings.clients < MANY else MOVED_BY_MANY)
    slow = Rate(settings.peer_up / RIDES)
    return Scenario(
        name="demo",
        file_size=size,
        moved_size=Size(moved),
        piece_size=Size(max(2**14, 1 << (moved // PIECES - 1).bit_length())),
        clients=(settings.clients,),
        origin_up=settings.origin_up,
        peer_up=tuple(slow if rides else settings.peer_up for rides in riding(settings)),
        latency=settings.latency,
        clock="paced",
        seed=settings.seed,
    )


def riding(settings: Settings) -> list[bool]:
    """Return for every client whether it is a free rider."""
    count, riders = settings.clients, settings.riders
    return [(number + 1) * riders // count > number * riders // count for number in range(count)]


def texts(settings: Settings) -> dict[str, Any]:
    """Return every setting as people write it; numbers stay numbers."""
    values = {field: getattr(settings, field) for field in settings.__struct_fields__}
    return {f: v if type(v) is int else str(v) for f, v in values.items()}


def ranges() -> dict[str, list[Any]]:
    """Return RANGES as a page has them: numbers, and quantities as text."""
    return {
        field: [bound if type(bound) in (int, float) else str(bound) for bound in bounds]
        for field, bounds in RANGES.items()
    }
