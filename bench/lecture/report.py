"""The findings as one page to hand out: a single HTML file that asks nobody for anything.

Pictures are data URLs (RFC 2397), and the page's own policy forbids every request (CSP Level 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from bench.lecture.claim import Claim, Verdict
from bench.lecture.finding import Finding
from bench.lecture.page import image, sentences, sign, table, verdict_box

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
COUNTED = {
    Verdict.HOLDS: ("holds", "hold"),
    Verdict.CONDITION: ("holds with a condition", "hold with a condition"),
    Verdict.FAILS: ("does not hold", "do not hold"),
}
"""Each verdict of one claim, and of several."""

STYLE = """
:root { --ink: #222; --quiet: #5f5f5f; --line: #ddd; color-scheme: light; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 4rem; color: var(--ink);
  background: #fff; font: 1.0625rem/1.55 system-ui, "Noto Sans CJK KR", "Noto Sans KR",
  "Apple SD Gothic Neo", "Malgun Gothic", sans-serif; overflow-wrap: break-word; }
:lang(ko) { word-break: keep-all; }
h1 { font-size: 2rem; line-height: 1.2; margin: 1rem 0 .25rem; }
h2 { font-size: 1.4rem; line-height: 1.35; margin: 0; }
p { margin: .5rem 0; }
a { color: inherit; }
.quiet, footer { color: var(--quiet); font-size: .9375rem; }
section { border-top: 3px solid var(--ink); margin-top: 3.5rem; padding-top: 1rem; }
.says { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2rem; }
.says .quiet { grid-column: 1 / -1; margin: 0 0 .25rem; }
.says .korean { font-size: 1.25rem; line-height: 1.5; margin: 0; }
.verdict p { margin: .15rem 0; }
figure { margin: 1rem 0; border: 1px solid var(--line); }
img { display: block; width: 100%; height: auto; }
.wide { overflow: auto; max-height: 32rem; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .9375rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem 0 .3rem .9rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: normal; }
th:first-child, td:first-child { padding-left: 0; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; position: sticky; top: 0;
  background: #fff; }
nav ol { list-style: none; padding: 0; margin: 1rem 0; }
nav li { display: grid; grid-template-columns: 3fr 3fr 4fr; gap: 0 1.5rem; padding: .45rem 0;
  border-bottom: 1px solid var(--line); line-height: 1.4; }
nav strong { font-weight: 600; }
code { background: #f2f2f2; padding: .1rem .4rem; border-radius: .2rem; font-size: .95em; }
dl { margin: 1rem 0 0; } dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; }
@media (max-width: 44rem) {
  body { font-size: 1rem; padding: .75rem 1rem 3rem; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; }
  .says { display: block; } .says .korean { font-size: 1.1rem; margin-top: .35rem; }
  nav li, nav span:not(.sign span) { display: block; }
  figure { margin-inline: -1rem; border-width: 1px 0; }
  table { font-size: .875rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  section { break-before: page; border: 0; margin: 0; padding: 0; }
  .verdict, figure, tr, dt, nav li { break-inside: avoid; } dt { break-after: avoid; }
  .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure { width: 72%; margin: .5rem auto; border: 0; } table { font-size: 8.5pt; }
  th, td { padding-block: .1rem; }
  thead { display: table-header-group; }
  .wide { overflow: visible; max-height: none; } th { position: static; }
  a { text-decoration: none; }
}
"""


def page(findings: Sequence[Finding], missing: Sequence[tuple[Claim, str]] = ()) -> str:
    """Return the page; `missing` are claims that could not be measured, and why."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The lecture, measured</title><style>{STYLE}</style></head>\n<body>"
        '<header><h1>The lecture, measured</h1><p class="korean" lang="ko">'
        "강의의 문장을 하나하나 실험으로 측정해 보았다</p>"
        "<p>What a lecture on the application layer says of client-server, P2P and sockets: each "
        "sentence was tested by an experiment over real local sockets, and each verdict was "
        f"computed from its data. {_count(findings)}</p></header>"
        f"{_contents(findings, missing)}"
        f"{''.join(map(_section, findings))}{_origin(findings)}</body></html>\n"
    )


def _count(findings: Sequence[Finding]) -> str:
    """How many of the claims got which verdict, in a sentence."""
    verdicts = Counter(finding.judgement.verdict for finding in findings)
    parts = [f"{n} {COUNTED[one][n != 1]}" for one in COUNTED if (n := verdicts[one])]
    return f"Claims measured: {len(findings)}; {', '.join(parts)}." if parts else ""


def _contents(findings: Sequence[Finding], missing: Sequence[tuple[Claim, str]]) -> str:
    items = [
        _item(finding.claim, f"#{finding.claim.name}", sign(finding.judgement))
        for finding in findings
    ]
    items += [_item(claim, "", f"not measured: {escape(line)}") for claim, line in missing]
    return f"<nav><ol>{''.join(items)}</ol></nav>"


def _item(claim: Claim, target: str, outcome: str) -> str:
    english = escape(claim.english)
    linked = f'<a href="{target}">{english}</a>' if target else english
    return (
        f"<li><span>{linked}</span> "
        f'<span lang="ko">{escape(claim.korean)}</span> <span class="sign">{outcome}</span></li>'
    )


def _section(finding: Finding) -> str:
    claim, judgement, rows = finding.claim, finding.judgement, finding.rows()
    return (
        f'\n<section id="{claim.name}"><div class="says">'
        '<p class="quiet">The lecture says · <span lang="ko">강의에서는</span></p>'
        f"{sentences(claim, 'h2')}</div>{verdict_box(judgement)}"
        f"<figure>{image(finding.small_png(), judgement.because)}</figure>"
        f"<dl>{_term('Hypothesis', '가설')}<dd>{escape(claim.hypothesis)}</dd>"
        f"{_term('Measured', '측정 방법')}<dd>{escape(claim.method)}</dd>"
        f"{_term('Run it again', '다시 해 보기')}<dd><code>{escape(finding.again)}</code> "
        f'<span class="quiet">took {finding.meta.get("wall_s", 0.0):.0f} s here</span></dd>'
        f"{_term('Table', '표', f' · {len(rows[1])} rows')}</dl>"
        f'<div class="wide" tabindex="0">{table(rows)}</div></section>'
    )


def _term(english: str, korean: str, more: str = "") -> str:
    return f'<dt>{english} · <span lang="ko">{korean}</span>{more}</dt>'


def _origin(findings: Sequence[Finding]) -> str:
    """Where the figures come from: when, on what machine, of which commit."""
    meta = findings[0].meta if findings else {}
    machine, versions = meta.get("machine", {}), meta.get("versions", {})
    commit = meta.get("commit") or ""  # a + at its end says that files had changed
    parts = {
        "": meta.get("started"),
        "on": machine.get("system"),
        "processors": machine.get("cpus"),
        "Python": versions.get("python"),
        "commit": f"{commit[:12]}{commit[40:]}",
    }
    told = " · ".join(f"{name} {value}".strip() for name, value in parts.items() if value)
    return f"<footer><p>{escape(f'Measured {told}')}</p></footer>" if told else ""
