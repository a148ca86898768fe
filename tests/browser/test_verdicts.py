"""The lessons' verdicts where a run was not as the lesson has it: each follows from its figures."""

from typing import Any

import pytest
from playwright.async_api import expect

from bench.classroom.frames import CUT, KILLED
from bench.classroom.settings import ranges
from browser.workshop import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOUND = """
([scene, frame]) => {
  const model = new parts.Model();
  model.take(scene);
  model.take(frame);
  return parts.findings(model);
}
"""
MOUNT = """
(messages) => {
  const place = document.createElement("div");
  document.body.replaceChildren(place);
  const listen = (callback) => (globalThis.tell = callback);
  globalThis.shown = parts.mount(place, { send: () => true, listen, close() {} });
  messages.forEach((message) => globalThis.tell(message));
}
"""
TELL = "(messages) => messages.forEach((message) => globalThis.tell(message))"
PIECES = 4
Times = list[float | None]
Event = tuple[float, str, dict[str, Any]]
ALL: Times = [100.0] * 10
NONE: Times = [None] * 10


def told(
    lesson: str,
    central: Times,
    p2p: Times,
    *events: Event,
    sent: tuple[float, float] = (10, 1.2),
    flags: int = 0,
    begun: int | None = None,
    pieces: list[tuple[int, int]] | None = None,
    settings: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """A scene and the last frame of a run: when each client had the file, and what was done.

    `sent`: copies by either origin, `flags` are theirs; `begun`: clients at the beginning;
    `pieces`: host and piece among peers, of those without the whole file. The origin sends the
    file once in 80 s, and every second client rides.
    """
    count = len(p2p)
    usual = {"clients": begun or count, "riders": 5, "origin_up": "1 Mbit/s", "peer_up": "2 Mbit/s"}
    names = ("central", "p2p")
    colours = ("#D55E00", "#0072B2")
    side = {"bound_s": 80.0, "bucket_s": 1.0, "places": [[0.5, 0.5]] * (count + 1)}
    scene = {
        "kind": "scene",
        "run": 1,
        "settings": usual | (settings or {}),
        "ranges": ranges(),
        "speed": 1,
        "lesson": lesson,
        "size": 10_000_000,
        "moved": 10_000_000,
        "pieces": PIECES,
        "hosts": [
            {"name": f"host-{n}", "up": 125000.0, "down": None, "rides": n > 0 and n % 2 == 0}
            for n in range(count + 1)
        ],
        "sides": [
            side | {"name": name, "colour": colour, "addresses": ["127.0.0.1"] * (count + 1)}
            for name, colour in zip(names, colours, strict=True)
        ],
    }
    changes = []
    for name, copies, times in zip(names, sent, (central, p2p), strict=True):
        rows: list[list[Any]] = [[0, 1000, round(1000 * copies), 0, 0, flags, None]]
        rows += [[n, 1000 if at else 5, 0, 0, 0, 0, at] for n, at in enumerate(times, 1)]
        empty: dict[str, Any] = {key: [] for key in ("links", "opened", "closed", "origin")}
        came = [(n, piece) for n, at in enumerate(times, 1) if at for piece in range(PIECES)]
        came += pieces or [] if name == "p2p" else []
        changes.append(empty | {"hosts": rows, "pieces": came})
    frame = {"kind": "frame", "t": 999.0, "state": "over", "speed": 1, "pace": 1}
    return [scene, frame | {"sides": changes, "events": events}]


def done(key: str, *hosts: int, at: float = 20.0) -> list[Event]:
    """What was done to hosts, one after the other."""
    return [(at, key, {"who": who}) for who in hosts]


def added(count: int, at: float = 40.0) -> Event:
    return (at, "add", {"count": count})


KILL = done("kill", 0, at=16.0)
FEW = done("kill", 3)
MANY = done("kill", 1, 2, 3, 4)
EVERYWHERE = [(n, n % PIECES) for n in range(1, 11)]
LATE: Times = [*ALL, *[130.0] * 5]
SOON: Times = [*ALL, *[60.0] * 5]
GIVERS_FIRST: Times = [50.0, 90.0] * 5


@pytest.mark.parametrize(
    ("figures", "why", "run"),
    [
        # Hosts that were added count: 15 copies for 15 clients, where 10 began.
        ("load.figures", "load.why1", told("load", LATE, LATE, added(5), sent=(15, 2), begun=10)),
        ("load.figures", "touched", told("load", LATE, LATE, added(5), sent=(10, 2), begun=10)),
        # Twice as many copies as clients are not about as many.
        ("load.figures", "none", told("load", ALL, ALL, sent=(20, 1.2))),
        ("load.figures", "touched", told("load", ALL, ALL, *done("revive", 0), sent=(20, 1.2))),
        ("load.figures", "load.why1", told("load", ALL, ALL, *done("cut", 3), sent=(10, 3))),
        ("load.figures", "none", told("load", ALL, ALL, sent=(10, 4))),
        # Of two copies, most went from peer to peer only where the origin sent one.
        ("load.figures", "none", told("load", ALL[:2], ALL[:2], sent=(2, 1.2))),
        ("load.figures", "load.why1", told("load", ALL[:3], ALL[:3], sent=(3, 1.2))),
        ("load.figures", "load.why2", told("load", ALL[:1], ALL[:1], sent=(1, 1.02))),
        ("unfinished", "touched", told("load", NONE, ALL, *done("kill", 0))),
        ("unfinished", "none", told("load", NONE, ALL)),
        # Only a kill shows an outage.
        ("outage.figures", "outage.why2", told("outage", NONE, ALL, *KILL, flags=KILLED)),
        ("outage.figures", "outage.why1", told("outage", ALL, ALL, *KILL, flags=KILLED)),
        ("outage.alive", "touched", told("outage", NONE, ALL, *KILL, *done("revive", 0))),
        ("outage.alive", "touched", told("outage", NONE, ALL, *done("cut", 0), flags=CUT)),
        *[
            ("outage.mended", "touched", told("outage", ALL, ALL, *events, *KILL, flags=KILLED))
            for events in (
                KILL + done("revive", 0),
                done("cut", 0) + done("restore", 0),
                done("slow", 0),
            )
        ],
        # Nobody could get it where a piece is on no peer, and hardly any peers were killed.
        ("outage.figures", "outage.why0", told("outage", NONE, NONE, *KILL, flags=KILLED)),
        (
            "outage.figures",
            "outage.why0",
            told("outage", NONE, NONE, *KILL, *FEW, flags=KILLED, pieces=EVERYWHERE[:3]),
        ),
        ("outage.figures", "touched", told("outage", NONE, NONE, *MANY, *KILL, flags=KILLED)),
        (
            "outage.figures",
            "none",
            told("outage", NONE, NONE, *KILL, flags=KILLED, pieces=EVERYWHERE),
        ),
        (
            "outage.figures",
            "none",
            told("outage", NONE, [100.0, *NONE[1:]], *KILL, flags=KILLED),
        ),
        ("outage.figures", "touched", told("outage", NONE, ALL, *MANY, *KILL, flags=KILLED)),
        ("outage.figures", "outage.why2", told("outage", NONE, ALL, *KILL, *FEW, flags=KILLED)),
        (
            "outage.figures",
            "outage.why2",
            told("outage", NONE, ALL, *KILL, added(5), flags=KILLED, begun=5),
        ),
        ("late.figures", "late.why0", told("late", LATE, SOON, added(5), begun=10)),
        ("late.figures", "late.why2", told("late", SOON, LATE, added(5), begun=10)),
        ("late.figures", "late.why1", told("late", SOON, SOON, added(5), begun=10)),
        ("late.figures", "touched", told("late", LATE, SOON, added(5), *FEW, begun=10)),
        ("late.figures", "touched", told("late", LATE, SOON, *done("slow", 0), added(5))),
        ("unfinished", "touched", told("late", [*LATE[:-1], None], SOON, added(5), *FEW)),
        ("late.nobody", "none", told("late", LATE, SOON)),
        # As slow as many copies, but they were not sent.
        ("slow.figures", "none", told("slow", ALL, [780.0] * 10, sent=(10, 1.1))),
        ("slow.figures", "slow.why2", told("slow", ALL, [780.0] * 10, sent=(10, 9.5))),
        ("slow.figures", "none", told("slow", ALL, [1600.0] * 10, sent=(10, 9.5))),
        ("slow.figures", "slow.why1", told("slow", ALL, [88.0] * 10)),
        ("slow.figures", "slow.why0", told("slow", ALL, [70.0] * 10)),
        ("slow.figures", "touched", told("slow", ALL, [88.0] * 10, *done("slow", 0))),
        ("slow.figures", "touched", told("slow", SOON, SOON, added(5), begun=10)),
        ("unfinished", "touched", told("slow", ALL, NONE, *MANY)),
        ("riders.figures", "riders.why0", told("riders", ALL, GIVERS_FIRST)),
        ("riders.figures", "riders.why2", told("riders", ALL, GIVERS_FIRST[::-1])),
        ("riders.figures", "riders.why1", told("riders", ALL, ALL)),
        ("riders.figures", "touched", told("riders", ALL, GIVERS_FIRST, added(4), begun=6)),
        ("riders.figures", "touched", told("riders", ALL, GIVERS_FIRST, *done("slow", 2, 4))),
        ("riders.nobody", "none", told("riders", ALL[:1], ALL[:1])),
        ("unfinished", "none", told("riders", ALL, NONE)),
        # Whatever it has come to before it broke off.
        *[
            (figures, "broken", told(lesson, ALL, ALL, *KILL, (999.0, "failed", {}), flags=KILLED))
            for lesson, figures in (("load", "load.figures"), ("outage", "outage.figures"))
        ],
    ],
)
async def test_a_verdict_follows_from_the_figures(
    workshop: Workshop, figures: str, why: str, run: list[dict[str, Any]]
) -> None:
    found = await workshop.run(FOUND, run)
    supported = int(why[-1]) if why[-1].isdigit() else None
    said = (found["figures"], found["why"], found["supported"])
    assert said == (f"lesson.{figures}", f"lesson.{why}", supported)
    english, korean = [
        await workshop.run(f"() => parts.{table}") for table in ("ENGLISH", "KOREAN")
    ]
    for key in (found["figures"], found["why"]):
        assert english[key] and korean[key]


async def test_those_who_come_late_wait_from_then_on(workshop: Workshop) -> None:
    """Of two groups that came late, the first is measured."""
    finishes: Times = [*ALL[:4], *[70.0] * 2, *[300.0] * 4]
    run = told("late", finishes, finishes, added(2), added(4, at=250.0), begun=4)
    found = await workshop.run(FOUND, run)
    assert found["times"] == {"came": 40, "central": 30, "p2p": 30}
    assert found["values"]["late"] == 2
    found = await workshop.run(FOUND, run_of("riders", run))
    assert found["times"] == {"givers": 66, "takers": 66}


def run_of(lesson: str, run: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same run in another lesson."""
    return [run[0] | {"lesson": lesson}, run[1]]


async def test_a_prediction_is_for_one_lesson_run_and_settings(workshop: Workshop) -> None:
    page = workshop.page
    run = told("late", ALL, ALL)
    more = told("late", LATE, SOON, added(5), begun=10)
    again = told("late", ALL, ALL, settings={"latency": "20 ms"})
    ready = {"state": "ready", "t": 0, "events": []}
    await workshop.run(MOUNT, [run[0], run[1] | ready])
    chosen = page.locator(".fsl-answer[aria-pressed=true]")
    await page.locator(".fsl-answer").nth(0).click()
    await expect(chosen).to_have_text("Longer at the central server")
    await workshop.run(TELL, more)
    verdict = page.locator(".fsl-guide-verdict")
    await expect(verdict).to_have_text(
        "You said: “Longer at the central server” That is what the run shows."
    )
    # A demo that was started anew: its first run again.
    await workshop.run(TELL, [again[0], again[1] | ready])
    await expect(page.locator(".fsl-answer")).to_have_count(3)
    await expect(chosen).to_have_count(0)
    await workshop.run("() => shown.close()")


async def test_scenes_say_no_more_than_the_settings(workshop: Workshop) -> None:
    """`bench demo --lesson riders --riders 3`: not every second peer is one."""
    page = workshop.page
    for lesson, settings, said in (
        ("riders", {"clients": 20, "riders": 3}, "Of 20 peers, 3 take and give next to nothing"),
        (
            "slow",
            {"origin_up": "9 Mbit/s"},
            "carries 9 Mbit/s, that of each of the 10 peers 2 Mbit/s",
        ),
    ):
        scene, frame = told(lesson, ALL, ALL, settings=settings)
        await workshop.run(MOUNT, [scene, frame | {"state": "ready", "t": 0}])
        await expect(page.locator(".fsl-guide-scene")).to_contain_text(said)
        await workshop.run("() => shown.close()")
