"""bench.lecture.finding: measured, kept, read again, shown in a notebook."""

import json
import shlex
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from claims_lab import CLAIM, claim_file, found, kept, shown
from matplotlib import pyplot
from pandas import DataFrame

import bench
import bench.claims
from bench.lecture.claim import SettingError, Verdict
from bench.lecture.finding import Finding, FindingError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of claims with the fake in it; the work goes on beside it."""
    monkeypatch.chdir(tmp_path)
    claims = tmp_path / "claims"
    claims.mkdir()
    claim_file(claims, "fake", place=3)
    monkeypatch.setattr(bench.claims, "__path__", [str(claims)])
    monkeypatch.delitem(sys.modules, "bench.claims.fake", raising=False)
    return claims


def test_a_claim_is_measured_by_its_name() -> None:
    finding = bench.claim("fake", sizes=[1, 3], most="5")
    assert finding.judgement.verdict is Verdict.HOLDS
    assert finding.meta["settings"] == {"sizes": (1, 3), "word": "a", "most": 5}
    assert finding.meta["wall_s"] >= 0
    assert finding.meta["versions"]["python"].startswith("3.")
    assert repr(finding) == "<Finding: fake holds, not saved>"
    assert list(Path().iterdir()) == [Path("claims")]


def test_or_the_claim_itself_is_given() -> None:
    assert bench.claim(replace(CLAIM, name="own"), sizes=2).claim.name == "own"


@pytest.mark.parametrize("wrong", [{"size": 1}, {"jobs": 0}])
def test_what_is_wrong_is_said_before_anything_is_measured(wrong: dict[str, Any]) -> None:
    def never(stage: Any, *, sizes: tuple[int, ...] = ()) -> Any:
        raise AssertionError

    with pytest.raises(SettingError):
        bench.claim(replace(CLAIM, measure=never), **wrong)


def test_what_is_kept_is_the_same_when_it_is_read_again() -> None:
    finding = bench.claim("fake", sizes=[2, 4], out="kept")
    assert finding.path == Path("kept")
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        "fake.png",
        "fake.svg",
        "finding.json",
        "sizes.parquet",
    ]
    again = bench.load_claim("kept")
    assert repr(again) == "<Finding: fake holds, if it is <even>, kept>"
    assert again.data["sizes"].equals(finding.data["sizes"])
    assert again.judgement == finding.judgement
    assert again.again == finding.again == "bench claim fake --set sizes=2,4"
    picture = Path("kept/fake.svg").read_bytes()
    again.save("kept")
    assert Path("kept/fake.svg").read_bytes() == picture
    assert bench.load_claim("kept").judgement == finding.judgement


def test_the_record_can_be_read_without_pandas() -> None:
    found(sizes=10).save("kept")
    record = json.loads(Path("kept/finding.json").read_text())
    assert {name: record[name] for name in ("claim", "verdict", "condition", "because")} == {
        "claim": "fake",
        "verdict": "does not hold",
        "condition": "",
        "because": "The largest of 1 is 10 < 10 & more.",
    }


def test_the_command_that_measures_it_again_is_for_a_shell() -> None:
    words = "it's; a b"
    assert shlex.split(found(word=words, sizes=(1, 2)).again) == [
        *("bench", "claim", "fake", "--set", f"word={words}"),
    ]
    assert found().again == "bench claim fake"
    assert Finding(CLAIM, {}, {"settings": {"gone": 1}}).again == "bench claim fake"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda: Path("kept/finding.json").unlink(), "finding.json: No such file or directory"),
        (lambda: Path("kept/finding.json").write_text("{}"), "there is no 'frames'"),
        (lambda: Path("kept/finding.json").write_text("[]"), "list indices must be integers"),
        (lambda: Path("kept/finding.json").write_text("no"), "Expecting value"),
        (lambda: Path("kept/sizes.parquet").unlink(), "sizes.parquet: No such file or directory"),
        (lambda: Path("kept/sizes.parquet").write_text("no"), "Could not open Parquet"),
        (lambda: Path("claims/fake.py").unlink(), "fake: no such claim; "),
        (
            lambda: DataFrame({"bytes": [1]}).to_parquet("kept/sizes.parquet"),
            "this one is of another version of the claim fake: there is no 'size'",
        ),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_a_folder_of_something_else_is_one_line(spoil: Any, line: str) -> None:
    found().save("kept")
    spoil()
    with pytest.raises(FindingError) as refusal:
        bench.load_claim("kept")
    text = str(refusal.value)
    assert text.startswith(f"kept: expected a folder that `bench claim` left; {line}")
    assert "\n" not in text


def test_a_folder_that_cannot_be_written_is_one_line() -> None:
    Path("file").touch()
    with pytest.raises(FindingError, match="file: cannot be written: File exists"):
        found().save("file")


def test_what_every_claim_must_be_able_to_do(tmp_path: Path) -> None:
    _, rows, ax = shown(CLAIM, found().data)
    assert rows == [["1", "a"], ["2", "a"]]
    assert ax.get_title(loc="left") == "2 sizes"
    kept(CLAIM, found().data, tmp_path / "kept")


def test_a_picture_of_its_own_is_pyplots_and_others_leave_no_figure() -> None:
    before = pyplot.get_fignums()
    finding = found()
    finding._repr_html_()
    finding.save("kept")
    assert pyplot.get_fignums() == before
    ax = finding.plot()
    assert finding.plot(ax) is ax
    assert len(pyplot.get_fignums()) == len(before) + 1
    pyplot.close(ax.figure.number)  # type: ignore[union-attr]


class Texts(HTMLParser):
    """The texts of a page, and the addresses of its pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_in_a_notebook_it_is_a_page_of_its_own() -> None:
    cell = Texts(found(sizes=[2, 4])._repr_html_())
    text = "\n".join(cell.texts)
    for part in (
        CLAIM.english,
        CLAIM.korean,
        "◐ Holds with a condition",
        "조건부로 성립한다",
        "It holds if it is <even>.",
        "The largest of 2 is 4 < 10 & more.",
        "<word>",
        f"Hypothesis: {CLAIM.hypothesis}",
        f"Measured: {CLAIM.method}",
        'Frames: data["sizes"] (2 rows); not saved. Again: bench claim fake --set sizes=2,4',
    ):
        assert part in text
    (source,) = cell.sources
    assert source.startswith("data:image/png;base64,iVBOR")
    assert len(source) < 40_000
