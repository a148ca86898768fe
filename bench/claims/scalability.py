"""Does P2P scale? The figure of Kurose and Ross, section 2.5, then a crowd, then churn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.stage import Stage
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
    from pandas import DataFrame

    from bench.results import Results

SCALES = 0.5
"""Time that grows with N to a power below this scales: halfway from not at all to a server's 1."""
REACH = 1.5
"""A bound is reached when the measured time is at most so many times it."""
QUICKER = 0.5
"""A crowd is served well where peers take at most this part of the server's time."""
STAYS = 2.0
"""Churn does no harm of its own where the mean wait grows to at most so many times: with sessions
and absences alike a client is there half of the time."""

TEXTBOOK, SLOW, CROWD, CHURN = "textbook", "slow peers", "flash crowd", "churn"
FILE = {"file_size": "2 MiB", "piece_size": "32 KiB", "origin_up": "20 MiB/h"}
"""The origin would send the file once in six minutes."""
PEERS = {TEXTBOOK: "2 MiB/h", SLOW: "0.2 MiB/h"}
"""A peer's uplink: a tenth of the origin's, as in the book, or a hundredth."""
SMALL_CROWD = {"file_size": "4 MiB", "join_every": "50 ms"}
"""A quarter of the catalogue's file, and four times as fast a crowd."""


def measure(
    stage: Stage,
    *,
    clients: tuple[int, ...] = (1, 3, 10, 30),
    crowd: int = 50,
    seed: int = 1,
) -> Data:
    from pandas import DataFrame, concat

    if len(clients) < 2 or min(clients) < 1:
        raise SettingError(f"clients: {clients}; expected two numbers of 1 or more")
    usual = stage.run(
        "kurose-ross", clients=clients, seed=seed, sweep={"peer_up": list(PEERS.values())}, **FILE
    )
    parts = [
        _rows(usual, part, list(usual.runs["peer_up"].unique())[order])
        for order, part in enumerate(PEERS)
    ]
    parts.append(_rows(stage.run("flash-crowd", clients=crowd, seed=seed, **SMALL_CROWD), CROWD))
    alone = parts[0]
    most = alone[(alone["backend"] == "p2p") & (alone["clients"] == max(clients))].iloc[0]
    churn = stage.run(
        "kurose-ross",
        clients=max(clients),
        seed=seed,
        peer_up=PEERS[TEXTBOOK],
        session=float(most["finish_s"]),
        **FILE,
    )
    parts.append(_rows(churn, CHURN).assign(session_s=most["finish_s"]))
    bounds = [
        {"part": part, "backend": backend, "clients": n, "bound_s": bound(case, backend, n)}
        for part, up in PEERS.items()
        for case in [override(usual.scenario, "peer_up", up)]
        for backend in case.backends
        for n in range(1, max(clients) + 1)
    ]
    return {"runs": concat(parts, ignore_index=True), "bounds": DataFrame(bounds)}


def _rows(results: Results, part: str, peer_up: str | None = None) -> DataFrame:
    """The runs of one part of the experiment, with the mean wait of those that finished."""
    runs, nodes = results.runs, results.nodes
    if peer_up is not None:
        runs = runs[runs["peer_up"] == peer_up]
        nodes = nodes[nodes["peer_up"] == peer_up]
    case = ["backend", "clients"]
    waits = nodes.assign(mean_wait_s=nodes["finish_s"] - nodes["join_s"])
    mean = waits.groupby(case, as_index=False)["mean_wait_s"].mean()
    columns = [*case, "finished", "finish_s", "bound_s"]
    return runs[columns].merge(mean, on=case).assign(part=part, session_s=math.nan)


def judge(data: Data) -> Judgement:
    book, slow = (_of(data, part, "p2p") for part in (TEXTBOOK, SLOW))
    over = float((book["finish_s"] / book["bound_s"]).max())
    power, slow_power = _power(book), _power(slow)
    server, crowd = (_of(data, CROWD, backend).iloc[0] for backend in ("central", "p2p"))
    churn, calm = _of(data, CHURN, "p2p").iloc[0], book.iloc[-1]
    longer = churn["mean_wait_s"] / calm["mean_wait_s"]
    clients = int(calm["clients"])
    waits = f", and wait {number(longer)} times as long on average" if churn["finished"] else ""
    because = (
        f"To N = {clients} P2P's time stays within {over:.2f} times its bound and at last grows "
        f"like N^{power:.2f} (the server's like N^{_power(_of(data, TEXTBOOK, 'central')):.2f}); "
        f"a crowd of {int(crowd['clients'])} is served in {number(crowd['finish_s'])} s "
        f"(by the server in {number(server['finish_s'])} s); with a median session as long as the "
        f"download {int(churn['finished'])} of {clients} finish{waits}."
    )
    quick = crowd["finish_s"] <= QUICKER * server["finish_s"]
    if power >= SCALES or over > REACH or not quick or crowd["finished"] < crowd["clients"]:
        return fails(because)
    conditions = []
    if slow_power >= SCALES:
        conditions.append(
            "peers bring uplinks that count beside the origin's (here a tenth; with a hundredth "
            f"the time grows like N^{slow_power:.2f})"
        )
    if churn["finished"] < clients or not longer <= STAYS:
        conditions.append("they stay while others need them")
    return holds_if(" and ".join(conditions), because) if conditions else holds(because)


def _of(data: Data, part: str, backend: str, frame: str = "runs") -> DataFrame:
    runs: DataFrame = data[frame]
    return runs[(runs["part"] == part) & (runs["backend"] == backend)].sort_values("clients")


def _power(rows: DataFrame) -> float:
    """The power of N that time grows with, from a third of the largest N on."""
    last = rows.iloc[-1]
    less = rows[rows["clients"] < last["clients"]]
    first = less[less["clients"] * 3 >= last["clients"]]
    start = (less if first.empty else first).iloc[-1 if first.empty else 0]
    growth = math.log(last["finish_s"] / start["finish_s"])
    return growth / math.log(last["clients"] / start["clients"])


def draw(data: Data, ax: Axes) -> None:
    ax.set_axis_off()
    _draw_times(data, ax.inset_axes((0.0, 0.0, 0.42, 0.84)))
    shares = _draw_shares(data, ax.inset_axes((0.78, 0.0, 0.22, 0.84)))
    most = int(_of(data, TEXTBOOK, "p2p")["clients"].max())
    state(
        ax,
        f"N = {most}: who waits for peers waits {shares[TEXTBOOK]:.0%} as long",
        f"as who waits for the server; {shares[SLOW]:.0%} where a peer's uplink is a hundredth of "
        "the origin's, not a tenth",
    )


def _draw_times(data: Data, panel: Axes) -> None:
    ends = []
    for part, backend, text, line in (
        (TEXTBOOK, "central", "server", "-"),
        (SLOW, "p2p", "P2P, slow peers", "--"),
        (TEXTBOOK, "p2p", "P2P", "-"),
    ):
        rows, shade = _of(data, part, backend), colour(backend)
        bounds = _of(data, part, backend, "bounds")
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


def _draw_shares(data: Data, panel: Axes) -> dict[str, float]:
    """Bars of P2P's mean wait over the server's; returns them by the part of the experiment."""
    shares = {}
    for row, part in enumerate((TEXTBOOK, CROWD, CHURN, SLOW)):
        server, peers = (_of(data, part, backend).iloc[-1] for backend in ("central", "p2p"))
        whole = server["finished"] == peers["finished"] == peers["clients"]
        shares[part] = share = peers["mean_wait_s"] / server["mean_wait_s"] if whole else math.nan
        panel.barh(row, 0 if math.isnan(share) else share, 0.6, color=colour("p2p"))
        text = f"{share:.0%}" if whole else f"{int(peers['finished'])} finish"
        # Beyond the line that stands for the server.
        place = (max(1.0, 0 if math.isnan(share) else share), row)
        panel.annotate(
            text, place, (6, 0), textcoords="offset points", va="center", fontsize=TEXT,
            color=colour("p2p"), weight="bold",
        )  # fmt: skip
    panel.set_yticks(range(len(shares)), list(shares))
    panel.set_ylim(len(shares) - 0.5, -0.5)
    panel.set_xlim(0, 1.6)
    panel.set_xticks([])
    panel.axvline(1, color=colour("central"), linewidth=2.5)
    panel.tick_params(labelsize=TEXT, colors=INK, length=0, pad=8)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    title = "mean wait, P2P's\nover the server's"
    panel.set_title(title, loc="left", fontsize=SMALL, color=INK)
    return shares


def tabulate(data: Data) -> Rows:
    heads = ["experiment", "backend", "N", "finished", "time (s)", "bound (s)", "time over bound"]
    heads += ["mean wait (s)"]
    rows = [
        [
            row["part"],
            row["backend"],
            str(row["clients"]),
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
    hypothesis=f"P2P's time grows more slowly than N^{SCALES} and stays near its bound, a crowd "
    f"takes at most {QUICKER:.0%} of the server's time, and neither slow peers nor churn (mean "
    "wait at most doubled) change that.",
    method="Virtual clock. The textbook's figure (the origin would send the file once in 6 "
    "minutes, a peer in an hour), the same with peers ten times as slow, a flash crowd (a quarter "
    "of the catalogue's file), and churn: the median session, and the median absence, are as long "
    "as P2P's time without; who crashes keeps what is on its disk.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
