"""One run: one backend hands one file to N hosts, and the meters say what it took."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

from bench.backends import BACKENDS, TROUBLE, Backend
from bench.lasting import Ending, LastingRun
from bench.members import Member, make_members
from bench.rows import edge_rows, node_row, run_row, sample_rows
from bench.sweep import Trial, TrialFailed, TrialResult
from bench.theory import bound, rate_under_loss
from host.clock import LateError, StuckError, run
from host.host import Host
from host.limits import MachineLimitError, ensure_descriptors, ensure_space
from host.network import Network
from p2p.wire import BLOCK

CHUNK = 1 << 20
BUCKETS = 240
"""Entries of a host's bytes over time in one bound, or what loss makes of it: fine enough for a
picture's width."""

REPORT_EVERY_S = 0.1
"""Seconds of the machine's time between two reports of progress."""

LEAST_DEADLINE_S = 600.0
"""Seconds that any run may take: peers' timers, and the machine's own time on unlimited links."""

GRACE_S = 60.0
"""Seconds after its deadline in which a run with faults ends by itself; later it is stuck."""

ROUNDS = 100
"""Turns that a run may take beside its bound: a block over the slowest link, then the latency."""


def run_trial(trial: Trial, workdir: Path, report: Callable[[float], None]) -> TrialResult:
    """Run one trial in `workdir` and return its rows; `report` gets the share of bytes come.

    Raises TrialFailed when a file is not the one published, and where nothing goes wrong by the
    scenario's will also when one does not arrive, or time runs out.
    """
    scenario = trial.scenario
    arrivals: list[tuple[Host, int, float]] = []
    backend = BACKENDS[trial.backend](
        scenario, lambda host, piece: arrivals.append((host, piece, host.loop.time()))
    )
    ideal_s = bound(scenario, trial.backend, trial.clients)
    joins = list(_joins(trial))
    deadline_s = deadline(trial, ideal_s) + joins[-1]
    wall, cpu = perf_counter(), process_time()
    try:
        ensure_descriptors(backend.descriptors(trial.clients))
        ensure_space(workdir, (trial.clients + 1) * scenario.transfer_size)
        with tempfile.TemporaryDirectory(dir=workdir) as folder:
            original = make_file(Path(folder), trial)
            if scenario.clock == "real":
                _warm(Path(folder), trial.clients * scenario.transfer_size)
            job = _run(_Plan(trial, backend, original, joins, ideal_s, deadline_s), report)
            outcome = run(
                job,
                clock=scenario.clock,
                speed=scenario.speed,
                deadline_s=deadline_s + (GRACE_S if scenario.faulty else 0.0),
            )
            _check_files(trial, outcome.members[1:], original)
    except LateError as error:
        late, _, waiting = str(error).partition("\n")
        hint = "--set deadline=... gives more time"
        raise TrialFailed(f"{trial}: {late} ({hint})\n{waiting}") from None
    except (StuckError, MachineLimitError) as error:
        raise TrialFailed(f"{trial}: {error}") from None
    spent = {
        "wall_s": perf_counter() - wall,
        "cpu_s": process_time() - cpu,
        "rss_bytes": _peak_rss(),
    }
    members = outcome.members
    return TrialResult(
        run=run_row(trial, members, ideal_s, outcome.ending, outcome.faults) | spent,
        nodes=[node_row(member) for member in members],
        samples=[row for member in members for row in sample_rows(member)],
        edges=[row for member in members for row in edge_rows(member)],
        faults=outcome.faults,
        pieces=[
            {"node": host.name, "piece": piece, "t_s": when - outcome.start}
            for host, piece, when in arrivals
        ],
    )


def deadline(trial: Trial, ideal_s: float) -> float:
    """Return the seconds that a run may take after the last client has come.

    A bound counts neither loss, nor latency, nor what is said beside the file, which small files
    feel most.
    """
    scenario = trial.scenario
    ups, downs = scenario.peer_ups(trial.clients), scenario.peer_downs(trial.clients)
    lossy = rate_under_loss(scenario, trial.backend)
    slowest = min(lossy, scenario.origin_up, scenario.origin_down, *ups, *downs) / scenario.scale
    round_s = scenario.latency + BLOCK / slowest
    expected_s = ideal_s + scenario.file_size / lossy + ROUNDS * round_s
    return max(LEAST_DEADLINE_S, scenario.deadline * expected_s)


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


def make_file(folder: Path, trial: Trial) -> Path:
    """Write the file that is handed out, random bytes from the seed, and return its path."""
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


@dataclass(frozen=True)
class _Plan:
    """What a run needs to know before it begins."""

    trial: Trial
    backend: Backend
    original: Path
    joins: list[float]
    ideal_s: float
    deadline_s: float


@dataclass(frozen=True)
class _Outcome:
    """What is left of a run."""

    members: list[Member]
    """The origin first."""
    start: float
    """The loop's time at which the file was published."""
    ending: Ending = "whole"
    faults: list[dict[str, Any]] = field(default_factory=list)
    """Rows of what went wrong on purpose."""


async def _run(plan: _Plan, report: Callable[[float], None]) -> _Outcome:
    """Bring the hosts up, hand the file out, and return what is left."""
    trial, scenario = plan.trial, plan.trial.scenario
    pace_s = plan.ideal_s + scenario.file_size / rate_under_loss(scenario, trial.backend)
    network = Network(
        seed=trial.seed,
        bucket_s=pace_s / BUCKETS or 0.05,
        raw=not scenario.faulty,
        slowed=scenario.scale,
    )
    members = make_members(network, trial, plan.backend, plan.original.parent)
    origin, *clients = members
    try:
        link = await origin.node.publish(plan.original)
        outcome = _Outcome(members, network.loop.time())
        if scenario.faulty:
            lasting = LastingRun(
                trial, members, plan.original, link, pace_s, TROUBLE[trial.backend]
            )
            jobs = [lasting.run(plan.joins, plan.deadline_s)]
        else:
            jobs = _fetches(trial, clients, plan.joins, link)
        with _progress(clients, scenario.transfer_size, report):
            await _all(jobs, _crashes(network, trial))
        if scenario.faulty:
            outcome = replace(outcome, ending=lasting.ending, faults=lasting.faults())
    finally:
        for member in members:
            await member.node.close()
        await network.close()
    return outcome


def _fetches(
    trial: Trial, clients: Sequence[Member], joins: Sequence[float], link: str
) -> list[Coroutine[Any, Any, None]]:
    """A fetch of each client, begun when it joins; one that fails ends the run."""

    loop = asyncio.get_running_loop()
    start = loop.time()

    async def serve(client: Member, join_s: float) -> None:
        client.join_s = join_s
        await asyncio.sleep(join_s)
        try:
            await client.node.fetch(link, client.host.directory)
        except Exception as error:
            raise TrialFailed(f"{trial}: {client.host.name}: {error}") from error
        client.finish_s = loop.time() - start

    return [serve(client, join) for client, join in zip(clients, joins, strict=True)]


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
    except* Exception as failures:
        raise _first(failures) from None


async def _result(crash: asyncio.Future[None]) -> None:
    await crash


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """The first failure, which is more to a reader than a group of them."""
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


def _check_files(trial: Trial, clients: Sequence[Member], original: Path) -> None:
    """Compare what the clients have with the published file, byte by byte."""
    for client in clients:
        if client.finished:
            _check(client.host.directory / original.name, original, client.host.name)
        elif not trial.scenario.faulty:
            raise TrialFailed(f"{trial}: {client.host.name}: it never had the file")


def _check(path: Path, original: Path, name: str) -> None:
    """Compare a fetched file with the published one, byte by byte."""
    with path.open("rb") as got, original.open("rb") as expected:
        while True:
            block = expected.read(CHUNK)
            if got.read(CHUNK) != block:
                raise TrialFailed(f"{name}: the file it fetched is not the one published")
            if not block:
                return
