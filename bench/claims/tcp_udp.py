"""Are sockets of two types? The same file over both. socket(2); Padhye and others 1998 for TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.lossy_transfer import socket_types, transfer
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


def measure(
    stage: Stage,
    *,
    loss: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05, 0.1),
    latency_s: tuple[float, ...] = (0.005, 0.05),
    rate: float = 1.25e6,
    file_bytes: int = 512 * 1024,
    repeats: int = 5,
    seed: int = 1,
) -> Data:
    if min(latency_s) <= 0:
        raise SettingError("latency_s: expected numbers above 0: TCP's model needs a round trip")
    cases = [
        {"transport": transport, "loss": share, "latency_s": latency, "seed": seed + repeat}
        | {"rate": rate, "size": file_bytes}
        for latency in latency_s
        for share in loss
        for transport in NAMES
        for repeat in range(repeats if transport == "tftp" and share else 1)
    ]
    return stage.play(transfer, cases) | stage.play(socket_types, [{}], clock="real")


def judge(data: Data) -> Judgement:
    transfers, types = data["transfers"], data["types"]
    torn = transfers[~transfers["whole"]]
    if len(torn):
        return fails(f"{len(torn)} of {len(transfers)} transfers did not carry the file whole.")
    streams = transfers[transfers["transport"] == "http"]
    datagrams = transfers[transfers["transport"] == "tftp"]
    lossy = datagrams[datagrams["loss"] > 0]
    because = f"{_pace(transfers)}; {_again(lossy)}"
    if streams["origin_bytes"].nunique() > 1:
        return fails(f"{because}; a stream's program sent again, too.")
    if len(lossy) and not (lossy["again"] > 0).any():
        return fails(f"{because}: both types look alike to the program.")
    others = types[(types["made"] != "") & ~types["made"].isin(LECTURED)]
    if others.empty:
        return holds(f"{because}.")
    names = sorted(set(others["made"]))
    verb = "is" if len(names) == 1 else "are"
    condition = f"{' and '.join(names)}, which this system opens too, {verb} left out"
    return holds_if(condition, f"{because}.")


def _again(lossy: DataFrame) -> str:
    """What the programs did about loss."""
    return (
        "a stream's program sends each byte once, a datagram's sent "
        f"{int(lossy['again'].sum()):,} again after {int(lossy['lost'].sum()):,} were lost"
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
    label_ends(ax, ends)
    size = int(transfers["size"].iloc[0]) / 1024
    rate = 8 * float(transfers["rate"].iloc[0]) / 1e6
    state(
        ax,
        _headline(transfers),
        f"{number(size)} KiB by TFTP (UDP) and by HTTP (TCP), {number(rate)} Mbit/s, "
        f"round trips {' and '.join(map(_ms, latencies))}",
        "TCP under loss is a model (Padhye and others 1998)",
    )
    frame(ax, "packets lost on the path (%)", "seconds for the file")


def _plain_ticks(ax: Axes) -> None:
    """Ticks of a logarithmic axis as people write numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _headline(transfers: DataFrame) -> str:
    share, latency = transfers["loss"].max(), transfers["latency_s"].max()
    times = _times(transfers, share, latency)
    return (
        f"{share:.0%} lost, {_ms(latency)}: UDP {number(times['tftp'])} s, "
        f"TCP {number(times['http'])} s{_by_model(share)}"
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
    return heads, rows


CLAIM = Claim(
    name="tcp-udp",
    place=14,
    english="Sockets are of two types, stream (TCP) and datagram (UDP).",
    korean="소켓에는 스트림(TCP)과 데이터그램(UDP) 두 종류가 있다.",
    hypothesis="Both types carry the same file whole; over a stream the program sends each byte "
    "once, whatever is lost, over datagrams it sends again itself; the system opens no other type.",
    method="One file by HTTP (TCP) and by TFTP (UDP, window of 16 blocks) over paths that lose "
    "packets, medians of several seeds: datagrams are really lost. TCP under loss is a model "
    "(Padhye and others 1998: its time, what it lost and sent again), so that a stream shows its "
    "program no loss by construction. Virtual clock. And a socket of each family and type, opened.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
