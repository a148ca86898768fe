"""Whom does the loss of one host stop? The server's, the origin's, any client's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, fails, holds_if
from bench.lecture.outages import (
    CASE,
    PIECES,
    Clients,
    Mark,
    Seed,
    Uplink,
    Wait,
    come_back,
    joined,
    lose_a_host,
)
from bench.lecture.stage import Stage
from bench.plots.style import INK, MORE_COLOURS, NAMES, QUIET, colour, frame, state
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
    clients: Clients = 8,
    percents: Annotated[tuple[Mark, ...], Meta(min_length=1)] = (25, 50, 75),
    origin_ups: Annotated[tuple[Uplink, ...], Meta(min_length=1)] = (1.0, 3.0, 10.0),
    restart_s: Wait = 120.0,
    seed: Seed = 1,
) -> Data:
    lose = partial(
        lose_a_host,
        stage,
        clients=clients,
        victims=(ORIGIN, CLIENT),
        percents=percents,
        seed=seed,
    )
    # A server with a slow uplink shows the same, later.
    central = lose(backend="central", origin_ups=(max(origin_ups),))
    data = joined(central, lose(backend="p2p", origin_ups=origin_ups))
    again = come_back(stage, data["outages"], clients=clients, seed=seed, restart_s=restart_s)
    return data | again


def judge(data: Data) -> Judgement:
    central = _lost(data, "central", ORIGIN)
    first, any_one = _lost(data, "p2p", ORIGIN), _lost(data, "p2p", CLIENT)
    if served := int(central["later"].sum()):
        return fails(f"With the server down, {_clients(served)} still got the whole file.")
    if any_one["stopped"].any():
        return fails(
            f"In P2P the loss of one client stopped others in {any_one['stopped'].sum()} of "
            f"{len(any_one)} runs."
        )
    stuck, whole = first[first["stopped"]], first[~first["stopped"]]
    if len(odd := stuck[stuck["missing"] == 0]):
        return fails(
            f"P2P has such a node: the loss of the origin stopped the others in {len(odd)} of "
            f"{len(first)} runs though they had every piece among them."
        )
    if whole.empty:
        return fails(
            f"P2P has such a node: the loss of the origin stopped the others in {len(stuck)} of "
            f"{len(first)} runs: {_gone(stuck)} were lost with it."
        )
    every = "every piece"
    if under_way := int(whole["missing"].max()):
        every += f" (up to {under_way} on the way)"
    because = (
        f"Without the server nobody got the file ({len(central)} of {len(central)} runs). In P2P "
        f"all others got it without a client ({len(any_one)} of {len(any_one)}) and without the "
        f"origin in {len(whole)} of {len(first)} runs, where {every} had left it"
    )
    because += f"; in the others {_gone(stuck)} were lost with it." if len(stuck) else "."
    return holds_if("every piece has left the origin when it stops", because + _restarted(data))


def _gone(stuck: DataFrame) -> str:
    ends = dict.fromkeys(f"{stuck['missing'].agg(end):.0f}" for end in ("min", "max"))
    return f"{' to '.join(ends)} of {PIECES} pieces"


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"


def _restarted(data: Data) -> str:
    waited, came = (int(data["restarts"][column].sum()) for column in ("waited", "came"))
    return f" After a restart {came} of the {waited} who had to wait got it." if waited else ""


def _lost(data: Data, backend: str, victim: str) -> DataFrame:
    """The runs of a backend in which such a host was lost."""
    runs: DataFrame = data["outages"]
    return runs[(runs["backend"] == backend) & (runs["victim"] == victim)]


def draw(data: Data, ax: Axes) -> None:
    restarts, strips = data["restarts"], list(_strips(data))
    finishes, again = (data[name][~data[name]["lost"].astype(bool)] for name in FINISHES)
    times = [finishes["since_s"].max(), again["since_s"].max(), restarts["restart_s"].max(), 1.0]
    end = 1.05 * max(time for time in times if time == time)
    for place, (_, shade, runs) in enumerate(reversed(strips)):
        for line, rows in (("--", again), ("-", finishes)):
            for _, own in rows.merge(runs[CASE], on=CASE).groupby(CASE):
                ends = sorted(own["since_s"].dropna().clip(0, end))
                shares = [place + HEIGHT * done / len(own) for done in range(len(ends) + 1)]
                steps = [0.0, *ends, end], [*shares, shares[-1]]
                ax.step(*steps, where="post", color=shade, linewidth=2.5, linestyle=line)
        ax.axhline(place, color=QUIET, linewidth=1)
    note = ""
    if len(restarts):
        restart_s = float(restarts["restart_s"].max())
        ax.axvline(restart_s, color=INK, linewidth=2)
        note = f"dashed: the lost one is started again after {restart_s:g} s (upright line)"
    ax.set_xlim(0, end)
    ax.set_ylim(0, len(strips))
    marks = ", ".join(str(percent) for percent in sorted(finishes["percent"].unique()))
    state(ax, _headline(data), f"a line is a run; lost at {marks} % of the transfer", note)
    frame(ax, "seconds since the host was lost", "others that have the file (0 to 100 %)")
    ax.grid(False, axis="y")
    ax.set_yticks([len(strips) - 1 - place + HEIGHT / 2 for place in range(len(strips))])
    ax.set_yticklabels([text for text, _, _ in strips])
    for label, (_, shade, _) in zip(ax.get_yticklabels(), strips, strict=True):
        label.set_color(shade)
        label.set_fontweight("bold")


FINISHES = ("finishes", "restart_finishes")


def _strips(data: Data) -> Iterator[tuple[str, str, DataFrame]]:
    """(label, colour, runs): the server lost, a client, and the origin with pieces or without."""
    yield "server lost", colour("central"), _lost(data, "central", ORIGIN)
    yield "P2P:\na client lost", MORE_COLOURS[0], _lost(data, "p2p", CLIENT)
    first = _lost(data, "p2p", ORIGIN)
    stuck = first[first["stopped"]]
    if len(stuck) < len(first):
        yield "P2P: origin lost,\nevery piece had left", colour("p2p"), first[~first["stopped"]]
    if len(stuck):
        yield f"P2P: origin lost,\n{_gone(stuck)} too", MORE_COLOURS[1], stuck


def _headline(data: Data) -> str:
    central, first = _lost(data, "central", ORIGIN), _lost(data, "p2p", ORIGIN)
    served = int(central["later"].sum())
    nobody = f"{_clients(served)} {'is' if served == 1 else 'are'}" if served else "nobody is"
    whole = int((~first["stopped"]).sum())
    finish = f"without the origin {whole} of {len(first)} swarms finish"
    return f"Without the server {nobody} served;\n{finish}"


def tabulate(data: Data) -> Rows:
    heads = ["lost", "at (%)", "origin's uplink (peers')", "origin had sent (F)"]
    heads += ["pieces only it had", "others that get the file", "their mean share (%)"]
    heads += ["more after a restart"]
    runs = data["outages"].merge(data["restarts"], on=CASE, how="left")
    rows = [
        [
            _name(run["backend"], run["victim"]),
            str(run["percent"]),
            figure(run["origin_up"], ".3g"),
            figure(run["sent_copies"], ".2f"),
            figure(run["missing"], ".0f"),
            f"{run['before'] + run['later']} of {run['others']}",
            figure(100 * run["reached"], ".0f"),
            figure(float(run["came"]), ".0f"),
        ]
        for run in runs.to_dict("records")
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
    "a client or an origin that every piece has left, all others get it.",
    method="The origin, then in runs of its own a random client, crashes for good when clients "
    "have 25, 50 or 75 % of the file, and the run ends when nobody gets any further; an origin as "
    "fast as a peer, three and ten times so; virtual clock. By construction nobody gets a piece "
    "that only the lost host had: how many there were is counted. Where others were stopped, a "
    "second run starts the host again after two minutes. Clients keep what came and try again.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
