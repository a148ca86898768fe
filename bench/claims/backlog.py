"""Is backlog the size of the queue of connection requests? listen(2), tcp(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bench.lecture.accept_queue import BELIEVES, IN, WAITS, crowd
from bench.lecture.claim import Claim, Data, Judgement, SettingError, fails, holds, holds_if
from bench.lecture.stage import Stage
from bench.plots.style import INK, MORE_COLOURS, QUIET, SMALL, TEXT, state
from bench.table import Rows, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SQUARES = 80
"""Clients of one server that are drawn one by one; of more only the numbers are told."""
LEFT, WIDTH = 1.045, 0.085
"""Where the columns of figures are, as parts of the axes' width."""
GREEN, _, ORANGE = MORE_COLOURS
PALE = "#F5D898"
KINDS = {
    (IN, IN): ("in at\nonce", GREEN),
    (WAITS, IN): ("after\naccept", ORANGE),
    (WAITS, BELIEVES): ("half\nin", PALE),
    (WAITS, WAITS): ("still\nwaits", "none"),
}
"""What became of a client, by what it was before the accepts and after: its name and colour."""
Backlog = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""An int of C; of one below 0 the system makes another (listen(2))."""
Few = Annotated[int, Meta(ge=1, le=1000)]
Patience = Annotated[float, Meta(ge=3, le=60)]
"""Seconds. A client that waits asks again a second after its first call, and then two seconds after
that (RFC 6298): with less, it has not asked since the accepts."""


def measure(
    stage: Stage,
    *,
    backlogs: Annotated[tuple[Backlog, ...], Meta(min_length=1)] = (0, 1, 2, 5, 10, 50, 6000),
    clients: Few = 60,
    accepts: Few = 3,
    patience_s: Patience = 4.0,
) -> Data:
    # One alone cannot show that who gets in follows it.
    if len(set(backlogs)) < 2:
        told = ", ".join(map(str, backlogs))
        raise SettingError(f"backlogs: {told}; expected two different ones or more")
    case = {
        "backlogs": list(dict.fromkeys(backlogs)),
        "clients": clients,
        "accepts": accepts,
        "patience_s": patience_s,
    }
    return stage.play(crowd, [case], clock="real")


def judge(data: Data) -> Judgement:
    queues = data["queues"]
    full = queues[queues["entered"] < queues["clients"]]
    if full.empty:
        return fails(f"At backlog {_each(queues, 'backlog')} all clients got in at once.")
    size = full[["backlog", "somaxconn"]].min(axis=1)
    got_in = f"{_each(full, 'entered')} clients got in at backlog {_each(full, 'backlog')}"
    extras = sorted(set((full["entered"] - size).astype(int)))
    if len(extras) > 1:
        return fails(f"{got_in}: that does not follow backlog.")
    because = f"{got_in}, connected at both ends before any accept; "
    due = (full["clients"] - full["entered"]).combine(full["accepted"], min)
    if (full["entered_later"] != due).any():
        later = f"when {_each(full, 'accepted')} were accepted, {_each(full, 'entered_later')}"
        return fails(f"{because}{later} more got in: the queue does not keep its size.")
    accepts = int(full["accepted"].sum())
    if not accepts:
        return fails(f"{because}nobody was there to be accepted.")
    because += f"each of {accepts} {'accept' if accepts == 1 else 'accepts'} let one more in"
    if deluded := int(full["believed_later"].sum()):
        others = "other" if deluded == 1 else "others"
        because += f", and {deluded:,} {others} only took themselves for connected"
    conditions = [f"one counts backlog {extras[0]:+d}".replace("+", "+ ")] if extras[0] else []
    if (full["backlog"] > full["somaxconn"]).any():
        cap = int(full["somaxconn"].iloc[0])
        conditions.append(f"backlog is at most {cap:,} (net.core.somaxconn)")
    if conditions:
        return holds_if(" and ".join(conditions), f"{because}.")
    return holds(f"{because}.")


def _each(queues: DataFrame, column: str) -> str:
    """The values of a column; one where they are all the same."""
    values = [f"{value:,}" for value in queues[column].astype(int)]
    return values[0] if len(set(values)) == 1 else ", ".join(values)


def draw(data: Data, ax: Axes) -> None:
    """A row for each backlog, a square for each client in the order of their calls."""
    queues, clients = data["queues"], data["clients"]
    most = max([n for n in queues["clients"] if n <= SQUARES], default=SQUARES)
    for row, queue in enumerate(queues.itertuples()):
        ours = clients[clients["backlog"] == queue.backlog]
        if queue.clients <= SQUARES:
            _squares(ax, row, ours)
        else:
            text = f"{queue.entered:,} of {queue.clients:,} clients (somaxconn: "
            text += f"{queue.somaxconn:,.0f})"
            ax.text(0, row, text, fontsize=TEXT, color=INK, va="center")
        for place, (before, after) in enumerate(KINDS):
            number = ((ours["first"] == before) & (ours["later"] == after)).sum()
            at = (LEFT + WIDTH * place, row)
            ax.text(
                *at,
                f"{number:,}",
                fontsize=TEXT,
                transform=ax.get_yaxis_transform(),
                ha="center",
                va="center",
                color=INK if number else QUIET,
                weight="bold" if number else "normal",
            )
    _heads(ax)
    ax.set_xlim(-1, most)
    ax.set_ylim(len(queues) - 0.4, -0.6)
    ax.set_yticks(range(len(queues)), [f"{backlog:,}" for backlog in queues["backlog"]])
    ax.tick_params(labelsize=TEXT, colors=INK, length=0)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_ylabel("listen(backlog)", fontsize=TEXT + 1, color=INK, labelpad=8)
    ax.set_xlabel("clients, in the order of their calls", fontsize=TEXT + 1, color=INK, labelpad=8)
    accepts = int(queues["accepted"].max())
    state(
        ax,
        _headline(queues),
        f"Drawn after the server has accepted {accepts}, at most; real clock",
        "half in: connected at the client's end only",
    )


def _squares(ax: Axes, row: int, clients: DataFrame) -> None:
    for (before, after), (_, shade) in KINDS.items():
        ours = clients[(clients["first"] == before) & (clients["later"] == after)]
        ax.scatter(
            ours["client"],
            [row] * len(ours),
            s=34,
            marker="s",
            color=shade,
            edgecolors=QUIET if shade in ("none", PALE) else shade,
            linewidths=0.8,
        )


def _heads(ax: Axes) -> None:
    """Name the columns of figures; each is marked with its square's colour."""
    for place, (name, shade) in enumerate(KINDS.values()):
        x = LEFT + WIDTH * place
        ax.text(
            x,
            1.045,
            name,
            fontsize=SMALL,
            transform=ax.transAxes,
            ha="center",
            va="bottom",
            color=INK,
            linespacing=1.1,
        )
        ax.scatter(
            [x],
            [1.02],
            s=60,
            marker="s",
            color=shade,
            edgecolors=QUIET,
            linewidths=0.8,
            transform=ax.transAxes,
            clip_on=False,
        )


def _headline(queues: DataFrame) -> str:
    full = queues[queues["entered"] < queues["clients"]]
    if full.empty:
        return "All clients get in at once"
    size = full[["backlog", "somaxconn"]].min(axis=1)
    extras = sorted(set((full["entered"] - size).astype(int)))
    if len(extras) != 1:
        return "Who gets in does not follow backlog"
    count = f"n {extras[0]:+d}".replace("+", "+ ") if extras[0] else "n"
    return f"listen(n): {count} clients get in before any accept"


def tabulate(data: Data) -> Rows:
    heads = ["backlog", "clients", "in at once", "kernel's limit", "accepted"]
    heads += ["in after that", "half in", "first in after (s)"]
    clients = data["clients"]
    later = clients[clients["later"] == IN].groupby("backlog")["connected_s"].min()
    rows = [
        [
            f"{queue.backlog:,}",
            f"{queue.clients:,}",
            f"{queue.entered:,}",
            figure(queue.queue_limit, ",.0f"),
            str(queue.accepted),
            str(queue.entered_later),
            str(queue.believed_later),
            figure(later[queue.backlog], ".2f"),
        ]
        for queue in data["queues"].itertuples()
    ]
    return heads, rows


CLAIM = Claim(
    name="backlog",
    place=10,
    english="listen(backlog) is the size of the queue of connection requests.",
    korean="listen(backlog)의 backlog는 연결 요청 대기열의 크기이다.",
    hypothesis="While the server accepts nobody, as many clients are connected as backlog says, "
    "and the others wait; each accept lets one more in.",
    method="Clients that call at once, one after the other, servers that do not accept, over "
    "backlog: each connection in the system's own socket table, at both ends, before the server "
    "accepts a few and after. Real clock.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)
