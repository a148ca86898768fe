"""Results from a fluid model with some noise, and axes to draw them on, for tests of pictures."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.plots.style import SIZE, roomy
from bench.results import Results
from bench.scenario import Scenario
from bench.sweep import labels, trials
from bench.theory import bound
from host.quantities import Rate, Size

MIB = 2**20
HOUR = 3600.0
OVERHEAD = {"http": 12_000, "http-close": 14_000, "socket": 1_300, "tftp": 11_752}
CONNECTIONS = {"http": 1, "http-close": 64, "socket": 1, "tftp": 0}
"""Of each client, by transport."""
UNLIMITED = Rate(math.inf)


def kurose_ross(**changes: Any) -> Scenario:
    fields: dict[str, Any] = {
        "name": "kurose-ross",
        "title": "The textbook's figure",
        "file_size": Size(4 * MIB),
        "clients": (1, 5, 20, 35),
        "origin_up": Rate(40 * MIB / HOUR),
        "peer_up": (Rate(4 * MIB / HOUR),),
        "time_unit": "h",
    }
    return Scenario(**(fields | changes))


def measured(scenario: Scenario, sweep: dict[str, list[str]] | None = None) -> Results:
    """Frames as the runs of a scenario leave them, from a fluid model with some noise."""
    rows: dict[str, list[dict[str, Any]]] = {"runs": [], "nodes": [], "samples": [], "edges": []}
    plan = trials(scenario, sweep)
    swept = plan[0].swept
    for trial in plan:
        run = one_run(trial.scenario, trial.backend, trial.clients, trial.repeat)
        columns = labels(trial, swept)
        for frame, made in run.items():
            rows[frame] += [columns | row for row in made]
    frames = {name: pd.DataFrame(made) for name, made in rows.items()}
    return Results(scenario=scenario, meta={"sweep": dict.fromkeys(swept)}, **frames)


def one_run(
    scenario: Scenario, backend: str, clients: int, repeat: int
) -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng([clients, repeat, len(backend)])
    size, least = scenario.transfer_size, bound(scenario, backend, clients)
    slack = 0.001 if backend == "central" else 0.05
    finishes = (least or 0.02 * clients) * (1 + slack * (1 + rng.random(clients)))
    finish = float(finishes.max())
    names = [f"client-{number:03}" for number in range(1, clients + 1)]
    carried = star(size, names) if backend == "central" else mesh(scenario, names, rng)
    sent = dict.fromkeys(["origin", *names], 0)
    for (source, _), amount in carried.items():
        sent[source] += amount
    up = [sent[name] for name in names]
    run = {
        "file_bytes": size,
        "finished": clients,
        "finish_s": finish,
        "mean_finish_s": float(finishes.mean()),
        "bound_s": least,
        "overhead_bytes": OVERHEAD[scenario.transport[0]] * clients,
        "origin_up_bytes": sent["origin"],
        "origin_connections": CONNECTIONS[scenario.transport[0]] * clients,
        "origin_calls": 1000 * clients,
        "peer_up_bytes_mean": float(np.mean(up)),
        "peer_up_bytes_max": max(up),
    }
    nodes = [{"node": "origin", "role": "origin", "finish_s": math.nan, "up_bytes": sent["origin"]}]
    nodes += [
        {"node": name, "role": "client", "finish_s": float(end), "up_bytes": sent[name]}
        for name, end in zip(names, finishes, strict=True)
    ]
    samples = [
        {"node": "origin", "t_s": finish * i / 240, "bucket_s": finish / 240}
        | {"up_bytes": sent["origin"] // 240}
        for i in range(240)
    ]
    edges = [{"source": s, "target": t, "bytes": amount} for (s, t), amount in carried.items()]
    return {"runs": [run], "nodes": nodes, "samples": samples, "edges": edges}


def star(size: int, names: list[str]) -> dict[tuple[str, str], int]:
    requests = {(name, "origin"): 80 for name in names}
    return {("origin", name): size for name in names} | requests


def mesh(
    scenario: Scenario, names: list[str], rng: np.random.Generator
) -> dict[tuple[str, str], int]:
    """Every client takes its file from the origin and up to 30 others, in uneven parts."""
    size = scenario.transfer_size
    ups = [min(up, 1e9) for up in (scenario.origin_up, *scenario.peer_ups(len(names)))]
    carried = {}
    for target in names:
        others = [name for name in names if name != target]
        sources = [str(name) for name in rng.permutation(others)[:30]]
        weight = 0.1 + rng.exponential(1.0, len(sources))
        first = round(size * ups[0] / sum(ups) * rng.uniform(0.7, 1.3)) if sources else size
        carried["origin", target] = min(first, size)
        for source, share in zip(sources, weight / weight.sum(), strict=True):
            carried[source, target] = int((size - carried["origin", target]) * share)
    return carried


def axes() -> Axes:
    return Figure(figsize=SIZE, layout=roomy()).subplots()


def texts(ax: Axes) -> list[str]:
    found = [text.get_text() for text in ax.findobj(Text) if text.get_text()]
    return [*found, ax.get_title(loc="left")]
