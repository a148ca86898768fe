"""Measures every claim of the lecture: the page to hand out, and the README's table of verdicts."""

import re
from pathlib import Path
from shutil import copy

from bench.claims import everything
from bench.lecture.finding import Finding, examine
from bench.lecture.report import page

README = Path("README.md")
PAGE = Path("docs/lecture.html")
PLACE = re.compile(r"(?<=<!-- verdicts -->\n).*?(?=<!-- end of verdicts -->)", re.DOTALL)
PICTURE = "outage"
"""The claim whose picture is on the README."""


def table(findings: list[Finding]) -> str:
    """Return a row for every claim as Markdown: what the lecture says, and what the data say."""
    rows = ["| claim | the lecture says | measured |\n", "| --- | --- | --- |\n"]
    for finding in findings:
        claim = finding.claim
        rows.append(f"| `{claim.name}` | {claim.english} | {finding.judgement} |\n")
    return "".join(rows)


def main() -> None:
    """Measure, draw and write; to be started in the project's folder."""
    findings = []
    for claim in everything():
        print(claim.name, flush=True)
        findings.append(examine(claim, out=Path("build/lecture") / claim.name))
    PAGE.write_text(page(findings), encoding="utf-8")
    copy(f"build/lecture/{PICTURE}/{PICTURE}.png", PAGE.parent)
    text = README.read_text(encoding="utf-8")
    README.write_text(PLACE.sub(lambda _: table(findings), text), encoding="utf-8")


if __name__ == "__main__":
    main()
