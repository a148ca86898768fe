"""A claim in HTML, for the report and for notebooks: its sentences, its verdict, its picture."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape

from bench.lecture.claim import Claim, Judgement, Verdict
from bench.table import Rows

SIGNS = {Verdict.HOLDS: "✓", Verdict.CONDITION: "◐", Verdict.FAILS: "✗"}
KOREAN = {
    Verdict.HOLDS: "성립한다",
    Verdict.CONDITION: "조건부로 성립한다",
    Verdict.FAILS: "성립하지 않는다",
}
EDGES = {Verdict.HOLDS: "#009E73", Verdict.CONDITION: "#E69F00", Verdict.FAILS: "#D55E00"}
GROUNDS = {Verdict.HOLDS: "#eaf6f1", Verdict.CONDITION: "#fdf4e2", Verdict.FAILS: "#fcece3"}

FIGURE = re.compile(r"[-+]?[\d.,]*%?")
"""What stands in a column of figures, or nothing, or a dash for none."""
LONG = 34
"""Characters of a cell that may be broken into lines; a shorter one is read at a glance."""


def sign(judgement: Judgement) -> str:
    """A verdict in a line, with its mark and condition; the words are plain without a colour."""
    verdict = judgement.verdict
    words = Verdict.HOLDS if judgement.condition else verdict
    ending = f", if {escape(judgement.condition)}" if judgement.condition else ""
    return (
        f'<span style="color: {EDGES[verdict]}">{SIGNS[verdict]}</span>&nbsp;'
        f"<strong>{escape(words)}</strong>{ending}"
    )


def sentences(claim: Claim, heading: str) -> str:
    """What the lecture says, in English (an element `heading`, such as h2) and in Korean."""
    return (
        f'<{heading} lang="en">{escape(claim.english)}</{heading}>'
        f'<p class="korean" lang="ko">{escape(claim.korean)}</p>'
    )


def verdict_box(judgement: Judgement) -> str:
    """What the data say of it, and why; it brings its own colours, as notebooks need."""
    verdict = judgement.verdict
    condition = f"<p>It holds if {escape(judgement.condition)}.</p>" if judgement.condition else ""
    return (
        f'<div class="verdict" style="border-left: .5rem solid {EDGES[verdict]}; '
        f'background: {GROUNDS[verdict]}; color: #222; padding: .5rem .9rem; margin: 1rem 0">'
        f'<p><strong style="font-size: 1.2em">{SIGNS[verdict]} {escape(verdict.capitalize())}'
        f'</strong> · <span lang="ko">{KOREAN[verdict]}</span></p>'
        f"{condition}<p>{escape(judgement.because)}</p></div>"
    )


def image(png: bytes, words: str) -> str:
    """A picture as a data URL, and what it says for those who cannot see it."""
    data = b64encode(png).decode("ascii")
    return f'<img alt="{escape(words)}" style="max-width: 100%" src="data:image/png;base64,{data}">'


def table(rows: Rows) -> str:
    """A table whose columns of figures stand on their right edge, as figures are read."""
    heads, lines = rows
    figures = [all(FIGURE.fullmatch(line[place]) for line in lines) for place in range(len(heads))]
    body = "".join(f"<tr>{_cells(line, figures)}</tr>" for line in lines)
    return (
        f"<table><thead><tr>{_cells(heads, figures, 'th')}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cells(texts: list[str], figures: list[bool], tag: str = "td") -> str:
    cells = []
    for text, is_figure in zip(texts, figures, strict=True):
        style = f"text-align: {'right' if is_figure else 'left'}"
        if tag == "td":
            style += "; white-space: nowrap" if len(text) <= LONG else "; min-width: 16em"
        cells.append(f'<{tag} style="{style}">{escape(text)}</{tag}>')
    return "".join(cells)
