"""Does the central server bear the load that peers share? Kurose and Ross, section 2.5."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.server_process import clients_at_once
from bench.lecture.stage import Stage
from bench.plots.style import (
    INK,
    QUIET,
    SMALL,
    colour,
    frame,
    label_ends,
    number,
    state,
)
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

    from bench.results import Results

GROWS = 0.8
"""The server's bytes grow with N when their log-log slope is at least this (1: proportionally)."""
CPU_GROWS = 0.5
"""The same for its CPU time, a part of which is the same for any N."""
CARRIES = 0.1
"""A host that sends more than this share of all bytes carries the load of others."""
MOST = 3.0
"""Copies of the file: a peer takes one, and one that sends more than so many works for others."""

LINKS = {"origin_up": "10 MiB/min", "peer_up": "1 MiB/min"}
"""The origin's uplink is ten times a peer's, and F/u a minute."""


def measure(
    stage: Stage,
    *,
    clients: tuple[int, ...] = (1, 10, 50, 100, 200),
    fetches: int = 2,
    fetched_bytes: int = 1 << 20,
) -> Data:
    if len(clients) < 2 or min(clients) < 1:
        raise SettingError(f"clients: {clients}; expected two numbers of 1 or more")
    results = stage.run(
        "kurose-ross",
        clients=clients,
        file_size="1 MiB",
        piece_size="32 KiB",
        connections=20,
        # Every peer's first call is to the origin: no other discovery loads it more.
        discovery="pex",
        join_every="50 ms",
        **LINKS,
    )
    cases = [{"clients": n, "fetches": fetches, "file_bytes": fetched_bytes} for n in clients]
    served = stage.play(clients_at_once, cases, clock="real", deadline_s=120)
    return {"runs": _loads(results), "server": served["server"]}


def _loads(results: Results) -> DataFrame:
    """The runs, and what the origin's part was: of its uplink, of all bytes, of connections."""
    nodes, case = results.nodes, ["backend", "clients"]
    most = nodes.pivot_table(
        index=case, columns="role", values="connections_most", aggfunc="max"
    ).rename(columns={"origin": "origin_connections_most", "client": "peer_connections_most"})
    runs = results.runs.merge(most.reset_index(), on=case)
    rate = results.scenario.origin_up / runs["scale"]
    sent = runs["origin_up_bytes"] + runs["clients"] * runs["peer_up_bytes_mean"]
    return runs.assign(
        uplink_use=runs["origin_up_bytes"] / (rate * runs["finish_s"]),
        origin_share=runs["origin_up_bytes"] / sent,
        origin_copies=runs["origin_up_bytes"] / runs["file_bytes"],
        busiest_copies=runs["peer_up_bytes_max"] / runs["file_bytes"],
        mean_copies=runs["peer_up_bytes_mean"] / runs["file_bytes"],
    )


def judge(data: Data) -> Judgement:
    server, peers = (_of(data, backend) for backend in ("central", "p2p"))
    cost = data["server"].sort_values("clients")
    last, clients = peers.iloc[-1], int(peers["clients"].max())
    because = (
        f"At N = {clients} the server sends {_copies(server.iloc[-1]['origin_copies'])} and its "
        f"process takes {number(cost['cpu_s'].iloc[-1])} s of CPU "
        f"({number(cost['cpu_s'].iloc[0])} s at N = {int(cost['clients'].iloc[0])}); "
        f"in P2P the origin sends {_copies(last['origin_copies'])}, "
        f"{last['origin_share']:.0%} of all bytes, and the busiest peer "
        f"{_copies(last['busiest_copies'])}."
    )
    grows = _slope(server, "origin_copies") >= GROWS and _slope(cost, "cpu_s") >= CPU_GROWS
    if not grows or last["origin_share"] > CARRIES or peers["busiest_copies"].max() > MOST:
        return fails(because)
    loaded = peers[peers["origin_share"] > CARRIES]
    if loaded.empty:
        return holds(because)
    enough = peers[peers["clients"] > loaded["clients"].max()].iloc[0]
    return holds_if(
        f"the peers are many, here {int(enough['clients'])} or more: the origin's share of all "
        f"bytes is {loaded['origin_share'].iloc[-1]:.0%} at N = "
        f"{int(loaded['clients'].iloc[-1])} and {enough['origin_share']:.0%} at N = "
        f"{int(enough['clients'])}",
        because,
    )


def _of(data: Data, backend: str) -> DataFrame:
    runs: DataFrame = data["runs"]
    return runs[runs["backend"] == backend].sort_values("clients")


def _slope(rows: DataFrame, column: str) -> float:
    """The log-log slope of a column from the least N to the most."""
    first, last = rows.iloc[0], rows.iloc[-1]
    times = math.log(max(last[column], 1e-9) / max(first[column], 1e-9))
    return times / math.log(last["clients"] / first["clients"])


def _copies(copies: float) -> str:
    """Copies of the file, in words: `1 copy`, `9.2 copies`."""
    text = number(copies)
    return f"{text} cop{'y' if text == '1' else 'ies'}"


def draw(data: Data, ax: Axes) -> None:
    ax.set_axis_off()
    _draw_copies(data, ax.inset_axes((0.0, 0.0, 0.42, 0.88)))
    _draw_cost(data["server"], ax.inset_axes((0.74, 0.0, 0.26, 0.88)))
    server, peers = (_of(data, backend).iloc[-1] for backend in ("central", "p2p"))
    state(
        ax,
        f"N = {int(server['clients'])}: the server sends {number(server['origin_copies'])} F, "
        f"the busiest peer {number(peers['busiest_copies'])} F",
    )


def _draw_copies(data: Data, panel: Axes) -> None:
    ends = []
    for backend, column, text, line in (
        ("central", "origin_copies", "server", "o-"),
        ("p2p", "origin_copies", "P2P: origin", "s-"),
        ("p2p", "busiest_copies", "P2P: busiest peer", "^--"),
    ):
        rows, shade = _of(data, backend), colour(backend)
        panel.plot(rows["clients"], rows[column], line, color=shade, linewidth=2.5, markersize=9)
        end: Series[Any] = rows.iloc[-1]
        label = f"{text}\n{number(end[column])} F"
        ends.append((float(end["clients"]), float(end[column]), label, shade))
    panel.set_xlim(0, 1.05 * data["runs"]["clients"].max())
    panel.set_ylim(0, 1.05 * panel.get_ylim()[1])
    label_ends(panel, ends, gap=0.16)
    frame(panel, "clients N", "")
    panel.set_title("sent, in copies of the file (F)", loc="left", fontsize=SMALL, color=INK)


def _draw_cost(server: DataFrame, panel: Axes) -> None:
    shade = colour("central")
    panel.plot(server["clients"], server["cpu_s"], "o-", color=shade, linewidth=2.5, markersize=9)
    panel.set_xlim(0, 1.05 * server["clients"].max())
    panel.set_ylim(0, 1.25 * server["cpu_s"].max())
    idle, most = (server[column].max() / 1e6 for column in ("idle_rss_bytes", "rss_bytes"))
    memory = f"memory: {number(idle)} MB idle,\n{number(most)} MB at most"
    panel.text(0.04, 0.98, memory, fontsize=SMALL, color=QUIET, va="top", transform=panel.transAxes)
    frame(panel, "clients N", "")
    title = "server's process: CPU (s)"
    panel.set_title(title, loc="left", fontsize=SMALL, color=INK)


def tabulate(data: Data) -> Rows:
    heads = ["backend", "N", "origin sent (F)", "of all bytes", "uplink use"]
    heads += ["origin's connections", "mean peer (F)", "busiest peer (F)", "peer Gini"]
    heads += ["server CPU (s)", "memory (MB)"]
    cost = data["server"].set_index("clients")
    rows = []
    for run in data["runs"].to_dict("records"):
        central = run["backend"] == "central"
        clients = run["clients"]
        rows.append(
            [
                str(run["backend"]),
                str(clients),
                figure(run["origin_copies"], ".2f"),
                figure(run["origin_share"], ".0%"),
                figure(run["uplink_use"], ".0%"),
                str(run["origin_connections_most"]),
                figure(run["mean_copies"], ".2f"),
                figure(run["busiest_copies"], ".2f"),
                figure(run["peer_up_gini"], ".2f"),
                figure(cost.loc[clients, "cpu_s"] if central else math.nan, ".3f"),
                figure(cost.loc[clients, "rss_bytes"] / 1e6 if central else math.nan, ".1f"),
            ]
        )
    return heads, rows


CLAIM = Claim(
    name="load",
    place=1,
    english="More clients load the central server more; in P2P no terminal carries the load.",
    korean="클라이언트가 많아질수록 중앙 서버의 부하가 커진다. "
    "P2P에서는 어느 한 단말도 부하를 떠맡지 않는다.",
    hypothesis="The server's bytes and CPU time grow with N; in P2P no host sends more than a "
    f"tenth of all bytes, and no peer more than {MOST:.0f} copies of the file.",
    method="Bytes and connections (the most open at a time) at the sockets of every host, virtual "
    "clock: the origin's uplink is ten times a peer's, a client comes every 50 ms, and peers are "
    "found by peer exchange from the origin on. The server's CPU time and memory: a process of its "
    "own on loopback, real clock, N clients at once.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
