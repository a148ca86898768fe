"""Is a new version of a file hard to bring to all peers? BEP 44 and 46 against a server."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.new_version import publish_second
from bench.lecture.settings import Number
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import Series

SLOWER = 2.0
"""An item is later than polling as often when it takes twice as long, at the median or at the last
host: then it would be enough to poll half as often."""
DEARER = 10.0
"""And dearer when watching moves ten times the bytes: as much as polling ten times as often."""

WAYS = {
    "push": ("server push", COLOURS["central"], "--"),
    "polling": ("HTTP polling", COLOURS["central"], "-"),
    "item": ("DHT item", COLOURS["p2p"], "-"),
    "infohash": ("infohash alone", COLOURS["p2p"], "--"),
}
"""What each way is called, its colour and its dash."""


def measure(
    stage: Stage,
    *,
    hosts: Annotated[int, Meta(ge=1, le=200)] = 30,
    file_bytes: Annotated[int, Meta(ge=1, le=1 << 24)] = 1 << 16,
    every_s: Annotated[float, Meta(ge=0.5, le=3600)] = 60.0,
    checks: Annotated[int, Meta(ge=2, le=1000)] = 10,
    seeds: Annotated[tuple[Number, ...], Meta(min_length=1)] = (1, 2),
) -> Data:
    """`checks`: before version 2 is published, where their bytes are counted, and after it."""
    case = {"hosts": hosts, "file_bytes": file_bytes, "every_s": every_s, "checks": checks}
    cases = [case | {"way": way, "seed": seed} for way in WAYS for seed in dict.fromkeys(seeds)]
    return stage.play(publish_second, cases)


def judge(data: Data) -> Judgement:
    delays, kilobytes = _delays(data), _kilobytes(data)
    half = {way: _after(each, 0.5) for way, each in delays.items()}
    last = {way: _after(each, 1.0) for way, each in delays.items()}
    known = ("item", "polling", "push")
    dearer = kilobytes["item"] / kilobytes["polling"]
    because = (
        "Half of the hosts have version 2 after "
        + ", ".join(f"{_seconds(half[way])} ({WAYS[way][0]})" for way in known)
        + ", the last after "
        + ", ".join(_seconds(last[way]) for way in known)
        + "; watching costs "
        + ", ".join(f"{number(kilobytes[way])}" for way in known)
        + f" kB per host and hour ({_source(data)}). An infohash alone names version 1 for ever: "
        f"{float(delays['infohash'].isna().mean()):.0%} stay on it."
    )
    if math.isinf(last["item"]) or any(t["item"] > SLOWER * t["polling"] for t in (half, last)):
        return holds(because)
    if dearer >= DEARER:
        return holds_if(
            f"{number(kilobytes['item'])} kB per host and hour, {number(dearer)} times what "
            "polling takes, are too much: in time peers keep up",
            because,
        )
    return fails(because)


def _source(data: Data) -> str:
    """What watching costs who publishes, by an item and by polling."""
    spent = _source_kilobytes(data)
    return f"at the source {number(spent['item'])} by item, {number(spent['polling'])} by polling"


def _source_kilobytes(data: Data) -> dict[str, float]:
    rates = data["sources"].groupby("way")["bytes_per_s"].mean()
    return {str(way): 3600 * float(rate) / 1000 for way, rate in rates.items()}


def _delays(data: Data) -> dict[str, Series[float]]:
    """Of each way the seconds to each host, NaN where it never had version 2."""
    return {str(way): rows["delay_s"] for way, rows in data["hosts"].groupby("way")}


def _after(delays: Series[float], share: float) -> float:
    """Seconds until so large a share of the hosts have it; infinite when it never is."""
    ordered = sorted(delays.fillna(math.inf))
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


def _kilobytes(data: Data) -> dict[str, float]:
    """What a host sends and receives in an hour in which nothing changes."""
    rates = data["hosts"].groupby("way")["bytes_per_s"].mean()
    return {str(way): 3600 * float(rate) / 1000 for way, rate in rates.items()}


def _seconds(delay: float) -> str:
    return f"{delay:.{0 if delay >= 10 else 1}f} s" if math.isfinite(delay) else "never"


def draw(data: Data, ax: Axes) -> None:
    delays, every_s = _delays(data), float(data["hosts"]["every_s"].iloc[0])
    half = {way: _after(each, 0.5) for way, each in delays.items()}
    begin, end = -0.1 * every_s, 1.5 * every_s
    for way, (called, shade, dash) in WAYS.items():
        come = sorted(delays[way].dropna())
        old = [1 - rank / len(delays[way]) for rank in range(len(come) + 1)]
        ax.plot(
            [begin, *come, max([end, *come])],
            [*old, old[-1]],
            drawstyle="steps-post",
            color=shade,
            linestyle=dash,
            linewidth=3,
        )
        left = way == min(("polling", "item"), key=lambda each: half[each])
        x, y, side, offset = (half[way], 0.12 if way == "push" else 0.7, "left", (24, 0))
        if not half[way] < end:
            x, y, side, offset = (end, old[-1], "right", (0, -18))
        elif left:
            x, y, side, offset = (half[way], 0.3, "right", (-24, 0))
        ax.annotate(
            called,
            (x, y),
            offset,
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=TEXT,
            weight="bold",
            color=shade,
        )
    ax.set_xlim(begin, end)
    ax.set_ylim(-0.03, 1.05)
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    spent = _kilobytes(data)
    push, polling, item = (number(spent[way]) for way in ("push", "polling", "item"))
    state(
        ax,
        f"Half updated: push {_seconds(half['push'])}, polling {_seconds(half['polling'])}, "
        f"DHT item {_seconds(half['item'])},\n"
        f"for {push}, {polling} and {item} kB per host and hour",
        f"{int(data['hosts']['hosts'].iloc[0])} hosts, all with version 1",
        f"polling and DHT item look every {number(every_s)} s",
        "an infohash names one version for ever",
    )
    frame(ax, "seconds after version 2 was published", "hosts still on version 1")


def tabulate(data: Data) -> Rows:
    delays, spent = _delays(data), _kilobytes(data)
    sources = _source_kilobytes(data)
    heads = ["way", "never (%)", "median (s)", "95 % (s)", "last (s)"]
    heads += ["watching (kB per host and h)", "at the source (kB per h)"]
    rows = [
        [
            called,
            figure(100 * float(delays[way].isna().mean()), ".0f"),
            *(figure(_after(delays[way], share)) for share in (0.5, 0.95, 1.0)),
            figure(spent[way]),
            figure(sources[way]),
        ]
        for way, (called, _, _) in WAYS.items()
    ]
    return heads, rows


CLAIM = Claim(
    name="update",
    place=6,
    english="New versions are hard to manage in P2P.",
    korean="P2P에서는 새 버전을 관리하기 어렵다.",
    hypothesis="By the peers' own means, a mutable item of the DHT, some hosts never get version "
    "2, or half of them or the last get it more than twice as late as clients that poll a server "
    "as often (or, with a condition, watching moves ten times the bytes).",
    method="Virtual clock; every host has version 1 (10 Mbit/s up, 50 down, 20 ms one way), and "
    "they began to watch at random moments. A host is new when the whole of version 2 is on its "
    "disk. Ways: HTTP polling with If-None-Match over a kept connection, a persistent socket on "
    "which the server tells, a mutable item of the DHT that names the newest infohash (BEP 44, "
    "46), and version 1's infohash asked for again, by which by construction no other file can "
    "come: it is shown, not judged. Watching is what a host sends and receives at "
    "its sockets while nothing changes; for peers it includes what they answer to others.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
