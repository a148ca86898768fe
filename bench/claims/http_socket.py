"""Does who is to be told at once need more than HTTP? RFC 9112, section 9.3; RFC 6202."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.asked_or_told import LONG_POLLING, POLLING, SOCKET, Way
from bench.lecture.chat import talk
from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.hearing_of_updates import hear_updates
from bench.lecture.settings import Number
from bench.lecture.stage import Stage
from bench.plots.style import COLOURS, INK, MORE_COLOURS, QUIET, TEXT, frame, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

Interval = Annotated[float, Meta(ge=0.05, le=3600)]
Watchers = Annotated[int, Meta(ge=1, le=200)]

UNNOTICED_S = 0.1
"""Who hears so much later than by the socket hears as soon: people take less than a tenth of a
second for at once (Miller 1968)."""
DEAR = 10.0
"""A way that moves so many times the socket's bytes is no substitute: its server would have to be
ten times as large."""
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
    intervals_s: Annotated[tuple[Interval, ...], Meta(min_length=1)] = (0.5, 1.0, 5.0, 30.0),
    watchers: Annotated[tuple[Watchers, ...], Meta(min_length=1)] = (1, 10),
    updates: Annotated[int, Meta(ge=1, le=10_000)] = 12,
    seconds: Annotated[float, Meta(ge=1, le=10_000)] = 120.0,
    people: Annotated[int, Meta(ge=2, le=100)] = 6,
    messages: Annotated[int, Meta(ge=1, le=1000)] = 5,
    latency_s: Annotated[float, Meta(gt=0, le=1)] = 0.02,
    seed: Number = 1,
) -> Data:
    quickest = min(intervals_s)
    ways = [Way(POLLING, interval_s) for interval_s in sorted(set(intervals_s))]
    ways += [Way(POLLING, quickest, close_each=True)]
    ways += [Way(LONG_POLLING), Way(LONG_POLLING, close_each=True), Way(SOCKET)]
    shared: dict[str, Any] = {"latency_s": latency_s, "seed": seed}
    watch = shared | {
        "updates": updates,
        "seconds": seconds,
        "settle_s": max(intervals_s) + 1 + 20 * latency_s,
    }
    hear = [
        watch | {"watchers": count} | way.case for count in sorted(set(watchers)) for way in ways
    ]
    room = shared | {"people": people, "messages": messages, "seconds": 6.0 * messages}
    chat = [room | {"settle_s": 1 + 20 * latency_s} | way.case for way in ways]
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
    rows = _busiest(data)
    chat = _chat(data)
    polls = rows[(rows["way"] == POLLING) & ~rows["close_each"]]
    closes = polls["connections"].sum() >= CLOSES * polls["requests"].sum()
    because = f"{_heard(rows)} {_read(chat)} {_opened(rows)}"
    enough = _soon(rows) & _cheap(rows) & _soon(chat)
    if any(_name(row) in enough for row in rows[rows["way"] == POLLING].to_dict("records")):
        return fails(because)
    conditions = []
    if not closes:
        conditions.append("closes the connection after each answer (as HTTP/1.0 did)")
    if enough:
        conditions.append("answers at once, instead of when there is news")
    if not conditions:
        return holds(because)
    return holds_if(f"the HTTP server {' and '.join(conditions)}", because)


def _busiest(data: Data) -> DataFrame:
    """The updates with the most watchers."""
    rows = _updates(data)
    busiest: DataFrame = rows[rows["watchers"] == rows["watchers"].max()]
    return busiest


def _chat(data: Data) -> DataFrame:
    return _summary(data["chat"], data["chat_traffic"], "people")


def _soon(rows: DataFrame) -> set[str]:
    """The ways by HTTP by which people hear as soon as by the socket."""
    limit = rows[rows["way"] == SOCKET]["mean_s"].iloc[0] + UNNOTICED_S
    found = rows[(rows["way"] != SOCKET) & (rows["mean_s"] <= limit)]
    return set(map(_name, found.to_dict("records")))


def _cheap(rows: DataFrame) -> set[str]:
    """The ways that are not far dearer than the socket."""
    limit = DEAR * rows[rows["way"] == SOCKET]["bytes_per_h"].iloc[0]
    return set(map(_name, rows[rows["bytes_per_h"] < limit].to_dict("records")))


def _main(rows: DataFrame) -> list[dict[Any, Any]]:
    """The socket, long polling (kept, then closing) and the quickest polling."""
    polls = rows[(rows["way"] == POLLING) & ~rows["close_each"]].sort_values("interval_s")
    waits = rows[rows["way"] == LONG_POLLING].sort_values("close_each")
    several = (rows[rows["way"] == SOCKET], waits, polls.head(1))
    return [row for own in several for row in own.to_dict("records")]


def _heard(rows: DataFrame) -> str:
    socket, waits, closing, polled = map(_ms, _main(rows))
    every = f"every {_main(rows)[-1]['interval_s']:g} s"
    return (
        f"An update is known after {socket} by the socket, {waits} by long polling ({closing} with "
        f"a connection for each request) and {polled} by polling {every}, for {_kilobytes(rows)}."
    )


def _read(rows: DataFrame) -> str:
    socket, waits, closing, polled = map(_ms, _main(rows))
    return (
        f"In a chat a message is read after {socket} by the socket, {waits} ({closing}) by long "
        f"polling and {polled} by polling, for {_kilobytes(rows)}."
    )


def _kilobytes(rows: DataFrame) -> str:
    socket, waits, closing, polled = (number(row["bytes_per_h"] / 1000) for row in _main(rows))
    return f"{socket}, {waits} ({closing}) and {polled} kB each and hour"


def _opened(rows: DataFrame) -> str:
    """What it takes to poll as often as was tried."""
    polls = rows[rows["way"] == POLLING].sort_values(["close_each", "interval_s"])
    kept, *_ = polls[~polls["close_each"]].to_dict("records")
    *_, closing = polls[polls["close_each"]].to_dict("records")
    return (
        f"For {number(kept['requests_each'])} of a watcher's requests HTTP opened "
        f"{_count(kept['connections_each'])}, and {number(closing['connections_each'])} for "
        f"{number(closing['requests_each'])} where the client closes each."
    )


def _count(connections: float) -> str:
    return f"{number(connections)} connection{'' if connections == 1 else 's'}"


def _ms(row: Mapping[Any, Any]) -> str:
    return f"{number(row['mean_s'] * 1000)} ms"


def draw(data: Data, ax: Axes) -> None:
    rows = _busiest(data)
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
    socket, waits, *_, poll = _main(rows)
    ax.axhline(socket["mean_s"], color=QUIET, linewidth=1, linestyle=":")
    state(
        ax,
        f"Polling every {poll['interval_s']:g} s: {_times(poll, socket, 'mean_s')} times the "
        "socket's delay,\n"
        f"{_times(poll, socket, 'bytes_per_h')} times its bytes; HTTP that waits: "
        f"{_times(waits, socket, 'mean_s')} and {_times(waits, socket, 'bytes_per_h')} times",
        f"{rows['watchers'].iloc[0]} watchers, {rows['latency_s'].iloc[0] * 1000:g} ms one way, "
        "HTTP over kept connections",
        "bytes at the server's sockets, both ways, without TCP and IP headers",
    )
    ax.tick_params(colors=INK)


def _times(row: Mapping[Any, Any], socket: Mapping[Any, Any], column: str) -> str:
    ratio = row[column] / socket[column]
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def tabulate(data: Data) -> Rows:
    heads = ["what", "by", "N", "mean delay (s)", "round trips", "95 % within (s)"]
    heads += ["each: kB/h", "connections", "requests"]
    frames = (
        ("update", "watchers", _updates(data)),
        ("chat", "people", _chat(data)),
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
    hypothesis="HTTP opens a connection for at least nine of ten requests, and no way of asking it "
    "brings both an update and a chat's message within 0.1 s of the socket's delay, for less than "
    "ten times its bytes of updates.",
    method="One server, its watchers, and a file that changes at random moments; they poll with "
    "If-None-Match, ask with Prefer: wait=30 (long polling), or listen on the persistent socket. "
    "Then a chat: each message is put as a small file that all others hear of and get (its bytes "
    "are not judged: by HTTP each news brings the room's whole list). Both ways of asking also "
    "with a connection for each request: that this closes, and that HTTP/1.1 otherwise keeps its "
    "connection until it rests for 60 s, is by construction. Virtual clock, real sockets; bytes at "
    "the server's sockets.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
