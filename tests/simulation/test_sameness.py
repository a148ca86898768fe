"""Sameness under the virtual clock: a run is a function of its scenario and its seed alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json, sys, tempfile
from pathlib import Path
from bench.catalogue import find
from bench.scenario import override_all
from bench.sweep import trials
from bench.trial import run_trial

scenario = override_all(find("quick"), json.loads(sys.argv[1]))
for trial in trials(scenario):
    with tempfile.TemporaryDirectory() as folder:
        result = run_trial(trial, Path(folder), lambda fraction: None)
    row = {k: v for k, v in result.run.items() if k not in ("wall_s", "cpu_s")}
    print(json.dumps([row, result.nodes, result.samples, result.edges]))
"""
ROOT = Path(__file__).parent.parent.parent


def runs(hash_seeds: list[int], **fields: str) -> list[list[Any]]:
    """What a process with each hash seed measures, a list of runs each; all go at once."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(fields)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in hash_seeds
    ]
    measured = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        measured.append([json.loads(line) for line in out.splitlines()])
    return measured


@pytest.mark.parametrize(
    "fields",
    [
        {"clients": "8"},
        {"clients": "8", "latency": "20 ms", "join_every": "5 s", "peer_down": "3 MiB/min"},
    ],
    ids=["quick", "quick-with-everything"],
)
def test_three_processes_measure_the_same(fields: dict[str, str]) -> None:
    first, *others = runs([0, 1, 2], **fields)
    assert [run[0]["origin_up_bytes"] > 0 for run in first] == [True, True]
    assert all(len(nodes) == 9 and samples and edges for _, nodes, samples, edges in first)
    for other in others:
        assert other == first


def test_another_seed_is_another_run() -> None:
    """The comparison above can fail."""
    (first,) = runs([0], clients="8", backends="p2p", seed="1")
    (other,) = runs([0], clients="8", backends="p2p", seed="2")
    assert first[0][1] != other[0][1]
