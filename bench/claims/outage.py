"""Whom does the loss of one host stop? The server's, the origin's, any client's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.outages import joined, lose_a_host
from bench.lecture.stage import Stage
from bench.plots.style import INK, MORE_COLOURS, NAMES, QUIET, SMALL, colour, frame, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

ORIGIN, CLIENT = "origin", "any client"
HEIGHT = 0.8
"""Of a strip of the picture: 100 % of the clients."""


def measure(
    stage: Stage,
    *,
    clients: int = 8,
    percents: tuple[int, ...] = (25, 50, 75),
    origin_ups: tuple[float, ...] = (1.0, 3.0, 10.0),
    restart_s: float = 120.0,
    seed: int = 1,
) -> Data:
    lose = partial(
        lose_a_host,
        stage,
        clients=clients,
        victims=(ORIGIN, CLIENT),
        percents=percents,
        restart_s=restart_s,
        seed=seed,
    )
    # A server with a slow uplink would need longer than the outage, and show nothing else.
    central = lose(backend="central", origin_ups=(max(origin_ups),))
    return joined(central, lose(backend="p2p", origin_ups=origin_ups))


def judge(data: Data) -> Judgement:
    central = _lost(data, "central", ORIGIN)
    first, any_one = _lost(data, "p2p", ORIGIN), _lost(data, "p2p", CLIENT)
    served = int(central["during"].sum())
    if served:
        return fails(f"With the server down, {served} clients still got the whole file.")
    if any_one["stopped"].any():
        return fails(
            f"In P2P the loss of one client stopped others in {any_one['stopped'].sum()} of "
            f"{len(any_one)} runs."
        )
    stuck, whole = first[first["stopped"]], first[~first["stopped"]]
    because = (
        f"Without the server nobody got the file ({len(central)} of {len(central)} runs). In P2P "
        f"all others got it without a client ({len(any_one)} of {len(any_one)}) and"
    )
    restarted = _after_restart(data["outages"])
    if stuck.empty:
        return holds(f"{because} without the origin ({len(first)} of {len(first)}). {restarted}")
    if whole.empty or stuck["sent_copies"].max() >= whole["sent_copies"].min():
        return fails(
            f"P2P has such a node: the loss of the origin stopped the others in {len(stuck)} of "
            f"{len(first)} runs, though it had sent {stuck['sent_copies'].max():.2f} copies."
        )
    return holds_if(
        "every piece has left the origin when it stops",
        f"{because}, in {len(whole)} of {len(first)} runs, without the origin: where it had sent "
        f"{whole['sent_copies'].min():.2f} copies or more; {stuck['sent_copies'].max():.2f} were "
        f"too few. {restarted}",
    )


def _after_restart(runs: DataFrame) -> str:
    never = int((runs["others"] - runs["before"] - runs["during"] - runs["after"]).sum())
    late = int(runs["after"].sum())
    return f"After the restart {late} of the {late + never} who had to wait got it."


def _lost(data: Data, backend: str, victim: str) -> DataFrame:
    """The runs of a backend in which such a host was lost; `stopped`: others had to wait for it."""
    runs: DataFrame = data["outages"]
    runs = runs[(runs["backend"] == backend) & (runs["victim"] == victim)]
    return runs.assign(stopped=runs["before"] + runs["during"] < runs["others"])


def draw(data: Data, ax: Axes) -> None:
    finishes = data["finishes"]
    finishes = finishes[~finishes["lost"]]
    end = 1.02 * max(finishes["since_s"].max(), data["outages"]["restart_s"].max())
    strips = list(_strips(data))
    for place, (_, shade, key) in enumerate(reversed(strips)):
        rows = finishes.merge(key)
        for line, (_, own) in zip(("-", "--", ":"), rows.groupby("percent"), strict=False):
            times = sorted(own["since_s"].fillna(end).clip(0, end))
            shares = [place + HEIGHT * done / len(times) for done in range(len(times) + 1)]
            steps = [0.0, *times, end], [*shares, shares[-1]]
            ax.step(*steps, where="post", color=shade, linewidth=3, linestyle=line)
        ax.axhline(place, color=QUIET, linewidth=1)
    restart_s = data["outages"]["restart_s"].max()
    ax.axvline(restart_s, color=INK, linewidth=2)
    ax.annotate(
        "restart",
        (restart_s, 0.04),
        (-6, 0),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL,
        color=INK,
    )
    ax.set_xlim(0, end)
    ax.set_ylim(0, len(strips))
    lost_at = " / ".join(str(percent) for percent in sorted(finishes["percent"].unique()))
    state(ax, _headline(data), f"lost at {lost_at} % of the transfer (solid / dashed / dotted)")
    frame(ax, "seconds since the host was lost", "others that have the file (0 to 100 %)")
    ax.grid(False, axis="y")
    ax.set_yticks([len(strips) - 1 - place + HEIGHT / 2 for place in range(len(strips))])
    ax.set_yticklabels([text for text, _, _ in strips])
    for label, (_, shade, _) in zip(ax.get_yticklabels(), strips, strict=True):
        label.set_color(shade)
        label.set_fontweight("bold")


def _strips(data: Data) -> Iterator[tuple[str, str, DataFrame]]:
    """(label, colour, runs): the server lost, a client, and the origin with each uplink."""
    central, any_one = _lost(data, "central", ORIGIN), _lost(data, "p2p", CLIENT)
    fastest = central["origin_up"].max()
    yield "server lost", colour("central"), _keys(central, fastest)
    yield "P2P:\na client lost", MORE_COLOURS[0], _keys(any_one, fastest)
    first = _lost(data, "p2p", ORIGIN)
    shades = (colour("p2p"), MORE_COLOURS[1])
    ups = sorted({first["origin_up"].max(), first["origin_up"].min()}, reverse=True)
    for shade, up in zip(shades, ups, strict=False):
        own = first[first["origin_up"] == up]
        sent = [f"{own['sent_copies'].agg(end):.1f}" for end in ("min", "max")]
        yield (
            f"P2P: origin lost,\n{' to '.join(dict.fromkeys(sent))} copies sent",
            shade,
            _keys(own, up),
        )


def _keys(runs: DataFrame, origin_up: float) -> DataFrame:
    return runs.loc[runs["origin_up"] == origin_up, ["backend", "origin_up", "victim", "percent"]]


def _headline(data: Data) -> str:
    central, first = _lost(data, "central", ORIGIN), _lost(data, "p2p", ORIGIN)
    served = int(central["during"].sum())
    nobody = "nobody is" if not served else f"{served} clients are"
    whole = int((~first["stopped"]).sum())
    finish = f"without the origin {whole} of {len(first)} swarms finish"
    return f"Without the server {nobody} served;\n{finish}"


def tabulate(data: Data) -> Rows:
    heads = ["lost", "at (%)", "origin's uplink (peers')", "origin had sent (F)"]
    heads += ["others served meanwhile", "after the restart", "mean share at the restart (%)"]
    rows = [
        [
            _name(run["backend"], run["victim"]),
            str(run["percent"]),
            figure(run["origin_up"], ".0f"),
            figure(run["sent_copies"], ".2f"),
            f"{run['before'] + run['during']} of {run['others']}",
            str(run["after"]),
            figure(100 * run["reached"], ".0f"),
        ]
        for run in data["outages"].to_dict("records")
    ]
    return heads, rows


def _name(backend: str, victim: str) -> str:
    who = "the server" if (backend, victim) == ("central", ORIGIN) else victim
    return f"{NAMES[backend]}: {who}"


CLAIM = Claim(
    name="outage",
    place=2,
    english="When the server is down nobody is served; P2P has no such node.",
    korean="서버가 멈추면 아무도 서비스를 받지 못한다. P2P에는 그런 노드가 없다.",
    hypothesis="While the server is down no client gets the file; in P2P, whichever host is lost, "
    "the origin or any other, all others get it.",
    method="The origin, then in runs of its own a random client, crashes when clients have 25, 50 "
    "or 75 % of the file, and starts again two minutes later; an origin as fast as a peer, three "
    "and ten times so; virtual clock. Clients that lose the server keep what came and try again.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
