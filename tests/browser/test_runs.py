"""A run on the live page: begun by its button, watched to its end, disturbed, paced and held."""

import pytest
from playwright.async_api import expect

from bench.plots.style import COLOURS
from browser.conftest import Stage
from browser.views import SIDES, View

LONG_RIGHT = {"peer_up": "100 kbit/s"}
"""With it the right side takes 47 s, and the left 25 s as before."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def step(view: View) -> None:
    """Let a little time pass."""
    before = view.t
    await view.press("s")
    await view.hears(lambda one: one.get("state") == "held" and one["t"] > before)


async def test_a_run_from_the_button_to_its_end(stage: Stage) -> None:
    view = await stage()
    for side in SIDES:
        await expect(view.finished(side)).to_have_text("0 / 3")
        await expect(view.sent(side)).to_have_text("0 \N{MULTIPLICATION SIGN} F")
    await view.button("Start").click()
    for side in SIDES:
        await view.all_have_it(side)
    await view.is_over()
    await view.says("The run begins", "Peer to peer: finished", "Central server: finished")
    assert 3.0 <= await view.copies("central") < 3.05
    assert 1.0 <= await view.copies("p2p") < 2.0
    assert view.t > 25.1  # three copies over the uplink of one

    await expect(view.button("Start")).to_be_disabled()


async def test_both_charts_show_both_sides(stage: Stage) -> None:
    view = await stage()
    charts = await view.page.locator("canvas.fsl-chart").all()
    assert len(charts) == 2
    before = [await view.inks(chart) for chart in charts]
    await view.button("Start").click()
    await view.is_over()
    for chart, was in zip(charts, before, strict=True):
        inks = await view.inks(chart)
        for side in SIDES:
            assert inks[COLOURS[side]] > was.get(COLOURS[side], 0) + 100


async def test_without_the_server_the_left_stops_and_the_right_goes_on(stage: Stage) -> None:
    view = await stage(speed=20, **LONG_RIGHT)
    await view.button("Start").click()
    await view.has_sent("p2p", 1.3)  # all pieces are among the peers
    await view.button("Kill the server").click()
    await view.tells("The server was killed")
    await expect(view.button("Revive the server")).to_be_visible()
    await view.tells("Central server: stuck, 3 without the file")
    await view.is_over()
    await view.all_have_it("p2p")
    await expect(view.finished("central")).to_have_text("0 / 3")
    assert await view.copies("central") < 2.9

    await view.button("Revive the server").click()
    await view.all_have_it("central")
    await view.tells("Central server: finished")
    await view.is_over()
    assert await view.copies("central") >= 3.0


async def test_the_server_is_killed_by_its_key_between_two_steps(stage: Stage) -> None:
    view = await stage(speed=20, **LONG_RIGHT)
    while await view.copies("p2p") < 1.3:
        await step(view)
    await view.press("k")
    await view.tells("The server was killed")
    await view.press(" ")
    await view.is_over()
    lines = await view.log.all_text_contents()
    killed, goes_on, *ends = [line for line in lines if line != "One step"]
    assert (killed, goes_on) == ("The server was killed", "Goes on")
    stuck = "Central server: stuck, 3 without the file"
    assert sorted(ends) == [stuck, "Peer to peer: finished"]
    assert await view.copies("central") < 1.5


async def test_what_is_on_the_way_goes_on_when_the_server_is_back_at_once(stage: Stage) -> None:
    view = await stage(speed=10)
    await view.press(" ")
    await view.has_sent("central", 0.5)
    await view.press("k")
    await expect(view.button("Revive the server")).to_be_visible()
    await view.press("k")
    await expect(view.button("Kill the server")).to_be_visible()
    for side in SIDES:
        await view.all_have_it(side)
    await view.is_over()
    await view.says(
        "The run begins",
        "The server was killed",
        "The server is up again",
        "Peer to peer: finished",
        "Central server: finished",
    )


async def test_the_slider_makes_time_pass_faster(stage: Stage) -> None:
    view = await stage(speed=1, file_size="64 MiB")  # half an hour on the left
    await view.button("Start").click()
    await view.is_running()
    await view.slider.focus()
    await view.press("ArrowRight", "ArrowRight")
    await view.says("The run begins", "Speed 1.1 \N{MULTIPLICATION SIGN}")
    await view.press("Home")
    await view.says(
        "The run begins", "Speed 0.25 \N{MULTIPLICATION SIGN}"
    )  # one line for a slider that moves
    await expect(view.page.locator(".fsl-pace")).to_contain_text("0.25 \N{MULTIPLICATION SIGN}")
    assert view.t < 600.0
    await view.press("End")
    for side in SIDES:
        await view.all_have_it(side)
    assert view.t > 1600.0


async def test_time_stands_still_is_moved_and_begins_anew(stage: Stage) -> None:
    view = await stage(speed=2)
    await view.button("Start").click()
    await view.has_sent("central", 0.1)
    await view.button("Pause").click()
    await view.is_held()
    paused = view.t
    assert 0 < paused < 25.0
    await view.press("-")  # another matter, that is done and told while time stands
    await view.tells("Speed 1 \N{MULTIPLICATION SIGN}")
    assert view.t == paused
    await step(view)
    assert view.t - paused == pytest.approx(view.scene["sides"][1]["bound_s"] / 25, abs=1e-5)
    await view.button("Go on").click()
    await view.is_running()
    run = view.scene["run"]
    await view.button("Reset").click()
    await view.hears(lambda one: one.get("run") == run + 1)
    await view.is_ready()
    await expect(view.time).to_have_text("0 s")
    await expect(view.finished("central")).to_have_text("0 / 3")
    await view.says()
    assert (view.t, view.scene["settings"]["seed"]) == (0, 1)
