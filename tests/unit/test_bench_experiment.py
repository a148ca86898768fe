"""bench.run: what finished is kept, and nothing else is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import result_of

import bench
import bench.experiment
import bench.plots
from bench.catalogue import find
from bench.experiment import Interrupted
from bench.results import KEY, ResultsError
from bench.scenario import ScenarioError, override
from bench.sweep import Trial, TrialFailed, TrialResult


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Trials that move nothing, no pictures, and a folder of our own to work in."""
    monkeypatch.setattr(bench.experiment, "RUN_TRIAL", "bench_fakes:swift")
    monkeypatch.setattr(bench.plots, "draw_all", lambda results, folder: [])
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def use(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    monkeypatch.setattr(bench.experiment, "RUN_TRIAL", f"bench_fakes:{function}")


def test_results_are_saved_to_a_folder_of_their_own(fake: pytest.MonkeyPatch) -> None:
    first = bench.run("quick", clients="1,2", backend="p2p", progress=False)
    second = bench.run("quick", clients=1, progress=False)
    assert first.path is not None
    assert first.path.parent == Path("results")
    assert first.path.name.startswith("quick-")
    assert second.path != first.path
    assert list(bench.load(first.path).runs.clients) == [1, 2]
    assert list(second.runs.backend) == ["central", "p2p"]


def test_every_field_can_be_given(fake: pytest.MonkeyPatch) -> None:
    results = bench.run(
        find("homework"),
        clients=[2],
        backend=["central"],
        file_size="2 MiB",
        origin_up=1e6,
        peer_up="1 Mbit/s,2 Mbit/s",
        peer_down="unlimited",
        latency="20 ms",
        clock="virtual",
        seed=5,
        repeats=2,
        moved_size="1 MiB",
        transport="socket",
        sweep={"request_size": [2**16, "none"]},
        out="here",
        progress=False,
    )
    assert results.path == Path("here")
    assert list(results.runs.request_size) == ["64 KiB", "64 KiB", "none", "none"]
    assert list(results.runs.seed) == [5, 6, 5, 6]
    assert set(results.runs.scale) == {2.0}
    assert results.scenario.latency == 0.02
    assert results.scenario.peer_ups(3) == [125e3, 250e3, 125e3]
    meta = bench.load("here").meta
    assert meta["sweep"] == {"request_size": ["64 KiB", "none"]}
    assert results.scenario.transport == ("socket",)
    assert (meta["seed"], meta["runs_planned"], meta["ending"]) == (5, 4, "finished")
    assert meta["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_several_transports_are_a_column_and_named_in_meta(fake: pytest.MonkeyPatch) -> None:
    sweep = {"latency": ["0", "20 ms"]}
    results = bench.run("quick", clients=1, transport=["http", "tftp"], sweep=sweep, progress=False)
    assert results.swept == ["latency", "transport"]
    cases = list(zip(results.runs.latency, results.runs.transport, strict=True))
    ways = ("http", "tftp", "-")
    assert cases == [(latency, way) for latency in ("0 s", "20 ms") for way in ways]
    assert results.meta["sweep"] == {"latency": ["0 s", "20 ms"], "transport": ["http", "tftp"]}
    assert bench.run("quick", clients=1, transport="tftp", progress=False).swept == []


def test_nothing_is_saved_where_nothing_is_wanted(fake: pytest.MonkeyPatch) -> None:
    results = bench.run("quick", clients=1, out=False, progress=False)
    assert (len(results.runs), results.path) == (2, None)
    assert list(Path().iterdir()) == []


def test_rows_are_in_the_order_of_the_plan(fake: pytest.MonkeyPatch) -> None:
    results = bench.run("quick", clients="3,1,2", out=False, progress=False, jobs=2)
    assert list(results.runs.clients) == [3, 1, 2, 3, 1, 2]


def test_a_failed_run_keeps_those_that_finished(fake: pytest.MonkeyPatch) -> None:
    use(fake, "failing")
    with pytest.raises(TrialFailed) as failure:
        bench.run("quick", clients="3,2,1", backend="central", out="kept", jobs=1, progress=False)
    assert str(failure.value) == (
        "central, N = 2, seed 1: client-002: the digest is wrong; "
        "1 of 3 runs had finished and are kept in kept"
    )
    kept = bench.load("kept")
    assert list(kept.runs.clients) == [3]
    assert kept.meta["ending"] == "central, N = 2, seed 1: client-002: the digest is wrong"


def test_a_failed_run_leaves_no_empty_folder(fake: pytest.MonkeyPatch) -> None:
    use(fake, "broken")
    with pytest.raises(TrialFailed) as failure:
        bench.run("quick", clients="1", out="kept", progress=False)
    assert str(failure.value).endswith("ValueError: two lines; 0 of 2 runs had finished")
    assert not Path("kept").exists()


def test_an_interrupt_keeps_those_that_finished(fake: pytest.MonkeyPatch) -> None:
    def interrupted(plan: list[object], *, on_done: object, **_: object) -> None:
        on_done(1, result_of(plan[1]))  # type: ignore[operator, arg-type]
        raise KeyboardInterrupt

    fake.setattr(bench.experiment, "run_trials", interrupted)
    with pytest.raises(Interrupted) as stop:
        bench.run("quick", clients=2, out="kept", progress=False)
    assert str(stop.value) == "interrupted: 1 of 2 runs had finished and are kept in kept"
    assert list(bench.load("kept").runs.backend) == ["p2p"]


def test_an_interrupt_has_what_finished_with_it(fake: pytest.MonkeyPatch) -> None:
    def interrupted(plan: list[object], *, on_done: object, **_: object) -> None:
        on_done(0, result_of(plan[0]))  # type: ignore[operator, arg-type]
        raise KeyboardInterrupt

    fake.setattr(bench.experiment, "run_trials", interrupted)
    with pytest.raises(Interrupted) as stop:
        bench.run("quick", clients=2, out=False, progress=False)
    assert stop.value.results is not None
    assert list(stop.value.results.runs.backend) == ["central"]


def test_a_scenario_may_be_a_mapping(fake: pytest.MonkeyPatch) -> None:
    fields = {"file_size": "1 MiB", "clients": [2, 3], "origin_up": 1e6, "peer_up": "1 MiB/s"}
    results = bench.run(fields, seed=7, out=False, progress=False)
    assert results.scenario.name == "mine"
    assert list(results.runs.clients) == [2, 3, 2, 3]
    assert set(results.runs.seed) == {7}
    with pytest.raises(ScenarioError, match=r"^peer_up: missing; expected a rate such as "):
        bench.run({"file_size": "1 MiB", "clients": 1, "origin_up": 1e6}, progress=False)
    with pytest.raises(ScenarioError, match=r"^clint: no such field; did you mean clients"):
        bench.run(fields | {"clint": 1}, progress=False)


async def test_a_run_while_the_loop_goes_on(fake: pytest.MonkeyPatch) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    results = await bench.arun("quick", clients=2, out=False, progress=False)
    counting.cancel()
    assert len(results.runs) == 2
    assert turns > 10


async def test_a_run_that_is_cancelled_keeps_what_finished(fake: pytest.MonkeyPatch) -> None:
    loop, finished = asyncio.get_running_loop(), asyncio.Event()
    original = bench.experiment.run_trials

    def telling(plan: list[Trial], *, on_done: Callable[..., None], **rest: Any) -> None:
        def done(index: int, result: TrialResult) -> None:
            on_done(index, result)
            loop.call_soon_threadsafe(finished.set)

        original(plan, on_done=done, **rest)

    fake.setattr(bench.experiment, "run_trials", telling)
    use(fake, "endless")
    running = asyncio.create_task(
        bench.arun("quick", clients="1,2", backend="central", out="kept", progress=False, jobs=2)
    )
    await finished.wait()  # the first has; the second never does
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list(bench.load("kept").runs.clients) == [1]
    assert bench.load("kept").meta["ending"] == "interrupted"


async def test_a_failed_run_fails_here_too(fake: pytest.MonkeyPatch) -> None:
    use(fake, "broken")
    with pytest.raises(TrialFailed, match="two lines"):
        await bench.arun("quick", clients=1, out=False, progress=False)


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"scenario": "nope"}, ScenarioError, "nope: no such scenario; "),
        ({"colour": "red"}, ScenarioError, "colour: no such field; "),
        ({"jobs": 0}, ScenarioError, "jobs: 0; expected 1 or more"),
        ({"sweep": {"foo": "1"}}, ScenarioError, "foo: no such field; "),
        ({"out": ""}, ResultsError, "out: ''; expected the name of a folder"),
        ({"out": "file"}, ResultsError, "file: cannot be made: File exists"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    arguments: dict[str, object], error: type[Exception], line: str, fake: pytest.MonkeyPatch
) -> None:
    Path("file").touch()
    use(fake, "killed")
    with pytest.raises(error) as refusal:
        bench.run(**{"scenario": "quick", "progress": False} | arguments)  # type: ignore[arg-type]
    assert str(refusal.value).startswith(line)


def test_what_the_machine_cannot_hold_is_said_before_anything_runs(
    fake: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TrialFailed) as failure:
        bench.run("quick", clients="1,60000", backend="p2p", out="kept", file_size="1 TiB", jobs=1)
    line = str(failure.value)
    assert line.startswith("p2p, N = 60000, seed 1: this run needs ")
    assert line.endswith("; 0 of 2 runs had finished")
    assert "\n" not in line
    assert not Path("kept").exists()


def test_a_sweep_of_repeats_adds_no_column(fake: pytest.MonkeyPatch) -> None:
    results = bench.run(
        "quick",
        clients=1,
        sweep={"repeats": [1, 2], "backends": ["p2p"]},
        out="kept",
        progress=False,
    )
    assert list(results.runs.columns[:4]) == [*KEY]
    assert list(results.runs.seed) == [1, 2]
    assert list(bench.load("kept").summary().runs) == [2]


def test_progress_is_a_line_for_each_run_where_there_is_no_terminal(
    fake: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.run("quick", clients="2", backend="central", repeats=2, jobs=1, out=False)
    assert capsys.readouterr() == (
        "",
        "1/2  central, N = 2, seed 1: 24.00 s in 0.2 s\n"
        "2/2  central, N = 2, seed 2: 25.00 s in 0.2 s\n",
    )


async def test_it_works_inside_a_running_loop(fake: pytest.MonkeyPatch) -> None:
    assert asyncio.get_running_loop().is_running()
    assert len(bench.run("quick", clients=1, out=False, progress=False).runs) == 2


def test_it_works_in_a_thread(fake: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def work() -> None:
        lengths.append(len(bench.run("quick", clients=1, out=False, progress=False).runs))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert lengths == [2]


def test_the_real_trial_moves_a_file() -> None:
    scenario = override(find("quick"), "file_size", "64 KiB")
    results = bench.run(scenario, clients=2, backend="central", out=False, progress=False)
    run = results.runs.iloc[0]
    assert run.bound_s == 2 * 65536 / scenario.origin_up
    assert 2 * 65536 <= run.origin_up_bytes < 2 * 65536 + 2048
    assert 0.95 < run.efficiency <= 1.0
    assert list(results.nodes.node) == ["origin", "client-001", "client-002"]


def python(code: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_importing_bench_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, bench; print([m for m in ('pandas', 'matplotlib', 'numpy', 'rich', "
    code += "'msgspec') if m in sys.modules], dir(bench))"
    out, err = python(code, tmp_path).communicate()
    names = ["Finding", "Interrupted", "Results", "arun", "bounds", "claim", "compare", "demo"]
    names += ["load", "load_claim", "run", "sliders"]
    assert (out, err) == (f"[] {names}\n", "")
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = bench.rum


# A plain script, without a main guard, that a shell started with `&`: Ctrl-C is ignored.
SCRIPT = """
import signal
import sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from pathlib import Path
import bench.experiment
bench.experiment.RUN_TRIAL = "bench_fakes:endless"
from bench.cli import main
sys.argv = ["bench", "run", "quick", "--clients", "1,2", "--backend", "p2p", "--jobs", "2",
            "--out", "kept"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_finished_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = python(SCRIPT, tmp_path)
    workers: list[int] = []
    try:
        interrupt(process, number, tmp_path, workers)
    finally:
        process.kill()
        process.wait()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGKILL)  # its child too


def interrupt(
    process: "subprocess.Popen[str]", number: signal.Signals, tmp_path: Path, workers: list[int]
) -> None:
    assert process.stderr is not None
    # The trial with two clients is running, that with one has finished.
    first = sorted([process.stderr.readline(), process.stderr.readline()])
    assert first[0] == "1/2  p2p, N = 1, seed 1: 12.00 s in 0.2 s\n"
    word, worker, child, workdir = first[1].split()
    assert word == "endless"
    workers.append(int(worker))
    assert Path(workdir).is_dir()
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert (out, err) == (
        "",
        "bench: interrupted: 1 of 2 runs had finished and are kept in kept\n",
    )
    assert list(bench.load(tmp_path / "kept").runs.clients) == [1]
    assert not Path(workdir).parent.exists()
    assert not alive(int(worker))
    assert not alive(int(child))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
