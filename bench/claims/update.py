"""Is a new version of a file hard to bring to all peers? BEP 44 and 46 against a server."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.new_version import publish_second
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import Series

SLOWER = 2.0
"""An item is harder than polling as often when it takes twice as long, at the median or at the
last host: looking at other moments alone moves either by a third."""

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
    hosts: int = 30,
    file_bytes: int = 1 << 16,
    every_s: float = 60.0,
    checks: int = 10,
    seeds: tuple[int, ...] = (1, 2),
) -> Data:
    """`checks`: before version 2 is published, where their bytes are counted, and after it."""
    if min(hosts, file_bytes, every_s, checks) <= 0:
        raise SettingError("hosts, file_bytes, every_s, checks: expected numbers above 0")
    case = {"hosts": hosts, "file_bytes": file_bytes, "every_s": every_s, "checks": checks}
    cases = [case | {"way": way, "seed": seed} for way in WAYS for seed in seeds]
    return stage.play(publish_second, cases)


def judge(data: Data) -> Judgement:
    delays = _delays(data)
    old = {way: float(each.isna().mean()) for way, each in delays.items()}
    half = {way: _after(each, 0.5) for way, each in delays.items()}
    last = {way: _after(each, 1.0) for way, each in delays.items()}
    kilobytes = _kilobytes(data)
    known = ("item", "polling", "push")
    because = (
        f"By version 1's infohash alone {old['infohash']:.0%} of the hosts stay on it; half have "
        "version 2 after "
        + ", ".join(f"{_seconds(half[way])} ({WAYS[way][0]})" for way in known)
        + ", the last after "
        + ", ".join(_seconds(last[way]) for way in known)
        + "; watching costs "
        + ", ".join(f"{number(kilobytes[way])}" for way in known)
        + " kB per host and hour."
    )
    if old["infohash"] == 0:
        return fails(because)
    if any(item["item"] > SLOWER * item["polling"] for item in (half, last)):
        return holds(because)
    return holds_if("peers know a version by its infohash alone, not by a mutable item", because)


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
    state(
        ax,
        f"Half updated: push {_seconds(half['push'])}, polling {_seconds(half['polling'])}, "
        f"DHT item {_seconds(half['item'])}",
        f"{int(data['hosts']['hosts'].iloc[0])} hosts, all with version 1",
        f"polling and DHT item look every {number(every_s)} s",
        "watching, in kB per host and hour: "
        + ", ".join(f"{WAYS[way][0]} {number(spent[way])}" for way in ("push", "polling", "item")),
    )
    frame(ax, "seconds after version 2 was published", "hosts still on version 1")


def tabulate(data: Data) -> Rows:
    delays, spent = _delays(data), _kilobytes(data)
    sources = data["sources"].groupby("way")["bytes_per_s"].mean() * 3600 / 1000
    heads = ["way", "never (%)", "median (s)", "95 % (s)", "last (s)"]
    heads += ["watching (kB per host and h)", "at the source (kB per h)"]
    rows = [
        [
            called,
            figure(100 * float(delays[way].isna().mean()), ".0f"),
            *(figure(_after(delays[way], share)) for share in (0.5, 0.95, 1.0)),
            figure(spent[way]),
            figure(float(sources[way])),
        ]
        for way, (called, _, _) in WAYS.items()
    ]
    return heads, rows


CLAIM = Claim(
    name="update",
    place=6,
    english="New versions are hard to manage in P2P.",
    korean="P2P에서는 새 버전을 관리하기 어렵다.",
    hypothesis="After version 2 is published, peers stay on version 1 or get the new one much "
    "later than clients that poll a server as often.",
    method="Virtual clock; every host has version 1 (10 Mbit/s up, 50 down, 20 ms one way), and "
    "they began to watch at random moments. A host is new when the whole of version 2 is on its "
    "disk. Ways: HTTP polling with If-None-Match over a kept connection, a persistent socket on "
    "which the server tells, a mutable item of the DHT that names the newest infohash (BEP 44, "
    "46), and version 1's infohash asked for again. Watching is what a host sends and receives at "
    "its sockets while nothing changes; for peers it includes what they answer to others.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
