"""How long clients wait, among peers and beside a server; Kurose and Ross, section 2.5."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.lecture.claim import Data
from bench.scenario import Scenario

if TYPE_CHECKING:
    from pandas import DataFrame

    from bench.results import Results


def waits(results: Results, part: str, peer_up: str | None = None) -> DataFrame:
    """The runs of one part of an experiment, with the mean wait of those that finished.

    Where clients come one after the other, `bound_s` counts it.
    """
    runs, nodes, scenario = results.runs, results.nodes, results.scenario
    if peer_up is not None:
        runs, nodes = (frame[frame["peer_up"] == peer_up] for frame in (runs, nodes))
    case = ["backend", "clients", "seed"]
    own = nodes[nodes["role"] == "client"].assign(wait_s=nodes["finish_s"] - nodes["join_s"])
    means = own.groupby(case, as_index=False).agg(
        mean_wait_s=("wait_s", "mean"), mean_join_s=("join_s", "mean")
    )
    rows = runs[[*case, "finished", "finish_s", "bound_s"]].merge(means, on=case)
    if scenario.join_every:
        rows["bound_s"] = [bound_of_crowd(scenario, row) for row in rows.to_dict("records")]
    return rows.assign(part=part, session_s=math.nan)


def bound_of_crowd(scenario: Scenario, run: Mapping[Any, Any]) -> float:
    """The bound where clients come one after the other: nobody sends before it is there.

    N F = us T + the sum of ui (T - the time when i came), solved for T; with uplinks all alike.
    A server can send all the time.
    """
    if run["backend"] == "central":
        return float(run["bound_s"])
    clients, up = run["clients"], scenario.peer_up[0]
    sent = clients * (scenario.file_size + up * run["mean_join_s"])
    return max(float(run["bound_s"]), float(sent / (scenario.origin_up + clients * up)))


def of(data: Data, part: str, backend: str, frame: str = "runs") -> DataFrame:
    """The runs, or another frame, of one part and one backend, by their number of clients."""
    runs: DataFrame = data[frame]
    return runs[(runs["part"] == part) & (runs["backend"] == backend)].sort_values("clients")


def beside_server(data: Data, part: str) -> DataFrame:
    """Runs among peers, each with that of the server that the same hosts ask.

    `sooner`: all have the file, and both the mean wait and the last one's time are shorter.
    """
    peers, server = (of(data, part, backend) for backend in ("p2p", "central"))
    rows = peers.merge(server, on=["clients", "seed"], suffixes=("", "_server"))
    whole, served = (rows[column] == rows["clients"] for column in ("finished", "finished_server"))
    mean = rows["mean_wait_s"] < rows["mean_wait_s_server"]
    last = rows["finish_s"] < rows["finish_s_server"]
    # Peers that serve all are sooner than a server that never does.
    return rows.assign(sooner=whole & (~served | (mean & last)))
