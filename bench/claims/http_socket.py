"""Does who is to be told at once need more than HTTP? RFC 9112, section 9.3; RFC 6202."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.lecture.asked_or_told import LONG_POLLING, POLLING, SOCKET, Way
from bench.lecture.chat import talk
from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.hearing_of_updates import hear_updates
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, QUIET, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

NEAR = 2.0
"""Who hears within so many times the socket's delay hears as soon: a person notices no less."""
CLOSES = 0.9
"""HTTP closes when there are at least so many connections for a request (1: one for each)."""
WAY = ["way", "interval_s", "close_each"]
SHADES = {
    POLLING: COLOURS["central"],
    LONG_POLLING: COLOURS["p2p"],
    SOCKET: MORE_COLOURS[0],
}


def measure(
    stage: Stage,
    *,
    intervals_s: tuple[float, ...] = (0.5, 1.0, 5.0, 30.0),
    watchers: tuple[int, ...] = (1, 10),
    updates: int = 12,
    seconds: float = 120.0,
    people: int = 6,
    messages: int = 5,
    latency_s: float = 0.025,
    seed: int = 1,
) -> Data:
    polls = [Way(POLLING, interval_s) for interval_s in intervals_s]
    usual = min(intervals_s, key=lambda interval_s: abs(interval_s - 1))
    pushed = [Way(LONG_POLLING), Way(SOCKET)]
    closing = Way(POLLING, usual, close_each=True)
    shared: dict[str, Any] = {"latency_s": latency_s, "seed": seed}
    watch = shared | {
        "updates": updates,
        "seconds": seconds,
        "settle_s": max(intervals_s) + 1 + 20 * latency_s,
    }
    hear = [
        watch | {"watchers": count} | way.case
        for count in watchers
        for way in (*polls, closing, *pushed)
    ]
    room = shared | {"people": people, "messages": messages, "seconds": 6.0 * messages}
    chat = [
        room | {"settle_s": 1 + 20 * latency_s} | way.case
        for way in (Way(POLLING, usual), closing, *pushed)
    ]
    heard = stage.play(hear_updates, hear, deadline_s=1e5)
    said = stage.play(talk, chat, deadline_s=1e5)
    return {
        "updates": heard["delays"],
        "update_traffic": heard["traffic"],
        "chat": said["delays"],
        "chat_traffic": said["traffic"],
    }


def _updates(data: Data) -> DataFrame:
    """A row for each way and number of watchers: delay, and what each watcher's share of it is."""
    return _summary(data["updates"], data["update_traffic"], "watchers")


def _summary(delays: DataFrame, traffic: DataFrame, who: str) -> DataFrame:
    by = [*WAY, who]
    groups = delays.groupby(by, dropna=False, sort=False)["delay_s"]
    worst = groups.quantile(0.95).rename("late_s").reset_index()
    rows = groups.mean().rename("mean_s").reset_index().merge(worst, on=by).merge(traffic, on=by)
    hours = rows["seconds"] / 3600 * rows[who]
    return rows.assign(
        bytes_per_h=rows["bytes"] / hours,
        connections_each=rows["connections"] / rows[who],
        requests_each=rows["requests"] / rows[who],
    )


def _name(row: Mapping[Any, Any]) -> str:
    return Way(row["way"], row["interval_s"], row["close_each"]).name


def judge(data: Data) -> Judgement:
    rows = _updates(data)
    rows = rows[rows["watchers"] == rows["watchers"].max()]
    usual = rows[(rows["way"] != SOCKET) & ~rows["close_each"]]
    closes = usual["connections"].sum() >= CLOSES * usual["requests"].sum()
    polls = usual[usual["way"] == POLLING].sort_values("interval_s")
    polled, waits, socket = (
        own.to_dict("records")[0]
        for own in (polls, usual[usual["way"] == LONG_POLLING], rows[rows["way"] == SOCKET])
    )
    chat = _summary(data["chat"], data["chat_traffic"], "people")
    near = _near(rows) & _near(chat)
    read = chat[~chat["close_each"]].set_index("way")["mean_s"]
    because = (
        f"An update is known after {_ms(socket)} by the socket, {_ms(waits)} by long polling and "
        f"{_ms(polled)} by polling every {polled['interval_s']:g} s, for "
        f"{number(socket['bytes_per_h'] / 1000)}, {number(waits['bytes_per_h'] / 1000)} and "
        f"{number(polled['bytes_per_h'] / 1000)} kB per watcher and hour; HTTP answered "
        f"{number(polled['requests_each'])} of a watcher's requests over "
        f"{number(polled['connections_each'])} "
        f"connection{'' if polled['connections_each'] == 1 else 's'}. In a chat a message is read "
        f"after {number(1000 * read[SOCKET])} ms by the socket, "
        f"{number(1000 * read[LONG_POLLING])} ms by long polling."
    )
    if POLLING in near:
        return fails(because)
    conditions = []
    if not closes:
        conditions.append("closes the connection after each answer (as HTTP/1.0 did)")
    if LONG_POLLING in near:
        conditions.append("answers at once, instead of when there is news")
    if not conditions:
        return holds(because)
    return holds_if(f"the HTTP server {' and '.join(conditions)}", because)


def _near(rows: DataFrame) -> set[str]:
    """The ways by HTTP that are about as quick as the socket."""
    socket = rows[rows["way"] == SOCKET]["mean_s"].min()
    return set(rows[rows["mean_s"] <= NEAR * socket]["way"]) - {SOCKET}


def _ms(row: Mapping[Any, Any]) -> str:
    return f"{number(row['mean_s'] * 1000)} ms"


def draw(data: Data, ax: Axes) -> None:
    rows = _updates(data)
    rows = rows[rows["watchers"] == rows["watchers"].max()]
    ax.set_xscale("log")
    ax.set_yscale("log")
    polls = rows[(rows["way"] == POLLING) & ~rows["close_each"]]
    ax.plot(polls["bytes_per_h"] / 1000, polls["mean_s"], "-", color=SHADES[POLLING], linewidth=2.5)
    for row in rows[~rows["close_each"]].to_dict("records"):
        shade = SHADES[str(row["way"])]
        x, y = row["bytes_per_h"] / 1000, row["mean_s"]
        ax.plot([x], [y], "o", color=shade, markersize=13)
        words = f"every {row['interval_s']:g} s" if row["way"] == POLLING else str(row["way"])
        ax.annotate(
            words,
            (x, y),
            (12, 8),
            textcoords="offset points",
            fontsize=TEXT + 1,
            color=shade,
            weight="bold",
        )
    ax.annotate(
        "polling",
        (polls["bytes_per_h"].iloc[0] / 1000, polls["mean_s"].iloc[0]),
        (-14, -22),
        textcoords="offset points",
        fontsize=TEXT + 1,
        color=SHADES[POLLING],
        ha="right",
    )
    ax.margins(0.16, 0.12)
    frame(ax, "bytes per watcher and hour (kB)", "mean delay of an update (s)")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
    socket = float(rows[rows["way"] == SOCKET]["mean_s"].iloc[0])
    waits = float(rows[rows["way"] == LONG_POLLING]["mean_s"].iloc[0])
    least = float(polls["mean_s"].min())
    ax.axhline(socket, color=QUIET, linewidth=1, linestyle=":")
    state(
        ax,
        f"Polling takes {_times(least / socket)} the socket's time,\n"
        f"HTTP that waits for news {_times(waits / socket)}",
        f"{rows['watchers'].iloc[0]} watchers, {rows['latency_s'].iloc[0] * 1000:g} ms one way; "
        "bytes at the server's sockets, both ways, without TCP and IP headers",
    )
    ax.tick_params(colors=INK)


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def tabulate(data: Data) -> Rows:
    heads = ["what", "by", "N", "mean delay (s)", "round trips", "95 % within (s)"]
    heads += ["each: kB/h", "connections", "requests"]
    frames = (
        ("update", "watchers", _updates(data)),
        ("chat", "people", _summary(data["chat"], data["chat_traffic"], "people")),
    )
    rows = [
        [
            what,
            _name(row),
            str(row[who]),
            figure(row["mean_s"]),
            figure(row["mean_s"] / (2 * row["latency_s"]), ".1f"),
            figure(row["late_s"]),
            figure(row["bytes_per_h"] / 1000, ".0f"),
            figure(row["connections_each"], ".1f"),
            figure(row["requests_each"], ".1f"),
        ]
        for what, who, frame_ in frames
        for row in frame_.to_dict("records")
    ]
    return heads, rows


CLAIM = Claim(
    name="http-socket",
    place=15,
    english="HTTP answers a request and closes; a socket stays open both ways, so chat needs the "
    "socket.",
    korean="HTTP는 요청에 응답하고 연결을 닫지만, 소켓은 양방향으로 열려 있다. "
    "그래서 채팅에는 소켓이 필요하다.",
    hypothesis="HTTP opens a connection for each request, and by no way of asking does a watcher "
    "know of an update within twice the time that the socket takes.",
    method="One server, its watchers, and a file that changes at random moments; they poll with "
    "If-None-Match, ask with Prefer: wait=30 (long polling), or listen on the persistent socket. "
    "Then a chat: each message is put as a small file that all others hear of and get. Virtual "
    "clock, real sockets; bytes at the server's sockets.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
