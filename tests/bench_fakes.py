"""Trials that move nothing, for worker processes to run: `bench.pool` finds them by name."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench.sweep import Trial, TrialFailed, TrialResult
from bench.theory import bound
from bench.worker import REPORT_EVERY

Report = Callable[[float], None]


def result_of(trial: Trial, finish_s: float | None = None) -> TrialResult:
    """A result whose figures follow from the trial alone: twice the bound, the seed's parity."""
    bound_s = bound(trial.scenario, trial.backend, trial.clients)
    finish_s = 2 * bound_s + trial.repeat if finish_s is None else finish_s
    size = int(trial.scenario.transfer_size)
    names = [f"client-{number:03}" for number in range(1, trial.clients + 1)]
    run = {
        "clock": trial.scenario.clock,
        "file_bytes": trial.scenario.transfer_size,
        "scale": trial.scenario.scale,
        "finished": trial.clients,
        "ending": "whole",
        "finish_s": finish_s,
        "mean_finish_s": finish_s / 2,
        "bound_s": bound_s,
        "efficiency": bound_s / finish_s if bound_s else float("nan"),
        "origin_up_bytes": size * trial.clients,
        "origin_connections": trial.clients,
        "origin_calls": 10 * trial.clients,
        "overhead_bytes": 0,
        "peer_up_bytes_mean": 0.0,
        "peer_up_bytes_max": 0,
        "peer_up_gini": 0.0,
        "load_gini": trial.clients / (trial.clients + 1),
        "wall_s": 0.25,
        "cpu_s": 0.125,
        "rss_bytes": 1 << 20,
    }
    node = {"join_s": 0.0, "down_bytes": 0, "up_bytes": 0, "neighbours": 1, "connections_most": 1}
    origin = node | {"node": "origin", "role": "origin", "finish_s": float("nan")}
    clients = [node | {"node": name, "role": "client", "finish_s": finish_s} for name in names]
    sample = {"node": "origin", "t_s": 0.0, "bucket_s": 1.0, "up_bytes": size, "down_bytes": 0}
    edges = [{"source": "origin", "target": name, "bytes": size} for name in names]
    return TrialResult(run=run, nodes=[origin, *clients], samples=[sample], edges=edges)


def swift(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    assert workdir.is_dir()
    assert not list(workdir.iterdir())
    (workdir / "file.bin").write_bytes(b"left behind")
    report(0.5)
    return result_of(trial)


def talkative(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    print("a stray line", flush=True)
    os.write(1, b"and another\n")
    assert os.read(0, 1) == b""
    return result_of(trial)


def with_pid(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    return result_of(trial, finish_s=float(os.getpid()))


def where(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    result = result_of(trial)
    result.run["workdir"] = str(workdir)
    return result


def failing(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    if trial.clients == 2:
        raise TrialFailed(f"{trial}: client-002: the digest is wrong")
    return result_of(trial)


def broken(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    raise ValueError("two\nlines")


def exiting(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    os._exit(3)


def killed(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def endless(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    """Never ends with two clients or more; says where it is, and starts a child of its own."""
    if trial.clients == 1:
        return result_of(trial)
    child = os.posix_spawnp("sleep", ["sleep", "600"], os.environ)
    print(f"endless {os.getpid()} {child} {workdir}\n", end="", flush=True)
    threading.Event().wait()
    raise AssertionError("unreachable")


def half_done(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    """Fails with one client, which is run last; never ends with more."""
    if trial.clients == 1:
        raise TrialFailed(f"{trial}: client-001: gone")
    threading.Event().wait()
    raise AssertionError("unreachable")


def reporting(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    for fraction in (0.25, 0.5, 0.75):
        report(fraction)
    return result_of(trial)


def late(trial: Trial, workdir: Path, report: Report) -> TrialResult:
    """Reports when a worker's pause between reports is over."""
    end = time.monotonic() + REPORT_EVERY
    while time.monotonic() < end:
        pass
    report(0.25)
    return result_of(trial)
