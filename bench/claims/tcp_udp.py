"""Are sockets of two types? The same file over both. socket(2); Padhye and others 1998 for TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.lossy_transfer import socket_types, transfer
from bench.lecture.message_pieces import exchange
from bench.lecture.settings import Number
from bench.lecture.stage import Stage
from bench.plots.style import LINES, MORE_COLOURS, frame, label_ends, number, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

NAMES = {"http": "TCP", "tftp": "UDP"}
SHADES = {"http": MORE_COLOURS[0], "tftp": MORE_COLOURS[2]}
MODEL = "model"
LECTURED = ("SOCK_STREAM", "SOCK_DGRAM")
NOT_PERMITTED = ("EPERM", "EACCES")
MESSAGES: dict[str, Any] = {"sizes": [100] * 5, "length": 1000, "reads": "all"}
"""Sent one after the other, then read with a buffer that has room for them all."""

Loss = Annotated[float, Meta(ge=0, le=0.3)]
Latency = Annotated[float, Meta(gt=0, le=1)]


def measure(
    stage: Stage,
    *,
    loss: Annotated[tuple[Loss, ...], Meta(min_length=1)] = (0.0, 0.01, 0.02, 0.05, 0.1),
    latency_s: Annotated[tuple[Latency, ...], Meta(min_length=1)] = (0.005, 0.05),
    rate: Annotated[float, Meta(ge=1e4, le=1e9)] = 1.25e6,
    file_bytes: Annotated[int, Meta(ge=1, le=1 << 26)] = 512 * 1024,
    repeats: Annotated[int, Meta(ge=1, le=100)] = 5,
    seed: Number = 1,
) -> Data:
    """`latency_s`: above 0, for TCP's model needs a round trip; `rate` in bytes/s."""
    if not max(loss):
        raise SettingError("loss: 0; expected a share above 0 too: else nobody sends again")
    cases = [
        {"transport": transport, "loss": share, "latency_s": latency, "seed": seed + repeat}
        | {"rate": rate, "size": file_bytes}
        for latency in sorted(set(latency_s))
        for share in sorted(set(loss))
        for transport in NAMES
        for repeat in range(repeats if transport == "tftp" and share else 1)
    ]
    messages = [{"protocol": protocol} | MESSAGES for protocol in ("tcp", "udp")]
    return (
        stage.play(transfer, cases)
        | stage.play(socket_types, [{}], clock="real")
        | stage.play(exchange, messages, clock="real")
    )


def judge(data: Data) -> Judgement:
    transfers, lossy = data["transfers"], _lossy(data["transfers"])
    torn = transfers[~transfers["whole"]]
    if len(torn):
        return fails(f"{len(torn)} of {len(transfers)} transfers did not carry the file whole.")
    because = f"{_messages(data)}; {_again(lossy)}; the price is time "
    because += f"(TFTP has no congestion control): {_pace(transfers)}"
    if transfers[transfers["transport"] == "http"]["origin_bytes"].nunique() > 1:
        return fails(f"{because}; a stream's program sent again, too.")
    sends, recvs = _recvs(data)
    if recvs["tcp"] >= sends or recvs["udp"] != sends:
        return fails(f"{because}: both types treat a program's messages alike.")
    if lossy["lost"].sum() and not lossy["again"].sum():
        return fails(f"{because}: both types look alike to the program.")
    conditions = []
    if not lossy["lost"].sum():
        conditions.append("over datagrams the program sends again: none was lost here")
    others = _others(data["types"])
    if others:
        verb = "is" if len(others) == 1 else "are"
        named = " and ".join(others)
        conditions.append(f"{named}, which this system has too, {verb} left out")
    if not conditions:
        return holds(f"{because}.")
    return holds_if(" and ".join(conditions), f"{because}.")


def _lossy(transfers: DataFrame) -> DataFrame:
    """The transfers by datagrams of which some may have been lost."""
    return transfers[(transfers["transport"] == "tftp") & (transfers["loss"] > 0)]


def _others(types: DataFrame) -> list[str]:
    """The types that the system has beside the lectured ones, also those not for everybody."""
    made = set(types[types["made"] != ""]["made"])
    barred = set(types[types["error"].isin(NOT_PERMITTED)]["type"])
    names = sorted((made | barred) - set(LECTURED))
    return [f"{name} (for administrators)" if name == "SOCK_RAW" else name for name in names]


def _recvs(data: Data) -> tuple[int, dict[str, int]]:
    """How many messages were sent, and by how many calls of recv each protocol brought them."""
    count = len(data["sends"]) // data["sends"]["protocol"].nunique()
    recvs = data["pieces"].groupby("protocol")["recv"].nunique()
    return count, {str(protocol): int(value) for protocol, value in recvs.items()}


def _messages(data: Data) -> str:
    sends, recvs = _recvs(data)
    return f"{sends} sends arrive in {recvs['tcp']} recv over TCP and {recvs['udp']} over UDP"


def _again(lossy: DataFrame) -> str:
    """What the programs did about loss."""
    lost = int(lossy["lost"].sum())
    return (
        "a stream's program sends each byte once, a datagram's sent "
        f"{int(lossy['again'].sum()):,} again after {lost:,} {'was' if lost == 1 else 'were'} lost"
    )


def _pace(transfers: DataFrame) -> str:
    """The times at the ends of the loss and of the latency that were tried."""
    texts = []
    for latency in sorted(set(transfers["latency_s"])):
        for share in sorted({transfers["loss"].min(), transfers["loss"].max()}):
            times = _times(transfers, share, latency)
            texts.append(f"{number(times['tftp'])} s by UDP, {number(times['http'])} s by TCP")
            texts[-1] += f"{_by_model(share)} at {share:.0%} loss, round trip {_ms(latency)}"
    return "; ".join(texts)


def _times(transfers: DataFrame, loss: float, latency: float) -> dict[str, float]:
    """Median seconds by transport."""
    ours = transfers[(transfers["loss"] == loss) & (transfers["latency_s"] == latency)]
    return {str(name): float(rows.median()) for name, rows in ours.groupby("transport")["finish_s"]}


def _by_model(loss: float) -> str:
    return f" ({MODEL})" if loss else ""


def _ms(latency: float) -> str:
    return f"{2000 * latency:.0f} ms"


def draw(data: Data, ax: Axes) -> None:
    transfers = data["transfers"]
    ends = []
    latencies = sorted(set(transfers["latency_s"]))
    for (transport, latency), rows in transfers.groupby(["transport", "latency_s"]):
        shade, line = SHADES[transport], LINES[latencies.index(latency) % len(LINES)]
        curve = rows.groupby("loss")["finish_s"].median()
        ax.plot(100 * curve.index, curve, "o" + line, color=shade, linewidth=2.5, markersize=9)
        note = f" ({MODEL})" if transport == "http" else ""
        text = f"{NAMES[transport]}{note},\n{_ms(latency)}: {number(curve.iloc[-1])} s"
        ends.append((100 * float(curve.index[-1]), float(curve.iloc[-1]), text, shade))
    ax.set_yscale("log")
    ax.set_xlim(-0.2, 102 * float(transfers["loss"].max()) or 1.0)
    _plain_ticks(ax)
    label_ends(ax, ends, gap=0.15)
    size = int(transfers["size"].iloc[0]) / 1024
    rate = 8 * float(transfers["rate"].iloc[0]) / 1e6
    state(
        ax,
        _headline(data),
        f"{number(size)} KiB by TFTP (UDP) and by HTTP (TCP), {number(rate)} Mbit/s, "
        f"round trips {' and '.join(map(_ms, latencies))}",
        "TCP under loss is a model (Padhye and others 1998), its slow start is not modelled;",
        "TFTP has no congestion control: what it gains under loss, others on the path pay",
    )
    frame(ax, "packets lost on the path (%)", "seconds for the file")


def _plain_ticks(ax: Axes) -> None:
    """Ticks of a logarithmic axis as people write numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _headline(data: Data) -> str:
    lossy = _lossy(data["transfers"])
    sends, recvs = _recvs(data)
    lost, again = (int(lossy[column].sum()) for column in ("lost", "again"))
    return (
        f"Datagrams: {lost:,} lost, {again:,} sent again by the program;\n"
        f"{sends} sends arrive in {recvs['tcp']} recv over TCP, in {recvs['udp']} over UDP"
    )


def tabulate(data: Data) -> Rows:
    heads = ["type", "round trip (ms)", "loss (%)", "time (s)", "goodput (Mbit/s)"]
    heads += ["overhead (%)", "lost", "sent again"]
    rows = []
    keys = ["latency_s", "loss", "transport"]
    for (latency, share, transport), ours in data["transfers"].groupby(keys):
        middle = ours.median(numeric_only=True)
        model = bool(share) and transport == "http"
        note = f" ({MODEL})" if model else ""
        rows.append(
            [
                f"{NAMES[transport]}{note}",
                f"{2000 * latency:.0f}",
                f"{100 * share:.0f}",
                figure(middle["finish_s"], ".2f"),
                figure(8e-6 * middle["goodput"], ".3f"),
                figure(100 * (middle["sent_bytes"] / middle["size"] - 1), ".1f"),
                f"{middle['lost']:,.0f}",
                f"{middle['again']:,.0f}",
            ]
        )
    for family, ours in data["types"].groupby("family", sort=False):
        made = sorted(set(ours["made"]) - {""})
        rows.append([f"{family} opens", *made, *[""] * (len(heads) - 1 - len(made))])
    sends, recvs = _recvs(data)
    for protocol, count in recvs.items():
        texts = [protocol.upper(), f"{sends} sends", f"{count} recv"]
        rows.append(texts + [""] * (len(heads) - len(texts)))
    return heads, rows


CLAIM = Claim(
    name="tcp-udp",
    place=14,
    english="Sockets are of two types, stream (TCP) and datagram (UDP).",
    korean="소켓에는 스트림(TCP)과 데이터그램(UDP) 두 종류가 있다.",
    hypothesis="Both types carry the same file whole; over a stream the program sends each byte "
    "once and the bounds of its sends are lost, over datagrams it sends again itself what is lost "
    "and each send is one recv; the system opens no other type.",
    method="One file by HTTP (TCP) and by TFTP (UDP, window of 16 blocks) over paths that lose "
    "packets, medians of several seeds: datagrams are really lost. TCP under loss is a model "
    "(Padhye and others 1998: its time, what it lost and sent again), so that a stream shows its "
    "program no loss by construction. The times do not say that UDP is faster: TFTP has no "
    "congestion control, which TCP's model has, and TCP's slow start is not modelled. Virtual "
    "clock. Real clock: five messages over each, all sent before they are read, and a socket of "
    "each family and type, opened. Order is not tested: these paths keep it.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
