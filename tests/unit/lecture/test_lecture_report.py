"""bench.lecture.report: one page, whole and well-formed, that asks nobody for anything."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from claims_lab import CLAIM, found, named
from PIL import Image

from bench.lecture.page import table
from bench.lecture.report import POLICY, page

EMPTY = {"meta", "img", "br", "hr", "link", "input"}
Attributes = dict[str, str]


class Page(HTMLParser):
    """What is on a page: elements with their attributes and languages, and the texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.texts: list[tuple[str, str]] = []
        """The language of each text, and the text."""
        self.style = ""
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in EMPTY:
            language = self._open[-1][1] if self._open else ""
            self._open.append((tag, attributes.get("lang", language)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            self.style += data
        elif data.strip():
            self.texts.append((self._open[-1][1], data.strip()))

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self) -> str:
        return "\n".join(text for _, text in self.texts)


FINDINGS = [
    found(named("one"), sizes=[1, 3]),
    found(named("two-even"), sizes=[2, 4]),
    found(named("three"), sizes=[10], word="http://host/?a=1&b=<i>"),
]


@pytest.fixture(scope="module")
def report() -> Page:
    return Page(page(FINDINGS, [(named("four"), "TrialFailed: no <room>")]))


def test_every_claim_has_its_section_and_its_line_above(report: Page) -> None:
    assert [one["id"] for one in report.all("section")] == ["one", "two-even", "three"]
    assert [one["href"] for one in report.all("a")] == ["#one", "#two-even", "#three"]
    text = report.text()
    assert "Claims measured: 3; 1 holds, 1 holds with a condition, 1 does not hold." in text
    assert text.count(CLAIM.english) == text.count(CLAIM.korean) == 4 + 3
    assert text.count(CLAIM.hypothesis) == text.count(CLAIM.method) == 3
    assert "not measured: TrialFailed: no <room>" in text


def test_the_contents_say_under_which_condition(report: Page) -> None:
    texts = [text for _, text in report.texts]
    contents = texts[texts.index(CLAIM.korean) : texts.index("The lecture says ·")]
    assert [text for text in contents if text.startswith(("holds", "does", ", if"))] == [
        "holds",
        "holds",
        ", if it is <even>",
        "does not hold",
    ]
    assert [text for text in contents if text in "✓◐✗"] == ["✓", "◐", "✗"]


def test_verdicts_are_plain_in_both_languages(report: Page) -> None:
    text = report.text()
    for words in ("✓ Holds", "◐ Holds with a condition", "✗ Does not hold"):
        assert text.count(words) == 1
    for words in ("성립한다", "조건부로 성립한다", "성립하지 않는다"):
        assert ("ko", words) in report.texts
    assert "It holds if it is <even>." in text
    assert "The largest of 1 is 10 < 10 & more." in text


def test_it_says_how_to_run_each_again(report: Page) -> None:
    commands = [text for _, text in report.texts if text.startswith("bench claim")]
    assert commands == [
        "bench claim one --set sizes=1,3",
        "bench claim two-even --set sizes=2,4",
        "bench claim three --set sizes=10 --set 'word=http://host/?a=1&b=<i>'",
    ]
    assert "took 1 s here" in report.text()


def test_it_asks_nobody_for_anything(report: Page) -> None:
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in report.all("meta")
    assert POLICY.startswith("default-src 'none'; img-src data:;")
    tags = {tag for tag, _ in report.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "svg"}
    for tag, attributes in report.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name, value in attributes.items():
            if name in ("src", "href"):
                assert value.startswith(("data:image/png;base64,", "#"))
            else:
                assert "//" not in value
    for word in ("//", "url(", "@import", "@font-face"):
        assert word not in report.style


def test_its_pictures_are_in_it_and_say_their_words(report: Page) -> None:
    images = report.all("img")
    assert [one["alt"] for one in images] == [one.judgement.because for one in FINDINGS]
    for one in images:
        data = base64.b64decode(one["src"].partition(",")[2], validate=True)
        assert Image.open(io.BytesIO(data)).size == (1500, 900)


def test_each_text_is_in_its_language(report: Page) -> None:
    assert report.all("html") == [{"lang": "en"}]
    for language, text in report.texts:
        assert language == ("ko" if re.search("[가-힣]", text) else "en"), text


def test_it_fits_a_phone(report: Page) -> None:
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in report.all(
        "meta"
    )
    wide = [one for one in report.all("div") if one.get("class") == "wide"]
    assert len(wide) == len(report.all("table")) == 3
    assert ".wide { overflow: auto;" in report.style


def test_figures_stand_on_the_right_of_their_column_and_long_texts_may_wrap() -> None:
    long = "a text that is too long to be read at a glance"
    cells = Page(table((["n", "share", "what", "none"], [["1,000", "9%", "x", "-"]] * 2)))
    styles = [one["style"] for one in cells.all("th")]
    assert styles == [f"text-align: {side}" for side in ("right", "right", "left", "right")]
    (cell,) = Page(table((["what"], [[long]]))).all("td")
    assert cell["style"] == "text-align: left; min-width: 16em"


def test_it_says_where_its_figures_come_from() -> None:
    finding = found()
    finding.meta |= {
        "started": "2026-11-22T20:00:00+09:00",
        "machine": {"system": "Linux", "cpus": 2},
        "versions": {"python": "3.11.7"},
        "commit": f"{'0123456789' * 4}+",
    }
    line = "Measured 2026-11-22T20:00:00+09:00 · on Linux · processors 2 · Python 3.11.7"
    assert Page(page([finding])).texts[-1] == ("en", f"{line} · commit 012345678901+")


def test_without_a_finding_it_is_still_a_page() -> None:
    empty = Page(page([], [(CLAIM, "no room")]))
    assert "not measured: no room" in empty.text()
    assert empty.all("section") == []
