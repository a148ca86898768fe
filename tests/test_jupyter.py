"""A kernel that is interrupted during a run keeps what had finished, and goes on."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

# The trial with one client is done at once, that with two never is.
PREPARE = """
import bench, bench.experiment
bench.experiment.RUN_TRIAL = "bench_fakes:endless"
"""
PATIENCE_S = 60.0


class Kernel:
    """A running kernel and its client."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def outputs(self, code: str, interrupt_at: str = "") -> list[dict[str, Any]]:
        """Run a cell; interrupt it once when an output has this text. Return what it put out."""
        cell = self.client.execute(code)
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + PATIENCE_S
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if content.get("execution_state") == "idle":
                return found
            if message["msg_type"] not in ("status", "execute_input"):
                found.append(content)
            if interrupt_at and interrupt_at in str(content):
                interrupt_at = ""
                self.manager.interrupt_kernel()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    try:
        assert kernel.outputs(PREPARE) == []
        yield kernel
    finally:
        kernel.close()


@pytest.mark.parametrize(
    ("call", "out", "error"),
    [("bench.run", "one", "Interrupted"), ("await bench.arun", "other", "CancelledError")],
)
def test_an_interrupted_kernel_keeps_the_runs_that_finished(
    kernel: Kernel, call: str, out: str, error: str
) -> None:
    run = f"{call}('quick', clients=[1, 2], backend='p2p', jobs=2, out='{out}')"
    *shown, last = kernel.outputs(run, interrupt_at="1/2 runs")
    assert "</progress> 1/2 runs" in str(shown[-1]), shown
    line = f"interrupted: 1 of 2 runs had finished and are kept in {out}"
    assert (last.get("ename"), last.get("evalue")) == (error, line), last
    assert (last["traceback"] == [line]) == (error == "Interrupted")
    (kept,) = kernel.outputs(f"bench.load('{out}')")
    assert kept["data"]["text/plain"] == f"<Results: quick, 1 runs, {out}>"


def test_an_error_of_the_bench_is_one_line(kernel: Kernel) -> None:
    (error,) = kernel.outputs("bench.run('quick', latency='fast')")
    line = "ScenarioError: latency: 'fast' is not a duration; expected e.g. '20 ms' or '1 h'"
    assert error["traceback"] == [line]
