"""Several pages of one run, and what is refused: who controls, who watches, who is told what."""

import pytest
from playwright.async_api import expect

from browser.conftest import Stage, Visit
from browser.served import SMALL, Demo, serving
from browser.views import SIDES

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDED_WITHIN_S = 2.0
"""Seconds from Ctrl-C to the end, with pages open."""


REFUSED = (
    ("clients", "100000", "Clients: 100000 is not possible, expected 1 to 200."),
    (
        "origin_up",
        "-5 Mbit/s",
        "Origin's uplink: -5 Mbit/s is not possible, expected 1 kbit/s to 100 Gbit/s.",
    ),
    ("file_size", "large", "File size: “large” is not understood, expected for example 100 MiB."),
)
"""Field, what is typed there, and what is said."""


async def test_bad_input_is_told_at_its_field_and_nothing_is_lost(stage: Stage) -> None:
    view = await stage()
    await view.button("Settings").click()
    seed = view.field("seed")
    await seed.fill("7")
    for name, given, said in REFUSED:
        field = view.field(name)
        await field.fill(given)
        await view.button("Apply").click()
        hint = view.page.locator(".fsl-field", has=field).locator(".fsl-hint")
        await expect(hint).to_have_text(said)
        await expect(hint).to_have_attribute("role", "alert")
        await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(field).to_be_focused()
        await expect(field).to_have_value(given)
        await expect(seed).to_have_value("7")
        await field.fill(str(SMALL[name]))
        await expect(field).not_to_have_attribute("aria-invalid", "true")
    await expect(view.notice).to_be_hidden()
    assert len([message for message in view.heard if message["kind"] == "scene"]) == 1
    await view.press("Escape")
    await expect(seed).to_be_hidden()
    await view.button("Start").click()  # the run that was there is there
    await view.is_over()


async def test_settings_that_are_possible_begin_a_new_run(stage: Stage) -> None:
    view = await stage()
    await view.button("Settings").click()
    await view.field("clients").fill("5")
    await view.field("latency").fill("20 ms")
    await view.press("Enter")
    await expect(view.finished("p2p")).to_have_text("0 / 5")
    await expect(view.button("Apply")).to_be_hidden()
    assert view.scene["settings"] == {**SMALL, "clients": 5, "latency": "20 ms"}


async def test_a_student_watches_the_same_run_without_controls(
    stage: Stage, visit: Visit, shared: Demo
) -> None:
    teacher = await stage()
    student = await visit(shared.url)
    await student.is_ready()
    await expect(student.page.locator(".fsl-role")).to_have_text("You are watching")
    await expect(teacher.page.locator(".fsl-role")).to_have_text("1 other page watches")
    for name in ("Start", "Step", "Reset", "Settings", "Lessons", "Kill the server"):
        await expect(student.button(name)).to_be_hidden()
    await student.press("k")
    await expect(student.notice).to_have_text("Only the teacher's page controls the run.")
    await teacher.button("Start").click()
    for view in (teacher, student):
        await view.is_over()
        await view.says("The run begins", "Peer to peer: finished", "Central server: finished")
        for side in SIDES:
            await view.all_have_it(side)
    assert student.scene == teacher.scene
    # One who comes when all is over sees all of it.
    late = await visit(shared.url)
    await late.is_over()
    await late.says("The run begins", "Peer to peer: finished", "Central server: finished")
    charts = ".fsl-chart >> nth={}"
    for number in (0, 1):
        inks = [
            await view.inks(view.page.locator(charts.format(number))) for view in (late, student)
        ]
        assert inks[0] == inks[1]


async def test_a_second_teacher_is_told_and_may_take_over(
    stage: Stage, visit: Visit, shared: Demo
) -> None:
    first = await stage()
    second = await visit(shared.link)
    await expect(second.page.locator(".fsl-role")).to_have_text("Another page controls")
    await expect(second.button("Start")).to_be_hidden()
    await second.press(" ")
    said = "Another page controls the run. “Take over” changes that."
    await expect(second.notice).to_have_text(said)
    await first.is_ready()
    await second.button("Take over").click()
    await expect(first.page.locator(".fsl-role")).to_have_text("Another page controls")
    await expect(first.button("Start")).to_be_hidden()
    await second.button("Start").click()
    # The one that controls goes: the run goes on, and the other has the control again.
    await second.is_running()
    await second.page.close()
    await expect(first.button("Reset")).to_be_visible()
    for side in SIDES:
        await first.all_have_it(side)
    await first.press("k")
    await first.tells("The server was killed")


async def test_a_run_goes_on_while_nobody_watches(stage: Stage, visit: Visit, shared: Demo) -> None:
    view = await stage()
    await view.button("Start").click()
    await view.is_running()
    await view.page.close()
    again = await visit(shared.link)
    await again.is_over()
    for side in SIDES:
        await again.all_have_it(side)


async def test_ctrl_c_ends_all_of_it_while_pages_are_open(visit: Visit) -> None:
    async with serving("--clients=3", "--speed=1") as demo:
        teacher = await visit(demo.link)
        student = await visit(demo.url)
        await teacher.button("Start").click()
        for view in (teacher, student):
            await view.is_running()
        assert await demo.end() < ENDED_WITHIN_S
        for view in (teacher, student):
            await expect(view.banner).to_have_text("The demo has ended.")
            await expect(view.banner).to_have_attribute("role", "alert")
        await teacher.press("k")
        await expect(teacher.notice).to_be_hidden()
    for view in (teacher, student):
        await view.page.close()
        # The browser complains each time that the page looks for the demo, and finds nobody.
        nobody = "error: WebSocket connection to 'ws"
        view.complaints[:] = [one for one in view.complaints if not one.startswith(nobody)]
