"""One host crashes in the middle of a run and comes back much later: who is served meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.lecture.stage import Stage
from bench.theory import gini
from host.quantities import Rate

if TYPE_CHECKING:
    from pandas import DataFrame

    from bench.results import Results

FILE_BYTES = 1 << 20
PEER_UP = FILE_BYTES / 60
"""Bytes per second: a peer's uplink sends the file once in a minute."""
KEY = ["backend", "origin_up", "faults"]


def lose_a_host(
    stage: Stage,
    *,
    backend: str,
    clients: int,
    victims: Sequence[str],
    percents: Sequence[int],
    origin_ups: Sequence[float],
    restart_s: float,
    seed: int,
) -> dict[str, DataFrame]:
    """Kill each of the victims (`origin`, `any client`, `client-001` ...) at each mark, in a run of
    its own with each uplink of the origin (in peers' uplinks), and start it again `restart_s`
    seconds later.

    Frame `outages` has a row for every run; of the clients that live on it counts those that had
    the file before, got it during the outage and after the restart.  `sent_copies` is what the
    origin had sent by the crash, over the file's size; `reached` the mean share of the file that
    clients had at the restart or the run's end.  Frame `finishes` has a row for every client.
    """
    plan = {
        f"kill {victim} at {percent}%, restore it {restart_s:g} s later": (victim, percent)
        for victim in victims
        for percent in percents
    }
    rates = {str(Rate(times * PEER_UP)): times for times in origin_ups}
    results = stage.run(
        "kurose-ross",
        backends=backend,
        clients=clients,
        seed=seed,
        file_size=FILE_BYTES,
        piece_size="16 KiB",
        peer_up=PEER_UP,
        sweep={"faults": [text.split(", ") for text in plan], "origin_up": list(rates)},
    )
    outages, finishes = [], []
    for row, own in _runs(results, restart_s):
        victim, percent = plan[row.pop("faults")]
        case = {"backend": row.pop("backend"), "origin_up": rates[row.pop("origin_up")]}
        case |= {"victim": victim, "percent": percent}
        outages.append(case | row)
        finishes += [case | client for client in own]
    from pandas import DataFrame

    return {"outages": DataFrame(outages), "finishes": DataFrame(finishes)}


def joined(*some: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Frames of the same names, one below the other."""
    from pandas import concat

    return {name: concat([data[name] for data in some], ignore_index=True) for name in some[0]}


def _runs(
    results: Results, restart_s: float
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The row of each run, and the rows of its clients."""
    frames = [dict(list(f.groupby(KEY))) for f in (results.faults, results.nodes, results.samples)]
    for run in results.runs.to_dict("records"):
        key = tuple(run[column] for column in KEY)
        faults, nodes, samples = (frame[key] for frame in frames)
        kill = faults[faults["action"] == "kill"].iloc[0]
        clients = nodes[nodes["role"] == "client"]
        since_s = (clients["finish_s"] - kill["t_s"])[clients["node"] != kill["node"]]
        sent = samples[(samples["node"] == "origin") & (samples["t_s"] < kill["t_s"])]
        restarts = faults.loc[faults["action"] == "restore", "share"]
        row = dict(zip(KEY, key, strict=True)) | {
            "node": kill["node"],
            "kill_s": kill["t_s"],
            "restart_s": restart_s,
            "others": len(since_s),
            "before": int((since_s <= 0).sum()),
            "during": int(((since_s > 0) & (since_s < restart_s)).sum()),
            "after": int((since_s >= restart_s).sum()),
            "last_s": since_s.max(),
            "sent_copies": sent["up_bytes"].sum() / run["file_bytes"],
            "reached": restarts.iloc[0] if len(restarts) else 1.0,
            "load_gini": gini(nodes["up_bytes"]),
        }
        yield (
            row,
            [
                {"node": node, "since_s": finish_s - kill["t_s"], "lost": node == kill["node"]}
                for node, finish_s in zip(clients["node"], clients["finish_s"], strict=True)
            ],
        )
