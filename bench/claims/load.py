"""Does the central server bear the load that peers share? Kurose and Ross, section 2.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, fails, holds
from bench.lecture.stage import Stage
from bench.plots.style import clients_axis, colour, frame, label_ends, name, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROWS = 0.8
"""The server's load grows with N when its log-log slope is at least this (1: proportionally)."""
MOST = 3.0
"""Copies of the file: a peer that sends more than so many carries the load of others."""


def measure(stage: Stage, *, clients: tuple[int, ...] = (1, 10, 50, 100)) -> Data:
    results = stage.run(
        "kurose-ross", clients=clients, file_size="2 MiB", piece_size="32 KiB", request_size="none"
    )
    return {"runs": results.runs}


def judge(data: Data) -> Judgement:
    runs = data["runs"].assign(copies=lambda run: run["origin_up_bytes"] / run["file_bytes"])
    most = (
        runs[runs["clients"] == runs["clients"].max()].groupby("backend").median(numeric_only=True)
    )
    server = float(most.loc["central", "copies"])
    busiest = float((most["peer_up_bytes_max"] / most["file_bytes"])["p2p"])
    origin = float(most.loc["p2p", "copies"])
    clients = int(runs["clients"].max())
    because = (
        f"At N = {clients} the server sends {number(server)} copies; in P2P the origin sends "
        f"{number(origin)} and the busiest peer {number(busiest)}."
    )
    if server < GROWS * clients or busiest > MOST:
        return fails(because)
    return holds(because)


def draw(data: Data, ax: Axes) -> None:
    runs = data["runs"]
    ends = []
    for backend, rows in runs.groupby("backend"):
        shade = colour(str(backend))
        curve = rows["origin_up_bytes"] / rows["file_bytes"]
        ax.plot(rows["clients"], curve, "o-", color=shade, linewidth=2.5, markersize=11)
        text = f"{name(str(backend))}: origin\n{number(curve.iloc[-1])} F"
        ends.append((float(rows["clients"].iloc[-1]), float(curve.iloc[-1]), text, shade))
    clients_axis(ax, runs["clients"])
    label_ends(ax, ends)
    state(ax, "The server's load grows with N", "bytes sent over the file's size F")
    frame(ax, "clients N", "sent, in copies of the file (F)")


def tabulate(data: Data) -> Rows:
    heads = ["backend", "N", "origin sent (F)", "busiest peer (F)", "peer Gini"]
    rows = [
        [
            str(run["backend"]),
            str(run["clients"]),
            figure(run["origin_up_bytes"] / run["file_bytes"], ".2f"),
            figure(run["peer_up_bytes_max"] / run["file_bytes"], ".2f"),
            figure(run["peer_up_gini"], ".2f"),
        ]
        for run in data["runs"].to_dict("records")
    ]
    return heads, rows


CLAIM = Claim(
    name="load",
    place=1,
    english="The more clients, the higher the load on the central server; in P2P no terminal "
    "carries the load.",
    korean="클라이언트가 많아질수록 중앙 서버의 부하가 커진다. "
    "P2P에서는 어느 한 단말도 부하를 떠맡지 않는다.",
    hypothesis="The server's bytes grow in proportion to N, and no peer sends more than a few "
    "copies of the file.",
    method="Bytes at the sockets of every host, virtual clock, the shape of the textbook's figure.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
