"""bench.claims: every file is a well-formed claim, and a new file is a new claim."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import claims_lab
import pytest

import bench.claims
from bench.claims import ClaimFileError, NoSuchClaimError, everything, find, names
from bench.lecture.claim import Claim

HANGUL = re.compile("[가-힣]")
LECTURE = [
    *("load", "outage", "access", "cost", "backup", "update", "equal-peers", "five-tuple"),
    *("socket-calls", "backlog", "boundaries", "close", "streaming", "tcp-udp", "http-socket"),
    "scalability",
]
OPTIONS = {"claim", "out", "progress", "jobs"}
"""What `bench.claim` takes beside settings."""

every_claim = pytest.mark.parametrize("claim", everything(), ids=lambda claim: claim.name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the claims'."""
    monkeypatch.setattr(bench.claims, "__path__", [str(tmp_path)])
    for module in [name for name in sys.modules if name.startswith("bench.claims.")]:
        monkeypatch.delitem(sys.modules, module)
    return tmp_path


def test_the_lecture_is_all_there_in_its_order() -> None:
    claims = everything()
    assert [claim.name for claim in claims] == LECTURE
    assert [claim.place for claim in claims] == list(range(1, 17))
    assert names() == sorted(LECTURE)


@every_claim
def test_a_claim_says_what_is_claimed_and_how_it_is_tested(claim: Claim) -> None:
    assert HANGUL.search(claim.korean)
    assert not HANGUL.search(claim.english)
    for sentence in (claim.english, claim.korean, claim.hypothesis, claim.method):
        assert sentence.endswith(".")
        assert "\n" not in sentence and "  " not in sentence
    assert not re.search(r"[.?!] [A-Z]", claim.hypothesis), "one sentence"


@every_claim
def test_its_settings_have_types_and_defaults(claim: Claim) -> None:
    first, *settings = inspect.signature(claim.measure).parameters.values()
    assert first.name == "stage"
    assert {one.kind for one in settings} <= {inspect.Parameter.KEYWORD_ONLY}
    assert not [one.name for one in settings if one.default is inspect.Parameter.empty]
    hints = get_type_hints(claim.measure)
    assert set(claim.settings()) <= set(hints)
    assert not OPTIONS & set(claim.settings())
    # What stands as the default can be given, too, as people write it.
    texts = {
        name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in claim.settings().items()
        if value is not None
    }
    assert claim.read_settings(texts) == claim.settings()


def test_a_new_file_is_a_new_claim(folder: Path) -> None:
    claims_lab.claim_file(folder, "later", place=17)
    claims_lab.claim_file(folder, "tea-time", place=2)
    folder.joinpath("_not_one.py").touch()
    folder.joinpath("notes.txt").touch()
    assert [claim.name for claim in everything()] == ["tea-time", "later"]
    finding = bench.claim("tea-time", sizes="2,4")
    assert str(finding.judgement) == "holds, if it is <even>"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("five_tuple", "five_tuple: no such claim; did you mean five-tuple?"),
        ("closed", "closed: no such claim; did you mean close?"),
        ("xyz", "xyz: no such claim; the claims are access, backlog, "),
        ("", ": no such claim; the claims are "),
        ("..errors", "..errors: no such claim; "),
    ],
)
def test_a_wrong_name_is_one_line(name: str, line: str) -> None:
    with pytest.raises(NoSuchClaimError) as refusal:
        find(name)
    assert str(refusal.value).startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "it has no claim; expected CLAIM = Claim(...)"),
        ("CLAIM = 'empty'", "it has no claim; expected CLAIM = Claim(...)"),
        ("from claims_lab import CLAIM", "its claim is fake; expected empty-file"),
    ],
)
def test_a_file_without_its_claim_is_one_line(folder: Path, text: str, line: str) -> None:
    path = folder / "empty_file.py"
    path.write_text(text)
    claims_lab.claim_file(folder, "good")
    assert find("good").name == "good"
    with pytest.raises(ClaimFileError) as refusal:
        everything()
    assert str(refusal.value) == f"{path}: {line}"


def test_listing_the_claims_does_not_import_pandas(tmp_path: Path) -> None:
    code = "import sys; from bench.claims import everything; everything(); "
    code += "print([m for m in ('pandas', 'matplotlib', 'pyarrow') if m in sys.modules])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
