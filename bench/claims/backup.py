"""Is a library that is scattered over peers hard to back up? The chances are hypergeometric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.origin_gone import lose_origin
from bench.lecture.scattered_library import draw_losses, gather, lose
from bench.lecture.stage import Stage
from bench.plots.style import TEXT, colour, frame, number, state
from bench.table import Rows, figure
from bench.theory import chance_all_left

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

COSTLY = 1.25
"""Copying is harder when it takes so many times the server's seconds or bytes: more than what the
order of a few packets can do."""
UNFOUND = 0.05
"""Copying is harder when so large a share of the files that are still there is not found."""
LABEL, LABEL_SERVER = 0.1, 0.4
"""The chances at which curves of the picture are labelled: where there is room."""
SURE = 3.0
"""Standard errors by which one frequency must be below another to count as lower."""
Some = Annotated[int, Meta(ge=1, le=200)]
"""Hosts, files or swarms: of so many one computer makes an end in some minutes."""
Somes = Annotated[tuple[Some, ...], Meta(min_length=1)]
Draws = Annotated[int, Meta(ge=100, le=1_000_000)]
"""With fewer, luck explains every difference."""
Sent = Annotated[float, Meta(gt=0, le=200)]


def measure(
    stage: Stage,
    *,
    hosts: Annotated[int, Meta(ge=2, le=200)] = 20,
    files: Some = 12,
    copies: Somes = (1, 2, 3, 4),
    file_bytes: Annotated[int, Meta(ge=1, le=1 << 26)] = 1 << 20,
    vanished: Somes = (5, 10, 15),
    swarms: Some = 4,
    draws: Draws = 4000,
    origin_sent: Annotated[tuple[Sent, ...], Meta(min_length=1)] = (0.5, 0.9, 1.1),
    seed: int = 1,
) -> Data:
    """`swarms`: real ones for each number of copies; `origin_sent`: copies that the origin of one
    file has sent when it is gone."""
    if hosts < max(*copies, *vanished):
        raise SettingError(f"copies, vanished: expected at most {hosts}, the hosts")
    copies, vanished = tuple(sorted(set(copies))), tuple(sorted(set(vanished)))
    library = {"hosts": hosts, "files": files}
    server = {"backend": "central", "copies": 1, "size": file_bytes, "seed": seed}
    peers = [server | {"backend": "p2p", "copies": each} for each in copies]
    counts = {"vanished": list(range(hosts + 1)), "draws": draws, "seed": seed}
    drawn = [library | counts | {"copies": each} for each in (0, *copies)]
    # What a file weighs is nothing to whether it is there: these are small.
    real = [
        library | {"copies": each, "size": 1 << 15, "seed": number, "vanished": list(vanished)}
        for each in copies
        for number in range(seed, seed + swarms)
    ]
    swarm = {"clients": hosts, "size": 1 << 19, "vanished": list(vanished)}
    gone = [
        swarm | {"sent": sent, "draws": draws, "seed": seed} for sent in sorted(set(origin_sent))
    ]
    return {
        **stage.play(gather, [library | each for each in (server, *peers)]),
        **stage.play(draw_losses, drawn),
        **stage.play(lose, real),
        **stage.play(lose_origin, gone),
    }


def judge(data: Data) -> Judgement:
    gathered, drawn, asked = data["gathered"], data["drawn"], data["asked"]
    server = gathered[gathered["backend"] == "central"].iloc[0]
    peers = gathered[gathered["backend"] == "p2p"]
    seconds, socket_bytes = (float(peers[each].median()) for each in ("seconds", "socket_bytes"))
    more = socket_bytes / float(server["socket_bytes"]) - 1
    there = asked[asked["left"] > 0]
    unfound = 1 - float(there["came"].mean())
    left = _left(drawn)
    hosts = int(drawn["hosts"].iloc[0])
    half = hosts // 2
    several = sorted(set(drawn["copies"]) - {0})
    because = (
        f"One host copies all from {_peers(peers['gave'])} instead of one server, in "
        f"{number(seconds)} s instead of {number(server['seconds'])} s, with {more:+.1%} bytes; "
        f"{len(there) - int(there['came'].sum())} of {len(there)} files that are left in real "
        f"swarms cannot be found. When {half} of {hosts} hosts {'goes' if half == 1 else 'go'}, "
        f"all is left with a chance of {left[0][half]:.0%} on the server, "
        + ", ".join(f"{left[each][half]:.0%} with {_copies(each)}" for each in several)
        + "."
    )
    scattered = peers["gave"].max() > server["gave"]
    dear = seconds >= COSTLY * float(server["seconds"]) or 1 + more >= COSTLY
    if scattered and (dear or unfound >= UNFOUND):
        return holds(because)
    worse = [each for each in several if _loses_more(drawn, each, half)]
    safe = [each for each in several if each > max(worse, default=0)]
    if not worse:
        return fails(because)
    if not safe:
        return holds(because)
    return holds_if(f"each file lies on fewer than {safe[0]} of the hosts", because)


def _left(drawn: DataFrame) -> dict[int, dict[int, float]]:
    """Of each number of copies (0: the server) and of hosts that vanish, how often all was left."""
    shares: dict[int, dict[int, float]] = {}
    for row in drawn.to_dict("records"):
        shares.setdefault(row["copies"], {})[row["vanished"]] = row["all_left"] / row["draws"]
    return shares


def _loses_more(drawn: DataFrame, copies: int, most: int) -> bool:
    """Whether files with so many copies are lost before the server is, as `most` hosts go."""
    left, error = _left(drawn), math.sqrt(0.5 / int(drawn["draws"].iloc[0]))
    return any(
        left[copies][k] < server - SURE * error for k, server in left[0].items() if k <= most
    )


def draw(data: Data, ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    drawn = data["drawn"]
    hosts, files = int(drawn["hosts"].iloc[0]), int(drawn["files"].iloc[0])
    left, half = _left(drawn), hosts // 2
    several = sorted(set(left) - {0})
    for copies in (0, *several):
        shade, ks = colour("p2p" if copies else "central"), sorted(left[copies])
        chances = [_formula(hosts, files, copies, k) for k in ks]
        ax.plot(ks, chances, color=shade, linewidth=2.5)
        ax.plot(ks, [left[copies][k] for k in ks], "o", color=shade, markersize=8)
        # The word once at either end: there is no room for more.
        level = LABEL if copies else LABEL_SERVER
        short = str(copies) if several[0] < copies < several[-1] else _copies(copies)
        ax.annotate(
            short if copies else "one server",
            (next(k for k, each in zip(ks, chances, strict=True) if each <= level), level),
            (5, 5),
            textcoords="offset points",
            fontsize=TEXT,
            weight="bold",
            color=shade,
        )
    ax.set_xlim(-0.3, hosts + 0.3)
    ax.set_ylim(-0.03, 1.05)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ends = [left[copies][half] for copies in several]
    there = data["asked"][data["asked"]["left"] > 0]
    state(
        ax,
        f"{half} of {hosts} hosts gone, all left: server {left[0][half]:.0%}, "
        f"P2P {min(ends):.0%} to {max(ends):.0%}",
        f"{files} files, each copied to so many hosts",
        "lines: formula",
        "dots: drawn by lot",
        f"{int(there['came'].sum())} of {len(there)} files with a host left came in real swarms",
        _times(data["gathered"]),
    )
    frame(ax, "hosts gone for good", "chance that all files are left")


def _times(gathered: DataFrame) -> str:
    """How long the one new host took, in a line."""
    server = gathered[gathered["backend"] == "central"]["seconds"].iloc[0]
    peers = gathered[gathered["backend"] == "p2p"]
    return (
        f"one host copies all in {number(server)} s from the server, "
        f"{number(peers['seconds'].median())} s from {_peers(peers['gave'])}"
    )


def _formula(hosts: int, files: int, copies: int, vanished: int) -> float:
    """The chance that all is left; a server loses all files at once or none."""
    return chance_all_left(hosts, [copies] * files if copies else [1], vanished)


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"


def _peers(counts: Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        return "1 peer" if low == 1 else f"{low} peers"
    return f"{low} to {high} peers"


def tabulate(data: Data) -> Rows:
    drawn, asked = data["drawn"], data["asked"]
    left = _left(drawn)
    hosts, files = int(drawn["hosts"].iloc[0]), int(drawn["files"].iloc[0])
    gone = sorted(set(asked["vanished"]))
    heads = ["library on", "hosts that gave", "hosts met", "time (s)", "beside the files (%)"]
    heads += [f"left, {k} of {hosts} gone (formula; swarms)" for k in gone]
    rows = []
    for row in data["gathered"].to_dict("records"):
        copies = row["copies"] if row["backend"] == "p2p" else 0
        beside = row["socket_bytes"] / row["file_bytes"] - 1
        rows.append(
            [
                f"peers, {_copies(copies)}" if copies else "one server",
                str(row["gave"]),
                str(row["met"]),
                figure(row["seconds"]),
                figure(100 * beside, ".2f"),
                *(
                    f"{left[copies][k]:.3f} ({_formula(hosts, files, copies, k):.3f}"
                    f"{_in_swarms(asked, copies, k)})"
                    for k in gone
                ),
            ]
        )
    return heads, rows + _cut_rows(data)


def _in_swarms(asked: DataFrame, copies: int, vanished: int) -> str:
    """In how many real swarms all files came."""
    rows = asked[(asked["copies"] == copies) & (asked["vanished"] == vanished)]
    whole = rows.groupby("seed")["came"].all()
    return f"; {int(whole.sum())} of {len(whole)}" if copies else ""


def _cut_rows(data: Data) -> list[list[str]]:
    """A file in the middle of its transfer: its pieces lie on hosts that have some of it each."""
    rows = []
    for row in data["interrupted"].to_dict("records"):
        clients = row["clients"]
        fate = f"origin gone at {row['sent']:g} copies: {row['finished']} of {clients} finish"
        pieces = data["pieces"][data["pieces"]["sent"] == row["sent"]].to_dict("records")
        chances = [
            f"{each['all_left'] / each['draws']:.3f} "
            f"({chance_all_left(clients, list(each['copies']), each['vanished']):.3f})"
            for each in pieces
        ]
        rows.append([f"pieces, {fate}", "-", "-", "-", "-", *chances])
    return rows


CLAIM = Claim(
    name="backup",
    place=5,
    english="In P2P the data is scattered, so that backup is hard.",
    korean="P2P에서는 데이터가 흩어져 있어 백업이 어렵다.",
    hypothesis="One host that copies everything needs more hosts than one server and a quarter "
    "more time or bytes, or misses a twentieth of the files that are there; or the library is lost "
    "earlier than the server as hosts, up to half of them, vanish.",
    method="Virtual clock; all hosts, the server too, have the same links (10 Mbit/s up, 50 down, "
    "20 ms one way). One new host copies all files; it knows their links, for P2P has no list. "
    "Then hosts vanish: placements and losses drawn by lot against the hypergeometric formula, "
    "exact for files placed independently, and real swarms in which a newcomer asks for each "
    "file. The server counts as one of the hosts. Last, an origin vanishes in mid-transfer; "
    "there the formula takes pieces as independent, which they are only nearly.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
