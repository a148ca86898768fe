"""Does video over HTTP load the server by its requests? RFC 8216 (HTTP Live Streaming)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.segmented_video import (
    CLOSING,
    KEPT,
    PUSHED,
    SOCKET,
    WAYS,
    WHOLE,
    tax_processor,
    watch_video,
)
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPEATED = 0.9
"""It is request after request when there are at least so many for a segment."""
LATE = 0.01
"""A stream stalls when more than this share of its segments is late."""
OVERHEAD = 0.05
"""Bytes beside the video load the server when they are more than this share of it."""
DEARER = 1.5
"""Processor time for a segment that is so many times what pushing takes is a load of its own; less
is within what two runs differ by."""
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
    viewers: tuple[int, ...] = (5, 10, 11),
    segments: int = 16,
    segment_s: float = 2.0,
    bit_rate: float = 400e3,
    uplink_bit_rate: float = 4e6,
    buffer_s: float = 3.0,
    latency_s: float = 0.025,
    processor_viewers: int = 8,
    seed: int = 1,
) -> Data:
    size = int(bit_rate * segment_s / 8)
    video: dict[str, Any] = {"segments": segments, "segment_s": segment_s, "segment_bytes": size}
    shown = video | {
        "buffer_s": buffer_s,
        "up_rate": uplink_bit_rate / 8,
        "latency_s": latency_s,
        "seed": seed,
    }
    streams = [shown | {"way": way, "viewers": count} for way in WAYS for count in viewers]
    taxes = [video | {"ways": list(WAYS), "viewers": processor_viewers, "seed": seed}]
    watched = stage.play(watch_video, streams, deadline_s=1e5)
    taxed = stage.play(tax_processor, taxes, clock="real", deadline_s=120.0)
    return {"streams": watched["streams"], "cpu": taxed["cpu"]}


def _summary(data: Data) -> dict[str, dict[str, Any]]:
    """Of each way what a segment takes, and from which N on segments are late."""
    cpu = data["cpu"].set_index("way")
    rows = {}
    for way, own in data["streams"].groupby("way", sort=False):
        stalled = own[own["late"] > LATE * own["shown"]]["viewers"]
        shown = own["shown"].sum()
        video = (own["shown"] * own["segment_bytes"]).sum()
        rows[str(way)] = {
            "requests": own["requests"].sum() / shown,
            "overhead": (own["bytes"].sum() - video) / video,
            "cpu_s": float(cpu["cpu_s"][way] / cpu["shown"][way]),
            "late_from": stalled.min() if len(stalled) else math.inf,
        }
    return rows


def judge(data: Data) -> Judgement:
    rows = _summary(data)
    kept, closing, pushed = (rows[way] for way in (KEPT, CLOSING, PUSHED))
    stream = data["streams"].iloc[0]
    because = (
        f"Over a kept connection HTTP has {_requests(kept['requests'])} for each segment, "
        f"{kept['overhead']:.2%} more bytes than the video, and takes {_ms(kept)} of the server's "
        f"processor ({_ms(closing)} with a connection for each, {_ms(rows[SOCKET])} asked for over "
        f"the socket, {_ms(pushed)} pushed); segments are late {_from(kept['late_from'])}, pushed "
        f"{_from(pushed['late_from'])}."
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
    """Whether so much of the uplink goes to requests that fewer can watch, or nearly so."""
    return bool(way["late_from"] < pushed["late_from"] or way["overhead"] > OVERHEAD)


def _dearer(way: Mapping[str, Any], pushed: Mapping[str, Any]) -> bool:
    """Whether the processor has clearly more to do."""
    return bool(way["cpu_s"] > DEARER * pushed["cpu_s"])


def _ms(row: Mapping[str, Any]) -> str:
    return f"{number(row['cpu_s'] * 1000)} ms"


def _requests(count: float) -> str:
    return f"{number(count)} request{'' if count == 1 else 's'}"


def _from(viewers: float) -> str:
    return f"from N = {viewers:.0f} on" if viewers < math.inf else "for no N"


def draw(data: Data, ax: Axes) -> None:
    rows = dict(reversed(_summary(data).items()))
    places = range(len(rows))
    times = [1000 * row["cpu_s"] for row in rows.values()]
    ax.barh(places, times, color=[SHADES[way] for way in rows], height=0.62)
    for place, row in zip(places, rows.values(), strict=True):
        ax.annotate(
            _ms(row),
            (row["cpu_s"] * 1000, place),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=TEXT,
            color=INK,
        )
    ax.set_yticks(list(places), list(rows))
    ax.set_xlim(0, 1.2 * max(times) or 1.0)
    frame(ax, "the server's processor time for a segment (ms)", "")
    ax.grid(False, axis="y")
    kept, pushed = rows[KEPT], rows[PUSHED]
    dearer = kept["cpu_s"] / pushed["cpu_s"] if pushed["cpu_s"] else math.inf
    late = f"late segments {_from(kept['late_from'])}"
    late += (
        " either way"
        if kept["late_from"] == pushed["late_from"]
        else f" (pushed: {_from(pushed['late_from'])})"
    )
    state(
        ax,
        f"A request a segment: {dearer:.1f} times the processor,\n{late}",
        _stream(data),
    )


def _stream(data: Data) -> str:
    stream = data["streams"].iloc[0]
    rate = 8 * stream["segment_bytes"] / stream["segment_s"]
    return (
        f"segments of {stream['segment_s']:g} s at {number(rate / 1000)} kbit/s; "
        f"an uplink of {number(8 * stream['up_rate'] / 1e6)} Mbit/s holds "
        f"{8 * stream['up_rate'] / rate:.0f} viewers"
    )


def tabulate(data: Data) -> Rows:
    rows = _summary(data)
    heads = ["way", "N", "requests", "connections", "server's calls", "overhead (B a segment)"]
    heads += ["late (%)", "processor (ms a segment)"]
    texts = [
        [
            str(run["way"]),
            str(run["viewers"]),
            str(run["requests"]),
            str(run["connections"]),
            str(run["calls"]),
            figure(run["bytes"] / run["shown"] - run["segment_bytes"], ".0f"),
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
    hypothesis="Over HTTP there is a request for each segment, and because of the requests fewer "
    "can watch, or the server's processor has much more to do than if it pushed the video.",
    method="Viewers ask for each segment when it is due (over a connection for each, a kept one, "
    "or the persistent socket), or once for the whole video, which the server then pushes. Late "
    "segments, requests and bytes: virtual clock, real sockets, TCP's slow start not modelled. "
    "Processor time: real clock, the server in a process of its own, viewers as fast as they can.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
