"""What must the one who offers a file pay for it? The bounds of Kurose and Ross, solved for us."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.least_uplink import PEAKS, keep_deadline, need
from bench.lecture.settings import Amount
from bench.lecture.stage import Stage
from bench.plots.style import SMALL, colour, frame, label_ends, name, number, state
from bench.table import Rows, figure
from host.quantities import Duration, QuantityError, Rate, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

CHEAP = 0.1
"""The origin pays little where it sends, and needs a peak rate of, no more than this part of what a
server would: an order of magnitude."""
DECADES = 6
"""The lines go to 10^6 clients."""
STEPS = 6
"""Points of a line in a decade."""
BYTES_PER_MBIT_S = 1e6 / 8
SMALLEST, LARGEST = Size(1 << 16), Size(10**15)
"""Of a smaller file what is said beside it would be the most."""
LONGEST = Duration(1e9)
SLOWEST = 50
"""Peers that send less of the file are drowned in what they say."""

Crowd = Annotated[int, Meta(ge=1, le=1_000)]
"""Clients of a run: more are for the bounds alone."""
Margin = Annotated[float, Meta(ge=1, le=100)]


def measure(
    stage: Stage,
    *,
    file: str = "1 GB",
    deadline: str = "1 h",
    peer_ups: Annotated[tuple[str, ...], Meta(min_length=1)] = ("1 Mbit/s", "5 Mbit/s"),
    clients: Annotated[tuple[Crowd, ...], Meta(min_length=1)] = (3, 10, 30),
    margins: Annotated[tuple[Margin, ...], Meta(min_length=1)] = (1.01, 1.25, 1.5, 2.0),
    price_per_gigabyte: Amount | None = None,
    price_per_mbit_s: Amount | None = None,
    currency: str = "",
) -> Data:
    from pandas import DataFrame

    size = _read(Size, "file", file, SMALLEST, LARGEST)
    limit_s = _read(Duration, "deadline", deadline, Duration(1), LONGEST)
    ups = [_read(Rate, "peer_ups", up, Rate(1), Rate(10**12)) for up in dict.fromkeys(peer_ups)]
    slow = size / limit_s / SLOWEST
    if min(ups) < slow:
        raise SettingError(
            f"peer_ups: {', '.join(peer_ups)}; expected {number(slow / BYTES_PER_MBIT_S)} Mbit/s "
            f"or more: 1 / {SLOWEST} of the file within the deadline"
        )
    grid = [round(10 ** (step / STEPS)) for step in range(DECADES * STEPS + 1)]
    prices = (price_per_gigabyte, price_per_mbit_s)
    rows = [
        need(size, limit_s, up, n) | _money(size, limit_s, up, n, prices)
        for up in (None, *sorted(set(ups)))
        for n in sorted({*grid, *clients})
    ]
    needs = DataFrame(rows).assign(currency=currency)
    columns = ("backend", "clients", "peer_up", "file_bytes", "deadline_s", "origin_rate")
    cases = [
        {column: row[column] for column in columns} | {"margins": sorted(margins)}
        for row in sorted(rows, key=lambda row: -row["clients"])  # the longest first
        if row["clients"] in clients
    ]
    return {"needs": needs, "runs": stage.play(keep_deadline, cases)["runs"]}


def _read(kind: Any, setting: str, text: str, least: Any, most: Any) -> Any:
    try:
        value = kind.parse(text)
    except QuantityError as error:
        raise SettingError(f"{setting}: {error}") from None
    if not least <= value <= most:
        raise SettingError(f"{setting}: {text!r}; expected {least} to {most}")
    return value


def _money(
    size: int,
    deadline_s: float,
    peer_up: float | None,
    clients: int,
    prices: tuple[float | None, float | None],
) -> dict[str, Any]:
    """What the user's prices make of it: of the bytes (in GB of 10^9), of the peak rate."""
    per_gigabyte, per_mbit_s = prices
    if per_gigabyte is None and per_mbit_s is None:
        return {}
    needed = need(size, deadline_s, peer_up, clients)
    price = (per_gigabyte or 0.0) * needed["origin_bytes"] / 1e9
    return {"price": price + (per_mbit_s or 0.0) * needed["origin_rate"] / BYTES_PER_MBIT_S}


def _margins(runs: DataFrame) -> DataFrame:
    """The margin for each kind of peers, over all N: infinite where one missed the deadline."""
    tried = runs.assign(margin=runs["margin"].where(runs["kept"], math.inf))
    return tried.groupby(["backend", "peer_up"])["margin"].max().reset_index()


def _at_most(data: Data) -> tuple[Series[Any], DataFrame]:
    """What is needed at the largest N: a server's row, and the origins' by their peers' uplink."""
    needs = data["needs"]
    most = needs[needs["clients"] == needs["clients"].max()]
    rows = most.merge(_margins(data["runs"]), on=["backend", "peer_up"]).sort_values("peer_up")
    return rows[rows["backend"] == "central"].iloc[0], rows[rows["backend"] == "p2p"]


def judge(data: Data) -> Judgement:
    server, peers = _at_most(data)
    runs = data["runs"]
    # Bytes and peak rate are the same part of a server's: both are for the same deadline.
    part = peers["origin_rate"] * peers["margin"] / (server["origin_rate"] * server["margin"])
    cheap = peers[part <= CHEAP]
    clauses = [
        f"with peers of {_rate(row['peer_up'])} {_needs(row, 'an origin')}, and each peer sends "
        f"{_bytes(row['peer_bytes'])}"
        for row in peers.to_dict("records")
    ]
    most = runs["clients"].max()
    points = runs[runs["clients"] == most].sort_values("peer_up")
    measured = [
        f"{_sender(row)} sent {_bytes(row['origin_sent'])} at a peak of {_rate(row['peak_rate'])}"
        for row in points.to_dict("records")
    ]
    because = (
        f"For {int(server['clients']):,} clients within {Duration(server['deadline_s'])} "
        f"{_needs(server, 'a server')}; {'; '.join(clauses)} (bounds, the uplinks with the margin "
        f"that runs to N = {most} took). Measured at N = {most}: {', '.join(measured)}."
    )
    if cheap.empty or math.isinf(server["margin"]):
        return fails(because)
    if len(cheap) == len(peers):
        return holds(because)
    least = cheap.iloc[0]
    copy_rate = server["file_bytes"] / server["deadline_s"]
    return holds_if(
        f"the peers pay instead, each with an uplink of {_rate(least['peer_up'])} and "
        f"{_bytes(least['peer_bytes'])} sent (one copy within the deadline takes "
        f"{_rate(copy_rate)})",
        because,
    )


def _needs(row: Mapping[Any, Any] | Series[Any], who: str) -> str:
    if math.isinf(row["margin"]):
        uplink = "and no uplink that was tried kept the deadline"
    else:
        uplink = f"by an uplink of {_rate(row['origin_rate'] * row['margin'])}"
    return f"{who} sends {_bytes(row['origin_bytes'])} {uplink}"


def _sender(run: Mapping[Any, Any]) -> str:
    central = run["backend"] == "central"
    return "the server" if central else f"among peers of {_rate(run['peer_up'])} the origin"


def _bytes(size: float) -> str:
    """Bytes in decimal units, as traffic is sold: `1,000,000 GB`."""
    return f"{number(size / 1e9)} GB"


def _rate(rate: float) -> str:
    return f"{number(rate / BYTES_PER_MBIT_S)} Mbit/s"


def draw(data: Data, ax: Axes) -> None:
    needs, runs = data["needs"], data["runs"]
    ends, dashes = [], iter(("--", "-", "-.", ":"))
    for (backend, up), rows in needs.groupby(["backend", "peer_up"]):
        shade, central = colour(str(backend)), backend == "central"
        line = "-" if central else next(dashes, ":")
        gigabytes = rows["origin_bytes"] / 1e9
        ax.plot(rows["clients"], gigabytes, line, color=shade, linewidth=2.5)
        own = runs[(runs["backend"] == backend) & (runs["peer_up"] == up)]
        for kept, fill in ((True, shade), (False, "white")):
            some = own[own["kept"] == kept]
            points = some["clients"], some["origin_sent"] / 1e9
            ax.plot(*points, "o", color=fill, markersize=10, markeredgecolor=shade, zorder=3)
        who = name(str(backend)) if central else f"P2P, {_rate(float(str(up)))}"
        end: Series[Any] = rows.iloc[-1]
        text = f"{who}\n{_bytes(end['origin_bytes'])}"
        ends.append((float(end["clients"]), float(gigabytes.iloc[-1]), text, shade))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(1, needs["clients"].max())
    label_ends(ax, ends, gap=0.14)
    _headline(needs, ax)
    frame(ax, "clients N", "sent by the origin (GB)")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
    kept = runs[runs["kept"]]
    key = "lines: bounds; points: measured"
    if len(kept):
        key += f",\nuplinks {_span(kept['margin'])} times the bound's"
    if len(kept) < len(runs):
        key += "\nhollow: no uplink that was tried kept the deadline"
    ax.text(0.02, 0.96, key, fontsize=SMALL, va="top", transform=ax.transAxes)


def _span(values: Series[Any]) -> str:
    """The least and the most: `1.01 to 1.5`."""
    return " to ".join(dict.fromkeys(number(value) for value in (values.min(), values.max())))


def _headline(needs: DataFrame, ax: Axes) -> None:
    most = needs[needs["clients"] == needs["clients"].max()]
    origins = most[most["backend"] == "p2p"]["origin_bytes"]
    server = most[most["backend"] == "central"].iloc[0]
    parts = [number(100 * part) for part in sorted(origins / server["origin_bytes"])]
    sent = f"{_bytes(server['file_bytes'])} to all within {Duration(server['deadline_s'])}"
    state(
        ax,
        f"P2P's origin sends {' or '.join(parts)} % as much",
        f"as a server at N = {int(server['clients']):,}, by the bounds: {sent}",
        "P2P is labelled with the peers' uplink",
    )


def tabulate(data: Data) -> Rows:
    needs = data["needs"]
    priced = "price" in needs
    heads = ["backend", "peer uplink (Mbit/s)", "N", "bound: uplink (Mbit/s)", "sends (GB)"]
    heads += ["each peer (GB)", "measured: uplink (bounds)", "peak (Mbit/s)", "sends (GB)"]
    heads += ["each peer (GB)", "in deadlines"]
    heads += [f"price by the bound ({needs['currency'].iloc[0] or 'as given'})"] if priced else []
    case = ["backend", "peer_up", "clients"]
    measured = ["margin", "peak_rate", "origin_sent", "peer_sent", "deadlines"]
    shown = needs.join(data["runs"].set_index(case)[measured], on=case)
    decades = {10**power for power in range(DECADES + 1)}
    rows = [
        [
            row["backend"],
            figure(row["peer_up"] / BYTES_PER_MBIT_S if row["peer_up"] else math.nan, ".3g"),
            f"{row['clients']:,}",
            number(row["origin_rate"] / BYTES_PER_MBIT_S),
            number(row["origin_bytes"] / 1e9),
            figure(row["peer_bytes"] / 1e9, ".3f"),
            figure(row["margin"], ".2f"),
            figure(row["peak_rate"] / BYTES_PER_MBIT_S),
            figure(row["origin_sent"] / 1e9, ",.2f"),
            figure(row["peer_sent"] / 1e9, ".3f"),
            figure(row["deadlines"], ".3f"),
            *([f"{row['price']:,.2f}"] if priced else []),
        ]
        for row in shown.to_dict("records")
        if row["clients"] in decades or math.isfinite(row["margin"])
    ]
    return heads, rows


CLAIM = Claim(
    name="cost",
    place=4,
    english="A server costs much, P2P costs little.",
    korean="서버를 두면 비용이 많이 들고, P2P는 적게 든다.",
    hypothesis="For the same deadline an origin among peers needs at most a tenth of the bytes and "
    "of the peak rate that a server needs, at N = 10^6.",
    method="Bytes and uplinks: the bounds solved for the origin's uplink, to N = 10^6 (theory). "
    "Runs find the margin that is needed beside the bound: uplinks of so many `margins` in turn, "
    "until the last client has the file in time; the largest margin counts at N = 10^6. (Virtual "
    "clock; 1 MiB within an hour stands for file and deadline, all rates changed as much.) Peak "
    f"rate: the most that the origin sent in a {PEAKS}th of the deadline. By construction bytes "
    "and uplinks of the bounds are the same part of a server's. Money only by prices that are "
    "given, and by the bounds: price_per_gigabyte (10^9 bytes), price_per_mbit_s (of uplink), "
    "currency.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
