"""What is the length that send and recv take? send(2), recv(2); RFC 9293, RFC 768."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

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
KINDS = {"tcp": "a stream (TCP)", "udp": "a datagram socket (UDP)"}
READS = {"each": "after each send", "all": "after all sends", "never": "after the last send"}
MOST_UDP = 65_507
"""Bytes of the longest datagram over IPv4: 65,535 without the headers of IP and UDP (udp(7))."""
LARGEST = 1000
"""Bytes: the messages of the many cases have 1 to so many."""
EXAMPLE, MANY, LIMITS, FLOOD = "example", "many", "limits", "flood"
MOST_LENGTH = 1 << 20
"""Bytes of the longest recv: Python makes room for as many before it calls."""
Length = Annotated[int, Meta(ge=1, le=MOST_LENGTH)]
Size = Annotated[int, Meta(ge=1, le=MOST_UDP)]
GAP = 0.012
"""Between two calls of the picture, as a part of its width, where there is room."""
LEGIBLE = 0.03
"""The width of a block that has room for its bytes, likewise."""
SHADES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def measure(
    stage: Stage,
    *,
    protocols: Annotated[tuple[Literal["tcp", "udp"], ...], Meta(min_length=1)] = ("tcp", "udp"),
    sizes: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=12)] = (60, 60, 60, 220),
    length: Length = 150,
    messages: Annotated[int, Meta(ge=2, le=MOST_MESSAGES)] = 100,
    lengths: Annotated[tuple[Length, ...], Meta(min_length=1)] = (16, 128, 512, 1024, 8192),
    unread: Annotated[int, Meta(ge=1, le=MOST_MESSAGES)] = 50,
    seed: int = 1,
) -> Data:
    """`sizes` and `length` are those of the picture; `unread`: sends to one who does not read."""
    if max(lengths) < LARGEST:
        told = ", ".join(map(str, lengths))
        raise SettingError(f"lengths: {told}; expected one of {LARGEST:,} or more, the messages'")
    rng = random.Random(f"{seed}/sizes")
    many = [rng.randint(1, LARGEST) for _ in range(messages)]

    def cases(part: str, sent: Any, recv: int, *reads: str) -> Iterator[dict[str, Any]]:
        for protocol in dict.fromkeys(protocols):
            for read in reads:
                case = {"part": part, "protocol": protocol, "reads": read}
                yield case | {"length": recv, "sizes": list(sent)}

    wanted = list(cases(EXAMPLE, sizes, length, "all"))
    for recv in dict.fromkeys(lengths):
        wanted += cases(MANY, many, recv, "each", "all")
    wanted += cases(LIMITS, [0, MOST_UDP, MOST_UDP + 1], MOST_LENGTH, "each")
    wanted += cases(FLOOD, [MOST_UDP] * unread, MOST_LENGTH, "never")
    return stage.play(exchange, wanted, clock="real")


def judge(data: Data) -> Judgement:
    sends = data["sends"]
    tried = {p: sends[sends["protocol"] == p] for p in PROTOCOLS if p in set(sends["protocol"])}
    keeping = [protocol for protocol, ours in tried.items() if _keeps_messages(ours)]
    because = " ".join(f"{protocol.upper()}: {_figures(own)}." for protocol, own in tried.items())
    if not keeping:
        return fails(because)
    conditions = []
    if len(keeping) < len(tried):
        conditions.append(f"it is {KINDS[keeping[0]]}")
    if any((_unlimited(tried[protocol])["fate"] == NOTHING).any() for protocol in keeping):
        conditions.append("the receiver reads before its buffer is full")
    return holds_if(" and ".join(conditions), because) if conditions else holds(because)


def _keeps_messages(sends: DataFrame) -> bool:
    """Whether no send moved a part, and what arrived and fits came by one recv of its own."""
    fates = set(_fitting(sends)["fate"])
    return _in_part(sends).empty and WHOLE in fates and fates <= {WHOLE, NOTHING}


def _fitting(sends: DataFrame) -> DataFrame:
    """The messages of the many cases that are not longer than recv's length."""
    return sends[(sends["part"] == MANY) & (sends["asked"] <= sends["length"])]


def _unlimited(sends: DataFrame) -> DataFrame:
    """Fitting ones, and those that nobody read: what got lost of them had no room at all."""
    return sends[sends.index.isin(_fitting(sends).index) | (sends["part"] == FLOOD)]


def _in_part(sends: DataFrame) -> DataFrame:
    return sends[(sends["took"] > 0) & (sends["took"] < sends["asked"])]


def _figures(sends: DataFrame) -> str:
    """What decides of one protocol, and what speaks against it."""
    ours = _fitting(sends)
    parts = [f"{(ours['fate'] == f).sum():,} {f}" for f in FATES if (ours["fate"] == f).any()]
    fit = "message that fits" if len(ours) == 1 else "messages that fit"
    text = f"of {len(ours):,} {fit} recv's length {', '.join(parts)}"
    longer = sends[(sends["part"] == MANY) & (sends["fate"] == CUT)]
    if lost := _lost(longer):
        cut = "longer message" if len(longer) == 1 else "longer messages"
        text += f"; {len(longer):,} {cut} lost {lost:,} B"
    flooded = _flooded(sends, "")
    return f"{text}; {flooded}" if flooded else text


def _flooded(sends: DataFrame, word: str) -> str:
    """What became of sends to one who does not read, where that is not all of them."""
    part, flood = _in_part(sends), sends[sends["part"] == FLOOD]
    if not part.empty:
        asked, took = (int(part[column].iloc[0]) for column in ("asked", "took"))
        return f"a {word}send of {asked:,} B to one who does not read took {took:,} B"
    if not (flood["fate"] == NOTHING).any():
        return ""
    taken, arrived = (flood["took"] > 0).sum(), (flood["received"] > 0).sum()
    return (
        f"of {len(flood):,} {word}{'send' if len(flood) == 1 else 'sends'} to one who does not "
        f"read {taken:,} {'was' if taken == 1 else 'were'} taken and {arrived:,} arrived"
    )


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
    for protocol in [protocol for protocol in PROTOCOLS if protocol in set(sends["protocol"])]:
        sent = sends[sends["protocol"] == protocol]
        got = pieces[pieces["protocol"] == protocol].groupby("recv")
        drawn[protocol] = (
            [[pair] for pair in zip(sent["message"], sent["asked"], strict=True)],
            [list(zip(rows["message"], rows["bytes"], strict=True)) for _, rows in got],
        )
    most = max(len(calls) for both in drawn.values() for calls in both)
    gap = min(GAP, 0.5 / most)
    scale = (1 - gap * most) / sends.loc[sends["protocol"] == next(iter(drawn)), "asked"].sum()
    for place, (protocol, both) in enumerate(drawn.items()):
        top = 1.0 - 0.56 * place
        name: dict[str, Any] = {"fontsize": 20, "color": INK, "weight": "bold"}
        ax.text(-0.07, top - 0.11, protocol.upper(), ha="right", va="center", **name)
        for below, word, calls in zip((0.0, 0.22), ("sent", "recv"), both, strict=True):
            ax.text(-0.01, top - below, word, fontsize=SMALL, color=QUIET, ha="right", va="center")
            _row(ax, top - below, scale, gap, calls)
    length = int(sends["length"].iloc[0])
    unread = [data["sends"][data["sends"]["protocol"] == protocol] for protocol in drawn]
    state(
        ax,
        _headline(sends, drawn),
        f"bytes of each call, recv({length:,}); a colour is a message",
        *(_flooded(own, f"{name.upper()} ") for own, name in zip(unread, drawn, strict=True)),
    )
    ax.set_xlim(-0.2, 1.01)
    ax.set_ylim(0.05, 1.12)
    ax.set_axis_off()


def _row(ax: Axes, height: float, scale: float, gap: float, calls: Calls) -> None:
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
        thick = 2.5 * gap / GAP
        ax.barh(height, x - left, 0.15, left=left, fill=False, edgecolor=INK, linewidth=thick)
        x += gap


def _headline(sends: DataFrame, drawn: dict[str, tuple[Calls, Calls]]) -> str:
    lost = _lost(sends[sends["protocol"] == "udp"])
    told = [
        f"{len(got)} {'recv' if len(got) == 1 else 'recvs'} over {protocol.upper()}"
        for protocol, (_, got) in drawn.items()
    ]
    told[1:] = [text.replace(" recvs", "").replace(" recv", "") for text in told[1:]]
    number = len(next(iter(drawn.values()))[0])
    sent = f"{number} {'send' if number == 1 else 'sends'}"
    return f"{sent}: {', '.join(told)}" + (f", {lost:,} B lost" if lost else "")


def tabulate(data: Data) -> Rows:
    heads = ["protocol", "read", "recv length (B)", "sends", "taken in part", *FATES, "bytes lost"]
    sends = data["sends"][data["sends"]["part"] != EXAMPLE]
    rows = []
    for (protocol, reads, length), ours in sends.groupby(["protocol", "reads", "length"]):
        fates = [f"{(ours['fate'] == fate).sum():,}" for fate in FATES]
        rows.append(
            [
                protocol.upper(),
                READS[reads],
                f"{length:,}",
                f"{len(ours):,}",
                f"{len(_in_part(ours)):,}",
                *fates,
                f"{_lost(ours):,}",
            ]
        )
    return heads, rows


CLAIM = Claim(
    name="boundaries",
    place=11,
    english="send and recv take a length.",
    korean="send와 recv에는 길이를 인자로 준다.",
    hypothesis="The length is what a call moves: a send takes all bytes that it is given, and a "
    "recv whose length has room for a message returns that message, whole and alone.",
    method="Messages of 1 to 1,000 bytes over TCP and UDP, received with several lengths, after "
    "each send or after all; 0, 65,507 and 65,508 bytes; sends that do not wait to one who does "
    "not read until they are over. Plain sockets, real clock; bytes say which message they are "
    "of. It is judged by messages that fit recv's length: UDP cuts longer ones off.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
