"""A sequence diagram of two hosts' socket calls: time runs downwards, arrows are what travelled.

An arrow is drawn only where the traces prove it: bytes are counted in both directions of a
connection, a datagram is found by both its addresses, an end by the `recv` that returned 0 bytes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.lecture.calls import SENDS, moment
from bench.plots.style import INK, QUIET, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
Key = tuple[str, str]
"""A direction: from (address:port), to."""
MOST = 32
"""Calls that a ladder has room for."""


@dataclass(frozen=True)
class Arrow:
    """Something that went from one host's call to the other's; numbers of rows."""

    start: int
    end: int
    what: str
    """`connection`, `data` or `end`."""


def arrows(rows: Sequence[Row]) -> list[Arrow]:
    """Join the calls of two hosts, rows in order of time, by what has travelled between them."""
    return [*_connections(rows), *_stream_data(rows), *_ends(rows), *_datagrams(rows)]


def _connections(rows: Sequence[Row]) -> list[Arrow]:
    accepts = {
        (row["result"].partition(" from ")[2], row["local"]): number
        for number, row in enumerate(rows)
        if row["call"] == "accept"
    }
    return [
        Arrow(number, accepts[way], "connection")
        for number, row in enumerate(rows)
        if row["call"] == "connect" and (way := (row["local"], row["remote"])) in accepts
    ]


def _stream_data(rows: Sequence[Row]) -> list[Arrow]:
    """From each send to the recv that took its last byte."""
    sent: defaultdict[Key, deque[tuple[int, int]]] = defaultdict(deque)
    totals: defaultdict[Key, int] = defaultdict(int)
    for number, row in enumerate(rows):
        if row["protocol"] == "tcp" and row["call"] in SENDS and row["bytes"]:
            way = (row["local"], row["remote"])
            totals[way] += row["bytes"]
            sent[way].append((totals[way], number))
    found = []
    taken: defaultdict[Key, int] = defaultdict(int)
    for number, row in enumerate(rows):
        if row["protocol"] == "tcp" and row["call"] == "recv" and row["bytes"]:
            way = (row["remote"], row["local"])
            taken[way] += row["bytes"]
            while sent[way] and sent[way][0][0] <= taken[way]:
                found.append(Arrow(sent[way].popleft()[1], number, "data"))
    return found


def _ends(rows: Sequence[Row]) -> list[Arrow]:
    """From the close, or shutdown, of one end to the recv that tells the other of it."""
    closes: dict[Key, int] = {}
    for number, row in enumerate(rows):
        if row["protocol"] == "tcp" and row["call"] in ("shutdown", "close"):
            closes.setdefault((row["local"], row["remote"]), number)
    return [
        Arrow(closes[way], number, "end")
        for number, row in enumerate(rows)
        if row["protocol"] == "tcp"
        and row["call"] == "recv"
        and row["result"] == "0 B"
        and (way := (row["remote"], row["local"])) in closes
        and closes[way] < number
    ]


def _datagrams(rows: Sequence[Row]) -> list[Arrow]:
    """From each sendto to the recvfrom of that datagram; those of one way keep their order."""
    waiting: defaultdict[Key, deque[tuple[int, int]]] = defaultdict(deque)
    found = []
    for number, row in enumerate(rows):
        if row["call"] == "sendto" and row["bytes"]:
            target = row["arguments"].partition(", ")[2]
            waiting[row["local"], target].append((row["bytes"], number))
        elif row["call"] == "recvfrom" and " from " in row["result"]:
            way = (row["result"].partition(" from ")[2], row["local"])
            while waiting[way]:
                size, start = waiting[way].popleft()
                if size == row["bytes"]:
                    found.append(Arrow(start, number, "data"))
                    break
    return found


def draw_ladder(ax: Axes, rows: Sequence[Row], title: str, shade: str, *, size: float) -> None:
    """Draw the calls of `client` (left) and `server` (right), each with its time, on empty axes.

    `size` is that of the text, in points.
    """
    rows, left_out = rows[:MOST], len(rows[MOST:])
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) + 0.2, -2.6)
    left, right = 0.5, 0.69
    ax.text(0, -2.2, title, fontsize=SMALL, color=shade, weight="bold", va="center")
    ax.text(0, -1.0, "ms", fontsize=size, color=QUIET, va="center")
    for place, name, side in ((left, "client", "right"), (right, "server", "left")):
        ax.text(
            place, -1.0, name, fontsize=size + 1, color=INK, weight="bold", ha=side, va="center"
        )
        ax.plot([place, place], [-0.5, len(rows) - 0.4], color=QUIET, linewidth=2)
    begin = moment(rows[0])
    for number, row in enumerate(rows):
        ms = f"{1000 * (moment(row) - begin):.2f}"
        ax.text(0, number, ms, fontsize=size - 1, color=QUIET, va="center")
        mine = row["node"] == "client"
        place, side = (left - 0.02, "right") if mine else (right + 0.02, "left")
        ax.text(place, number, _label(row), fontsize=size, color=INK, ha=side, va="center")
    if left_out:
        text = f"{left_out} calls more"
        ax.text(1, len(rows), text, fontsize=size, color=QUIET, ha="right", va="center")
    for arrow in arrows(rows):
        ends = (left, right) if rows[arrow.start]["node"] == "client" else (right, left)
        ax.annotate(
            "",
            (ends[1], arrow.end),
            (ends[0], arrow.start),
            arrowprops={
                "arrowstyle": "-|>",
                "color": shade,
                "linewidth": 2,
                "linestyle": "-" if arrow.what == "data" else "--",
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def _label(row: Row) -> str:
    """A call in a few letters."""
    call, result = row["call"], str(row["result"])
    match call:
        case "socket":
            return f"socket → {result}"
        case "accept":
            return f"accept → {result.partition(' from ')[0]}"
        case "bind":
            port = row["local"].rpartition(":")[2]
            if result != "0":
                return f"bind {result}"
            return "bind" if port == "0" else f"bind :{port}"  # 0: connect will choose
        case "listen":
            return f"listen {row['arguments']}"
        case "close":
            return f"close {row['descriptor']}"
        case "connect" | "getsockopt":
            return call if result == "0" else f"{call} {result}"
    return f"{call} {row['bytes']:,} B" if result[:1].isdigit() else f"{call} {result}"
