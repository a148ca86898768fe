"""One run: one backend hands one file to N hosts, and the meters say what it took."""

from __future__ import annotations

import asyncio
import math
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

from bench.backends import BACKENDS, Backend, Node
from bench.scenario import Scenario
from bench.sweep import Trial, TrialFailed, TrialResult
from bench.theory import bound, gini
from host.clock import StuckError, run
from host.host import Host
from host.limits import MachineLimitError, ensure_descriptors, ensure_space
from host.link import LinkConfig
from host.network import Network
from p2p.wire import BLOCK

CHUNK = 1 << 20
BUCKETS = 240
"""Entries of a host's bytes over time in one bound: fine enough for a picture's width."""

REPORT_EVERY_S = 0.1
"""Seconds of the machine's time between two reports of progress."""

LEAST_DEADLINE_S = 600.0
"""Seconds that any run may take: peers' timers, and the machine's own time on unlimited links."""

ROUNDS = 100
"""Turns that a run may take beside its bound: a block over the slowest link, then the latency."""


@dataclass
class Member:
    """A node of the run, its host, and when it came and had the file (seconds of the run)."""

    node: Node
    host: Host
    join_s: float = 0.0
    finish_s: float = math.nan


def run_trial(trial: Trial, workdir: Path, report: Callable[[float], None]) -> TrialResult:
    """Run one trial in `workdir` and return its rows; `report` gets the share of bytes come.

    Raises TrialFailed when a file does not arrive, is not the one published, or time runs out.
    """
    scenario = trial.scenario
    backend = BACKENDS[trial.backend](scenario)
    ideal_s = bound(scenario, trial.backend, trial.clients)
    joins = list(_joins(trial))
    deadline_s = deadline(trial, ideal_s) + joins[-1]
    wall, cpu = perf_counter(), process_time()
    try:
        ensure_descriptors(backend.descriptors(trial.clients))
        ensure_space(workdir, (trial.clients + 1) * scenario.transfer_size)
        with tempfile.TemporaryDirectory(dir=workdir) as folder:
            original = _make_file(Path(folder), trial)
            if scenario.clock == "real":
                _warm(Path(folder), trial.clients * scenario.transfer_size)
            job = _run(trial, backend, original, joins, ideal_s, report)
            members = run(job, clock=scenario.clock, speed=scenario.speed, deadline_s=deadline_s)
            for member in members[1:]:
                if not math.isfinite(member.finish_s):
                    raise TrialFailed(f"{trial}: {member.host.name}: it never had the file")
                _check(member.host.directory / original.name, original, member.host.name)
    except (StuckError, MachineLimitError) as error:
        raise TrialFailed(f"{trial}: {error}") from None
    spent = {
        "wall_s": perf_counter() - wall,
        "cpu_s": process_time() - cpu,
        "rss_bytes": _peak_rss(),
    }
    return TrialResult(
        run=_run_row(trial, members, ideal_s) | spent,
        nodes=[_node_row(member) for member in members],
        samples=[row for member in members for row in _sample_rows(member)],
        edges=[row for member in members for row in _edge_rows(member)],
    )


def deadline(trial: Trial, ideal_s: float) -> float:
    """Return the seconds that a run may take after the last client has come.

    A bound counts neither latency nor what is said beside the file, which small files feel most.
    """
    scenario = trial.scenario
    ups, downs = scenario.peer_ups(trial.clients), scenario.peer_downs(trial.clients)
    slowest = min(scenario.origin_up, scenario.origin_down, *ups, *downs) / scenario.scale
    round_s = scenario.latency + BLOCK / slowest
    return max(LEAST_DEADLINE_S, scenario.deadline * (ideal_s + ROUNDS * round_s))


def _peak_rss() -> int:
    """Return the most memory that this process has had, in bytes (getrusage(2))."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _joins(trial: Trial) -> Iterator[float]:
    """When each client comes: all at once, or with exponential spacing."""
    rng = random.Random(f"{trial.seed}/joins")
    now = 0.0
    for _ in range(trial.clients):
        yield now
        if trial.scenario.join_every:
            now += rng.expovariate(1 / trial.scenario.join_every)


def _make_file(folder: Path, trial: Trial) -> Path:
    path = folder / f"{trial.scenario.name}.bin"
    rng = random.Random(f"{trial.seed}/file")
    left = int(trial.scenario.transfer_size)
    with path.open("wb") as file:
        while left:
            left -= file.write(rng.randbytes(min(CHUNK, left)))
    return path


def _warm(folder: Path, size: int) -> None:
    """Have the machine back the memory that the copies will land in before the clock runs.

    A virtual machine hands its memory out page by page at first touch, at a fraction of the speed
    of what is measured; memory freed a moment ago is used first.
    """
    scratch = folder / "warm"
    block = bytes(CHUNK)
    with scratch.open("wb", buffering=0) as file:
        for _ in range(-(-size // CHUNK)):
            file.write(block)
    scratch.unlink()


async def _run(
    trial: Trial,
    backend: Backend,
    original: Path,
    joins: list[float],
    ideal_s: float,
    report: Callable[[float], None],
) -> list[Member]:
    """Bring the hosts up, hand the file out, and return the members, the origin first."""
    network = Network(seed=trial.seed, bucket_s=ideal_s / BUCKETS or 0.05)
    members = [
        Member(backend.client(host) if index else backend.origin(host), host)
        for index, host in enumerate(_hosts(network, trial, original.parent))
    ]
    origin, *clients = members
    try:
        link = await origin.node.publish(original)
        start = network.loop.time()

        async def serve(client: Member, join_s: float) -> None:
            client.join_s = join_s
            await asyncio.sleep(join_s)
            try:
                await client.node.fetch(link, client.host.directory)
            except Exception as error:
                raise TrialFailed(f"{trial}: {client.host.name}: {error}") from error
            client.finish_s = network.loop.time() - start

        jobs = [serve(client, join) for client, join in zip(clients, joins, strict=True)]
        with _progress(clients, trial.scenario.transfer_size, report):
            await _all(jobs, _crashes(network, trial))
    finally:
        for member in members:
            await member.node.close()
        await network.close()
    return members


@contextmanager
def _progress(clients: list[Member], size: int, report: Callable[[float], None]) -> Iterator[None]:
    """Report, every REPORT_EVERY_S of the machine's time, the share of bytes that have come.

    In a thread, which only reads: one timer more in the run's loop changes the order of those that
    are due at the same moment, and with it the run.
    """
    ended = Event()
    whole = len(clients) * size or 1

    def sample() -> None:
        while not ended.wait(REPORT_EVERY_S):
            come = sum(client.host.meter.down_bytes for client in clients)
            report(min(1.0, come / whole))

    thread = Thread(target=sample, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def _all(jobs: Iterable[Coroutine[Any, Any, None]], crash: asyncio.Future[None]) -> None:
    """Run all jobs; the first failure, theirs or a `crash`, ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_result(crash), name="crashes")
            async with asyncio.TaskGroup() as serving:
                for number, job in enumerate(jobs, 1):
                    serving.create_task(job, name=f"client-{number:03}")
            watch.cancel()
    except* TrialFailed as failures:
        raise _first(failures) from None


async def _result(crash: asyncio.Future[None]) -> None:
    await crash


def _first(failures: BaseExceptionGroup[TrialFailed]) -> TrialFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _crashes(network: Network, trial: Trial) -> asyncio.Future[None]:
    """A future that fails when a node raises where nobody awaits it: in a callback of the loop."""
    crash: asyncio.Future[None] = network.loop.create_future()

    def crashed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        transport = context.get("transport")
        where = network.name_of(transport.get_extra_info("sockname")[0]) if transport else "a node"
        failure = TrialFailed(f"{trial}: {where}: {context['message']}: {error!r}")
        failure.__cause__ = error
        if not crash.done():
            crash.set_exception(failure)

    network.loop.set_exception_handler(crashed)
    return crash


def _hosts(network: Network, trial: Trial, folder: Path) -> Iterator[Host]:
    scenario = trial.scenario
    yield _host(network, "origin", folder, scenario, scenario.origin_up, scenario.origin_down)
    links = zip(scenario.peer_ups(trial.clients), scenario.peer_downs(trial.clients), strict=True)
    for number, (up, down) in enumerate(links, 1):
        yield _host(network, f"client-{number:03}", folder, scenario, up, down)


def _host(
    network: Network, name: str, folder: Path, scenario: Scenario, up: float, down: float
) -> Host:
    directory = folder / name
    directory.mkdir()
    # The path from host to host has the latency; either end's link bears half of it.
    half = scenario.latency / 2
    return Host(
        network,
        name,
        directory,
        up=LinkConfig(rate=up / scenario.scale, latency=half),
        down=LinkConfig(rate=down / scenario.scale, latency=half),
    )


def _check(path: Path, original: Path, name: str) -> None:
    """Compare a fetched file with the published one, byte by byte."""
    with path.open("rb") as got, original.open("rb") as expected:
        while True:
            block = expected.read(CHUNK)
            if got.read(CHUNK) != block:
                raise TrialFailed(f"{name}: the file it fetched is not the one published")
            if not block:
                return


def _run_row(trial: Trial, members: list[Member], ideal_s: float) -> dict[str, Any]:
    origin, *clients = members
    sent = [client.host.meter.up_bytes for client in clients]
    finish = max(client.finish_s for client in clients)
    return {
        "backend": trial.backend,
        "clients": trial.clients,
        "seed": trial.seed,
        "repeat": trial.repeat,
        "clock": trial.scenario.clock,
        "file_bytes": int(trial.scenario.transfer_size),
        "scale": trial.scenario.scale,
        "finish_s": finish,
        "mean_finish_s": sum(client.finish_s for client in clients) / len(clients),
        "bound_s": ideal_s,
        "efficiency": ideal_s / finish if finish else math.nan,
        "overhead_bytes": sum(client.host.meter.down_bytes for client in clients)
        - len(clients) * int(trial.scenario.transfer_size),
        "origin_up_bytes": origin.host.meter.up_bytes,
        "origin_connections": origin.host.meter.accepted,
        "origin_calls": origin.host.meter.calls.total(),
        "peer_up_bytes_mean": sum(sent) / len(sent),
        "peer_up_bytes_max": max(sent),
        "peer_up_gini": gini(sent),
        "load_gini": gini([origin.host.meter.up_bytes, *sent]),
    }


def _node_row(member: Member) -> dict[str, Any]:
    meter = member.host.meter
    return {
        "node": member.host.name,
        "role": "origin" if math.isnan(member.finish_s) else "client",
        "join_s": member.join_s,
        "finish_s": member.finish_s,
        "up_bytes": meter.up_bytes,
        "down_bytes": meter.down_bytes,
        "neighbours": len(meter.up_by_remote.keys() | meter.down_by_remote.keys()),
    }


def _sample_rows(member: Member) -> Iterator[dict[str, Any]]:
    meter = member.host.meter
    for bucket in sorted(meter.up_series.keys() | meter.down_series.keys()):
        yield {
            "node": member.host.name,
            "t_s": bucket * meter.bucket_s,
            "bucket_s": meter.bucket_s,
            "up_bytes": meter.up_series.get(bucket, 0),
            "down_bytes": meter.down_series.get(bucket, 0),
        }


def _edge_rows(member: Member) -> Iterator[dict[str, Any]]:
    for remote, size in sorted(member.host.meter.up_by_remote.items()):
        target = member.host.network.name_of(remote)
        yield {"source": member.host.name, "target": target, "bytes": size}
