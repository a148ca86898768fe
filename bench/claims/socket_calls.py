"""Which socket calls do both ends make? Stevens, UNIX Network Programming, figures 4.1 and 8.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.calls import RECEIVES, SENDS, moment
from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.ladder import draw_ladder
from bench.lecture.stage import Stage
from bench.lecture.transfers import error, exchange, transfer
from bench.plots.style import COLOURS, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

TRANSFERS = {"http": "HTTP over TCP", "tftp": "TFTP over UDP"}
ERRORS = ("nobody listens", "port in use", "nobody receives")
DOMAINS = ("AF_INET", "AF_INET6", "AF_UNIX")
TYPES = ("SOCK_STREAM", "SOCK_DGRAM")
LISTENING = ["socket", "bind", "listen", "accept"]
CONNECTING = ["socket", "connect"]
DEADLINE_S = 20.0


def measure(stage: Stage, *, file_bytes: Annotated[int, Meta(ge=1, le=1 << 20)] = 1200) -> Data:
    from pandas import concat

    files = [
        {"lesson": lesson, "scheme": scheme, "file_bytes": file_bytes}
        for scheme, lesson in TRANSFERS.items()
    ]
    played = [
        stage.play(transfer, files, clock="real", deadline_s=DEADLINE_S),
        stage.play(
            error,
            [{"lesson": what, "what": what} for what in ERRORS],
            clock="real",
            deadline_s=DEADLINE_S,
        ),
        stage.play(
            exchange,
            [
                {"lesson": f"{domain} {kind}", "domain": domain, "type": kind}
                for domain in DOMAINS
                for kind in TYPES
            ],
            clock="real",
        ),
    ]
    columns = ["lesson", *list(played[0]["calls"].columns.drop(["lesson", "scheme", "file_bytes"]))]
    calls = concat([frames["calls"][columns] for frames in played], ignore_index=True)
    return {"calls": calls, "families": played[-1]["families"]}


def sequences(data: Data) -> Iterator[tuple[str, list[str]]]:
    """Each socket's type and its calls in order, errors apart; an accepted one begins later."""
    calls = data["calls"]
    answered = calls[~calls["lesson"].isin([*ERRORS, *_not_to_be_had(data)["lesson"]])]
    for _, own in answered.groupby(["lesson", "node", "socket"], sort=False):
        datagrams = (own["protocol"] == "udp").any() or own["arguments"].str.contains("DGRAM").any()
        yield "datagram" if datagrams else "stream", list(own["call"])


def _not_to_be_had(data: Data) -> DataFrame:
    """The domains and types that this system has no sockets of: ::1 in a container, often."""
    families: DataFrame = data["families"]
    return families[families["outcome"] != "answered"]


def judge(data: Data) -> Judgement:
    kinds: dict[str, list[list[str]]] = {"stream": [], "datagram": []}
    for kind, names in sequences(data):
        kinds[kind].append(names)
    strays = [names for names in kinds["stream"] if not _as_the_lecture_says(names)]
    connected = [
        names for names in kinds["datagram"] if {"listen", "accept", "connect"} & set(names)
    ]
    because = (
        f"Of {len(kinds['stream'])} stream sockets {len(kinds['stream']) - len(strays)} made these "
        f"calls in this order; of {len(kinds['datagram'])} datagram sockets {len(connected)} "
        "called listen, accept or connect."
    )
    missing = _not_to_be_had(data)
    if not missing.empty:
        names = [f"{lesson} ({why})" for lesson, why in missing[["lesson", "outcome"]].to_numpy()]
        because += f" Not to be had here: {', '.join(names)}."
    if strays or not kinds["stream"]:
        first = f" One called {', '.join(dict.fromkeys(strays[0]))}." if strays else ""
        return fails(because + first)
    if len(connected) < len(kinds["datagram"]):
        return holds_if(
            "the sockets are streams (TCP, UNIX): datagram sockets are bound and send at once",
            because,
        )
    return holds(because)


def _as_the_lecture_says(names: Sequence[str]) -> bool:
    """Whether a stream socket listened, connected or was accepted as the lecture says."""
    ended = names[-1] == "close"
    order = list(dict.fromkeys(names))
    if "listen" in order:
        return order[:4] == LISTENING and ended
    talks = any(name in SENDS for name in order) and any(name in RECEIVES for name in order)
    connects = [name for name in order if name != "bind"][:2] == CONNECTING
    return talks and ended and (connects or "socket" not in order)


def draw(data: Data, ax: Axes) -> None:
    calls = data["calls"]
    ladders = {lesson: _in_order(calls, lesson) for lesson in TRANSFERS.values()}
    tcp, udp = (
        [
            word
            for word in ("listen", "accept", "connect")
            if word in {row["call"] for row in ladders[lesson]}
        ]
        for lesson in TRANSFERS.values()
    )
    state(
        ax,
        f"TCP calls {_and(tcp)}; UDP {_and(udp) if udp else 'none of them'}",
        "a file fetched, real clock; dashed: a connection opens or ends",
        "the client's bind is this lab's need: an address of its own",
        "EINPROGRESS: connect does not wait; getsockopt asks what came of it"
        if "EINPROGRESS" in set(calls.loc[calls["lesson"].isin(ladders), "result"])
        else "",
    )
    ax.set_axis_off()
    for place, (lesson, shade) in enumerate(zip(ladders, COLOURS.values(), strict=True)):
        half = ax.inset_axes((0.51 * place, 0, 0.49, 1))
        draw_ladder(
            half, ladders[lesson], lesson, shade, size=11 if len(ladders[lesson]) < 24 else 8
        )


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "none"


def _in_order(calls: Any, lesson: str) -> list[dict[str, Any]]:
    """A lesson's calls; those that only found that there is nothing yet are left out."""
    rows = calls[(calls["lesson"] == lesson) & (calls["result"] != "EAGAIN")]
    return sorted(rows.to_dict("records"), key=moment)


def tabulate(data: Data) -> Rows:
    heads = ["what", "ms", "host", "call", "result"]
    calls = data["calls"]
    rows = []
    for lesson in (*TRANSFERS.values(), *ERRORS):
        own = sorted(calls[calls["lesson"] == lesson].to_dict("records"), key=moment)
        rows += [
            [
                lesson,
                figure(1000 * (moment(row) - moment(own[0])), ".2f"),
                row["node"],
                f"{row['call']}({_arguments(row)})",
                row["result"],
            ]
            for row in own
        ]
    for family in data["families"].to_dict("records"):
        own = calls[calls["lesson"] == family["lesson"]]
        what = f"{family['domain']}, {family['type']}: protocol {family['protocol_number']}"
        outcome = family["outcome"]
        if outcome != "answered":
            outcome = f"not to be had here ({outcome}), not judged"
        for node in ("client", "server"):
            names = " ".join(own[own["node"] == node]["call"])
            spent = figure(1000 * float(own["t_s"].max() - own["t_s"].min()), ".2f")
            rows.append([what, spent, node, names or "-", outcome])
    return heads, rows


def _arguments(row: dict[str, Any]) -> str:
    given = [] if row["call"] == "socket" else [str(row["descriptor"])]
    return ", ".join([*given, row["arguments"]] if row["arguments"] else given)


CLAIM = Claim(
    name="socket-calls",
    place=9,
    english="A server calls socket, bind, listen, accept; a client socket, connect; both send, "
    "recv, close.",
    korean="서버는 socket, bind, listen, accept를, 클라이언트는 socket, connect를 호출하고, "
    "둘 다 send, recv, close를 호출한다.",
    hypothesis="Every socket that takes part in a transfer makes these calls in this order.",
    method="The socket calls of both ends, recorded where they are made, real clock: a file by "
    "HTTP and by TFTP through non-blocking sockets, three errors, and a question and its answer "
    "through blocking sockets of IPv4, IPv6 and UNIX, streams and datagrams. A family that the "
    "system does not have is left out. A client's bind is not judged: it is this lab's need, for "
    "each host has an address of its own here.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
