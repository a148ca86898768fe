"""For those who see it differently, or not at all: names, roles, colours."""

from typing import Any

import pytest
from playwright.async_api import expect

from bench.plots.style import COLOURS
from browser.conftest import Record, Stage, Visit
from browser.views import SIDES, View

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTROLS = {
    "button",
    "slider",
    "combobox",
    "textbox",
    "application",
    "img",
    "image",
    "list",
    "dialog",
}


async def named(view: View) -> dict[str, list[str]]:
    """Names of what can be used or looked at, by role, as a screen reader has them."""
    session = await view.page.context.new_cdp_session(view.page)
    tree = await session.send("Accessibility.getFullAXTree")
    found: dict[str, list[str]] = {}
    nodes: list[dict[str, Any]] = tree["nodes"]
    for node in nodes:
        role = node.get("role", {}).get("value")
        if not node["ignored"] and role in CONTROLS:
            found.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    await session.detach()
    return found


async def test_every_control_has_a_name(stage: Stage) -> None:
    view = await stage()
    await view.button("Settings").click()
    names = await named(view)
    assert [role for role, all_ in names.items() if not all(all_)] == []
    assert len(names["textbox"]) == 7
    assert "Speed 100 \N{MULTIPLICATION SIGN}" in names["slider"][0] or names["slider"] == ["Speed"]
    assert len(names["application"]) == 2
    await view.press("Escape", "1")
    await expect(view.guide.locator("h2")).to_be_visible()
    await view.press("?")
    assert [role for role, all_ in (await named(view)).items() if not all(all_)] == []


async def test_every_control_of_a_recording_has_a_name(visit: Visit, record: Record) -> None:
    view = await visit((await record())[0])
    await view.is_ready()
    names = await named(view)
    assert [role for role, all_ in names.items() if not all(all_)] == []
    assert len(names["combobox"]) == len(names["slider"]) == 1


async def test_panels_tell_what_they_show(stage: Stage) -> None:
    view = await stage()
    panel = view.panel("central")
    await expect(panel).to_have_role("application")
    start = "Central server: 0 of 3 clients have the file."
    nobody = "No host selected. Arrow keys select one."
    await expect(panel).to_have_attribute("aria-label", f"{start} {nobody}")
    await view.press(" ")
    await view.is_over()
    await view.page.locator(".fsl-select").select_option("client-002")
    done = "3 of 3 clients have the file. Selected: client-002, 100 % of the file, up."
    await expect(panel).to_have_attribute("aria-label", f"Central server: {done}")
    await expect(view.panel("p2p")).to_have_attribute("aria-label", f"Peer to peer: {done}")
    await view.button("Cut").click()
    cut = done.replace(", up.", ", cut off.")
    await expect(panel).to_have_attribute("aria-label", f"Central server: {cut}")
    for chart in await view.page.locator(".fsl-chart").all():
        await expect(chart).to_have_role("img")
    spoken = view.page.locator(".fsl-spoken")
    await expect(spoken).to_have_attribute("aria-live", "polite")


async def test_colours_are_those_of_the_pictures(stage: Stage) -> None:
    view = await stage()
    for side in SIDES:
        panel = view.page.locator(f".fsl-panel-{side}")
        shown = "(it) => getComputedStyle(it).getPropertyValue('--fsl-side').trim()"
        assert await panel.evaluate(shown) == COLOURS[side]
        assert (await view.inks(view.panel(side)))[COLOURS[side]] > 1000
        red, green, blue = (int(COLOURS[side][at : at + 2], 16) for at in (1, 3, 5))
        figure = view.finished(side).locator(".fsl-figure-number")
        await expect(figure).to_have_css("color", f"rgb({red}, {green}, {blue})")


async def test_who_wants_no_movement_has_none(stage: Stage) -> None:
    view = await stage(speed=0.25, context={"reduced_motion": "reduce"})
    assert await view.page.evaluate("document.getAnimations().length") == 0
