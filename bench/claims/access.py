"""Can a service's owner permit, and take it back while it is used? Bearer tokens, RFC 6750."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.permission import grant_in_central
from bench.lecture.revocation import refuse_in_central, refuse_in_p2p
from bench.lecture.stage import Stage
from bench.play import Case
from bench.plots.style import INK, MORE_COLOURS, NAMES, colour, frame, label_ends, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SOON_S = 1.0
"""Seconds after which what the owner asked for is no longer done at once (four looks of a server at
its token file)."""
DISTURBED = 1.05
"""The others are disturbed when their last is done later than so many times what it took without
any revocation: 5 % is beyond what turns on a link do."""
BLOCK = 16 * 1024
"""Bytes: who gave less than one block of the file (BEP 3) gave nothing of it, only words."""
BIT_TORRENT = "BitTorrent"
FROM_THE_START = 0.0
"""The share of the file at which a peer is refused that never was let in."""
RUN = ["backend", "protocol", "latency_s"]
ORIGIN, CLIENT = "origin", "client-"
RATE = 156250.0
"""Bytes per second of the origin's uplink for each client: 10 Mbit/s for eight."""
Share = Annotated[float, Meta(gt=0, le=0.75)]
"""Later, the smallest file would be whole before the server looks at its tokens."""
Latency = Annotated[float, Meta(ge=0, le=1)]
Protocol = Literal["http", "socket", "tftp"]


def measure(
    stage: Stage,
    *,
    clients: Annotated[int, Meta(ge=2, le=100)] = 8,
    shares: Annotated[tuple[Share, ...], Meta(min_length=1)] = (0.25, 0.5, 0.75),
    latencies_s: Annotated[tuple[Latency, ...], Meta(min_length=1)] = (0.0, 0.1),
    protocols: Annotated[tuple[Protocol, ...], Meta(min_length=1)] = ("http", "socket", "tftp"),
    file_bytes: Annotated[int, Meta(ge=1 << 18, le=1 << 26)] = 1 << 20,
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 1,
) -> Data:
    links = {"origin_up": clients * RATE, "peer_up": 0.25e6}  # bytes/s: 2 Mbit/s
    usual = links | {
        "clients": clients,
        "file_bytes": file_bytes,
        "piece_bytes": BLOCK,
        "seed": seed,
    }
    parts = sorted(set(shares))
    middle = parts[len(parts) // 2]

    def cases(backend: str, some: Iterable[str], plan: Iterable[tuple[int, float]]) -> list[Case]:
        return [
            usual
            | {"backend": backend, "protocol": protocol, "latency_s": latency_s}
            | {"share": share, "refusers": count}
            for protocol in dict.fromkeys(some)
            for latency_s in sorted(set(latencies_s))
            for count, share in plan
        ]

    once = [(1, share) for share in parts]
    central = stage.play(
        refuse_in_central, cases("central", protocols, [(0, middle), *once]), deadline_s=1e4
    )
    grants = cases("central", protocols, [(0, middle)])
    granted = stage.play(grant_in_central, grants, deadline_s=1e4)
    several = [(count, middle) for count in sorted({clients // 2, clients} - {1})]
    plan = [(0, middle), (1, FROM_THE_START), *once, *several]
    p2p = stage.play(refuse_in_p2p, cases("p2p", (BIT_TORRENT,), plan), deadline_s=1e4)
    names = ("refused", "received", "sources")
    return granted | {name: _joined(central[name], p2p[name]) for name in names}


def _joined(*frames: DataFrame) -> DataFrame:
    from pandas import concat

    return concat(frames, ignore_index=True)


def judge(data: Data) -> Judgement:
    runs, grants = data["refused"], data["granted"]
    revoked = runs[(runs["backend"] == "central") & (runs["refusers"] == 1)]
    cut = {
        str(protocol): bool(own["finish_s"].isna().all() and own["last_s"].max() <= SOON_S)
        for protocol, own in revoked.groupby("protocol", sort=False)
    }
    let = {str(protocol): _permits(own) for protocol, own in grants.groupby("protocol", sort=False)}
    there = _in_p2p(data)
    if not any(cut.values()):
        kept, last_s = revoked["finish_s"].notna().sum(), number(revoked["last_s"].max())
        return fails(
            f"Revoked in the middle, {kept} of {len(revoked)} clients of the server get the whole "
            f"file all the same, and bytes come until {last_s} s later. {there}"
        )
    if not any(let.values()):
        return fails(f"Permission is not easily given: {_grants(grants)}. {there}")
    good = [protocol for protocol in cut if cut[protocol] and let.get(protocol)]
    shown = revoked[revoked["protocol"].isin(good)]
    because = (
        f"{_grants(grants[grants['protocol'].isin(good)])}. Revoked in the middle, it gets "
        f"nothing more from the server after {number(shown['last_s'].max())} s and "
        f"{number(shown['gained_bytes'].max() / 1024)} KiB of the file at most "
        f"({', '.join(good)}). {there}"
    )
    if not good:
        return fails(f"No protocol both permits and restricts within {SOON_S:g} s. {there}")
    if missed := int((revoked["others"] - revoked["others_finished"]).sum()):
        return fails(f"The others are disturbed: {missed} of them never got the file. {there}")
    if (late := _lateness(runs)) > DISTURBED:
        return fails(
            f"The others are disturbed: their last takes {late:.2f} times as long. {there}"
        )
    if len(good) < len(cut):
        return holds_if(f"the file is served by {' or '.join(good)}", because)
    return holds(because)


def _permits(own: DataFrame) -> bool:
    """Whether clients got nothing before they were granted it, and were answered at once."""
    refused = (own["before_bytes"] == 0) & (own["refusals"] > 0) & (own["told_s"] <= SOON_S)
    return bool((refused & (own["first_s"] <= SOON_S)).all())


def _grants(own: DataFrame) -> str:
    if served := int((own["before_bytes"] > 0).sum()):
        return f"Without a grant {served} of {len(own)} clients got some of the file"
    if kept := int((own["refusals"] == 0).sum()):
        return f"Without a grant {kept} of {len(own)} clients were never refused"
    if never := int(own["first_s"].isna().sum()):
        return f"Granted one, {never} of {len(own)} clients got nothing of the file"
    told_s, first_s = number(own["told_s"].max()), number(own["first_s"].max())
    return (
        f"Without a grant a client is refused within {told_s} s; granted one while the server "
        f"runs, it has its first bytes within {first_s} s"
    )


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
    alone = peers[(peers["refusers"] == 1) & (peers["share"] > FROM_THE_START)]
    never = peers[(peers["refusers"] == 1) & (peers["share"] == FROM_THE_START)]
    if alone["finish_s"].notna().all():
        own = sources[(sources["backend"] == "p2p") & (sources["refusers"] == 1)]
        least, most = _givers(own[own["share"] > FROM_THE_START])
        last_s = number(alone["finish_s"].max())
        give = "host gives" if most == "1" else "hosts give"
        text = (
            f"In P2P, refused by the origin, it has the whole file {last_s} s later at most: "
            f"{' to '.join(dict.fromkeys((least, most)))} other {give} it the rest"
        )
    else:
        stopped = alone["finish_s"].isna().sum()
        text = f"In P2P the origin's refusal stops it too in {stopped} of {len(alone)} runs"
    whole = int(never["finish_s"].notna().sum())
    text += f"; refused by it from the start, it gets the file in {whole} of {len(never)} runs"
    for refusers, own in peers[peers["refusers"] > 1].groupby("refusers"):
        count = int(own["finish_s"].notna().sum())
        still = "it still gets the whole file" if count == len(own) else "it stops"
        some = f" in {len(own) - count} of {len(own)} runs" if 0 < count < len(own) else ""
        text += f"; refused by {refusers}, {still}{some}"
    return text + "."


def _gave(sources: DataFrame) -> DataFrame:
    """Who gave of the file after the revocation; a host that refuses had it on the way."""
    return sources[(sources["bytes"] >= BLOCK) & ~sources["refuses"].astype(bool)]


def _givers(sources: DataFrame) -> tuple[str, str]:
    """The least and the most hosts that gave of the file after the revocation."""
    run = ["protocol", "latency_s", "share"]
    gave = _gave(sources).groupby(run).size()
    return (str(gave.min()), str(gave.max())) if len(gave) else ("0", "0")


def _who(sources: DataFrame) -> str:
    """The names of those who gave in any run: `origin, clients 2, 3`."""
    names = sorted(set(_gave(sources)["source"]))
    clients = [str(int(name.removeprefix(CLIENT))) for name in names if name.startswith(CLIENT)]
    rest = [name for name in names if not name.startswith(CLIENT)]
    word = "client" if len(clients) == 1 else "clients"
    return ", ".join([*rest, *([f"{word} {', '.join(clients)}"] if clients else [])]) or "-"


def draw(data: Data, ax: Axes) -> None:
    runs = data["refused"]
    central = runs[(runs["backend"] == "central") & (runs["refusers"] == 1)]
    shares = sorted(central["share"].unique())
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
    served = data["served"][data["served"]["latency_s"] == moment["latency_s"]]
    for _, line in served.groupby("protocol"):
        height = 100 * line["here_bytes"] / line["file_bytes"]
        inside = [*line["t_s"], max(end, line["t_s"].max())], [*height, height.iloc[-1]]
        ax.plot(*inside, color=GRANTED, linewidth=2.5, linestyle="--", drawstyle="steps-post")
    at = served[served["t_s"] <= end].groupby("protocol")["here_bytes"].max()
    ends.append(
        (end, 100 * at.median() / served["file_bytes"].iloc[0], "server:\ngranted", GRANTED)
    )
    ax.axvline(0, color=INK, linewidth=2)
    ax.set_xlim(start, end)
    ax.set_ylim(0, 105)
    ax.set_yticks([0, 25, 50, 75, 100])
    label_ends(ax, ends, gap=0.18)
    state(ax, _headline(shown), _note(moment))
    frame(ax, "seconds since the revocation (dashed: the grant)", "of the file, at that client (%)")


GRANTED = MORE_COLOURS[2]


def _at(rows: DataFrame, moment: Mapping[str, object]) -> DataFrame:
    for column, value in moment.items():
        rows = rows[rows[column] == value]
    return rows


def _curves(shown: DataFrame) -> Iterator[tuple[str, str, DataFrame]]:
    """(label, colour, runs) of each curve: the server's protocols, and P2P by who refuses."""
    central = shown[shown["backend"] == "central"]
    protocols = textwrap.fill(", ".join(central["protocol"]), 14)
    yield f"server revokes:\n{protocols}", colour("central"), central
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
    heads = ["served by", "permission", "runs", "file bytes after (KiB)", "first of them (s)"]
    heads += ["last of them (s)", "runs with the whole file", "after (s)", "who still gave"]
    rows = []
    for protocol, runs in data["granted"].groupby("protocol", sort=False):
        size = runs["file_bytes"].max() - runs["before_bytes"].min()
        finish = figure(runs["finish_s"].max(), ".2f")
        first = figure(runs["first_s"].max(), ".2f")
        count = str(runs["finish_s"].notna().sum())
        row = [f"{NAMES['central']}, {protocol}", "granted", str(len(runs))]
        rows.append([*row, f"{size / 1024:.0f}", first, finish, count, finish, "the server"])
    refused = data["refused"].assign(start=data["refused"]["share"] == FROM_THE_START)
    key = ["backend", "protocol", "refusers", "start"]
    for (backend, protocol, refusers, start), runs in refused.groupby(key, sort=False):
        own = _at(data["sources"], {"protocol": protocol, "refusers": refusers})
        own = own[(own["share"] == FROM_THE_START) == start]
        alone = "the server" if backend == "central" else "the origin"
        verb = "revoked" if backend == "central" else "refused"
        who = {0: "kept", 1: f"{verb} by {alone}"}.get(refusers, f"refused by {refusers} hosts")
        rows.append(
            [
                f"{NAMES[backend]}, {protocol}",
                f"{who} from the start" if start else who,
                str(len(runs)),
                f"{runs['gained_bytes'].max() / 1024:.0f}",
                "-",
                figure(runs["last_s"].max(), ".2f"),
                str(runs["finish_s"].notna().sum()),
                figure(runs["finish_s"].max(), ".2f"),
                _who(own).replace(ORIGIN, alone),
            ]
        )
    return heads, rows


CLAIM = Claim(
    name="access",
    place=3,
    english="A central service can easily permit and restrict.",
    korean="중앙 집중형 서비스는 이용을 허가하고 제한하기 쉽다.",
    hypothesis="By any protocol a client without a grant gets nothing and, granted one, its first "
    "bytes within a second; revoked in the middle of its transfer it gets nothing more within a "
    "second, and the others are served on.",
    method="One of the clients has no grant, asks twenty times a second, and is granted it when "
    "another has half of the file; in other runs one is revoked at 25, 50 and 75 % of its file: by "
    "the token file that the server looks at four times a second; bytes of the file at the client "
    "every 10 ms, virtual clock. In P2P the origin bans the peer from the start or then: it hangs "
    "up, and again whenever the peer comes back; then half of the hosts do, then all.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
