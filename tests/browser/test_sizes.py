"""A phone, a laptop, a projector: nothing is cut off, and in the classroom nothing scrolls."""

import pytest
from playwright.async_api import expect

from bench.plots.style import COLOURS
from browser.conftest import Record, Stage, Visit
from browser.views import NEXT_FRAME, SIDES, View

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCREENS = ({"width": 1920, "height": 1080}, {"width": 1280, "height": 720})
FINGER = 40
"""CSS pixels that a button must be high."""
TOO_WIDE = """
() => [...document.querySelectorAll(".fsl-demo *")]
  .filter((it) => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth + 0.5)
  .filter((it) => !it.closest(".fsl-spoken"))
  .map((it) => `${it.localName}.${it.className}`)
"""
TOO_LOW = """
(finger) => [...document.querySelectorAll(".fsl-demo button, .fsl-demo select, .fsl-demo input")]
  .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < finger)
  .map((it) => `${it.localName}.${it.className} ${it.getBoundingClientRect().height}`)
"""
SCROLLS = """
() => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return [scrollWidth <= innerWidth, scrollHeight <= innerHeight];
}
"""
CUT_OFF = """
() => [...document.querySelectorAll(".fsl-demo button")]
  .filter((it) => it.checkVisibility())
  .filter((it) => {
    const { left, top, right, bottom } = it.getBoundingClientRect();
    const across = left >= -0.5 && right <= innerWidth + 0.5;
    const down = top >= -0.5 && bottom <= innerHeight + 0.5;
    return !across || !down || it.scrollWidth > it.clientWidth + 1;
  })
  .map((it) => it.textContent)
"""


async def fits_a_phone(view: View) -> None:
    assert await view.page.evaluate(TOO_WIDE) == []
    assert (await view.page.evaluate(SCROLLS))[0]
    assert await view.page.evaluate(TOO_LOW, FINGER) == []


async def test_a_phone_shows_all_of_it(stage: Stage) -> None:
    view = await stage(context=PHONE)
    await fits_a_phone(view)
    await view.button("Settings").tap()
    await fits_a_phone(view)
    await view.button("Settings").tap()
    await view.button("Start").tap()
    await view.is_over()
    await fits_a_phone(view)
    for side in SIDES:
        await expect(view.finished(side)).to_be_visible()
    for chart in await view.page.locator(".fsl-chart").all():
        box = await chart.bounding_box()
        assert box is not None and box["width"] > 300 and box["height"] > 120
        assert (await view.inks(chart))[COLOURS["central"]] > 50
    await view.page.get_by_role("button", name="Keys and mouse").tap()
    await expect(view.help).to_be_visible()
    await fits_a_phone(view)


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
async def test_a_phone_shows_a_lesson_and_a_recording(
    stage: Stage, visit: Visit, record: Record, language: str
) -> None:
    view = await stage(lesson="load", context=PHONE | {"locale": language})
    await fits_a_phone(view)
    replayed = await visit((await record())[0], **PHONE, locale=language)
    await replayed.is_ready()
    await fits_a_phone(replayed)


@pytest.mark.parametrize("language", ["en-US", "ko-KR"])
async def test_nothing_scrolls_in_the_classroom(
    stage: Stage, visit: Visit, record: Record, language: str
) -> None:
    view = await stage(context={"locale": language})
    await is_whole(view)
    await view.press(" ")
    await view.is_over()
    await is_whole(view)
    for key in "12345":
        await view.press(key)
        await expect(view.guide.locator("h2")).to_contain_text(f" {key} · ")
        await view.is_ready()
        await is_whole(view)
    replayed = await visit((await record())[0], locale=language)
    await replayed.is_ready()
    await is_whole(replayed)


async def is_whole(view: View) -> None:
    """On both screens all of the page is in sight, and no button's text is cut off."""
    for screen in SCREENS:
        await view.page.set_viewport_size(screen)
        await view.page.evaluate(NEXT_FRAME)
        assert await view.page.evaluate(SCROLLS) == [True, True], screen
        assert await view.page.evaluate(TOO_WIDE) == [], screen
        assert await view.page.evaluate(CUT_OFF) == [], screen
