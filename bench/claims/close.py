"""Does close() remove all of a socket's resources? close(2), RFC 9293, sections 3.3.2 and 3.6."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bench.lecture.after_close import close_all_ways
from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.socket_table import ESTABLISHED, TIME_WAIT
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, QUIET, SMALL, TEXT, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

LABELS = {
    "server first": "server closes, then client",
    "client first": "client closes, then server",
    "unread data": "server closes with data unread",
    "linger zero": "server closes, SO_LINGER 0",
    "unsent data": "client closes with data unsent",
    "one end only": "server closes, client does not",
    "duplicate": "server closes 1 of 2 descriptors",
    "other process": "server closes, its child does not",
    "shutdown duplicate": "server shuts down 1 of 2 and closes",
    "shutdown only": "server: shutdown, no close",
}
"""The ways to close, as bench.lecture.ways_to_close has them, in the order that is told."""
SHARED = ("duplicate", "other process", "shutdown duplicate")
"""The ways that leave another descriptor of the same socket open."""
HALF = ("one end only",)
"""The ways that close at one end only."""
OWN = ("server first", "client first", "unread data", "linger zero", "unsent data")
"""The ways in which both ends close the only descriptor that they have."""
SHADES = {
    "": "#F2F2F2",
    TIME_WAIT: MORE_COLOURS[2],
    ESTABLISHED: MORE_COLOURS[0],
}
OTHER = COLOURS["p2p"]


def measure(stage: Stage, *, watch_s: Annotated[float, Meta(ge=0, le=600)] = 0.0) -> Data:
    return stage.play(close_all_ways, [{"watch_s": watch_s}], clock="real")


def judge(data: Data) -> Judgement:
    ends, binds = data["ends"], data["binds"]
    closed = ends[ends["closed"]]
    kept = closed[closed["state"] != ""]
    if closed["descriptor"].any():
        there = int(closed["descriptor"].sum())
        them = "1 descriptor was" if there == 1 else f"{there} descriptors were"
        return fails(f"{them} there after close.")
    whole = kept[kept["way"].isin(OWN)]
    because = "Every descriptor is gone at once"
    if not whole.empty:
        return fails(f"{because}; {_first(whole)}{_bound(binds)}{_shared(kept)}.")
    conditions = []
    if kept["way"].isin(SHARED).any():
        conditions.append("no other descriptor of the socket is open")
    if kept["way"].isin(HALF).any():
        conditions.append("the other end closes too")
    because += f"{_shared(kept)}; the last close leaves nothing{_bound(binds)}."
    return holds_if(" and ".join(conditions), because) if conditions else holds(because)


def _first(whole: DataFrame) -> str:
    """What ends that closed their only descriptor have left."""
    states = " and ".join(sorted(set(whole["state"])))
    ways = ", ".join(f"{row.end} ({row.way})" for row in whole.itertuples())
    longest = whole["kept_s"].max()
    last = "" if math.isnan(longest) else f" for {number(longest)} s"
    return f"yet {states}{last} is left of {ways}"


def _bound(binds: DataFrame) -> str:
    """Whether a server's port could be bound again."""
    refused = binds[binds["error"] != ""]
    if refused.empty:
        return ""
    ways = sorted(set(refused["way"]))
    ours = binds[binds["way"].isin(ways)]
    again = ours[ours["error"] == ""]
    plain = not (again["reuse_after"] & again["reuse_before"]).all()
    text = f"; bind to the server's port fails {len(refused)} of {len(ours)} times"
    text += f" ({refused['error'].iloc[0]}, {', '.join(ways)})"
    if again.empty or plain:
        return text
    return f"{text}, not where SO_REUSEADDR was set before and again"


def _shared(kept: DataFrame) -> str:
    """What another descriptor of the same socket keeps."""
    alive = kept[kept["way"].isin(SHARED) & (kept["state"] == ESTABLISHED)]
    return f"; {' and '.join(alive['way'])}: still {ESTABLISHED}" if len(alive) else ""


def draw(data: Data, ax: Axes) -> None:
    """A row for each way to close: what the system's table has of the two ends."""
    ends = data["ends"].set_index(["way", "end"])
    ways = [way for way in LABELS if way in ends.index.get_level_values("way")]
    for place, way in enumerate(ways):
        for column, end in enumerate(("client", "server")):
            row = ends.loc[(way, end)]
            shade = SHADES.get(row["state"], OTHER)
            ax.barh(place, 0.96, 0.82, left=column, color=shade)
            text = row["state"] or "nothing"
            if row["state"] == TIME_WAIT and row["kept_s"] > 0:
                text += f" for {number(row['kept_s'])} s"
            ink = "white" if row["state"] else QUIET
            weight = "bold" if row["state"] else "normal"
            ax.text(
                column + 0.48,
                place,
                text,
                fontsize=TEXT,
                color=ink,
                weight=weight,
                ha="center",
                va="center",
            )
    for place, way in enumerate(ways):
        ax.text(-0.03, place, LABELS[way], fontsize=SMALL, color=INK, ha="right", va="center")
    for column, end in enumerate(("client's end", "server's end")):
        ax.text(column + 0.48, -0.55, end, fontsize=TEXT, color=INK, ha="center", va="bottom")
    ax.set_xlim(-1.12, 1.96)
    ax.set_ylim(len(ways) - 0.5, -1.1)
    ax.set_axis_off()
    bound = _bound(data["binds"]).removeprefix("; ")
    state(ax, _headline(data), "The system's own socket table right after", bound)


def _headline(data: Data) -> str:
    ends = data["ends"]
    kept = ends[ends["closed"] & (ends["state"] != "")]
    whole = kept[kept["way"].isin(OWN)]
    if kept.empty:
        return "After close() nothing is left"
    if whole.empty:
        return "After the last close() nothing is left"
    states, longest = " and ".join(sorted(set(whole["state"]))), whole["kept_s"].max()
    last = "" if math.isnan(longest) else f" for {longest:.0f} s"
    return f"After close() {states} is left{last}"


def tabulate(data: Data) -> Rows:
    heads = [
        "way",
        "end",
        "closed",
        "descriptor",
        "table",
        "owner",
        "kept for (s)",
        "gone after (s)",
    ]
    heads += ["what the other end heard"]
    rows = [
        [
            LABELS[end.way],
            end.end,
            _yes(end.closed),
            "open" if end.descriptor else "gone",
            end.state or "nothing",
            end.owner or "-",
            figure(end.kept_s, ".1f"),
            figure(end.gone_s, ".1f"),
            end.heard,
        ]
        for end in data["ends"].itertuples()
    ]
    rows += [
        [
            f"bind again: {LABELS[bind.way]}",
            "server",
            "yes",
            "-",
            bind.error or "bound",
            "-",
            "-",
            "-",
            f"SO_REUSEADDR before: {_yes(bind.reuse_before)}, again: {_yes(bind.reuse_after)}",
        ]
        for bind in data["binds"].itertuples()
    ]
    return heads, rows


def _yes(value: bool) -> str:
    return "yes" if value else "no"


CLAIM = Claim(
    name="close",
    place=12,
    english="close() removes all of a socket's resources.",
    korean="close()는 소켓의 모든 자원을 해제한다.",
    hypothesis="After close the descriptor is gone, the system's table has no row of the "
    "connection's end, and its port can be bound again.",
    method="Connections over loopback closed in ten ways; the system's own socket table right "
    "after, how long the kernel's timer keeps what is left (Linux), counted from the last "
    "close, and a bind of the server's port with and "
    "without SO_REUSEADDR. Plain sockets, real clock; watch_s=70 sees TIME_WAIT go.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
