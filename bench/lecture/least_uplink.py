"""The uplink that a deadline takes: the bounds of Kurose and Ross solved for it, and measured."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from bench.catalogue import find
from bench.play import Case, Rows
from bench.scenario import override_all
from bench.sweep import trials
from bench.theory import client_server_rate, p2p_rate
from bench.trial import run_trial

MOVED, WITHIN_S = 1 << 20, 3600.0
"""A file and a deadline of this size stand for any: all rates are changed as much."""
PEAKS = 12
"""The peak rate is the most in such a part of the deadline: 5 minutes of an hour, as traffic is
sold by its peak. In a shorter one a single send of 16 KiB would show, of the 64 that move."""


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
        "peer_up": float(peer_up or 0.0),
        "clients": clients,
        "file_bytes": int(size),
        "deadline_s": float(deadline_s),
        "origin_rate": rate,
        "origin_bytes": sent,
        "peer_bytes": (clients * size - sent) / clients,
    }


def keep_deadline(case: Case, directory: Path) -> Rows:
    """Find what the uplink must be that the last of all has the file within the deadline.

    It is the bound's uplink `origin_rate` times each of `margins` in turn, until the deadline is
    kept. A row of the last run: all bytes as if the whole file had moved; `kept`: whether it was.
    """
    for margin in case["margins"]:
        row = _run(case, margin, directory)
        if row["kept"]:
            break
    return {"runs": [row]}


def _run(case: Case, margin: float, directory: Path) -> dict[str, Any]:
    clients = case["clients"]
    scale, times = case["file_bytes"] / MOVED, case["deadline_s"] / WITHIN_S
    uplink = margin * case["origin_rate"] * times / scale
    fields = {
        "backends": case["backend"],
        "clients": clients,
        "file_size": MOVED,
        "piece_size": "16 KiB",
        "origin_up": uplink,
        "peer_up": case["peer_up"] * times / scale or uplink,
        "discovery": "pex",
        # The bound lets everybody send to everybody.
        "connections": max(30, clients),
    }
    (trial,) = trials(override_all(find("kurose-ross"), fields))
    result = run_trial(trial, directory, lambda fraction: None)
    run, window_s = result.run, WITHIN_S / PEAKS
    sent: Counter[int] = Counter()
    for sample in result.samples:
        if sample["node"] == result.nodes[0]["node"]:
            sent[int(sample["t_s"] // window_s)] += sample["up_bytes"]
    return {
        "margin": margin,
        "kept": run["finish_s"] <= WITHIN_S,
        "deadlines": run["finish_s"] / WITHIN_S,
        "origin_sent": run["origin_up_bytes"] * scale,
        "peer_sent": run["peer_up_bytes_mean"] * scale,
        "peak_rate": max(sent.values()) * scale / (window_s * times),
    }
