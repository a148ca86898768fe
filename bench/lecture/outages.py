"""One host crashes in the middle of a run: who gets the file without it, who once it is back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from bench.lecture.stage import Stage
from bench.sweep import TrialFailed
from host.quantities import Rate

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from bench.results import Results

FILE_BYTES = 1 << 20
PIECE_BYTES = 1 << 14
"""A block of BEP 3: a piece is either here or not."""
PIECES = FILE_BYTES // PIECE_BYTES
PEER_UP = FILE_BYTES / 60
"""Bytes per second: a peer's uplink sends the file once in a minute."""
KEY = ["backend", "origin_up", "faults"]
CASE = ["backend", "origin_up", "victim", "percent"]

# What settings of such experiments may be.
Clients = Annotated[int, Meta(ge=2, le=100)]
"""Where one is lost, another must be left."""
Mark = Annotated[int, Meta(ge=0, le=99)]
"""Percent of the file, as a mean over the clients."""
Uplink = Annotated[float, Meta(ge=0.1, le=1000)]
"""Of the origin, in peers' uplinks."""
Wait = Annotated[float, Meta(ge=0.1, le=300)]
"""Seconds; a run has ten minutes or more."""
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


def lose_a_host(
    stage: Stage,
    *,
    backend: str,
    clients: int,
    victims: Sequence[str],
    percents: Sequence[int],
    origin_ups: Sequence[float],
    seed: int,
    restart_s: float | None = None,
) -> dict[str, DataFrame]:
    """Kill each of the victims (`origin`, `any client`, `client-001` ...) at each mark, in a run of
    its own with each uplink of the origin (in peers' uplinks).

    It stays away, and the run ends when nobody gets any further; or it is started again `restart_s`
    seconds later. Frame `outages` has a row for every run: of the clients that live on, `before`
    had the file at the crash and `later` got it; `stopped` says that others never did. `missing`
    counts the pieces that no living host had at the crash (NaN for a server, which has no pieces),
    `sent_copies` what the origin had sent by then, over the file's size; `reached` is the mean
    share of the file that others had in the end. Frame `finishes` has a row for every client.

    Raises TrialFailed where the run was over before the mark, or not at its deadline.
    """
    back = "" if restart_s is None else f", restore it {restart_s:g} s later"
    plan = {
        f"kill {victim} at {percent}%{back}": (victim, percent)
        for victim in dict.fromkeys(victims)
        for percent in sorted(set(percents))
    }
    rates = {str(Rate(times * PEER_UP)): times for times in sorted(set(origin_ups))}
    results = stage.run(
        "kurose-ross",
        backends=backend,
        clients=clients,
        seed=seed,
        file_size=FILE_BYTES,
        piece_size=PIECE_BYTES,
        peer_up=PEER_UP,
        sweep={"faults": [text.split(", ") for text in plan], "origin_up": list(rates)},
    )
    outages, finishes = [], []
    for row, own in _runs(results):
        victim, percent = plan[row.pop("faults")]
        case = {"backend": row.pop("backend"), "origin_up": rates[row.pop("origin_up")]}
        case |= {"victim": victim, "percent": percent}
        outages.append(case | row)
        finishes += [case | client for client in own]
    from pandas import DataFrame

    return {"outages": DataFrame(outages), "finishes": DataFrame(finishes)}


def come_back(
    stage: Stage, outages: DataFrame, *, clients: int, seed: int, restart_s: float
) -> dict[str, DataFrame]:
    """Run those outages again in which others were stopped, and start the host again.

    Frame `restarts` has a row for each: the others that `waited` for it, and of them those that
    `came` through; `restart_finishes` a row for every client.
    """
    from pandas import DataFrame

    frames: dict[str, list[DataFrame]] = {"restarts": [], "restart_finishes": []}
    stopped = outages[outages["stopped"]]
    for backend, own in stopped.groupby("backend", sort=False):
        again = lose_a_host(
            stage,
            backend=str(backend),
            clients=clients,
            victims=list(own["victim"]),
            percents=list(own["percent"]),
            origin_ups=list(own["origin_up"]),
            seed=seed,
            restart_s=restart_s,
        )
        both = own.merge(again["outages"], on=CASE, suffixes=("", "_again"))
        had = both["before"] + both["later"]
        waited, came = both["others"] - had, both["before_again"] + both["later_again"] - had
        row = both[CASE].assign(restart_s=restart_s, waited=waited, came=came)
        frames["restarts"].append(row)
        frames["restart_finishes"].append(again["finishes"].merge(own[CASE], on=CASE))
    empty = {"restarts": [*CASE, "restart_s", "waited", "came"]}
    empty["restart_finishes"] = [*CASE, "node", "since_s", "lost"]
    return {
        name: joined(*({name: own} for own in some))[name] if some else DataFrame(columns=heads)
        for (name, heads), some in zip(empty.items(), frames.values(), strict=True)
    }


def joined(*some: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Frames of the same names, one below the other."""
    from pandas import concat

    return {name: concat([data[name] for data in some], ignore_index=True) for name in some[0]}


def _runs(results: Results) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The row of each run, and the rows of its clients."""
    frames = (results.faults, results.nodes, results.samples, results.pieces)
    parts = [dict(list(frame.groupby(KEY))) for frame in frames]
    for run in results.runs.to_dict("records"):
        key = tuple(run[column] for column in KEY)
        faults, nodes, samples, pieces = (
            part.get(key, frame[:0]) for part, frame in zip(parts, frames, strict=True)
        )
        kill = faults[faults["action"] == "kill"].iloc[0]
        if not kill["t_s"] >= 0:
            raise TrialFailed(f"{run['faults']}: the run was over before; expected a lower percent")
        if run["ending"] == "deadline":
            raise TrialFailed(f"{run['faults']}: others were still getting on at the deadline")
        clients = nodes[nodes["role"] == "client"]
        others = clients[clients["node"] != kill["node"]]
        since_s = others["finish_s"] - kill["t_s"]
        sent = samples[(samples["node"] == "origin") & (samples["t_s"] < kill["t_s"])]
        row = dict(zip(KEY, key, strict=True)) | {
            "node": kill["node"],
            "kill_s": kill["t_s"],
            "others": len(others),
            "before": int((since_s <= 0).sum()),
            "later": int((since_s > 0).sum()),
            "stopped": bool(since_s.isna().any()),
            "sent_copies": sent["up_bytes"].sum() / FILE_BYTES,
            "missing": _missing(pieces, kill) if run["backend"] == "p2p" else float("nan"),
            "reached": float(_shares(others, pieces, run["backend"]).mean()),
        }
        yield (
            row,
            [
                {"node": node, "since_s": finish_s - kill["t_s"], "lost": node == kill["node"]}
                for node, finish_s in zip(clients["node"], clients["finish_s"], strict=True)
            ],
        )


def _missing(pieces: DataFrame, kill: Series[Any]) -> float:
    """The pieces that no host had at the crash but the one that is lost."""
    if kill["node"] != "origin":
        return 0.0
    return float(PIECES - pieces.loc[pieces["t_s"] <= kill["t_s"], "piece"].nunique())


def _shares(others: DataFrame, pieces: DataFrame, backend: str) -> Series[float]:
    """The share of the file that each has in the end: in whole pieces, or in bytes received."""
    if backend == "p2p":
        counts = pieces.groupby("node")["piece"].nunique()
        return counts.reindex(others["node"], fill_value=0) / PIECES
    received = (others["down_bytes"] / FILE_BYTES).clip(0, 1)
    return received.mask(others["finish_s"].notna(), 1.0)
