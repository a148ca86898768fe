"""The page in English and in Korean: what is said in the one is not left over in the other."""

import re

import pytest
from playwright.async_api import expect

from browser.conftest import Stage, Visit
from browser.served import Demo
from browser.views import NEXT_FRAME, View
from browser.workshop import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = {"english", "origin"}
"""Words that stay: the switch back, and a host's name."""
HANGUL = re.compile("[가-힣]")

NOTE_WHAT_IS_DRAWN = """
globalThis.drawn = [];
const { fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  globalThis.drawn.push(text);
  return fillText.call(this, text, ...rest);
};
"""
ALL_TEXTS = """
() => {
  const found = [...globalThis.drawn.splice(0)];
  const root = document.querySelector(".fsl-demo");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) found.push(walker.currentNode.textContent);
  for (const it of document.querySelectorAll(".fsl-demo *")) {
    for (const name of ["label", "valuetext", "roledescription"].map((one) => `aria-${one}`)) {
      if (it.hasAttribute(name)) found.push(it.getAttribute(name));
    }
  }
  const spoken = document.querySelector(".fsl-spoken").textContent; // said when it happened
  return found.filter((text) => text.trim() && text !== spoken);
}
"""


def tokens(texts: list[str]) -> set[str]:
    """Words of three letters and more, in lower case; a host's name is none."""
    text = re.sub(r"client-\d+", " ", " ".join(texts))
    return {word.lower() for word in re.findall(r"[A-Za-z]{3,}", text)}


async def english_words(workshop: Workshop) -> set[str]:
    """Words of the English table that the Korean one does not have too."""
    english = tokens(await workshop.run("() => Object.values(parts.ENGLISH)"))
    korean = tokens(await workshop.run("() => Object.values(parts.KOREAN)"))
    return english - korean - NAMES


async def look(view: View) -> list[str]:
    """All texts there are, hidden ones and those on canvases included, which are drawn anew."""
    for width in (1300, 1280):
        await view.page.set_viewport_size({"width": width, "height": 720})
        await view.page.evaluate(f"{NEXT_FRAME}.then(() => {NEXT_FRAME})")
        texts: list[str] = await view.page.evaluate(ALL_TEXTS)
    return texts


async def test_both_tables_have_the_same_keys_and_values(workshop: Workshop) -> None:
    english = await workshop.run("() => parts.ENGLISH")
    korean = await workshop.run("() => parts.KOREAN")
    assert list(english) == list(korean)
    places = re.compile(r"\{\w+\}")
    for key, text in english.items():
        assert text and korean[key]
        if not key.startswith(("lesson.", "picture.card.")):
            assert sorted(places.findall(text)) == sorted(places.findall(korean[key])), key
        assert set(places.findall(korean[key])) == set(places.findall(text)), key


async def test_the_switch_turns_everything_into_korean_and_back(
    stage: Stage, workshop: Workshop
) -> None:
    words = await english_words(workshop)
    view = await stage(speed=20, riders=1, context={"script": NOTE_WHAT_IS_DRAWN})
    await view.press(" ")
    for key, line in (("k", "The server was killed"), ("k", "The server is up again")):
        await view.press(key)
        await view.tells(line)
    await view.press("p", "End", "c")
    await view.tells("client-003 was cut off")
    await view.press("u")
    await view.tells("client-003: links as at first")
    await view.is_over()
    before = await look(view)
    assert tokens(before) & words
    await expect(view.root).to_have_attribute("lang", "en")
    await expect(view.card).to_be_visible()
    await view.press("g")
    await expect(view.root).to_have_attribute("lang", "ko")
    await expect(view.card).to_be_visible()
    texts = await look(view)
    assert sorted(tokens(texts) & words) == []
    assert sum(bool(HANGUL.search(text)) for text in texts) > 80
    assert "서버 꺼짐" in await view.log.all_text_contents()
    await view.press("g")
    await expect(view.root).to_have_attribute("lang", "en")
    assert await look(view) == before


async def test_lessons_are_asked_in_korean(stage: Stage, workshop: Workshop) -> None:
    words = await english_words(workshop)
    view = await stage(context={"script": NOTE_WHAT_IS_DRAWN, "locale": "ko-KR"})
    for key in "12345":
        await view.press(key)
        await expect(view.guide.locator("h2")).to_contain_text(f"수업 {key} · ")
        await view.is_ready()
        await view.guide.locator(".fsl-answer").last.click()
        assert sorted(tokens(await look(view)) & words) == []
        assert HANGUL.search(await view.guide.inner_text())


async def test_refusals_in_korean(stage: Stage, visit: Visit, shared: Demo) -> None:
    view = await stage()
    await view.press("g")
    await view.button("설정").click()
    await view.field("clients").fill("100000")
    await view.press("Enter")
    hint = view.page.locator(".fsl-wrong")
    said = "클라이언트 수: 100000 값은 사용할 수 없습니다. 허용 범위는 1 ~ 200입니다."
    await expect(hint).to_have_text(said)
    student = await visit(shared.url, locale="ko-KR")
    await student.press("k")
    await expect(student.notice).to_have_text("교수자의 화면에서만 조작할 수 있습니다.")


async def test_a_korean_browser_begins_in_korean(visit: Visit, shared: Demo) -> None:
    view = await visit(shared.link, locale="ko-KR")
    await expect(view.root).to_have_attribute("lang", "ko")
    await expect(view.page.locator(".fsl-title")).to_have_text("파일 하나, 두 가지 방식")
    await view.page.get_by_role("button", name="Switch to English").click()
    await expect(view.root).to_have_attribute("lang", "en")
    await expect(view.page.locator(".fsl-title")).to_have_text("One file, two ways")
    other = await visit(shared.url, locale="de-DE")
    await expect(other.root).to_have_attribute("lang", "en")
