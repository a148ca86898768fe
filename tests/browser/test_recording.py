"""`bench demo --record`: one file that a browser replays with no server and no network."""

import asyncio
import base64
import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from browser.conftest import Visit
from browser.served import DEADLINE_S, SMALL
from browser.views import SIDES, View

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Kept:
    """A recording as the command wrote it."""

    def __init__(self, path: Path) -> None:
        self.address = path.as_uri()
        data = re.search(r'class="fsl-recording">([^<]+)<', path.read_text(encoding="utf-8"))
        assert data is not None
        self.told: list[dict[str, Any]] = json.loads(gzip.decompress(base64.b64decode(data[1])))

    @property
    def end_s(self) -> float:
        end_s: float = self.told[-1]["t"]
        return end_s

    def last_rows(self, side: int) -> dict[int, list[Any]]:
        """The newest row of every host."""
        frames = [one for one in self.told if one["kind"] == "frame"]
        return {row[0]: row for frame in frames for row in frame["sides"][side]["hosts"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    path = tmp_path_factory.mktemp("recording") / "lesson.html"
    options = [f"--{field.replace('_', '-')}={value}" for field, value in SMALL.items()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "bench.cli", "demo", "--record", str(path)),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return Kept(path)


@pytest_asyncio.fixture(loop_scope="session")
async def view(visit: Visit, kept: Kept) -> View:
    """The recording, opened where there is no network; whatever asks for more is a complaint."""
    view = await visit(kept.address)

    async def stop(route: Route) -> None:
        await route.abort()

    await view.page.route("**", stop)
    await expect(view.state).to_have_attribute("data-state", "ready")
    return view


async def moment(view: View) -> str:
    return await view.page.locator(".fsl-scrub-time").text_content() or ""


def scrub(view: View) -> Any:
    return view.page.locator(".fsl-scrub")


async def is_at_the_end(view: View, kept: Kept) -> None:
    """The page shows what the last frame says."""
    await view.is_over()
    for index, side in enumerate(SIDES):
        rows = kept.last_rows(index)
        done = sum(row[6] is not None for row in rows.values())
        assert done == 3
        await view.all_have_it(side, done)
        assert await view.copies(side) == pytest.approx(rows[0][2] / 1000, abs=0.0051)
    await view.says("The run begins", "Peer to peer: finished", "Central server: finished")


async def test_it_plays_to_its_end_and_pauses(view: View, kept: Kept) -> None:
    await view.page.get_by_label("Speed of the recording").select_option("2")
    await view.button("Play").click()
    await view.is_running()
    await expect(view.log.first).to_have_text("The run begins")
    await view.button("Pause").click()
    await view.is_held()
    paused = await moment(view)
    assert await view.copies("central") < 3.0
    await view.button("Step").click()
    await expect(view.page.locator(".fsl-scrub-time")).not_to_have_text(paused)
    await view.page.get_by_label("Speed of the recording").select_option("16")
    await view.button("Play").click()
    await is_at_the_end(view, kept)
    await view.button("Play").click()  # from the start again
    await view.is_running()
    await is_at_the_end(view, kept)
    assert view.asked == [kept.address]


async def test_it_is_scrubbed_back_and_forth(view: View, kept: Kept) -> None:
    await scrub(view).press("End")
    await is_at_the_end(view, kept)
    charts = view.page.locator(".fsl-chart")
    at_end = [await view.inks(charts.nth(number)) for number in (0, 1)]
    await scrub(view).fill("500")
    await view.is_held()
    await expect(view.finished("p2p")).to_have_text("3 / 3")
    await expect(view.finished("central")).to_have_text("0 / 3")
    middle = await view.copies("central")
    assert 1.0 < middle < 2.0
    await scrub(view).press("ArrowLeft")
    await expect(scrub(view)).to_have_value("499")
    await scrub(view).fill("200")
    await expect(view.finished("p2p")).to_have_text("0 / 3")
    assert await view.copies("central") < middle
    await view.says("The run begins")
    await view.button("To the start").click()
    await expect(view.state).to_have_attribute("data-state", "ready")
    await expect(view.time).to_have_text("0 s")
    await scrub(view).press("End")
    await is_at_the_end(view, kept)
    assert [await view.inks(charts.nth(number)) for number in (0, 1)] == at_end


async def test_its_keys(view: View, kept: Kept) -> None:
    await view.press("s")
    await expect(view.page.locator(".fsl-scrub-time")).not_to_have_text("0 s of 25.2 s")
    await view.press("+", "+", "-")
    await expect(view.page.get_by_label("Speed of the recording")).to_have_value("2")
    await view.press(" ")
    await view.is_running()
    await view.press(" ")
    await view.is_held()
    await view.press("k")
    said = "This is a recording: what happened has happened."
    await expect(view.notice).to_have_text(said)
    await view.press("r")
    await expect(view.time).to_have_text("0 s")
    await view.press("p", "End")
    await expect(view.card.locator(".fsl-card-name")).to_have_text("client-003")


async def test_it_speaks_both_languages(view: View, kept: Kept) -> None:
    await expect(view.page.locator(".fsl-role")).to_have_text("Recording")
    await scrub(view).press("End")
    await view.press("g")
    await expect(view.page.locator(".fsl-role")).to_have_text("녹화 재생")
    await expect(view.root).to_have_attribute("lang", "ko")
    await view.says("실행 시작", "P2P: 완료", "서버: 완료")
    await expect(view.button("재생")).to_be_visible()
    await view.press("g")
    await is_at_the_end(view, kept)


async def test_a_recording_names_no_address(kept: Kept) -> None:
    path = Path(kept.address.removeprefix("file://"))
    page = re.sub(r'class="fsl-recording">[^<]+<', "", path.read_text(encoding="utf-8"))
    assert not re.search(r"\b(?:https?|wss?|ftp)://(?!\$\{)|@import|\burl\((?!data:)", page)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {"data:,"}
