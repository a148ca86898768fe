"""The notebook's view in a browser: the module's default export, and a real `bench.demo`."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from comm.base_comm import BaseComm
from playwright.async_api import expect

import bench
from bench.classroom.cell import Demo
from bench.classroom.page import style
from browser.served import SMALL
from browser.views import SIDES, View
from browser.workshop import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="session")

RENDER = """
() => {
  const listeners = new Set();
  const model = {
    send: (message) => say(message),
    on: (name, listener) => listeners.add([name, listener]),
    off: (name, listener) => {
      for (const one of listeners) {
        if (one[0] === name && one[1] === listener) listeners.delete(one);
      }
    },
  };
  const el = document.createElement("div");
  document.body.append(el);
  const close = parts.default.render({ model, el });
  (globalThis.views ??= []).push({ listeners, el, close });
}
"""
HEAR = """
(content) => {
  for (const { listeners } of views) {
    for (const [name, listener] of [...listeners]) if (name === "msg:custom") listener(content);
  }
}
"""
CLOSE = """
() => views.splice(0).map(({ listeners, el, close }) => {
  close();
  const left = [listeners.size, el.childElementCount];
  el.remove();
  return left;
})
"""


class Comm(BaseComm):
    """A comm that keeps what is said to the views until they are told."""

    def __init__(self, **options: Any) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        super().__init__(**options)

    def publish_msg(self, msg_type: str, data: Any = None, **rest: Any) -> None:
        if msg_type == "comm_msg" and data["method"] == "custom":
            self.said.put_nowait(data["content"])


class Cell:
    """A page with a demo's views in it, as JupyterLab has them."""

    def __init__(self, view: View, demo: Demo) -> None:
        self.view = view
        self.page = view.page
        self.demo = demo

    def hear(self, _source: object, content: object) -> None:
        data = {"method": "custom", "content": content}
        self.demo.comm.handle_msg({"content": {"data": data}, "buffers": []})

    async def tell(self) -> None:
        while True:
            await self.page.evaluate(HEAR, await self.demo.comm.said.get())

    async def listeners(self) -> list[list[str]]:
        """Kinds of events that the window, the document and its body are listened to for."""
        session = await self.page.context.new_cdp_session(self.page)
        found = []
        for name in ("window", "document", "document.body"):
            it = await session.send("Runtime.evaluate", {"expression": name})
            where = {"objectId": it["result"]["objectId"]}
            kinds = await session.send("DOMDebugger.getEventListeners", where)
            found.append(sorted(one["type"] for one in kinds["listeners"]))
        await session.detach()
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def cell(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cell]:
    """Afterwards the demo is closed, and its run has ended."""
    monkeypatch.setattr("comm.create_comm", Comm)
    cell = Cell(workshop.view, bench.demo(**SMALL, speed=50))
    await cell.page.expose_binding("say", cell.hear)
    await cell.page.add_style_tag(content=style())
    telling = asyncio.create_task(cell.tell())
    yield cell
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    Demo.close_all()
    assert not [one for one in threading.enumerate() if one.name in ("simulation", "frames")]


async def test_a_cell_plays_to_the_end_and_leaves_nothing(cell: Cell) -> None:
    before = await cell.listeners()
    await cell.page.evaluate(RENDER)
    view = cell.view
    await view.is_ready()
    await view.button("Start").click()
    for side in SIDES:
        await view.all_have_it(side)
    await view.is_over()
    await view.says("The run begins", "Peer to peer: finished", "Central server: finished")
    await expect(view.root).not_to_have_class("fsl-whole")
    assert await cell.listeners() != before
    assert await cell.page.evaluate(CLOSE) == [[0, 0]]
    assert await cell.listeners() == before
    cell.demo.reset()  # what is told now finds nobody, and does no harm
    await cell.page.evaluate(RENDER)
    await view.is_ready()
    assert await cell.page.evaluate(CLOSE) == [[0, 0]]


async def test_two_cells_show_one_run(cell: Cell) -> None:
    await cell.page.evaluate(RENDER)
    await cell.page.evaluate(RENDER)
    roots = cell.page.locator("body > div > .fsl-demo")
    await expect(roots).to_have_count(2)
    cell.demo.start()
    for root in await roots.all():
        await expect(root.locator(".fsl-state")).to_have_attribute("data-state", "over")
        await expect(root.locator(".fsl-figure-line").first).to_have_text("3 / 3")
    assert await cell.page.evaluate(CLOSE) == [[0, 0], [0, 0]]


async def test_keys_stay_in_the_cell(cell: Cell) -> None:
    await cell.page.evaluate(RENDER)
    await cell.view.is_ready()
    await cell.page.evaluate("document.addEventListener('keydown', (it) => heard.push(it.key))")
    await cell.page.evaluate("globalThis.heard = []")
    await cell.page.keyboard.press("k")  # the focus is elsewhere: none of the view's business
    await cell.view.button("Reset").focus()
    await cell.page.keyboard.press("g")
    await expect(cell.view.root).to_have_attribute("lang", "ko")
    assert await cell.page.evaluate("heard") == ["k"]
    await cell.view.says()
    assert await cell.page.evaluate(CLOSE) == [[0, 0]]
