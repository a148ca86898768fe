"""Does P2P scale? The figure of Kurose and Ross, section 2.5, then a crowd, then churn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.stage import Stage
from bench.lecture.waits import beside_server, of, waits
from bench.plots.style import (
    INK,
    SMALL,
    TEXT,
    colour,
    frame,
    label_ends,
    number,
    state,
)
from bench.scenario import override
from bench.table import Rows, figure
from bench.theory import bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

SCALES = 0.5
"""Time that grows with N to a power below this scales: halfway from not at all to a server's 1."""
REACH = 1.5
"""A swarm at rest or a crowd is near its bound when it takes at most so many times it: a mesh of
greedy peers can take 1.01 to 1.13 times as long, and libtorrent 2.1 takes 1.4 to 2.6 times."""

TEXTBOOK, SLOW, CROWD, CHURN = "textbook", "slow peers", "flash crowd", "churn"
FILE = {"file_size": "2 MiB", "piece_size": "32 KiB", "origin_up": "20 MiB/h"}
"""The origin would send the file once in six minutes."""
PEERS = {TEXTBOOK: "2 MiB/h", SLOW: "0.2 MiB/h"}
"""A peer's uplink: a tenth of the origin's, as in the book, or a hundredth."""
SMALL_CROWD = {"file_size": "4 MiB", "join_every": "50 ms"}
"""A quarter of the catalogue's file, and four times as fast a crowd."""


Crowd = Annotated[int, Meta(ge=1, le=1_000)]
Joining = Annotated[int, Meta(ge=2, le=1_000)]
"""One client is no crowd, and no swarm."""


def measure(
    stage: Stage,
    *,
    clients: Annotated[tuple[Crowd, ...], Meta(min_length=2)] = (1, 3, 8, 24),
    crowd: Joining = 40,
    churns: Annotated[int, Meta(ge=1, le=100)] = 3,
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 1,
) -> Data:
    from pandas import DataFrame, concat

    few, many = min(clients), max(clients)
    if many < 2 * few:
        text = ", ".join(map(str, clients))
        raise SettingError(f"clients: {text}; expected one number at least twice another")
    usual = stage.run(
        "kurose-ross", clients=clients, seed=seed, sweep={"peer_up": list(PEERS.values())}, **FILE
    )
    parts = [
        waits(usual, part, list(usual.runs["peer_up"].unique())[order])
        for order, part in enumerate(PEERS)
    ]
    parts.append(waits(stage.run("flash-crowd", clients=crowd, seed=seed, **SMALL_CROWD), CROWD))
    alone = parts[0]
    most = alone[(alone["backend"] == "p2p") & (alone["clients"] == many)].iloc[0]
    churn = stage.run(
        "kurose-ross",
        clients=many,
        seed=seed,
        repeats=churns,
        peer_up=PEERS[TEXTBOOK],
        session=float(most["finish_s"]),
        **FILE,
    )
    parts.append(waits(churn, CHURN).assign(session_s=most["finish_s"]))
    bounds = [
        {"part": part, "backend": backend, "clients": n, "bound_s": bound(case, backend, n)}
        for part, up in PEERS.items()
        for case in [override(usual.scenario, "peer_up", up)]
        for backend in case.backends
        for n in range(1, many + 1)
    ]
    return {"runs": concat(parts, ignore_index=True), "bounds": DataFrame(bounds)}


def judge(data: Data) -> Judgement:
    book, slow = (of(data, part, "p2p") for part in (TEXTBOOK, SLOW))
    crowd, churn = (beside_server(data, part) for part in (CROWD, CHURN))
    over, crowd_over = (float((own["finish_s"] / own["bound_s"]).max()) for own in (book, crowd))
    power, slow_power = _power(book), _power(slow)
    because = (
        f"To N = {book['clients'].max()} P2P's time stays within {over:.2f} times its bound and at "
        f"last grows like N^{power:.2f} (the server's like "
        f"N^{_power(of(data, TEXTBOOK, 'central')):.2f}); {_told_crowd(crowd.iloc[0])}; "
        f"{_told_churn(churn, book.iloc[-1])}."
    )
    # Where the bound itself grows as fast, the peers are too few beside the origin to tell.
    few = power >= SCALES and _power(book, "bound_s") >= SCALES
    if (
        (power >= SCALES and not few)
        or not max(over, crowd_over) <= REACH
        or not crowd["sooner"].all()
    ):
        return fails(because)
    conditions = []
    if few:
        conditions.append(
            "the clients are many, more than were measured here: the bound itself grows like "
            f"N^{_power(book, 'bound_s'):.2f} to N = {book['clients'].max()}"
        )
    if slow_power >= SCALES:
        conditions.append(
            "peers bring uplinks that count beside the origin's (here a tenth; with a hundredth "
            f"the time grows like N^{slow_power:.2f})"
        )
    if not churn["sooner"].all():
        conditions.append("they stay while others need them")
    return holds_if(", and if ".join(conditions), because) if conditions else holds(because)


def _told_crowd(run: Series[Any]) -> str:
    served = "" if run["finished"] == run["clients"] else f"{run['finished']} of "
    return (
        f"{served}a crowd of {run['clients']} {'are' if served else 'is'} served in "
        f"{number(run['finish_s'])} s, {run['finish_s'] / run['bound_s']:.2f} times its bound (by "
        f"the server in {number(run['finish_s_server'])} s)"
    )


def _told_churn(runs: DataFrame, calm: Series[Any]) -> str:
    """What churn did: beside the server, and beside peers that stay."""
    finished = int(runs["finished"].sum())
    text = f"under churn {finished} of {int(runs['clients'].sum())} finish"
    if not finished:
        return text
    mean, last = runs["mean_wait_s"], runs["finish_s"]
    return (
        f"{text}, on average after {_span(mean)} s ({_span(runs['mean_wait_s_server'])} s from "
        f"the server) and the last after {_span(last)} s ({_span(runs['finish_s_server'])} s), "
        f"{_span(mean / calm['mean_wait_s'])} and {_span(last / calm['finish_s'])} times as long "
        "as where all stay"
    )


def _span(values: Series[Any]) -> str:
    """The least and the most: `3,762 to 5,095`."""
    return " to ".join(dict.fromkeys(number(value) for value in (values.min(), values.max())))


def _power(rows: DataFrame, column: str = "finish_s") -> float:
    """The power of N that time grows with, from a third of the largest N on."""
    last = rows.iloc[-1]
    less = rows[rows["clients"] < last["clients"]]
    first = less[less["clients"] * 3 >= last["clients"]]
    start = (less if first.empty else first).iloc[-1 if first.empty else 0]
    growth = math.log(last[column] / start[column])
    return growth / math.log(last["clients"] / start["clients"])


def draw(data: Data, ax: Axes) -> None:
    ax.set_axis_off()
    _draw_times(data, ax.inset_axes((0.0, 0.0, 0.42, 0.84)))
    _draw_shares(data, ax.inset_axes((0.78, 0.0, 0.22, 0.84)))
    most = int(of(data, TEXTBOOK, "p2p")["clients"].max())
    book, slow = (_share(data, part, "mean_wait_s") for part in (TEXTBOOK, SLOW))
    state(
        ax,
        f"N = {most}: who waits for peers waits {book:.0%} as long",
        f"as who waits for the server; {slow:.0%} where a peer's uplink is a hundredth of "
        "the origin's, not a tenth",
    )


def _draw_times(data: Data, panel: Axes) -> None:
    ends = []
    for part, backend, text, line in (
        (TEXTBOOK, "central", "server", "-"),
        (SLOW, "p2p", "P2P, slow peers", "--"),
        (TEXTBOOK, "p2p", "P2P", "-"),
    ):
        rows, shade = of(data, part, backend), colour(backend)
        bounds = of(data, part, backend, "bounds")
        panel.plot(bounds["clients"], bounds["bound_s"] / 3600, line, color=shade, linewidth=2.5)
        hours = rows["finish_s"] / 3600
        panel.plot(rows["clients"], hours, "o", color=shade, markersize=9, markeredgecolor="white")
        last = float(hours.iloc[-1])
        ends.append((float(rows["clients"].iloc[-1]), last, f"{text}\n{number(last)} h", shade))
    panel.set_xlim(0, 1.05 * data["runs"]["clients"][data["runs"]["part"] == TEXTBOOK].max())
    panel.set_ylim(0, 1.05 * panel.get_ylim()[1])
    label_ends(panel, ends, gap=0.16)
    frame(panel, "clients N", "")
    title = "hours until all have it\nlines: bounds; points: measured"
    panel.set_title(title, loc="left", fontsize=SMALL, color=INK)


def _share(data: Data, part: str, column: str) -> float:
    """A time among peers over the server's, at the largest N, on average over the seeds.

    NaN where one of either does not finish.
    """
    runs = beside_server(data, part)
    most = runs[runs["clients"] == runs["clients"].max()]
    whole = (most[["finished", "finished_server"]].eq(most["clients"], axis=0)).all(axis=None)
    return float((most[column] / most[f"{column}_server"]).mean()) if whole else math.nan


def _draw_shares(data: Data, panel: Axes) -> None:
    """Bars of P2P's mean wait, and of the last one's time, over the server's."""
    parts = (TEXTBOOK, CROWD, CHURN, SLOW)
    for row, part in enumerate(parts):
        bars = (("mean", "mean_wait_s", 1.0, -0.2), ("last", "finish_s", 0.45, 0.2))
        for word, column, strength, lower in bars:
            share = _share(data, part, column)
            long = 0.0 if math.isnan(share) else share
            panel.barh(row + lower, long, 0.38, color=colour("p2p"), alpha=strength)
            text = "not all finish" if math.isnan(share) else f"{word} {share:.0%}"
            # Beyond the line that stands for the server.
            panel.annotate(
                text, (max(1.0, long), row + lower), (6, 0), textcoords="offset points",
                va="center", fontsize=SMALL, color=colour("p2p"), weight="bold",
            )  # fmt: skip
    panel.set_yticks(range(len(parts)), parts)
    panel.set_ylim(len(parts) - 0.5, -0.5)
    panel.set_xlim(0, 1.6)
    panel.set_xticks([])
    panel.axvline(1, color=colour("central"), linewidth=2.5)
    panel.tick_params(labelsize=TEXT, colors=INK, length=0, pad=8)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    title = "mean wait and the last's time,\nP2P's over the server's"
    panel.set_title(title, loc="left", fontsize=SMALL, color=INK)


def tabulate(data: Data) -> Rows:
    heads = ["experiment", "backend", "N", "seed", "finished", "time (s)", "bound (s)"]
    heads += ["time over bound", "mean wait (s)"]
    rows = [
        [
            row["part"],
            row["backend"],
            str(row["clients"]),
            str(row["seed"]),
            str(row["finished"]),
            figure(row["finish_s"]),
            figure(row["bound_s"]),
            figure(row["finish_s"] / row["bound_s"], ".3f"),
            figure(row["mean_wait_s"]),
        ]
        for row in data["runs"].to_dict("records")
    ]
    return heads, rows


CLAIM = Claim(
    name="scalability",
    place=16,
    english="P2P scales.",
    korean="P2P는 확장성이 있다.",
    hypothesis=f"P2P's time grows more slowly than N^{SCALES}, with slow peers too, and stays "
    f"within {REACH} times its bound, in a flash crowd too; and a crowd, or hosts under churn, are "
    "all served sooner than by a server that the same hosts ask, on average and the last.",
    method="Virtual clock. The textbook's figure (the origin would send the file once in 6 "
    "minutes, a peer in an hour), the same with peers ten times as slow, a flash crowd (a quarter "
    "of the catalogue's file; its bound counts when each came), and churn of several seeds: the "
    "median session, and the median absence, are as long as P2P's time without; who crashes keeps "
    "what is on its disk, and its absences count as waiting. Churn is compared with the server, "
    "for absences delay whoever sends.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
