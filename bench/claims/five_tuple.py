"""Is a socket told by its five-tuple? RFC 9293, section 3.3.1; RFC 6146, section 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.one_port import look
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, QUIET, SMALL, TEXT, state
from bench.table import Rows
from host.trace import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

TUPLE = ["protocol", "local_address", "local_port", "remote_address", "remote_port"]
DEADLINE_S = 30.0
LABELS = 16
"""Connections that the picture has room for."""


def measure(
    stage: Stage,
    *,
    clients: Annotated[int, Meta(ge=1, le=30)] = 6,
    connections: Annotated[int, Meta(ge=1, le=8)] = 2,
) -> Data:
    from pandas import concat

    played = [
        stage.play(
            look,
            [{"clock": clock, "clients": clients, "connections": connections}],
            clock=clock,
            deadline_s=DEADLINE_S,
        )
        for clock in ("virtual", "real")
    ]
    return {
        name: concat([frames[name] for frames in played], ignore_index=True) for name in played[0]
    }


def judge(data: Data) -> Judgement:
    sockets = data["sockets"]
    differing = len(_in_one_list_only(sockets))
    traced = sockets[sockets["source"] == "trace"]
    connected = traced["remote_port"] > 0
    alike = traced.duplicated(["clock", *TUPLE], keep=False)
    because = (
        f"Of {len(traced)} open sockets, {connected.sum()} of them connected, trace and system's "
        f"table differ in {_rows(differing)}; {(alike & connected).sum()} connected sockets and "
        f"{(alike & ~connected).sum()} others share their tuple."
    )
    if differing or (alike & connected).any():
        return fails(because)
    if alike.any():
        return holds_if(
            "the socket is connected or has its port alone (SO_REUSEPORT lets several share one)",
            because,
        )
    return holds(because)


def _rows(number: int) -> str:
    return f"{number} row" if number == 1 else f"{number} rows"


def _in_one_list_only(sockets: DataFrame) -> DataFrame:
    """The rows that the other list, of trace and system's table, does not have just so."""
    seen = ["clock", "node", *TUPLE, "state", "descriptor"]
    return sockets[sockets.groupby(seen)["source"].transform("nunique") < 2]


def _shown(data: Data) -> DataFrame:
    """What was open by the trace, under one clock: the real one, where there is one."""
    sockets: DataFrame = data["sockets"]
    clock = "real" if "real" in set(sockets["clock"]) else sockets["clock"].iloc[0]
    return sockets.loc[(sockets["source"] == "trace") & (sockets["clock"] == clock)]


def _alike_without(sockets: DataFrame) -> dict[str, int]:
    """How many different tuples would equal another one if a part were left out."""
    different = sockets.drop_duplicates(TUPLE)
    return {
        part: int(different.duplicated([p for p in TUPLE if p != part], keep=False).sum())
        for part in TUPLE
    }


def draw(data: Data, ax: Axes) -> None:
    sockets = _shown(data)
    connections = sockets[(sockets["node"] == "server") & (sockets["remote_port"] > 0)]
    different = len(connections.drop_duplicates(TUPLE))
    headline = f"One port, {len(connections)} connections"
    if different == len(connections):
        headline += ", and no two with the same tuple"
    else:
        headline += f", but only {different} different tuple{'' if different == 1 else 's'}"
    differing = len(_in_one_list_only(data["sockets"]))
    state(
        ax,
        headline,
        f"{len(sockets)} open sockets by the trace of their calls",
        f"the system's own table differs in {_rows(differing)}"
        if differing
        else "the system's own table has the same",
    )
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    _fan(ax, connections)
    _parts(ax, _alike_without(sockets))


def _fan(ax: Axes, connections: DataFrame) -> None:
    """The server's port on the left, and the other end of each of its connections."""
    rows = connections.to_dict("records")
    local = written((rows[0]["local_address"], rows[0]["local_port"]))
    _box(ax, 0.6, f"server, TCP\n{local}", COLOURS["central"])
    _box(ax, 0.1, f"server, UDP\n{local}", COLOURS["p2p"])
    ax.text(
        0.29,
        0.1,
        "the same address and port by another protocol:\nanother socket, for all who send to it",
        fontsize=SMALL,
        color=QUIET,
        va="center",
    )
    shown = rows[:LABELS]
    hosts = list(dict.fromkeys(row["remote_address"] for row in rows))
    step = min(0.075, 0.78 / len(shown))
    for place, row in enumerate(shown):
        height = 0.6 + step * (len(shown) / 2 - 0.5 - place)
        shade = MORE_COLOURS[hosts.index(row["remote_address"]) % len(MORE_COLOURS)]
        ax.plot([0.255, 0.385], [0.6, height], color=shade, linewidth=2)
        label = written((row["remote_address"], row["remote_port"]))
        ax.text(0.395, height, label, fontsize=SMALL, color=INK, va="center")
    if len(shown) < len(rows):
        more = f"and {len(rows) - len(shown)} more"
        ax.text(0.395, 0.98, more, fontsize=SMALL, color=QUIET, va="bottom")


def _box(ax: Axes, height: float, text: str, shade: str) -> None:
    ax.text(
        0.125,
        height,
        text,
        fontsize=TEXT,
        color="white",
        weight="bold",
        ha="center",
        va="center",
        linespacing=1.4,
        bbox={"boxstyle": "round,pad=0.6", "facecolor": shade, "edgecolor": "none"},
    )


def _parts(ax: Axes, alike: dict[str, int]) -> None:
    """How many sockets each part of the tuple keeps apart."""
    bars = ax.inset_axes((0.82, 0.26, 0.18, 0.6))
    places = range(len(alike))
    bars.barh(places, list(alike.values()), color=QUIET, height=0.6)
    bars.set_yticks(places, [part.replace("_", " ") for part in alike])
    for place, count in enumerate(alike.values()):
        bars.text(count, place, f" {count}", fontsize=TEXT, color=INK, va="center", weight="bold")
    bars.invert_yaxis()
    bars.set_xticks([])
    bars.tick_params(labelsize=SMALL, colors=INK, length=0)
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    bars.set_title(
        "sockets alike without this part", fontsize=SMALL, color=INK, loc="right", pad=10
    )


def tabulate(data: Data) -> Rows:
    heads = ["host", "descriptor", "protocol", "local", "remote", "state", "system's table"]
    sockets = _shown(data)
    strange = _in_one_list_only(data["sockets"]).index
    nodes = ("server", "mirror", "client-001", "client-udp", "caller-1", "caller-2", "twins")
    rows = [
        [
            row["node"],
            str(row["descriptor"]),
            row["protocol"],
            written((row["local_address"], row["local_port"])),
            _remote(row),
            row["state"] or "-",
            "otherwise" if row.name in strange else "the same",
        ]
        for _, row in sockets[sockets["node"].isin(nodes)].iterrows()
    ]
    for _, attempt in data["attempts"].tail(1).iterrows():
        again = "the open connection's tuple once more"
        rows.append(
            [
                attempt["node"],
                "-",
                *attempt["local"].split(" "),
                attempt["arguments"],
                attempt["result"],
                again,
            ]
        )
    return heads, rows


def _remote(row: Series[Any]) -> str:
    if not row["remote_port"]:
        return "-"
    return written((row["remote_address"], row["remote_port"]))


CLAIM = Claim(
    name="five-tuple",
    place=8,
    english="A socket is told by protocol, local address and port, remote address and port.",
    korean="소켓은 프로토콜, 로컬 주소와 포트, 원격 주소와 포트로 구별된다.",
    hypothesis="While many clients fetch from one port of one server, no two open sockets have "
    "the same tuple, and the system's own table lists the same sockets as the trace.",
    method="The socket calls of every host, followed to the sockets that are open while files come "
    "over HTTP and TFTP, and at the same moment the system's socket table; virtual and real clock. "
    "That two sockets of one host share a port is arranged, by SO_REUSEPORT.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
