"""Does video over HTTP load the server by its requests? RFC 8216 (HTTP Live Streaming)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.segmented_video import (
    CLOSING,
    KEPT,
    PUSHED,
    SOCKET,
    TAXED,
    WAYS,
    WHOLE,
    tax_processor,
    watch_video,
)
from bench.lecture.settings import Number
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Viewers = Annotated[int, Meta(ge=1, le=200)]
Segments = Annotated[int, Meta(ge=1, le=1000)]
Seconds = Annotated[float, Meta(ge=0.1, le=60)]
BitRate = Annotated[float, Meta(ge=1e3, le=1e9)]

LARGEST = 256_000_000
"""Bytes of a video: it is written to disk for each run."""
REPEATED = 0.9
"""It is request after request when there are at least so many for a segment."""
LATE = 0.01
"""A stream stalls when more than this share of its segments is late."""
EDGE = 0.05
"""So near to a full uplink it is the video's length that says who is late, not the way."""
CROWDED = 0.1
"""Requests take room from viewers when so large a share of them has none: by as much a video's own
bit rate may differ from what is stated (Apple's HLS Authoring Specification, 10 %)."""
DEARER = 2.0
"""Requests load the processor when they double its work: a second one for each that there is."""
SHADES = {
    CLOSING: COLOURS["central"],
    KEPT: COLOURS["central"],
    WHOLE: COLOURS["central"],
    SOCKET: MORE_COLOURS[0],
    PUSHED: MORE_COLOURS[0],
}


def measure(
    stage: Stage,
    *,
    viewers: Annotated[tuple[Viewers, ...], Meta(min_length=1)] = (5, 9, 12),
    segments: Segments = 16,
    segment_s: Seconds = 2.0,
    bit_rate: BitRate = 400e3,
    uplink_bit_rate: BitRate = 4e6,
    buffer_s: Seconds = 3.0,
    latency_s: Annotated[float, Meta(ge=0, le=10)] = 0.025,
    processor_viewers: Viewers = 8,
    seed: Number = 1,
) -> Data:
    if buffer_s <= 4 * latency_s:
        raise SettingError(
            f"buffer_s: {buffer_s:g}; expected more than the two round trips ({4 * latency_s:g} s) "
            "of a request that has to connect: else all is late, whatever the server does"
        )
    size = int(bit_rate * segment_s / 8)
    if segments * size > LARGEST:
        raise SettingError(
            f"segments, segment_s, bit_rate: a video of {segments * size / 1e6:,.0f} MB; expected "
            f"at most {LARGEST / 1e6:,.0f} MB"
        )
    video: dict[str, Any] = {"segments": segments, "segment_s": segment_s, "segment_bytes": size}
    shown = video | {
        "buffer_s": buffer_s,
        "up_rate": uplink_bit_rate / 8,
        "latency_s": latency_s,
        "seed": seed,
    }
    streams = [
        shown | {"way": way, "viewers": count} for way in WAYS for count in sorted(set(viewers))
    ]
    tax: dict[str, Any] = {"ways": list(WAYS), "viewers": processor_viewers, "seed": seed}
    taxes = [video | tax | {"segments": min(segments, TAXED)}]
    watched = stage.play(watch_video, streams, deadline_s=1e6)
    taxed = stage.play(tax_processor, taxes, clock="real", deadline_s=120.0)
    return {"streams": watched["streams"], "cpu": taxed["cpu"]}


def _summary(data: Data) -> dict[str, dict[str, Any]]:
    """Of each way: what a segment takes, the viewers that the uplink holds, and late segments.

    Runs at the edge of a full uplink say nothing of who is late.
    """
    cpu = data["cpu"].set_index("way")
    rows = {}
    for way, own in data["streams"].groupby("way", sort=False):
        shown = own["shown"].sum()
        rate = own["up_bytes"].sum() / (own["segment_s"] * own["shown"]).sum()
        held = float(own["up_rate"].iloc[0] / rate)
        stalled = (own["late"] > LATE * own["shown"]) & (abs(own["viewers"] / held - 1) > EDGE)
        late = own[stalled]["viewers"]
        rows[str(way)] = {
            "requests": own["requests"].sum() / shown,
            "held": held,
            "cpu_s": float(cpu["cpu_s"][way] / cpu["shown"][way]),
            "late_from": late.min() if len(late) else math.inf,
        }
    return rows


def judge(data: Data) -> Judgement:
    rows = _summary(data)
    kept, closing, pushed = (rows[way] for way in (KEPT, CLOSING, PUSHED))
    stream = data["streams"].iloc[0]
    because = (
        f"Over a kept connection HTTP has {_requests(kept['requests'])} for each segment; so the "
        f"uplink holds {number(kept['held'])} viewers, {number(pushed['held'])} where the server "
        f"pushes the video (away from a full uplink, segments are late {_from(kept)}, pushed "
        f"{_from(pushed)}). On this computer a segment takes {_ms(kept)} of the server's processor "
        f"({_ms(closing)} with a connection for each, {_ms(rows[SOCKET])} asked for over the "
        f"socket), {_ms(pushed)} pushed, and {_ms(rows[WHOLE])} where HTTP asks once for the whole "
        "video."
    )
    if kept["requests"] < REPEATED:
        return fails(because)
    if _crowds(kept, pushed):
        return holds(because)
    if _dearer(kept, pushed):
        bit_rate = 8 * stream["segment_bytes"] / kept["cpu_s"]
        return holds_if(
            f"the server's uplink is faster than {number(bit_rate / 1e9)} Gbit/s: below that, the "
            "video fills the uplink before the requests fill a processor of this computer",
            because,
        )
    if _crowds(closing, pushed) or _dearer(closing, pushed):
        return holds_if("each request has a connection of its own", because)
    return fails(because)


def _crowds(way: Mapping[str, Any], pushed: Mapping[str, Any]) -> bool:
    """Whether clearly fewer can watch, by what requests take or by segments that are late."""
    fewer = way["held"] < (1 - CROWDED) * pushed["held"]
    return bool(fewer or way["late_from"] < min(way["held"], pushed["late_from"]))


def _dearer(way: Mapping[str, Any], pushed: Mapping[str, Any]) -> bool:
    """Whether the processor has clearly more to do."""
    return bool(way["cpu_s"] > DEARER * pushed["cpu_s"])


def _ms(row: Mapping[str, Any]) -> str:
    return f"{number(row['cpu_s'] * 1000)} ms"


def _requests(count: float) -> str:
    return f"{number(count)} request{'' if count == 1 else 's'}"


def _from(row: Mapping[str, Any]) -> str:
    late = row["late_from"]
    return f"from N = {late:.0f} on" if late < math.inf else "for no N"


def draw(data: Data, ax: Axes) -> None:
    rows = dict(reversed(_summary(data).items()))
    ax.axis("off")
    held = {way: row["held"] for way, row in rows.items()}
    times = {way: 1000 * row["cpu_s"] for way, row in rows.items()}
    _bars(
        ax.inset_axes((0.2, 0.0, 0.34, 0.92)),
        held,
        "viewers that the uplink\nholds (virtual clock)",
    )
    panel = ax.inset_axes((0.64, 0.0, 0.36, 0.92))
    _bars(panel, times, "processor time for a segment\non this computer (ms)")
    panel.set_yticks([])
    kept, pushed = rows[KEPT], rows[PUSHED]
    dearer = kept["cpu_s"] / pushed["cpu_s"] if pushed["cpu_s"] else math.inf
    state(
        ax,
        f"A request a segment: {number(kept['held'])} viewers instead of "
        f"{number(pushed['held'])},\n{dearer:.1f} times the processor time on this computer",
        _stream(data),
        f"away from a full uplink, segments are late {_from(kept)} (pushed: {_from(pushed)})",
    )


def _bars(ax: Axes, values: Mapping[str, float], label: str) -> None:
    """A bar for each way, its figure beside it."""
    places = range(len(values))
    ax.barh(places, list(values.values()), color=[SHADES[way] for way in values], height=0.62)
    for place, value in zip(places, values.values(), strict=True):
        ax.annotate(
            number(value),
            (value, place),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=TEXT,
            color=INK,
        )
    ax.set_yticks(list(places), list(values))
    ax.set_xlim(0, 1.3 * max(values.values()) or 1.0)
    frame(ax, label, "")
    ax.grid(False, axis="y")


def _stream(data: Data) -> str:
    stream = data["streams"].iloc[0]
    rate = 8 * stream["segment_bytes"] / stream["segment_s"]
    return (
        f"segments of {stream['segment_s']:g} s at {number(rate / 1000)} kbit/s over an uplink of "
        f"{number(8 * stream['up_rate'] / 1e6)} Mbit/s"
    )


def tabulate(data: Data) -> Rows:
    rows = _summary(data)
    heads = ["way", "N", "requests", "connections", "server's calls", "overhead (B a segment)"]
    heads += ["uplink holds", "late (%)", "processor here (ms a segment)"]
    texts = [
        [
            str(run["way"]),
            str(run["viewers"]),
            str(run["requests"]),
            str(run["connections"]),
            str(run["calls"]),
            figure(run["bytes"] / run["shown"] - run["segment_bytes"], ".0f"),
            number(rows[run["way"]]["held"]),
            figure(100 * run["late"] / run["shown"], ".1f"),
            figure(1000 * rows[run["way"]]["cpu_s"], ".3f"),
        ]
        for run in data["streams"].to_dict("records")
    ]
    return heads, texts


CLAIM = Claim(
    name="streaming",
    place=13,
    english="Video over HTTP means request after request, and loads the server.",
    korean="HTTP로 동영상을 보내면 요청이 계속 반복되어 서버에 부하를 준다.",
    hypothesis="Over HTTP there is a request for each segment, and because of the requests the "
    "uplink holds fewer viewers (by more than 10 %), or the server's processor has more than twice "
    "as much to do, than where it pushes the video.",
    method="Viewers ask for each segment when it is due (over a connection for each, a kept one, "
    "or the persistent socket), or once for the whole video, which the server then pushes: so many "
    "requests are by construction. Their bytes, what the uplink holds (its rate over what a viewer "
    "takes of it) and late segments (within 5 % of a full uplink they decide nothing): virtual "
    "clock, real sockets, TCP's slow start not modelled. Processor time: real clock, on this "
    "computer, the server in a process of its own, viewers as fast as they can.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
