"""What the members of a run leave: rows of the frames that `bench.results` describes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bench.members import Member
from bench.sweep import Trial
from bench.theory import gini


def run_row(
    trial: Trial, members: list[Member], ideal_s: float, ending: str, faults: list[dict[str, Any]]
) -> dict[str, Any]:
    """The row of `runs`; times are those of the clients that finished, NaN where none did.

    There is no efficiency where somebody did not, or where the bound is of links that changed.
    """
    origin, *clients = members
    sent = [client.host.meter.up_bytes for client in clients]
    finishes = [client.finish_s for client in clients if client.finished]
    finish = max(finishes, default=math.nan)
    size = int(trial.scenario.transfer_size)
    held = sum(size if client.finished else client.held for client in clients)
    bounded = ending == "whole" and not any(row["action"] == "change" for row in faults)
    return {
        "backend": trial.backend,
        "clients": trial.clients,
        "seed": trial.seed,
        "repeat": trial.repeat,
        "clock": trial.scenario.clock,
        "file_bytes": size,
        "scale": trial.scenario.scale,
        "finished": len(finishes),
        "ending": ending,
        "finish_s": finish,
        "mean_finish_s": sum(finishes) / len(finishes) if finishes else math.nan,
        "bound_s": ideal_s,
        "efficiency": ideal_s / finish if finish and bounded else math.nan,
        "overhead_bytes": sum(client.host.meter.down_bytes for client in clients) - held,
        "origin_up_bytes": origin.host.meter.up_bytes,
        "origin_connections": origin.host.meter.accepted,
        "origin_calls": origin.host.meter.calls.total(),
        "peer_up_bytes_mean": sum(sent) / len(sent),
        "peer_up_bytes_max": max(sent),
        "peer_up_gini": gini(sent),
        "load_gini": gini([origin.host.meter.up_bytes, *sent]),
    }


def node_row(member: Member) -> dict[str, Any]:
    """The row of `nodes`; `finish_s` is NaN for the origin and for who never had the file."""
    meter = member.host.meter
    return {
        "node": member.host.name,
        "role": member.role,
        "join_s": member.join_s,
        "finish_s": member.finish_s,
        "up_bytes": meter.up_bytes,
        "down_bytes": meter.down_bytes,
        "neighbours": len(meter.up_by_remote.keys() | meter.down_by_remote.keys()),
        "connections_most": meter.connections_most,
    }


def sample_rows(member: Member) -> Iterator[dict[str, Any]]:
    """The rows of `samples`: a member's bytes over time."""
    meter = member.host.meter
    for bucket in sorted(meter.up_series.keys() | meter.down_series.keys()):
        yield {
            "node": member.host.name,
            "t_s": bucket * meter.bucket_s,
            "bucket_s": meter.bucket_s,
            "up_bytes": meter.up_series.get(bucket, 0),
            "down_bytes": meter.down_series.get(bucket, 0),
        }


def edge_rows(member: Member) -> Iterator[dict[str, Any]]:
    """The rows of `edges`: how much a member sent to whom."""
    for remote, size in sorted(member.host.meter.up_by_remote.items()):
        target = member.host.network.name_of(remote)
        yield {"source": member.host.name, "target": target, "bytes": size}
