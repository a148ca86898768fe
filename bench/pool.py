"""Worker processes: they run trials and plays beside each other, and none outlives the run.

They are plain child processes, started anew: a script without a main guard, a notebook and a
thread can all use them.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from bench.backends import BACKENDS
from bench.messages import Done, Failed, Job, Progress, Report, Result, Task, read_report, write
from bench.play import Play, Played
from bench.sweep import Trial, TrialFailed, TrialResult
from host.limits import MachineLimitError, ensure_descriptors, ensure_space

RUN_TRIAL = "bench.trial:run_trial"
PERFORM = "bench.play:perform"
STOP_WITHIN = 0.1  # seconds from a stop that another thread asks for to its being heard
PATIENCE = 2.0  # seconds that a worker gets to end before it is killed
MEMORY = Path("/dev/shm")  # where Linux has files in memory


def run_trials(
    trials: Sequence[Trial],
    *,
    on_progress: Callable[[int, float], None],
    on_done: Callable[[int, TrialResult], None],
    jobs: int | None = None,
    function: str = RUN_TRIAL,
    stop: Event | None = None,
) -> None:
    """Run every trial, longest first, and hand over each result as it comes, with its index.

    `jobs` is the most to run beside each other; None takes `worker_count`. Blocks. Raises
    TrialFailed at the first failure and KeyboardInterrupt at an interrupt, or when `stop` is set
    (by another thread); all of them end the others.
    """
    count = worker_count(trials, jobs)
    order = sorted(range(len(trials)), key=lambda index: -cost(trials[index]))
    with (
        _work_directory(trials, count) as directory,
        # Closed, for an interrupt may come while `on_done` has its turn.
        closing(_run(trials, order, count, function, directory, on_progress, stop)) as runs,
    ):
        for index, result in runs:
            assert isinstance(result, TrialResult)
            on_done(index, result)


def run_plays(
    plays: Sequence[Play],
    *,
    on_done: Callable[[int, Played], None],
    jobs: int | None = None,
) -> None:
    """Run every play, in order, and hand over each result as it comes, with its index.

    Those under the virtual clock run beside each other. Blocks; raises as `run_trials` does.
    """
    count = worker_count(plays, jobs)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=memory(0)) as directory,
        closing(_run(plays, range(len(plays)), count, PERFORM, Path(directory))) as runs,
    ):
        for index, result in runs:
            assert isinstance(result, Played)
            on_done(index, result)


def _run(
    tasks: Sequence[Task],
    order: Iterable[int],
    count: int,
    function: str,
    directory: Path,
    on_progress: Callable[[int, float], None] = lambda index, fraction: None,
    stop: Event | None = None,
) -> Generator[tuple[int, Result], None, None]:
    waiting = deque(order)
    reports: SimpleQueue[tuple[Worker, Report | None]] = SimpleQueue()
    with _workers(count, function, reports) as pool:
        for worker in pool:
            worker.give(waiting.popleft(), tasks, directory)
        left = len(tasks)
        while left:
            worker, report = _next(reports, stop)
            match report:
                case Progress(fraction):
                    on_progress(worker.index, fraction)
                case Done(result):
                    left -= 1
                    yield worker.index, result
                    shutil.rmtree(worker.directory)
                    if waiting:
                        worker.give(waiting.popleft(), tasks, directory)
                case Failed(line, details):
                    raise _failure(tasks[worker.index], line, details)
                case None:
                    line = f"its worker {worker.ending()}"
                    raise _failure(tasks[worker.index], line)


def _next(reports: "SimpleQueue[tuple[Worker, Report | None]]", stop: Event | None) -> Any:
    if stop is None:
        return reports.get()
    while not stop.is_set():
        with suppress(Empty):
            return reports.get(timeout=STOP_WITHIN)
    raise KeyboardInterrupt


def _failure(task: Task, line: str, details: str = "") -> TrialFailed:
    named = line if line.startswith(str(task)) else f"{task}: {line}"
    failure = TrialFailed(named)
    if details:
        failure.add_note(details)
    return failure


def worker_count(tasks: Sequence[Task], jobs: int | None = None) -> int:
    """Return how many trials or plays run beside each other.

    One where a clock is real or paced: it must have the machine for itself.
    """
    clocks = {task.clock if isinstance(task, Play) else task.scenario.clock for task in tasks}
    most = jobs or os.cpu_count() or 1
    return min(most if clocks <= {"virtual"} else 1, len(tasks))


def cost(trial: Trial) -> int:
    """Return a trial's bytes to deliver, as a measure of how long it runs."""
    return trial.clients * trial.scenario.transfer_size


class Worker:
    """One child process, and the thread that reads its reports."""

    def __init__(self, function: str, reports: "SimpleQueue[tuple[Worker, Report | None]]") -> None:
        self.index = -1
        self.directory = Path()
        self._reports = reports
        # A session of its own: an interrupt typed at the terminal reaches the bench alone, and
        # what the worker starts ends with it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.worker", function],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def give(self, index: int, tasks: Sequence[Task], directory: Path) -> None:
        """Send the task of that index, with a directory of its own in `directory`."""
        self.index = index
        self.directory = directory / f"task-{index}"
        self.directory.mkdir()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the listener reports that it died
            write(self._process.stdin, Job(tasks[index], str(self.directory)))

    def ending(self) -> str:
        """Return how a worker that has gone ended."""
        code = self._process.wait()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def end(self) -> None:
        """Ask the worker, and what it started, to end."""
        if self._process.poll() is None:
            with suppress(PermissionError):  # macOS: it has just ended
                os.killpg(self._process.pid, signal.SIGTERM)

    def close(self) -> None:
        """Wait until the worker has ended; kill it if it takes too long."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while (report := read_report(self._process.stdout)) is not None:
            self._reports.put((self, report))
        self._reports.put((self, None))


@contextmanager
def _workers(
    count: int, function: str, reports: "SimpleQueue[tuple[Worker, Report | None]]"
) -> Iterator[list[Worker]]:
    pool: list[Worker] = []
    try:
        for _ in range(count):
            pool.append(Worker(function, reports))
        yield pool
    finally:
        for worker in pool:
            worker.end()
        for worker in pool:
            worker.close()


@contextmanager
def _work_directory(trials: Sequence[Trial], count: int) -> Iterator[Path]:
    """Make the directory that the trials keep their files in: in memory where they fit.

    Raises TrialFailed where the machine cannot hold one of them: none is then begun.
    """
    sizes = [(trial.clients + 1) * trial.scenario.transfer_size for trial in trials]
    need = sum(sorted(sizes, reverse=True)[:count])
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory(need)) as directory:
        for trial in trials:
            backend = BACKENDS[trial.backend](trial.scenario)
            with _machine_of(trial):
                ensure_descriptors(backend.descriptors(trial.clients))
        if trials:
            with _machine_of(max(trials, key=cost)):
                ensure_space(Path(directory), need)
        yield Path(directory)


def memory(need: int) -> Path | None:
    """Where so many bytes are kept in memory; None where they do not fit."""
    fits = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > need * 5 // 4
    return MEMORY if fits else None


@contextmanager
def _machine_of(trial: Trial) -> Iterator[None]:
    try:
        yield
    except MachineLimitError as error:
        raise _failure(trial, str(error)) from None
