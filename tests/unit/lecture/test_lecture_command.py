"""`bench claim` and `bench claims`: what they print, keep and exit with, by claims that are fakes.

The code is 0 whatever the verdicts, 1 where a claim could not be measured, 2 for a wrong name or
setting, 130 after an interrupt.
"""

import json
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from claims_lab import claim_file
from command_line import Bench, bench_here

import bench.claims
from bench.lecture.finding import load_finding
from bench.plots.style import DPI

RAISES = """
def broken(*arguments, **settings):
    from bench.sweep import TrialFailed
    raise {error}

CLAIM = replace(CLAIM, {part}=broken)
"""


def raises(error: str, part: str = "measure") -> str:
    """The code that makes a part of a claim fail."""
    return RAISES.format(error=error, part=part)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the claims, with two in it; what is kept is kept beside it."""
    path = tmp_path / "claims"
    path.mkdir()
    monkeypatch.setattr(bench.claims, "__path__", [str(path)])
    for module in [name for name in sys.modules if name.startswith("bench.claims.")]:
        monkeypatch.delitem(sys.modules, module)
    claim_file(path, "tea-time", place=1)
    claim_file(path, "ale", place=3)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    """Run `bench` and return its exit code, stdout and stderr."""
    yield from bench_here(monkeypatch, capsys)


def kept() -> list[str]:
    """What has been kept in the folder `here`."""
    return sorted(path.name for path in Path("here").iterdir()) if Path("here").exists() else []


def test_one_claim_prints_its_table_and_its_verdict(command: Bench) -> None:
    code, out, err = command("claim", "ale", "--set", "sizes=2,4", "--out", "here")
    assert code == 0
    for line in (
        "Verdict: holds, if it is <even>. The largest of 2 is 4 < 10 & more.",
        "크기는 작다.",
    ):
        assert line in out.splitlines()
    assert out.splitlines()[-1].split() == ["4", "a"]
    assert err.endswith(" s, kept in here\n")
    assert load_finding("here").meta["settings"]["sizes"] == [2, 4]


def test_a_verdict_of_no_is_no_error(command: Bench) -> None:
    code, out, _ = command("claim", "ale", "--set", "sizes=12")
    assert code == 0
    assert "Verdict: does not hold. " in out
    (path,) = Path("results").iterdir()
    assert path.name.startswith("claim-ale-")


def test_one_claim_as_json(command: Bench) -> None:
    code, out, _ = command("claim", "ale", "--json", "--out", "here")
    (record,) = json.loads(out)
    assert code == 0
    assert record.pop("wall_s") >= 0
    assert record == {
        "claim": "ale",
        "verdict": "holds",
        "condition": "",
        "because": "The largest of 2 is 2 < 10 & more.",
        "settings": {"sizes": [1, 2], "word": "a", "most": 9},
        "path": "here",
    }


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["claim", "alee"], "alee: no such claim; did you mean ale?"),
        (["claims", "ale", "xyz"], "xyz: no such claim; the claims are ale, tea-time"),
        (["claim", "ale", "--set", "size=1"], "size: claim ale has no such setting; it has sizes"),
        (["claim", "ale", "--set", "most=x"], "most: 'x'; expected int, got str"),
        (["claim", "ale", "--set", "most"], "--set: 'most'; expected FIELD=VALUE"),
        (["claim", "ale", "--jobs", "0"], "jobs: 0; expected 1 or more"),
        (["claims", "--jobs", "0"], "jobs: 0; expected 1 or more"),
        (["claims", "--out", ""], "out: ''; expected the name of a folder"),
        (["claims", "--out", "claims/ale.py"], "claims/ale.py: cannot be made: File exists"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_kept(
    command: Bench, arguments: list[str], line: str
) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"bench: {line}")
    assert err.count("\n") == 1
    assert not Path("results").exists()


def test_all_claims_in_the_lectures_order(command: Bench) -> None:
    code, out, err = command("claims", "--out", "here")
    assert code == 0
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["tea-time", "ale"]
    assert lines[0].startswith("tea-time: holds. The largest of 2 is 2 < 10 & more. (0.")
    assert err == "1/2  tea-time\n2/2  ale\n2 of 2 claims in 0 s, kept in here\n"
    assert kept() == ["ale", "tea-time"]
    assert load_finding("here/ale").claim.name == "ale"


def test_some_claims_each_once_in_the_order_given(command: Bench) -> None:
    _, out, _ = command("claims", "ale", "tea-time", "ale", "--json")
    assert [record["claim"] for record in json.loads(out)] == ["ale", "tea-time"]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (raises("TrialFailed('no room')"), "no room"),
        (raises("ZeroDivisionError('by\\nnothing')"), "ZeroDivisionError: by nothing"),
        (raises("KeyError('size')", "judge"), "KeyError: 'size'"),
        (raises("ValueError('no ink')", "draw"), "ValueError: no ink"),
        (raises("IndexError('no row')", "tabulate"), "IndexError: no row"),
    ],
    ids=["trial", "measure", "judge", "draw", "tabulate"],
)
def test_a_claim_that_cannot_be_measured_does_not_stop_the_others(
    command: Bench, folder: Path, more: str, line: str
) -> None:
    claim_file(folder, "broken", place=2, more=more)
    code, out, err = command("claims", "--report", "--out", "here")
    assert code == 1
    assert [text.partition(": ")[0] for text in out.splitlines()] == ["tea-time", "ale"]
    assert f"2/3  broken\nbench: broken: {line}\n3/3  ale\n" in err
    assert err.endswith("2 of 3 claims in 0 s, kept in here\n")
    page = Path("here/report.html").read_text(encoding="utf-8")
    assert f"not measured: {escape(line)}" in page
    assert page.count("<section ") == 2


def test_ctrl_c_keeps_what_finished_and_writes_its_report(command: Bench, folder: Path) -> None:
    claim_file(folder, "long", place=2, more=raises("KeyboardInterrupt"))
    code, out, err = command("claims", "--report", "--out", "here")
    assert code == 130
    assert [text.partition(": ")[0] for text in out.splitlines()] == ["tea-time"]
    assert err == (
        "1/3  tea-time\n2/3  long\nthe page to hand out: here/report.html\n"
        "bench: interrupted: 1 of 3 claims in 0 s, kept in here\n"
    )
    assert kept() == ["report.html", "tea-time"]
    assert Path("here/report.html").read_text(encoding="utf-8").count("<section ") == 1


def test_what_keeps_nothing_leaves_no_folder(command: Bench, folder: Path) -> None:
    claim_file(folder, "long", place=2, more=raises("KeyboardInterrupt('interrupted: 1 of 2')"))
    claim_file(folder, "broken", place=2, more=raises("TrialFailed('no room')"))
    assert command("claim", "long", "--out", "here") == (130, "", "bench: interrupted: 1 of 2\n")
    assert command("claim", "broken", "--out", "here") == (1, "", "bench: no room\n")
    code, out, err = command("claims", "long", "--report", "--out", "here")
    assert (code, out) == (130, "")
    assert err == "1/1  long\nbench: interrupted: 0 of 1 claims in 0 s\n"
    assert kept() == []
    assert not Path("here").exists()


def test_the_report_of_a_full_disk_is_one_line(command: Bench) -> None:
    Path("here/report.html").mkdir(parents=True)
    code, _, err = command("claims", "ale", "--report", "--out", "here")
    assert code == 2
    assert err.endswith("bench: here/report.html: cannot be written: Is a directory\n")


def test_claims_are_listed_without_being_measured(command: Bench, folder: Path) -> None:
    claim_file(folder, "broken", place=2, more=raises("TrialFailed('no room')"))
    code, out, err = command("claims", "--list")
    assert (code, err) == (0, "")
    english = 'Sizes are "small" & <few>.'
    assert out == f"tea-time  {english}\nbroken    {english}\nale       {english}\n"
    code, out, err = command("claims", "--list", "ale", "--json")
    assert (code, err) == (0, "")
    expected: dict[str, Any] = {"claim": "ale", "english": english, "korean": "크기는 작다."}
    expected["settings"] = {"sizes": [1, 2], "word": "a", "most": 9}
    assert json.loads(out) == [expected]
    assert not Path("results").exists()


def test_the_picture_is_as_large_as_every_other(command: Bench) -> None:
    from PIL import Image

    command("claim", "ale", "--out", "here")
    with Image.open("here/ale.png") as picture:
        assert picture.size == (10 * DPI, 6 * DPI)
