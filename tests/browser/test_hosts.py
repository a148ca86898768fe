"""Hosts under the pointer: a click kills and revives, a card tells, a finger does no harm."""

import re

import psutil
import pytest
from playwright.async_api import expect

from browser.conftest import Stage
from browser.served import Demo
from browser.views import SIDES, View
from browser.workshop import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOUCH = {"has_touch": True}


async def place(view: View, workshop: Workshop, side: str, host: int) -> tuple[float, float]:
    """Where a host is on the page, in CSS pixels."""
    box = await view.panel(side).bounding_box()
    assert box is not None
    x, y = await workshop.place(view.scene, side, host, box["width"], box["height"])
    return box["x"] + x, box["y"] + y


async def test_a_click_kills_a_host_on_both_sides_and_revives_it(
    stage: Stage, workshop: Workshop
) -> None:
    view = await stage(speed=5)
    await view.press(" ")
    for side, line, state in (("p2p", "was killed", "killed"), ("central", "is up again", "up")):
        await view.page.mouse.click(*await place(view, workshop, side, 2))
        await view.tells(f"client-002 {line}")
        label = re.compile(rf"Selected: client-002, \d+ % of the file, {state}\.$")
        for each in SIDES:
            await expect(view.panel(each)).to_have_attribute("aria-label", label)
    assert [event[1:] for message in view.heard for event in message.get("events", ())][-2:] == [
        ["kill", {"who": 2}],
        ["revive", {"who": 2}],
    ]


async def test_the_ground_beside_the_hosts_does_nothing(stage: Stage) -> None:
    view = await stage()
    await view.panel("p2p").click(position={"x": 3, "y": 3})
    await view.press("r")  # the next thing that is told
    await view.hears(lambda one: one.get("run") == view.heard[1]["run"] + 1)
    assert not any(message.get("events") for message in view.heard)


async def test_a_card_tells_of_pieces_and_of_sockets_that_are_open(
    stage: Stage, shared: Demo, workshop: Workshop
) -> None:
    view = await stage(speed=5)
    await view.press(" ")
    await view.has_sent("p2p", 0.5)
    await view.press(" ")
    await view.is_held()
    for index, side in enumerate(SIDES):
        await view.page.mouse.move(*await place(view, workshop, side, 1))
        await expect(view.card.locator(".fsl-card-name")).to_have_text("client-001")
        address = view.scene["sides"][index]["addresses"][1]
        await expect(view.card.locator(".fsl-card-address")).to_have_text(address)
        there = pieces(view, index, 1)
        assert 0 < len(there) < 64
        share = view.card.locator("dd").first
        await expect(share).to_contain_text(f"({len(there)} of 64 pieces)")
        told = await view.card.locator(".fsl-card-tuple").all_text_contents()
        assert sorted(told) == sorted(sockets(shared, address))
        await expect(view.card.locator(".fsl-card-count")).to_have_text(f"connections: {len(told)}")
        await expect(view.card.get_by_role("button")).to_have_count(0)
    assert any(line.startswith("UDP ") for line in told)
    await view.page.mouse.move(5, 5)
    await expect(view.card).to_be_hidden()


async def test_a_finger_holds_the_card_and_kills_by_its_button_only(
    stage: Stage, workshop: Workshop
) -> None:
    view = await stage(context=TOUCH)
    at = await place(view, workshop, "central", 1)
    await view.page.touchscreen.tap(*at)
    await expect(view.card.locator(".fsl-card-name")).to_have_text("client-001")
    await view.card.get_by_role("button", name="Kill").tap()
    await view.tells("client-001 was killed")
    await view.card.get_by_role("button", name="Revive").tap()
    await view.tells("client-001 is up again")
    await view.says("client-001 was killed", "client-001 is up again")
    await view.page.touchscreen.tap(*at)
    await expect(view.card).to_be_hidden()
    await view.says("client-001 was killed", "client-001 is up again")


async def test_a_right_click_holds_the_card_and_escape_lets_it_go(
    stage: Stage, workshop: Workshop
) -> None:
    view = await stage()
    await view.page.mouse.click(*await place(view, workshop, "p2p", 3), button="right")
    await view.card.get_by_role("button", name="Slow").click()
    await view.tells("client-003: links at a tenth")
    await view.page.mouse.move(5, 5)
    await expect(view.card).to_be_visible()
    await view.press("Escape")
    await expect(view.card).to_be_hidden()
    await view.says("client-003: links at a tenth")


def pieces(view: View, side: int, host: int) -> set[int]:
    """Pieces that a host has, of all that the page was told."""
    told = [message for message in view.heard if message["kind"] == "frame"]
    return {piece for one in told for who, piece in one["sides"][side]["pieces"] if who == host}


def sockets(demo: Demo, address: str) -> list[str]:
    """Open sockets of a host in the demo's process, as a card words them."""
    lines = []
    for one in psutil.Process(demo.process.pid).net_connections("inet4"):
        if one.laddr.ip != address:
            continue
        if one.raddr:
            lines.append(f"TCP {address}:{one.laddr.port} ↔ {one.raddr.ip}:{one.raddr.port}")
        elif one.status == psutil.CONN_NONE:
            lines.append(f"UDP {address}:{one.laddr.port}")
    return lines
