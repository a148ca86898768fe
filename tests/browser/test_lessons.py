"""The guided mode: from the question to the answer that the run's own figures give."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from bench.classroom.frames import KILLED
from browser.conftest import Record, Stage, Visit
from browser.views import View
from browser.workshop import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = "That is what the run shows."
WRONG = "The run shows something else."
FOUND = """
([scene, frame]) => {
  const model = new parts.Model();
  model.take(scene);
  model.take(frame);
  const { figures, supported, why } = parts.findings(model);
  return [figures, supported, why];
}
"""
QUICK = {"file_size": "1 MiB", "origin_up": "1 Mbit/s", "peer_up": "200 kbit/s"}
"""Links that are 100 times slower than the lessons' own, for a file that is as much smaller."""

RECORDED: list[tuple[str, int, dict[str, Any]]] = [
    ("load", 1, QUICK | {"clients": 12, "peer_up": "500 kbit/s"}),
    ("outage", 2, QUICK | {"clients": 10}),
    ("late", 0, QUICK | {"clients": 5}),
    ("slow", 1, QUICK | {"clients": 8, "origin_up": "100 kbit/s"}),
    ("riders", 0, QUICK | {"clients": 20, "riders": 10, "origin_up": "500 kbit/s"}),
]
"""Lesson, the answer that theory gives, and what makes it short."""


def told(
    lesson: str,
    finishes: tuple[list[float | None], list[float | None]],
    *,
    sent: tuple[float, float] = (0, 0),
    flags: int = 0,
    added: tuple[float, int] | None = None,
    rides: bool = False,
) -> list[dict[str, Any]]:
    """A scene and a last frame: when each client had the file on either side, how many times the
    origins sent it, and their flags; `added`: when and how many clients came late."""
    count = len(finishes[0])
    hosts = [{"name": f"host {n}", "up": 125000.0, "down": None} for n in range(count + 1)]
    side = {"colour": "#000000", "bound_s": 1.0, "bucket_s": 1.0, "places": [], "addresses": []}
    scene = {
        "kind": "scene",
        "run": 1,
        "settings": {"clients": count, "riders": 0, "origin_up": "", "peer_up": ""},
        "speed": 1,
        "lesson": lesson,
        "size": 10_000_000,  # 80 s at the origin's rate
        "pieces": 1,
        "hosts": [host | {"rides": rides and n % 2 == 0 and n > 0} for n, host in enumerate(hosts)],
        "sides": [side | {"name": "central"}, side | {"name": "p2p"}],
    }
    sides = []
    for copies, times in zip(sent, finishes, strict=True):
        rows: list[list[Any]] = [[0, 1000, round(1000 * copies), 0, 0, flags, None]]
        rows += [[n, 1000 if at else 5, 0, 0, 0, 0, at] for n, at in enumerate(times, 1)]
        empty = {key: [] for key in ("links", "pieces", "opened", "closed", "origin")}
        sides.append(empty | {"hosts": rows})
    events: list[list[Any]] = [[0.0, "start", {}]]
    if flags & KILLED:
        events.append([20.0, "kill", {"who": 0}])
    if added is not None:
        events.append([added[0], "add", {"count": added[1]}])
    frame = {"kind": "frame", "t": 999.0, "state": "over", "speed": 1, "pace": 1}
    return [scene, frame | {"sides": sides, "events": events}]


ALL: list[float | None] = [100.0] * 10
NONE: list[float | None] = [None] * 10
HALF: list[float | None] = [*ALL[:5], *NONE[:5]]


def late(seconds: float) -> list[float | None]:
    """Five that were there at first, and five that came after 40 s and waited so long."""
    return [*ALL[:5], *[40.0 + seconds] * 5]


def taking(givers: float, riders: float) -> list[float | None]:
    return [givers, riders] * 5


CASES: list[tuple[str, int | None, list[dict[str, Any]]]] = [
    ("load.figures", 1, told("load", (ALL, ALL), sent=(10, 1.2))),
    ("load.figures", 0, told("load", (ALL, ALL), sent=(1.4, 1.2))),
    ("load.figures", 2, told("load", (ALL, ALL), sent=(10, 9.5))),
    ("load.figures", None, told("load", (ALL, ALL), sent=(10, 6))),
    ("unfinished", None, told("load", (HALF, ALL), sent=(10, 1.2))),
    ("outage.figures", 2, told("outage", (NONE, ALL), flags=KILLED)),
    ("outage.figures", 1, told("outage", (ALL, ALL), flags=KILLED)),
    ("outage.figures", 0, told("outage", (NONE, NONE), flags=KILLED)),
    ("outage.figures", None, told("outage", (HALF, ALL), flags=KILLED)),
    ("outage.alive", None, told("outage", (NONE, ALL))),
    ("late.figures", 0, told("late", (late(90), late(30)), added=(40.0, 5))),
    ("late.figures", 1, told("late", (late(31), late(30)), added=(40.0, 5))),
    ("late.figures", 2, told("late", (late(30), late(90)), added=(40.0, 5))),
    ("unfinished", None, told("late", (HALF, late(30)), added=(40.0, 5))),
    ("late.nobody", None, told("late", (ALL, ALL))),
    ("slow.figures", 1, told("slow", (ALL, [88.0] * 10))),
    ("slow.figures", 0, told("slow", (ALL, [70.0] * 10))),
    ("slow.figures", 2, told("slow", (ALL, [780.0] * 10), sent=(10, 10))),
    ("slow.figures", None, told("slow", (ALL, [780.0] * 10), sent=(10, 1.1))),
    ("slow.figures", None, told("slow", (ALL, [300.0] * 10))),
    ("unfinished", None, told("slow", (ALL, HALF))),
    ("riders.figures", 0, told("riders", (ALL, taking(50, 90)), rides=True)),
    ("riders.figures", 1, told("riders", (ALL, taking(50, 52)), rides=True)),
    ("riders.figures", 2, told("riders", (ALL, taking(90, 50)), rides=True)),
    ("riders.nobody", None, told("riders", (ALL, ALL))),
    ("unfinished", None, told("riders", (ALL, HALF), rides=True)),
]
"""The figures that are told, the answer that they support, and a run."""


async def test_the_answer_follows_from_the_figures(workshop: Workshop) -> None:
    for figures, supported, run in CASES:
        lesson = run[0]["lesson"]
        why = "lesson.none" if supported is None else f"lesson.{lesson}.why{supported}"
        found = await workshop.run(FOUND, run)
        assert found == [f"lesson.{figures}", supported, why], run


@pytest.mark.parametrize(("lesson", "answer", "given"), RECORDED, ids=[one[0] for one in RECORDED])
async def test_a_recorded_lesson_from_question_to_answer(
    visit: Visit, record: Record, lesson: str, answer: int, given: dict[str, Any]
) -> None:
    address, _ = await record(lesson, **given)
    view = await visit(address)
    await asks(view)
    await view.guide.locator(".fsl-answer").nth(answer).click()
    await view.button("Play it").click()
    await expect(view.guide).to_have_attribute("data-phase", "run")
    await view.page.locator(".fsl-scrub").press("End")
    await tells(view, RIGHT)
    await view.button("To the start").click()
    await asks(view)
    await view.guide.locator(".fsl-answer").nth((answer + 1) % 3).click()
    await view.page.locator(".fsl-scrub").press("End")
    await tells(view, WRONG)


async def test_a_live_lesson_from_question_to_answer(stage: Stage) -> None:
    view = await stage(lesson="slow", speed=1000)
    await asks(view)
    answers = view.guide.locator(".fsl-answer")
    await answers.nth(1).click()
    await expect(answers.nth(1)).to_have_attribute("aria-pressed", "true")
    await expect(answers.nth(2)).to_have_attribute("aria-pressed", "false")
    said = await answers.nth(1).text_content()
    await view.button("Run it").click()
    await expect(view.guide.locator(".fsl-guide-said")).to_have_text(f"You said: “{said}”")
    await tells(view, RIGHT)
    await view.button("Next lesson").click()
    await expect(view.guide.locator("h2")).to_have_text("Lesson 5 · Free riders")
    await asks(view)
    await view.button("Lessons").click()
    await view.button("0 Free mode").click()
    await expect(view.guide).to_be_hidden()


async def asks(view: View) -> None:
    """The lesson's question is there, with three answers of which none is chosen."""
    await expect(view.guide).to_have_attribute("data-phase", "ask")
    await expect(view.guide.locator(".fsl-guide-question")).to_contain_text("?")
    await expect(view.guide.locator(".fsl-answer")).to_have_count(3)


async def tells(view: View, verdict: str) -> None:
    """The run is over, and the answer and its figures are there."""
    await expect(view.guide).to_have_attribute("data-phase", "over")
    await expect(view.guide.locator(".fsl-guide-verdict strong")).to_have_text(verdict)
    await expect(view.guide.locator(".fsl-guide-figures")).to_have_text(re.compile(r"\d"))
    assert "{" not in await view.guide.inner_text()
