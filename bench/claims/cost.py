"""What must the one who offers a file pay for it? The bounds of Kurose and Ross, solved for us."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.catalogue import find
from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.stage import Stage
from bench.play import Case
from bench.play import Rows as PlayRows
from bench.plots.style import SMALL, colour, frame, label_ends, name, number, state
from bench.scenario import override_all
from bench.sweep import trials
from bench.table import Rows, figure
from bench.theory import client_server_rate, p2p_rate
from bench.trial import run_trial
from host.quantities import Duration, QuantityError, Rate, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

CHEAP = 0.1
"""The origin pays little where it sends no more than this part of what a server would."""
LATE = 1.25
"""A bound is within reach where the last has the file within so many deadlines: to pass a piece on
from peer to peer takes time that no fluid bound counts."""
DECADES = 6
"""The lines go to 10^6 clients."""
STEPS = 6
"""Points of a line in a decade."""
MOST_MEASURED = 1_000
"""Clients of a run: more are for the bounds alone."""
MOVED = "1 MiB"
"""Bytes really moved of the file, over links slowed as much."""
BYTES_PER_MBIT_S = 1e6 / 8


def measure(
    stage: Stage,
    *,
    file: str = "1 GB",
    deadline: str = "1 h",
    peer_ups: tuple[str, ...] = ("1 Mbit/s", "5 Mbit/s"),
    clients: tuple[int, ...] = (10, 30, 60),
    price_per_gigabyte: float | None = None,
    price_per_mbit_s: float | None = None,
    currency: str = "",
) -> Data:
    from pandas import DataFrame

    size = _read(Size, "file", file)
    limit_s = _read(Duration, "deadline", deadline)
    ups = [_read(Rate, "peer_ups", up) for up in peer_ups]
    _check("file", file, size > 0, "a size above 0")
    _check("deadline", deadline, limit_s > 0, "a duration above 0")
    _check("peer_ups", ", ".join(peer_ups), bool(ups) and min(ups) > 0, "rates above 0")
    fit = bool(clients) and all(1 <= n <= MOST_MEASURED for n in clients)
    _check("clients", clients, fit, f"numbers from 1 to {MOST_MEASURED:,}")
    grid = [round(10 ** (step / STEPS)) for step in range(DECADES * STEPS + 1)]
    prices = (price_per_gigabyte, price_per_mbit_s)
    rows = [
        need(size, limit_s, up, n) | _money(size, limit_s, up, n, prices)
        for up in (None, *ups)
        for n in sorted({*grid, *clients})
    ]
    needs = DataFrame(rows).assign(currency=currency)
    columns = ("backend", "clients", "peer_up", "file_bytes", "deadline_s", "origin_rate")
    cases = [
        {column: row[column] for column in columns}
        for row in sorted(rows, key=lambda row: -row["clients"])  # the longest first
        if row["clients"] in clients
    ]
    runs = stage.play(run_with_the_least_uplink, cases)["runs"]
    runs = runs.assign(
        origin_bytes=runs["origin_up_bytes"] * runs["scale"],
        peer_bytes=runs["peer_up_bytes_mean"] * runs["scale"],
        deadlines=runs["finish_s"] / runs["deadline_s"],
    )
    return {"needs": needs, "runs": runs}


def _read(kind: Any, setting: str, text: str) -> Any:
    try:
        return kind.parse(text)
    except QuantityError as error:
        raise SettingError(f"{setting}: {error}") from None


def _check(setting: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise SettingError(f"{setting}: {value!r}; expected {expected}")


def need(size: int, deadline_s: float, peer_up: float | None, clients: int) -> dict[str, Any]:
    """What N clients take of the origin's uplink, and each of them of its own, for a deadline.

    `peer_up` is None where a server serves all.
    """
    downs = [math.inf] * clients
    if peer_up is None:
        rate = client_server_rate(size, downs, deadline_s)
    else:
        rate = p2p_rate(size, [peer_up] * clients, downs, deadline_s)
    sent = rate * deadline_s
    return {
        "backend": "central" if peer_up is None else "p2p",
        "peer_up": peer_up or 0.0,
        "clients": clients,
        "file_bytes": size,
        "deadline_s": deadline_s,
        "origin_rate": rate,
        "origin_bytes": sent,
        "peer_bytes": (clients * size - sent) / clients,
    }


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


def run_with_the_least_uplink(case: Case, directory: Path) -> PlayRows:
    """Run the scenario whose origin has the uplink `origin_rate`: its row of `runs`."""
    fields = {
        "backends": case["backend"],
        "clients": case["clients"],
        "file_size": case["file_bytes"],
        "moved_size": MOVED,
        "piece_size": "16 KiB",
        "origin_up": case["origin_rate"],
        "peer_up": case["peer_up"] or case["origin_rate"],
        "discovery": "pex",
    }
    (trial,) = trials(override_all(find("kurose-ross"), fields))
    run = run_trial(trial, directory, lambda fraction: None).run
    columns = ("finish_s", "scale", "origin_up_bytes", "peer_up_bytes_mean")
    return {"runs": [{column: run[column] for column in columns}]}


def judge(data: Data) -> Judgement:
    needs, runs = data["needs"], data["runs"]
    most = needs[needs["clients"] == needs["clients"].max()]
    server = most[most["backend"] == "central"].iloc[0]
    peers = most[most["backend"] == "p2p"].sort_values("peer_up")
    late = runs.groupby(["backend", "peer_up"])["deadlines"].max()
    cheap = peers[
        (peers["origin_bytes"] <= CHEAP * server["origin_bytes"])
        & (peers["peer_up"].map(late["p2p"]) <= LATE)
    ]
    clauses = [
        f"with peers of {_rate(row['peer_up'])} an origin sends {_bytes(row['origin_bytes'])} "
        f"at {_rate(row['origin_rate'])} and each peer {_bytes(row['peer_bytes'])} (measured to "
        f"N = {runs['clients'].max()}: the last has the file after "
        f"{late['p2p'][row['peer_up']]:.2f} deadlines)"
        for row in peers.to_dict("records")
    ]
    because = (
        f"For {int(server['clients']):,} clients within {Duration(server['deadline_s'])} a server "
        f"sends {_bytes(server['origin_bytes'])} at {_rate(server['origin_rate'])}; "
        f"{'; '.join(clauses)}."
    )
    if cheap.empty or late["central"].max() > LATE:
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
        for late, fill in ((False, shade), (True, "white")):
            some = own[(own["deadlines"] > LATE) == late]
            points = some["clients"], some["origin_bytes"] / 1e9
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
    key = "lines: bounds; points: measured"
    if (runs["deadlines"] > LATE).any():
        key += f"\nhollow: later than {LATE:g} deadlines"
    ax.text(0.02, 0.96, key, fontsize=SMALL, va="top", transform=ax.transAxes)


def _headline(needs: DataFrame, ax: Axes) -> None:
    most = needs[needs["clients"] == needs["clients"].max()]
    origins = most[most["backend"] == "p2p"]["origin_bytes"]
    server = most[most["backend"] == "central"].iloc[0]
    parts = [number(100 * part) for part in sorted(origins / server["origin_bytes"])]
    sent = f"{_bytes(server['file_bytes'])} to all within {Duration(server['deadline_s'])}"
    state(
        ax,
        f"P2P's origin sends {' or '.join(parts)} % as much",
        f"as a server at N = {int(server['clients']):,}: {sent}",
        "P2P is labelled with the peers' uplink",
    )


def tabulate(data: Data) -> Rows:
    needs = data["needs"]
    priced = "price" in needs
    heads = ["backend", "peer uplink (Mbit/s)", "N", "origin's peak (Mbit/s)", "origin sends (GB)"]
    heads += ["measured (GB)", "in deadlines", "each peer sends (GB)"]
    heads += [f"price ({needs['currency'].iloc[0] or 'as given'})"] if priced else []
    case = ["backend", "peer_up", "clients"]
    measured = data["runs"].set_index(case)[["origin_bytes", "deadlines"]].add_prefix("run_")
    shown = needs.join(measured, on=case)
    decades = {10**power for power in range(DECADES + 1)}
    rows = [
        [
            row["backend"],
            figure(row["peer_up"] / BYTES_PER_MBIT_S if row["peer_up"] else math.nan, ".3g"),
            f"{row['clients']:,}",
            number(row["origin_rate"] / BYTES_PER_MBIT_S),
            number(row["origin_bytes"] / 1e9),
            figure(row["run_origin_bytes"] / 1e9, ",.2f"),
            figure(row["run_deadlines"], ".3f"),
            figure(row["peer_bytes"] / 1e9, ".3f"),
            *([f"{row['price']:,.2f}"] if priced else []),
        ]
        for row in shown.to_dict("records")
        if row["clients"] in decades or math.isfinite(row["run_deadlines"])
    ]
    return heads, rows


CLAIM = Claim(
    name="cost",
    place=4,
    english="A server costs much, P2P costs little.",
    korean="서버를 두면 비용이 많이 들고, P2P는 적게 든다.",
    hypothesis="For the same deadline an origin among peers needs at most a tenth of the bytes and "
    "of the peak rate that a server needs, and a run with that uplink keeps the deadline.",
    method="The bounds solved for the origin's uplink, N to 10^6 (theory); runs whose origin has "
    "just that uplink (virtual clock, 1 MiB moved over links slowed as much). Money only by prices "
    "that are given: price_per_gigabyte (10^9 bytes), price_per_mbit_s (of peak rate), currency.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
