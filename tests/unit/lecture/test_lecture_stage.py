"""bench.lecture.stage and bench.play: experiments in worker processes, and their frames."""

from pathlib import Path
from typing import Any

import pytest
from claims_lab import echo, echo_later, numpy_figure

from bench.lecture.claim import SettingError
from bench.lecture.stage import Stage
from bench.sweep import TrialFailed


def test_a_play_for_each_case_in_the_cases_order() -> None:
    cases = [{"number": n, "list": [n] * n, "name": f"case {n}"} for n in (3, 1, 2)]
    frames = Stage().play(echo, cases)
    assert list(frames) == ["echo"]
    assert frames["echo"].to_dict("list") == {
        "number": [3, 1, 2],
        "name": ["case 3", "case 1", "case 2"],
        "twice": [6, 2, 4],
        "listed": [3, 1, 2],
        "empty": [True] * 3,
    }


def test_an_hour_of_the_virtual_clock() -> None:
    frames = Stage(jobs=1).play(echo_later, [{"sleep_s": 3600.0}])
    assert frames["times"].to_dict("records") == [{"sleep_s": 3600.0, "took_s": 3600.0}]


def test_a_play_that_takes_too_long_names_itself() -> None:
    with pytest.raises(TrialFailed) as failure:
        Stage().play(echo_later, [{"sleep_s": 60.0}], deadline_s=30)
    assert str(failure.value).startswith("echo_later, sleep_s = 60.0: ")
    assert failure.value.exit_code == 1


def test_rows_that_cannot_be_sent_say_why() -> None:
    with pytest.raises(TrialFailed, match=r"TypeError: .* numpy\.float64 is unsupported"):
        Stage().play(numpy_figure, [{}])


def test_progress_is_a_line_for_each_play(capsys: pytest.CaptureFixture[str]) -> None:
    cases: list[dict[str, Any]] = [{"number": n, "list": []} for n in (1, 2)]
    Stage(progress=True, jobs=1).play(echo, cases)
    lines = "1/2  echo, number = 1, list = []\n2/2  echo, number = 2, list = []\n"
    assert capsys.readouterr() == ("", lines)
    Stage(jobs=1).play(echo, cases)
    assert capsys.readouterr() == ("", "")


def test_a_function_that_a_worker_cannot_import_is_refused() -> None:
    with pytest.raises(ValueError, match="<lambda>: expected a function at the top of a module"):
        Stage().play(lambda case, directory: {}, [{}])


def test_no_experiments_beside_each_other_are_too_few() -> None:
    with pytest.raises(SettingError, match="jobs: 0; expected 1 or more"):
        Stage(jobs=0)


def test_a_scenario_runs_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.experiment.RUN_TRIAL", "bench_fakes:swift")
    results = Stage().run("quick", clients=2, backend="p2p")
    assert list(results.runs["clients"]) == [2]
    assert list(tmp_path.iterdir()) == []
