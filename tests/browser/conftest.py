"""Fixtures of the tests in a browser: one Chromium and one demo for all, a context for each page.

Playwright's asynchronous interface is driven by the tests' own loop, which pytest-asyncio runs only
while such a test runs. The synchronous one has a loop running in the thread as long as the browser
is open, and no other test there could run its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect
from programs import needs

from bench.classroom.frames import Frame, Scene
from bench.classroom.lessons import choose
from bench.classroom.recording import record as keep
from browser.served import DEADLINE_S, SMALL, Demo, serving
from browser.views import View
from browser.workshop import Workshop

FLAGS = (
    "--no-sandbox",  # which root, as whom CI runs, cannot have
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
LAPTOP = {"width": 1280, "height": 720}

Visit = Callable[..., Awaitable[View]]
"""Opens an address in a context of its own, with options of Browser.new_context and a script that
runs before the page's; a file has no network."""
Stage = Callable[..., Awaitable[View]]
"""Has the demo begin a run (see `Demo.begin`), and opens the teacher's page."""


Record = Callable[..., Awaitable[tuple[str, list[Scene | Frame]]]]
"""Plays a run (settings as for `bench demo`) and keeps it; returns its address and what it told."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = needs("chromium")
    expect.set_options(timeout=DEADLINE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared() -> AsyncIterator[Demo]:
    """A demo whose runs tests take turns with."""
    needs("chromium")
    options = [f"--{field.replace('_', '-')}={value}" for field, value in SMALL.items()]
    async with serving(*options) as demo:
        yield demo
        await demo.end()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Afterwards all pages are closed, and none had anything to complain of."""
    views: list[View] = []

    async def visit(address: str, *, script: str = "", **options: Any) -> View:
        options = {"viewport": LAPTOP, "locale": "en-US"} | options
        context = await browser.new_context(**options)
        context.set_default_timeout(DEADLINE_S * 1000)
        if script:
            await context.add_init_script(script)
        if address.startswith("file:"):
            await context.set_offline(True)
        view = View(await context.new_page(), address.partition("#")[0])
        views.append(view)
        await view.page.goto(address)
        return view

    yield visit
    for view in views:
        await view.page.context.close()
    assert [view.complaints for view in views if view.complaints] == []


@pytest_asyncio.fixture(loop_scope="session")
async def stage(shared: Demo, visit: Visit) -> Stage:
    async def stage(
        *, speed: float = 100.0, lesson: str | None = None, context: Any = None, **settings: Any
    ) -> View:
        await shared.begin(speed=speed, lesson=lesson, **settings)
        view = await visit(shared.link, **(context or {}))
        await view.is_ready()
        return view

    return stage


@pytest_asyncio.fixture(loop_scope="session")
async def workshop(visit: Visit) -> Workshop:
    """The view's parts, to be used by hand."""
    workshop = Workshop(await visit("about:blank"))
    await workshop.load()
    return workshop


@pytest.fixture(scope="package")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Each run is played once, in a thread of its own: it needs a loop of its own."""
    folder = tmp_path_factory.mktemp("recordings")
    kept: dict[str, tuple[str, list[Scene | Frame]]] = {}

    async def record(lesson: str | None = None, **given: Any) -> tuple[str, list[Scene | Frame]]:
        name = f"{lesson}-{'-'.join(str(one) for one in given.values())}".replace("/", "")
        if name not in kept:
            settings, speed = choose({**SMALL, **given}, lesson=lesson)
            path = folder / f"{len(kept)}.html"
            playing = partial(keep, path, settings, speed=speed, lesson=lesson)
            with ThreadPoolExecutor(1, "recording") as aside:
                told = await asyncio.get_running_loop().run_in_executor(aside, playing)
            kept[name] = path.as_uri(), told
        return kept[name]

    return record
