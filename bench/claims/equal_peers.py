"""Is any peer special? What each host runs, does and carries, and who is missed when it is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import Claim, Data, Judgement, fails, holds_if
from bench.lecture.outages import (
    FILE_BYTES,
    PIECES,
    Clients,
    Mark,
    Seed,
    Uplink,
    joined,
    lose_a_host,
)
from bench.lecture.roles import play_roles
from bench.lecture.stage import Stage
from bench.plots.style import NAMES, TEXT, colour, frame, name, number, state
from bench.table import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

ORIGIN = "origin"
EVEN = 2.0
"""A host that sends more than so many times the mean of all carries the load of others."""
MOST_CALLED = 2 / 3
"""A peer that accepts more than this share of all connections is the others' server; of three that
are joined to each other, one may accept two of the three connections. Who of two calls is chance,
so that one who happened to accept none, or to call nobody, is not special."""
CALLS = {"listens": "listen", "accepted": "accept", "connects": "connect"}
BACKENDS = ("central", "p2p")


def measure(
    stage: Stage,
    *,
    clients: Clients = 8,
    percent: Mark = 50,
    fast_origin: Uplink = 10.0,
    seed: Seed = 1,
) -> Data:
    cases = [{"backend": backend, "clients": clients, "seed": seed} for backend in BACKENDS]
    roles = stage.play(play_roles, cases, deadline_s=1e5)["roles"]
    lose = partial(lose_a_host, stage, clients=clients, percents=(percent,), seed=seed)
    everybody = [ORIGIN, *(f"client-{number:03}" for number in range(1, clients + 1))]
    # A server with a peer's uplink shows the same, later.
    central = lose(backend="central", victims=everybody, origin_ups=(fast_origin,))
    equal = lose(backend="p2p", victims=everybody, origin_ups=(1.0,))
    later = lose(backend="p2p", victims=[ORIGIN], origin_ups=(fast_origin,))
    return {"roles": roles, "outages": joined(central, equal, later)["outages"]}


def judge(data: Data) -> Judgement:
    roles, runs = data["roles"], data["outages"]
    peers = roles[roles["backend"] == "p2p"]
    programs = peers["program"].unique()
    if len(programs) > 1:
        return fails(f"The peers run {len(programs)} programs: {', '.join(programs)}.")
    if len(deaf := peers.loc[peers["listens"] == 0, "node"]):
        return fails(f"Not every peer is a server too: {', '.join(deaf)} did not listen.")
    called = int(peers["accepted"].sum())
    hub = peers.loc[peers["accepted"].idxmax()]
    if hub["accepted"] > MOST_CALLED * called:
        took = f"{hub['accepted']} of {called} connections"
        return fails(f"One peer is called by most: {hub['node']} accepted {took}.")
    busiest, server = _busiest(peers), _busiest(roles[roles["backend"] == "central"])
    even = (
        f"the busiest peer sends {number(busiest)} times the mean of all (the server "
        f"{number(server)} times)"
    )
    if busiest > EVEN:
        return fails(f"The load is not shared: {even}.")
    lost = runs[runs["backend"] == "p2p"]
    clients, first = lost[lost["victim"] != ORIGIN], lost[lost["victim"] == ORIGIN]
    if clients["stopped"].any():
        missed = ", ".join(clients.loc[clients["stopped"], "victim"])
        return fails(f"The loss of {missed} stops others.")
    both = int(((peers["accepted"] > 0) & (peers["connects"] > 0)).sum())
    same = (
        f"All {len(peers)} hosts run one program and listen, {both} accepted and called; {even}; "
        f"without any one of the {len(clients)} clients the others get the file"
    )
    stuck, whole = first[first["stopped"]], first[~first["stopped"]]
    if len(odd := stuck[stuck["missing"] == 0]):
        return fails(
            f"{same}, but not without the first one in {len(odd)} of {len(first)} runs, though "
            "they had every piece among them."
        )
    if whole.empty:
        return fails(f"{same}, but not without the first one: {_gone(stuck)} were lost with it.")
    last = f"; not if {_gone(stuck)} were lost with it." if len(stuck) else "."
    return holds_if(
        "the first one, which alone has the file, is not lost before every piece has left it",
        f"{same}; without the first one they do if every piece had left it ({len(whole)} of "
        f"{len(first)} runs){last}",
    )


def _gone(stuck: DataFrame) -> str:
    ends = dict.fromkeys(f"{stuck['missing'].agg(end):.0f}" for end in ("min", "max"))
    return f"{' to '.join(ends)} of {PIECES} pieces"


def _busiest(hosts: DataFrame) -> float:
    return float(hosts["up_bytes"].max() / hosts["up_bytes"].mean())


def draw(data: Data, ax: Axes) -> None:
    roles, runs = data["roles"], data["outages"]
    most = roles["up_bytes"].max() / FILE_BYTES
    width, rows = 0.4, {"central": 1.26, "p2p": 1.12}
    for place, backend in enumerate(BACKENDS):
        own = roles[roles["backend"] == backend].reset_index(drop=True)
        shade = colour(backend)
        at = own.index + (place - 0.5) * width
        ax.bar(at, own["up_bytes"] / FILE_BYTES, width, color=shade)
        lost = runs[runs["backend"] == backend]
        for host, node in enumerate(own["node"]):
            marks = [_mark(run) for run in _of(lost, node)]
            ax.text(host, rows[backend] * most, "/".join(marks), color=shade, **_TEXT)
        ax.annotate(
            name(backend),
            (1.02, rows[backend] * most),
            xycoords=("axes fraction", "data"),
            fontsize=TEXT,
            color=shade,
            weight="bold",
            va="center",
        )
    hosts = roles["node"].unique()
    ax.set_xlim(-0.6, len(hosts) - 0.4)
    ax.set_ylim(0, 1.36 * most)
    ax.set_xticks(range(len(hosts)), [node.removeprefix("client-").lstrip("0") for node in hosts])
    ax.set_yticks([tick for tick in ax.get_yticks() if tick <= most])
    percent = runs["percent"].iloc[0]
    note = f"this one lost at {percent} % of the transfer, others get the file (✓) or not (✗)"
    state(ax, _headline(roles), note, _note(runs))
    frame(ax, "host", "sent, in copies of the file (F)")
    ax.grid(False, axis="x")


_TEXT: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": TEXT + 4, "weight": "bold"}


def _of(lost: DataFrame, node: str) -> list[dict[str, Any]]:
    """The runs in which this host was lost, those first in which it had sent less."""
    return lost[lost["victim"] == node].sort_values("sent_copies").to_dict("records")  # type: ignore[return-value]


def _mark(run: dict[str, Any]) -> str:
    return "✗" if run["stopped"] else "✓"


def _note(runs: DataFrame) -> str:
    lost = [f"{run['missing']:.0f}" for run in _of(runs[runs["backend"] == "p2p"], ORIGIN)]
    return f"of {PIECES} pieces, the origin of P2P took {' / '.join(lost)} with it"


def _headline(roles: DataFrame) -> str:
    peers, central = (roles[roles["backend"] == backend] for backend in ("p2p", "central"))
    count = peers["program"].nunique()
    programs = "one program" if count == 1 else f"{count} programs"
    low, high = (number(peers["up_bytes"].agg(end) / FILE_BYTES) for end in ("min", "max"))
    server = number(central["up_bytes"].max() / FILE_BYTES)
    return f"Peers: {programs}, each sends {low} to {high} F;\nthe server sends {server} F"


def tabulate(data: Data) -> Rows:
    heads = ["backend", "host", "program", *CALLS.values(), "sent (F)", "received (F)"]
    heads += ["others that finish without it"]
    runs = data["outages"]
    rows = []
    for host in data["roles"].to_dict("records"):
        lost = _of(runs[runs["backend"] == host["backend"]], host["node"])
        served = [
            f"{run['before'] + run['later']} of {run['others']}"
            + (f" ({run['missing']:.0f} pieces lost)" if run["missing"] > 0 else "")
            for run in lost
        ]
        rows.append(
            [
                NAMES[host["backend"]],
                host["node"],
                host["program"],
                *(str(host[column]) for column in CALLS),
                f"{host['up_bytes'] / FILE_BYTES:.2f}",
                f"{host['down_bytes'] / FILE_BYTES:.2f}",
                "; ".join(served),
            ]
        )
    return heads, rows


CLAIM = Claim(
    name="equal-peers",
    place=7,
    english="All terminals are the same; none has a special function.",
    korean="모든 단말은 동등하며, 특별한 기능을 가진 단말은 없다.",
    hypothesis="All peers run one program, each listens, none accepts over two thirds of the "
    "connections or sends over twice the mean, and when any one is lost, even the first once every "
    "piece has left it, the rest get the file.",
    method="Calls and bytes at the sockets of hosts with equal uplinks, virtual clock. Then, in a "
    "run for each, a host crashes for good when clients have half of the file: every peer, an "
    "origin with ten peers' uplink, and in the same way a server that has it and each of its "
    "clients; the run ends when nobody gets any further. By construction nobody gets a piece that "
    "only the lost host had: how many there were is counted.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
