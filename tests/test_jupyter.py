"""A real kernel: interrupted, it keeps what had finished; a demo plays in it, and ends with it."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from bench.classroom.page import module

# The trial with one client is done at once, that with two never is.
PREPARE = """
import bench, bench.experiment
bench.experiment.RUN_TRIAL = "bench_fakes:endless"
"""
PATIENCE_S = 60.0
# Its files lie in the kernel's own folder.
DEMO = """
import bench, bench.classroom.engine
bench.classroom.engine.memory = lambda need: "."
live = bench.demo(clients=2, file_size="64 KiB", speed=1000)
live
"""
# The kernel's own limit is longer: it would be killed.
SHUTDOWN_S = 4.0


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

    def say(self, comm: str, content: dict[str, Any]) -> None:
        """Say something to a widget, as its view does."""
        data = {"method": "custom", "content": content}
        session = self.client.session
        message = session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def hear(self, comm: str, state: str) -> list[dict[str, Any]]:
        """Return what a widget says to its views until the run is in this state."""
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + PATIENCE_S
        while not (heard and heard[-1].get("state") == state):
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == comm:
                heard.append(message["content"]["data"]["content"])
        return heard

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


def test_a_demo_plays_in_a_kernel_and_ends_with_it(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    try:
        *opened, shown = kernel.outputs(DEMO)
        (comm,) = (one["comm_id"] for one in opened if "_esm" in one["data"]["state"])
        assert opened[-1]["data"]["state"]["_esm"] == module()
        assert shown["data"]["text/plain"].startswith("<bench.demo: one server or peers, 2 ")
        view = shown["data"]["application/vnd.jupyter.widget-view+json"]
        assert view["model_id"] == comm
        kernel.say(comm, {"do": "join", "token": None})
        role, scene, _ = kernel.hear(comm, "ready")
        assert (role["role"], scene["kind"], len(scene["hosts"])) == ("teacher", "scene", 3)
        kernel.say(comm, {"do": "start"})
        frames = kernel.hear(comm, "over")
        ended = [event for frame in frames for event in frame["events"] if event[1] == "finished"]
        assert sorted(event[2]["side"] for event in ended) == ["central", "p2p"]
        (error,) = kernel.outputs("bench.demo(peer_up='-3 Mbit/s')")
        line = "Refusal: peer_up: '-3 Mbit/s'; expected 1 kbit/s to 100 Gbit/s"
        assert error["traceback"] == [line]
        # A run under way.
        kernel.outputs("live.ask('speed', speed=1)")
        kernel.say(comm, {"do": "set", "settings": {"file_size": "1 GiB"}})
        kernel.say(comm, {"do": "start"})
        kernel.hear(comm, "running")
        assert len(list(tmp_path.glob("bench-*/p2p"))) == 1
        begin = time.monotonic()
        kernel.manager.shutdown_kernel()
        assert time.monotonic() - begin < SHUTDOWN_S
        assert list(tmp_path.glob("bench-*")) == []
    finally:
        kernel.close()
