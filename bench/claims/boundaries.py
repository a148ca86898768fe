"""What is the length that send and recv take? send(2), recv(2); RFC 9293, RFC 768."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.message_pieces import (
    BOTH,
    CUT,
    JOINED,
    MOST_MESSAGES,
    NOTHING,
    REFUSED,
    SPLIT,
    WHOLE,
    exchange,
    flood,
)
from bench.lecture.stage import Stage
from bench.plots.style import INK, QUIET, SMALL, TEXT, state
from bench.table import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from pandas import DataFrame

FATES = (WHOLE, SPLIT, JOINED, BOTH, CUT, NOTHING, REFUSED)
PROTOCOLS = ("tcp", "udp")
MOST_UDP = 65_507
"""Bytes of the longest datagram over IPv4: 65,535 without the headers of IP and UDP (udp(7))."""
LARGEST = 1000
"""Bytes: the messages of the many cases have 1 to so many."""
EXAMPLE, MANY, LIMITS = "example", "many", "limits"
GAP = 0.012
"""Between two calls of the picture, as a part of its width."""
LEGIBLE = 0.03
"""The width of a block that has room for its bytes, likewise."""
SHADES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def measure(
    stage: Stage,
    *,
    sizes: tuple[int, ...] = (60, 60, 60, 220),
    length: int = 150,
    messages: int = 100,
    lengths: tuple[int, ...] = (16, 128, 512, 1024, 8192),
    seed: int = 1,
) -> Data:
    if not 1 <= messages <= MOST_MESSAGES:
        raise SettingError(f"messages: {messages}; expected 1 to {MOST_MESSAGES}")
    if min(length, *lengths) < 1:
        raise SettingError("length, lengths: expected numbers of 1 or more")
    rng = random.Random(f"{seed}/sizes")
    many = [rng.randint(1, LARGEST) for _ in range(messages)]

    def cases(part: str, sent: Any, recv: int, *reads: str) -> Iterator[dict[str, Any]]:
        for protocol in PROTOCOLS:
            for read in reads:
                case = {"part": part, "protocol": protocol, "reads": read}
                yield case | {"length": recv, "sizes": list(sent)}

    wanted = list(cases(EXAMPLE, sizes, length, "all"))
    for recv in lengths:
        wanted += cases(MANY, many, recv, "each", "all")
    wanted += cases(LIMITS, [0, MOST_UDP, MOST_UDP + 1], 1 << 20, "each")
    full = [{"protocol": protocol, "size": MOST_UDP, "count": 50} for protocol in PROTOCOLS]
    return stage.play(exchange, wanted, clock="real") | stage.play(flood, full, clock="real")


def judge(data: Data) -> Judgement:
    sends, pieces, floods = data["sends"], data["pieces"], data["floods"]
    got = pieces.groupby(["part", "protocol", "reads", "length", "recv"])["bytes"].sum()
    over = got[got > got.index.get_level_values("length")]
    if len(over):
        return fails(f"{len(over):,} of {len(got):,} recvs returned more than their length.")
    many = sends[sends["part"] == MANY]
    tried = [protocol for protocol in PROTOCOLS if (many["protocol"] == protocol).any()]
    counts = "; ".join(f"{protocol.upper()}: {_counts(many, protocol)}" for protocol in tried)
    because = f"{counts}."
    short = floods[(floods["took"] > 0) & (floods["took"] < floods["asked"])]
    if len(short):
        first = short.iloc[0]
        because += f" A send of {first['asked']:,} B took {first['took']:,} B."
    if (many["fate"] == WHOLE).all() and short.empty:
        return holds(because)
    return holds_if("the length is the most that one call may move, not what it will", because)


def _counts(sends: DataFrame, protocol: str) -> str:
    ours = sends[sends["protocol"] == protocol]
    parts = [f"{(ours['fate'] == f).sum():,} {f}" for f in FATES if (ours["fate"] == f).any()]
    text = f"of {len(ours):,} messages {', '.join(parts)}"
    lost = _lost(ours)
    return f"{text} ({lost:,} B lost)" if lost else text


def _lost(sends: DataFrame) -> int:
    """Bytes that a send took and no recv gave."""
    return int((sends["took"] - sends["received"]).sum())


Calls = list[list[tuple[int, int]]]
"""For each call the parts of messages that it moved: (message, bytes)."""


def draw(data: Data, ax: Axes) -> None:
    """The example: blocks of the messages sent, above those that recv returned."""
    sends = data["sends"][data["sends"]["part"] == EXAMPLE]
    pieces = data["pieces"][data["pieces"]["part"] == EXAMPLE]
    drawn: dict[str, tuple[Calls, Calls]] = {}
    for protocol in PROTOCOLS:
        sent = sends[sends["protocol"] == protocol]
        got = pieces[pieces["protocol"] == protocol].groupby("recv")
        drawn[protocol] = (
            [[pair] for pair in zip(sent["message"], sent["asked"], strict=True)],
            [list(zip(rows["message"], rows["bytes"], strict=True)) for _, rows in got],
        )
    most = max(len(calls) for both in drawn.values() for calls in both)
    scale = (1 - GAP * most) / max(sent["asked"].sum(), 1)
    for place, (protocol, both) in enumerate(drawn.items()):
        top = 1.0 - 0.56 * place
        name: dict[str, Any] = {"fontsize": 20, "color": INK, "weight": "bold"}
        ax.text(-0.07, top - 0.11, protocol.upper(), ha="right", va="center", **name)
        for below, word, calls in zip((0.0, 0.22), ("sent", "recv"), both, strict=True):
            ax.text(-0.01, top - below, word, fontsize=SMALL, color=QUIET, ha="right", va="center")
            _row(ax, top - below, scale, calls)
    length = int(sends["length"].iloc[0])
    state(ax, _headline(sends, drawn), f"bytes of each call, recv({length}); a colour is a message")
    ax.set_xlim(-0.2, 1.01)
    ax.set_ylim(0.05, 1.12)
    ax.set_axis_off()


def _row(ax: Axes, height: float, scale: float, calls: Calls) -> None:
    """Blocks as wide as their bytes, those of one call in one frame, calls a gap apart."""
    x = 0.0
    for call in calls:
        left = x
        for message, size in call:
            wide = size * scale
            ax.barh(height, wide, 0.15, left=x, color=SHADES[message % len(SHADES)])
            if wide > LEGIBLE:
                inside: dict[str, Any] = {"fontsize": TEXT, "color": "white", "weight": "bold"}
                ax.text(x + wide / 2, height, f"{size:,}", ha="center", va="center", **inside)
            x += wide
        ax.barh(height, x - left, 0.15, left=left, fill=False, edgecolor=INK, linewidth=2.5)
        x += GAP


def _headline(sends: DataFrame, drawn: dict[str, tuple[Calls, Calls]]) -> str:
    lost = _lost(sends[sends["protocol"] == "udp"])
    recvs = {protocol: len(got) for protocol, (_, got) in drawn.items()}
    ends = f", {lost:,} B lost" if lost else ""
    number = len(drawn["tcp"][0])
    return f"{number} sends: {recvs['tcp']} recvs over TCP, {recvs['udp']} over UDP{ends}"


def tabulate(data: Data) -> Rows:
    heads = ["protocol", "read", "recv length (B)", "sends", *FATES, "bytes lost"]
    sends = data["sends"][data["sends"]["part"] != EXAMPLE]
    rows = []
    for (protocol, reads, length), ours in sends.groupby(["protocol", "reads", "length"]):
        fates = [f"{(ours['fate'] == fate).sum():,}" for fate in FATES]
        when = "after each send" if reads == "each" else "after all sends"
        rows.append(
            [protocol.upper(), when, f"{length:,}", f"{len(ours):,}", *fates, f"{_lost(ours):,}"]
        )
    return heads, rows


CLAIM = Claim(
    name="boundaries",
    place=11,
    english="send and recv take a length.",
    korean="send와 recv에는 길이를 준다.",
    hypothesis="A call moves as many bytes as its length says, so that what one send gave is what "
    "one recv gets.",
    method="Messages of 1 to 1,000 bytes over TCP and UDP, received with several lengths, after "
    "each send or after all; 0, 65,507 and 65,508 bytes; sends to one who does not read. Plain "
    "sockets, real clock; bytes say which message they are of.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
