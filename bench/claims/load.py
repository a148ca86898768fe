"""Does the central server bear the load that peers share? Kurose and Ross, section 2.5."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

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

GROWS = 0.5
"""A load grows with N when it does to a power of at least this: halfway from not at all (0) to in
proportion (1)."""
CARRIES = 0.1
"""A host that sends more than this share of all bytes carries the load of others, where it is far
above the even share of 1 in N + 1."""
MANY = 100
"""Clients among which that is ten times the even share: among fewer it refutes nothing."""

LINKS = {"origin_up": "10 MiB/min", "peer_up": "1 MiB/min"}
"""The origin's uplink is ten times a peer's, and F/u a minute."""


Crowd = Annotated[int, Meta(ge=1, le=1_000)]


def measure(
    stage: Stage,
    *,
    clients: Annotated[tuple[Crowd, ...], Meta(min_length=2)] = (1, 10, 50, 100, 200),
    fetches: Annotated[int, Meta(ge=1, le=1_000)] = 2,
    fetched_bytes: Annotated[int, Meta(ge=1, le=1 << 28)] = 1 << 20,
) -> Data:
    if max(clients) < 2 * min(clients):
        text = ", ".join(map(str, clients))
        raise SettingError(f"clients: {text}; expected one number at least twice another")
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
    busiest = runs[["origin_up_bytes", "peer_up_bytes_max"]].max(axis=1)
    return runs.assign(
        uplink_use=runs["origin_up_bytes"] / (rate * runs["finish_s"]),
        origin_copies=runs["origin_up_bytes"] / runs["file_bytes"],
        mean_copies=runs["peer_up_bytes_mean"] / runs["file_bytes"],
        peer_copies=runs["peer_up_bytes_max"] / runs["file_bytes"],
        busiest_copies=busiest / runs["file_bytes"],
        busiest_share=busiest / sent,
    )


def judge(data: Data) -> Judgement:
    server, peers = (_of(data, backend) for backend in ("central", "p2p"))
    cost = data["server"].sort_values("clients")
    last, clients = peers.iloc[-1], int(peers["clients"].max())
    because = (
        f"At N = {clients} the server sends {_copies(server.iloc[-1]['busiest_copies'])}, "
        f"and on this computer its process takes {number(cost['cpu_s'].iloc[-1])} s of CPU "
        f"({number(cost['cpu_s'].iloc[0])} s at N = {int(cost['clients'].iloc[0])}); in P2P the "
        f"busiest host, {_busiest(last)}, sends {_copies(last['busiest_copies'])}, "
        f"{last['busiest_share']:.0%} of all bytes, and a peer {_copies(last['mean_copies'])} on "
        "average."
    )
    shares = peers["busiest_share"]
    over = last["busiest_share"] > CARRIES
    refuted = over and (clients >= MANY or not shares.diff().iloc[1:].lt(0).all())
    if refuted or _power(server, "busiest_copies") < GROWS:
        return fails(because)
    conditions = []
    if over:
        first = peers.iloc[0]
        conditions.append(
            f"the peers are many, more than were measured here: the share of the busiest host "
            f"falls from {first['busiest_share']:.0%} at N = {int(first['clients'])} to "
            f"{last['busiest_share']:.0%} at N = {clients}"
        )
    elif (shares > CARRIES).any():
        conditions.append(_enough(peers))
    if (power := _power(cost, "cpu_s")) < GROWS:
        conditions.append(
            "load is what the server sends: its CPU time on this computer grows only like "
            f"N^{power:.2f}"
        )
    return holds_if(", and if ".join(conditions), because) if conditions else holds(because)


def _enough(peers: DataFrame) -> str:
    """From which N on no host carries the load."""
    loaded = peers[peers["busiest_share"] > CARRIES].iloc[-1]
    enough = peers[peers["clients"] > loaded["clients"]].iloc[0]
    return (
        f"the peers are many, here {int(enough['clients'])} or more: the busiest host, "
        f"{_busiest(loaded)}, sends {loaded['busiest_share']:.0%} of all bytes at N = "
        f"{int(loaded['clients'])} and {enough['busiest_share']:.0%} at N = "
        f"{int(enough['clients'])}"
    )


def _busiest(run: Mapping[Any, Any] | Series[Any]) -> str:
    return "the origin" if run["origin_copies"] >= run["peer_copies"] else "a peer"


def _of(data: Data, backend: str) -> DataFrame:
    runs: DataFrame = data["runs"]
    return runs[runs["backend"] == backend].sort_values("clients")


def _power(rows: DataFrame, column: str) -> float:
    """The power of N that a column grows with, from the least N to the most."""
    first, last = rows.iloc[0], rows.iloc[-1]
    times = math.log(max(last[column], 1e-9) / max(first[column], 1e-9))
    return times / math.log(last["clients"] / first["clients"])


def _copies(copies: float) -> str:
    """Copies of the file, in words: `1 copy`, `9.2 copies`."""
    text = number(copies)
    return f"{text} cop{'y' if text == '1' else 'ies'}"


def draw(data: Data, ax: Axes) -> None:
    ax.set_axis_off()
    _draw_copies(data, ax.inset_axes((0.0, 0.0, 0.42, 0.84)))
    _draw_cost(data["server"], ax.inset_axes((0.74, 0.0, 0.26, 0.84)))
    server, peers = (_of(data, backend).iloc[-1] for backend in ("central", "p2p"))
    state(
        ax,
        f"N = {int(server['clients'])}: the server sends {number(server['busiest_copies'])} F, "
        f"P2P's busiest host {number(peers['busiest_copies'])} F",
        f"which is {_busiest(peers)}; a peer sends {number(peers['mean_copies'])} F on average",
    )


def _draw_copies(data: Data, panel: Axes) -> None:
    ends = []
    for backend, column, text, line in (
        ("central", "origin_copies", "server", "o-"),
        ("p2p", "origin_copies", "P2P: origin", "s-"),
        ("p2p", "peer_copies", "P2P: busiest peer", "^--"),
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
    title = "server's process, on this\ncomputer: CPU (s)"
    panel.set_title(title, loc="left", fontsize=SMALL, color=INK)


def tabulate(data: Data) -> Rows:
    heads = ["backend", "N", "busiest host", "it sent (F)", "of all bytes", "origin sent (F)"]
    heads += ["mean peer (F)", "busiest peer (F)", "Gini, all hosts", "origin's uplink use"]
    heads += ["its connections", "its CPU here (s)", "memory (MB)"]
    cost = data["server"].set_index("clients")
    rows = []
    for run in data["runs"].to_dict("records"):
        central = run["backend"] == "central"
        clients = run["clients"]
        rows.append(
            [
                str(run["backend"]),
                str(clients),
                "the server" if central else _busiest(run),
                figure(run["busiest_copies"], ".2f"),
                figure(run["busiest_share"], ".0%"),
                figure(run["origin_copies"], ".2f"),
                figure(run["mean_copies"], ".2f"),
                figure(run["peer_copies"], ".2f"),
                figure(run["load_gini"], ".2f"),
                figure(run["uplink_use"], ".0%"),
                str(run["origin_connections_most"]),
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
    hypothesis="The server's bytes and CPU time grow with N (to a power of at least "
    f"{GROWS}); in P2P no host, the origin included, sends more than a tenth of all bytes.",
    method="Bytes and connections (the most open at a time) at the sockets of every host, virtual "
    "clock: the origin's uplink is ten times a peer's, a client comes every 50 ms, and peers are "
    "found by peer exchange from the origin on. By construction each client of the server takes "
    "one copy from it. More than a tenth refutes the claim only among "
    f"{MANY} clients or more, or where the share does not fall as N grows. The server's CPU time "
    "and memory: a process of its own on loopback, real clock, on this computer, N clients at "
    "once, after a first fetch.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
