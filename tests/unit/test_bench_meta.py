"""bench.meta: where results come from."""

import json
import platform
import subprocess

import pytest

import bench.meta
from bench.meta import collect_meta


def answers(monkeypatch: pytest.MonkeyPatch, *outputs: str | None) -> None:
    """Let git print these, one a call; None is a failure."""
    calls = iter(outputs)

    def run(*arguments: object, **options: object) -> object:
        output = next(calls)
        return subprocess.CompletedProcess(["git"], int(output is None), stdout=output)

    monkeypatch.setattr(bench.meta.subprocess, "run", run)


def test_what_is_told_is_json() -> None:
    meta = collect_meta()
    assert json.loads(json.dumps(meta)) == meta
    assert set(meta) == {"argv", "versions", "machine", "commit"}
    assert meta["versions"]["python"] == platform.python_version()
    assert meta["versions"]["pandas"][0].isdigit()


@pytest.mark.parametrize(
    ("outputs", "commit"),
    [
        (["meta.py\n", "abc\n", ""], "abc"),
        (["meta.py\n", "abc\n", " M meta.py\n"], "abc+"),
        ([None], None),  # installed, inside of somebody else's checkout
        (["meta.py\n", None, ""], None),  # nothing is committed yet
    ],
)
def test_the_commit(
    outputs: list[str | None], commit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, *outputs)
    monkeypatch.setattr(bench.meta.platform, "platform", lambda: "somewhere")
    assert collect_meta()["commit"] == commit


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert bench.meta._commit() is None
