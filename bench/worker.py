"""A worker process of the bench, `python -m bench.worker MODULE:FUNCTION`: it runs trials or plays.

Jobs come over stdin and reports leave over stdout. The function takes a task, a directory and a
callback for the fraction done, and returns the result.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from bench.messages import Done, Failed, Job, Progress, Result, read_job, write
from bench.sweep import TrialFailed

Run = Callable[[Any, Path, Callable[[float], None]], Result]
REPORT_EVERY = 0.1  # seconds between two reports of progress


def main() -> None:
    """Run jobs until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the bench decides what an interrupt ends
    # Whatever a task prints goes to stderr: stdout carries reports.
    jobs, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - it is a device
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    inbox: SimpleQueue[Job] = SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, inbox), daemon=True).start()
    while True:
        write(reports, answer(sys.argv[1], inbox.get(), reports))


def _listen(jobs: IO[bytes], inbox: "SimpleQueue[Job]") -> None:
    while (job := read_job(jobs)) is not None:
        inbox.put(job)
    os._exit(0)  # the bench has gone: so does a task that still runs


def answer(function: str, job: Job, reports: IO[bytes]) -> Done | Failed:
    """Run a job with `MODULE:FUNCTION` and return what came of it; write progress to `reports`."""
    said = time.monotonic()

    def report(fraction: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= REPORT_EVERY:
            said = now
            write(reports, Progress(fraction))

    try:
        module, name = function.split(":")
        run: Run = getattr(import_module(module), name)
        return Done(run(job.task, Path(job.directory), report))
    except TrialFailed as failure:
        return Failed(str(failure))
    except Exception as error:
        reason = " ".join(str(error).split())
        return Failed(f"{type(error).__name__}: {reason}", traceback.format_exc())


if __name__ == "__main__":
    main()
