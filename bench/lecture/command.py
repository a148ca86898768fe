"""The commands `bench claim` and `bench claims`: the lecture, measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.claims import everything, find
from bench.errors import BenchError
from bench.lecture.claim import Claim
from bench.terminal import (
    INTERRUPTED,
    AsJson,
    Text,
    assignments,
    fail,
    option,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from bench.lecture.finding import Finding
    from bench.lecture.stage import Stage

REPORT = "report.html"
Settings = Annotated[
    list[str] | None, option("set", "NAME=VALUE", "Set a setting of the claim; repeatable.")
]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Some of `bench claims --list`.")
]
Jobs = Annotated[
    int | None, option("jobs", "N", "Experiments beside each other; default one a processor.")
]


def claim(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `bench claims --list`.")],
    set_: Settings = None,
    out: Annotated[Text, option("out", "DIR", "Where to save; default results/claim-…")] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Measure one claim of the lecture, and print the table and the verdict."""
    chosen = find(name)
    settings = chosen.read_settings(assignments("--set", set_))
    from bench.lecture.finding import measure
    from bench.lecture.stage import Stage

    stage = Stage(progress=True, jobs=jobs)
    with _folder(out, f"claim-{name}") as folder:
        try:
            finding = measure(chosen, stage, settings)
        except KeyboardInterrupt as stop:
            raise typer.Exit(fail(str(stop) or "interrupted", INTERRUPTED)) from None
        finding.save(folder)
    if as_json:
        print_json([_record(finding)])
    else:
        print_table(finding.rows(), finding.notes())
    say(f"{finding.meta['wall_s']:.1f} s, kept in {folder}")


def claims(
    names: Names = None,
    report: Annotated[
        bool, typer.Option("--report", help=f"Also write {REPORT}, one page to hand out.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the claims and end.")] = False,
    out: Annotated[Text, option("out", "DIR", "Where to save; default results/claims-…")] = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Measure all claims of the lecture, or some, and print their verdicts."""
    chosen = list(map(find, dict.fromkeys(names))) if names else everything()
    if listed:
        return _list(chosen, as_json)
    from bench.lecture.stage import Stage

    rounds = _Round(chosen, Stage(jobs=jobs))
    with _folder(out, "claims") as folder:
        for finding in rounds.findings(folder):
            if not as_json:
                judgement, seconds = finding.judgement, f"{finding.meta['wall_s']:.1f} s"
                line = f"{finding.claim.name}: {judgement}. {judgement.because} ({seconds})"
                print(line, flush=True)
        if report and rounds.measured:
            say(f"the page to hand out: {_write(rounds, folder)}")
    if as_json:
        print_json([_record(finding) for finding in rounds.measured])
    kept = f"{len(rounds.measured)} of {len(chosen)} claims in {rounds.seconds:.0f} s"
    kept += f", kept in {folder}" if rounds.measured else ""
    if rounds.interrupted:
        raise typer.Exit(fail(f"interrupted: {kept}", INTERRUPTED))
    say(kept)
    if rounds.missing:
        raise typer.Exit(1)


def _list(chosen: list[Claim], as_json: bool) -> None:
    if as_json:
        return print_json(
            [
                {
                    "claim": one.name,
                    "english": one.english,
                    "korean": one.korean,
                    "settings": one.settings(),
                }
                for one in chosen
            ]
        )
    width = max(len(one.name) for one in chosen)
    for one in chosen:
        print(f"{one.name:{width}}  {one.english}")
    return None


class _Round:
    """Claims measured one after the other; one that fails does not keep the others from it."""

    def __init__(self, chosen: list[Claim], stage: Stage) -> None:
        self._chosen, self._stage = chosen, stage
        self.measured: list[Finding] = []
        self.missing: list[tuple[Claim, str]] = []
        self.interrupted = False

    @property
    def seconds(self) -> float:
        """How long all that were measured took."""
        return sum(float(finding.meta["wall_s"]) for finding in self.measured)

    def findings(self, folder: Path) -> Iterator[Finding]:
        """Measure each, save it to a folder in `folder`, and hand it over."""
        for number, one in enumerate(self._chosen, start=1):
            try:
                with _shown(f"{number}/{len(self._chosen)}  {one.name}"):
                    finding = self._measure(one, folder / one.name)
            except KeyboardInterrupt:
                self.interrupted = True
                return
            except Exception as error:
                # What the others took minutes for must not be lost for a mistake in this one.
                reason = " ".join(str(error).split())
                kind = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
                self.missing.append((one, f"{kind}{reason}"))
                say(f"bench: {one.name}: {kind}{reason}")
            else:
                self.measured.append(finding)
                yield finding

    def _measure(self, one: Claim, folder: Path) -> Finding:
        from bench.lecture.finding import measure

        finding = measure(one, self._stage, {})
        finding.rows()  # what is wrong with its table is to be known here
        finding.save(folder)
        return finding


@contextmanager
def _shown(line: str) -> Iterator[None]:
    """Show on stderr what is being done: on a terminal only as long as it is."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with console.status(line):
            yield
    else:
        say(line)
        yield


@contextmanager
def _folder(out: Text, name: str) -> Iterator[Path]:
    """Make the folder to save to; it goes again if nothing came into it. Raises ResultsError."""
    from bench.results import results_folder

    folder = results_folder(out, name, claim=True)
    try:
        yield folder
    finally:
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _record(finding: Finding) -> dict[str, Any]:
    judgement = finding.judgement
    return {
        "claim": finding.claim.name,
        "verdict": judgement.verdict,
        "condition": judgement.condition,
        "because": judgement.because,
        "settings": finding.meta["settings"],
        "wall_s": finding.meta["wall_s"],
        "path": str(finding.path),
    }


def _write(rounds: _Round, folder: Path) -> Path:
    from bench.lecture.report import page

    path = folder / REPORT
    try:
        path.write_text(page(rounds.measured, rounds.missing), encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written: {error.strerror}") from None
    return path
