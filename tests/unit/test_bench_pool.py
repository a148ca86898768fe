"""bench.pool and bench.worker: real processes that run trials which move nothing."""

import io
import os
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from bench_fakes import result_of

import bench.worker
from bench.catalogue import find
from bench.messages import Done, Job, Progress, read_report
from bench.pool import run_trials, worker_count
from bench.scenario import override_all
from bench.sweep import Trial, TrialFailed, TrialResult, trials


def plan(**fields: object) -> list[Trial]:
    changes = {"backends": "central", "clients": "1,2,3"} | fields
    return trials(override_all(find("quick"), changes))


def run(
    function: str, some: list[Trial], jobs: int | None = 2
) -> tuple[dict[int, TrialResult], list[tuple[int, float]]]:
    results: dict[int, TrialResult] = {}
    progress: list[tuple[int, float]] = []
    run_trials(
        some,
        on_progress=lambda index, fraction: progress.append((index, fraction)),
        on_done=results.__setitem__,
        jobs=jobs,
        function=f"bench_fakes:{function}",
    )
    return results, progress


def test_every_trial_is_run_and_answered_by_its_index() -> None:
    some = plan(repeats=3)
    results, _ = run("swift", some)
    assert sorted(results) == list(range(9))
    for index, result in results.items():
        assert result.run == result_of(some[index]).run


def test_the_longest_are_run_first() -> None:
    results, _ = run("swift", plan(), jobs=1)
    assert list(results) == [2, 1, 0]


def test_trials_share_processes_that_are_not_this_one() -> None:
    results, _ = run("with_pid", plan(repeats=4), jobs=2)
    by_pid = Counter(result.run["finish_s"] for result in results.values())
    assert 1 <= len(by_pid) <= 2
    assert os.getpid() not in by_pid
    single, _ = run("with_pid", plan(repeats=4), jobs=1)
    assert len({result.run["finish_s"] for result in single.values()}) == 1


def test_each_trial_has_a_directory_of_its_own_and_none_is_left() -> None:
    results, _ = run("where", plan())
    directories = [Path(result.run["workdir"]) for result in results.values()]
    assert len(set(directories)) == 3
    assert not any(directory.parent.exists() for directory in directories)


def test_what_a_trial_prints_is_no_report(capfd: pytest.CaptureFixture[str]) -> None:
    results, _ = run("talkative", plan(clients=1))
    assert list(results) == [0]
    assert capfd.readouterr() == ("", "a stray line\nand another\n")


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("failing", "central, N = 2, seed 1: client-002: the digest is wrong"),
        ("broken", "central, N = 2, seed 1: ValueError: two lines"),
        ("exiting", "central, N = 2, seed 1: its worker exited with 3"),
        ("killed", "central, N = 2, seed 1: its worker was ended by SIGKILL"),
        ("missing", "central, N = 2, seed 1: AttributeError: "),
    ],
)
def test_a_failure_names_the_trial(function: str, line: str) -> None:
    with pytest.raises(TrialFailed) as failure:
        run(function, plan(clients="2"))
    assert str(failure.value).startswith(line)
    assert "\n" not in str(failure.value)
    traceback = "".join(getattr(failure.value, "__notes__", []))
    assert ("bench_fakes.py" in traceback) == (function == "broken")


def test_a_failure_ends_the_trials_that_still_run() -> None:
    before = threading.active_count()
    with pytest.raises(TrialFailed, match=r"^central, N = 1, seed 1: client-001: gone$"):
        run("half_done", plan(clients="1,2"))
    assert threading.active_count() == before


def test_progress_is_told() -> None:
    assert run("late", plan(clients="1"))[1] == [(0, 0.25)]


def test_progress_is_told_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.2, 0.25, 0.4])
    monkeypatch.setattr(bench.worker, "time", SimpleNamespace(monotonic=lambda: next(times)))
    reports = io.BytesIO()
    job = Job(plan(clients="1")[0], "nowhere")
    assert isinstance(bench.worker.answer("bench_fakes:reporting", job, reports), Done)
    reports.seek(0)
    assert [read_report(reports) for _ in range(3)] == [Progress(0.25), Progress(0.75), None]


def test_how_many_run_beside_each_other() -> None:
    cpus = os.cpu_count() or 1
    assert worker_count(plan(repeats=100)) == cpus
    assert worker_count(plan(repeats=100), 7) == 7
    assert worker_count(plan(), 7) == 3
    assert worker_count(plan(clock="real"), 7) == 1
    assert worker_count(plan(clock="paced"), 7) == 1
    assert worker_count([]) == 0


def test_nothing_to_run() -> None:
    assert run("swift", []) == ({}, [])
