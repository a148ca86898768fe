"""Can a service's owner take its permission back while it is used? Bearer tokens, RFC 6750."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.revocation import refuse_in_central, refuse_in_p2p
from bench.lecture.stage import Stage
from bench.play import Case
from bench.plots.style import MORE_COLOURS, NAMES, colour, frame, label_ends, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SOON_S = 1.0
"""Seconds after which a restriction that was asked for is no longer at once (four looks of a server
at its token file)."""
DISTURBED = 1.05
"""The others are disturbed when their last is done later than so many times what it took without
any revocation: 5 % is beyond what turns on a link do."""
BLOCK = 16 * 1024
"""Bytes: who gave less than one block of the file (BEP 3) gave nothing of it, only words."""
MIDDLE = 0.5
BIT_TORRENT = "BitTorrent"
RUN = ["backend", "protocol", "latency_s"]


def measure(
    stage: Stage,
    *,
    clients: int = 8,
    shares: tuple[float, ...] = (0.25, 0.5, 0.75),
    latencies_s: tuple[float, ...] = (0.0, 0.1),
    protocols: tuple[str, ...] = ("http", "socket", "tftp"),
    file_bytes: int = 1 << 20,
    seed: int = 1,
) -> Data:
    links = {"origin_up": 1.25e6, "peer_up": 0.25e6}  # bytes/s: 10 and 2 Mbit/s
    usual = links | {
        "clients": clients,
        "file_bytes": file_bytes,
        "piece_bytes": BLOCK,
        "seed": seed,
    }

    def cases(backend: str, protocols: tuple[str, ...], refusers: tuple[int, ...]) -> list[Case]:
        return [
            usual
            | {"backend": backend, "protocol": protocol, "latency_s": latency_s}
            | {"share": share, "refusers": count}
            for protocol in protocols
            for latency_s in latencies_s
            for count in refusers
            for share in (shares if count == 1 else (MIDDLE,))
        ]

    central = stage.play(refuse_in_central, cases("central", protocols, (0, 1)), deadline_s=1e4)
    counts = (0, 1, clients // 2, clients)
    p2p = stage.play(refuse_in_p2p, cases("p2p", (BIT_TORRENT,), counts), deadline_s=1e4)
    return {name: _joined(central[name], p2p[name]) for name in ("refused", "received", "sources")}


def _joined(*frames: DataFrame) -> DataFrame:
    from pandas import concat

    return concat(frames, ignore_index=True)


def judge(data: Data) -> Judgement:
    runs = data["refused"]
    revoked = runs[(runs["backend"] == "central") & (runs["refusers"] == 1)]
    cut = {
        str(protocol): bool(own["finish_s"].isna().all() and own["last_s"].max() <= SOON_S)
        for protocol, own in revoked.groupby("protocol", sort=False)
    }
    served = [protocol for protocol, stopped in cut.items() if stopped]
    good = revoked[revoked["protocol"].isin(served)]
    there = _in_p2p(data)
    if not served:
        kept = revoked["finish_s"].notna().mean()
        return fails(
            f"Revoked in the middle, {kept:.0%} of the server's clients get the whole file all the "
            f"same, and the last bytes come {number(revoked['last_s'].max())} s later. {there}"
        )
    because = (
        f"Revoked in the middle, a client gets nothing more from the server after "
        f"{number(good['last_s'].max())} s and {number(good['gained_bytes'].max() / 1024)} KiB of "
        f"the file at most ({', '.join(served)}). {there}"
    )
    late = _lateness(runs)
    if late > DISTURBED or (revoked["others_finished"] < revoked["others"]).any():
        return fails(
            f"The others are disturbed: their last takes {late:.2f} times as long. {there}"
        )
    if len(served) < len(cut):
        return holds_if(f"the file is served by {' or '.join(served)}", because)
    return holds(because)


def _lateness(runs: DataFrame) -> float:
    """How many times as long the others take when one is revoked, in the worst case."""
    central = runs[runs["backend"] == "central"]
    usual = central[central["refusers"] == 0].set_index(RUN)["others_finish_s"]
    revoked = central[central["refusers"] == 1].set_index(RUN)["others_finish_s"]
    return float((revoked / usual.reindex(revoked.index)).max())


def _in_p2p(data: Data) -> str:
    """What the origin's refusal does in P2P, in a sentence or two."""
    runs, sources = data["refused"], data["sources"]
    peers = runs[runs["backend"] == "p2p"]
    alone = peers[peers["refusers"] == 1]
    if alone["finish_s"].notna().all():
        givers = _givers(sources[(sources["backend"] == "p2p") & (sources["refusers"] == 1)])
        last_s = number(alone["finish_s"].max())
        text = (
            f"In P2P, refused by the origin, it has the whole file {last_s} s later at most: "
            f"{' to '.join(dict.fromkeys(givers))} other hosts give it the rest"
        )
    else:
        stopped = alone["finish_s"].isna().sum()
        text = f"In P2P the origin's refusal stops it too in {stopped} of {len(alone)} runs"
    together = peers[peers["refusers"] > 1].groupby("refusers")["finish_s"]
    for refusers, finishes in together:
        text += f"; refused by {refusers}, it {'stops' if finishes.isna().all() else 'still does'}"
    return text + "."


def _givers(sources: DataFrame) -> tuple[str, str]:
    """The least and the most hosts that gave of the file after the revocation."""
    gave = sources[sources["bytes"] >= BLOCK].groupby(["latency_s", "share"]).size()
    return (str(gave.min()), str(gave.max())) if len(gave) else ("0", "0")


def draw(data: Data, ax: Axes) -> None:
    runs = data["refused"]
    shares = sorted(runs.loc[runs["refusers"] == 1, "share"].unique())
    moment = {"share": shares[len(shares) // 2], "latency_s": runs["latency_s"].max()}
    shown = _at(runs, moment)
    shown = shown[shown["refusers"] > 0]
    received = _at(data["received"], moment)
    end = 1.6 * max(1.0, shown["finish_s"].fillna(0).max())
    start = -0.4 * end
    ends = []
    for text, shade, own in _curves(shown):
        curve = received.merge(own[["protocol", "refusers"]])
        for _, line in curve.groupby("protocol"):
            height = 100 * line["here_bytes"] / own["file_bytes"].iloc[0]
            inside = [*line["t_s"], max(end, line["t_s"].max())], [*height, height.iloc[-1]]
            ax.plot(*inside, color=shade, linewidth=3.5, drawstyle="steps-post")
        ends.append((end, float(height.iloc[-1]), text, shade))
    ax.axvline(0, color=MORE_COLOURS[2], linewidth=2.5, linestyle="--")
    ax.set_xlim(start, end)
    ax.set_ylim(0, 105)
    ax.set_yticks([0, 25, 50, 75, 100])
    label_ends(ax, ends, gap=0.18)
    state(ax, _headline(shown), _note(moment))
    frame(ax, "seconds since the revocation", "of the file, at the refused one (%)")


def _at(rows: DataFrame, moment: Mapping[str, object]) -> DataFrame:
    for column, value in moment.items():
        rows = rows[rows[column] == value]
    return rows


def _curves(shown: DataFrame) -> Iterator[tuple[str, str, DataFrame]]:
    """(label, colour, runs) of each curve: the server's protocols, and P2P by who refuses."""
    central = shown[shown["backend"] == "central"]
    protocols = textwrap.fill(", ".join(central["protocol"]), 14)
    yield f"server:\n{protocols}", colour("central"), central
    peers = shown[shown["backend"] == "p2p"]
    shades = (colour("p2p"), MORE_COLOURS[0], MORE_COLOURS[1])
    for shade, (refusers, own) in zip(shades, peers.groupby("refusers"), strict=False):
        who = "the origin\nrefuses" if refusers == 1 else f"{refusers} hosts\nrefuse"
        yield f"P2P: {who} it", shade, own


def _headline(shown: DataFrame) -> str:
    central = shown[shown["backend"] == "central"]
    alone = shown[(shown["backend"] == "p2p") & (shown["refusers"] == 1)]
    last_s = central["last_s"].max()
    if central["finish_s"].isna().all():
        server = f"Revoked, the server's client gets nothing after {last_s:.1f} s"
    else:
        server = "Revoked, the server's client gets the file all the same"
    if alone["finish_s"].isna().all():
        return f"{server};\nnor does a peer that the origin refuses"
    whole_s = alone["finish_s"].max()
    return f"{server};\nrefused by the origin, a peer has it all {whole_s:.1f} s later"


def _note(moment: dict[str, float]) -> str:
    return (
        f"revoked at {moment['share']:.0%} of its file, {1000 * moment['latency_s']:.0f} ms one way"
    )


def tabulate(data: Data) -> Rows:
    heads = ["served by", "refused by", "runs", "file bytes after (KiB)", "last of them (s)"]
    heads += ["runs with the whole file", "after (s)", "hosts that gave"]
    rows = []
    key = ["backend", "protocol", "refusers"]
    for (backend, protocol, refusers), runs in data["refused"].groupby(key, sort=False):
        gave = _at(data["sources"], {"protocol": protocol, "refusers": refusers})
        alone = "the server" if backend == "central" else "the origin"
        rows.append(
            [
                f"{NAMES[backend]}, {protocol}",
                {0: "nobody", 1: alone}.get(refusers, f"{refusers} hosts"),
                str(len(runs)),
                f"{runs['gained_bytes'].max() / 1024:.0f}",
                figure(runs["last_s"].max(), ".2f"),
                str(runs["finish_s"].notna().sum()),
                figure(runs["finish_s"].max(), ".2f"),
                " to ".join(dict.fromkeys(_givers(gave))),
            ]
        )
    return heads, rows


CLAIM = Claim(
    name="access",
    place=3,
    english="A central service can easily permit and restrict.",
    korean="중앙 집중형 서비스는 이용을 허가하고 제한하기 쉽다.",
    hypothesis="Revoked in the middle of its transfer, a client gets nothing more from the server "
    "within a second, by any protocol, and the others are served on.",
    method="One of the clients is revoked at 25, 50 and 75 % of its file, by the token file that "
    "the server looks at four times a second; bytes of the file at the client every 10 ms, virtual "
    "clock. In P2P the origin bans the peer: it hangs up, and again whenever the peer comes back; "
    "then half of the hosts do, then all.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
