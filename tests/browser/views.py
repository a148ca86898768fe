"""A page of the demo as a test sees it: its parts, and all that it says, asks for and hears."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, Request, WebSocket, expect

from browser.served import DEADLINE_S

SIDES = ("central", "p2p")
QUIET = ("log", "debug", "info")
"""Kinds of console messages that complain of nothing."""


class View:
    """One page with the view in it, or with room for it."""

    def __init__(self, page: Page, home: str) -> None:
        """`home`: what the address of all that the page may ask for begins with."""
        self.page = page
        self.complaints: list[str] = []
        """Console messages, errors that nobody caught, and requests to strangers."""
        self.asked: list[str] = []
        """Addresses of all requests."""
        self._home = home
        self.heard: list[dict[str, Any]] = []
        """Messages from the server."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._on_request)
        page.on("websocket", self._on_socket)
        self.root = page.locator(".fsl-demo .fsl-demo, .fsl-demo").last
        self.log = page.locator(".fsl-line-text")
        self.state = page.locator(".fsl-state")
        self.time = page.locator(".fsl-time")
        self.card = page.locator(".fsl-card-box")
        self.slider = page.locator(".fsl-slider")
        self.notice = page.locator(".fsl-notice")
        self.banner = page.locator(".fsl-banner")
        self.guide = page.locator(".fsl-guide")
        self.help = page.locator("dialog")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in QUIET:
            self.complaints.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((self._home, "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    def _on_socket(self, socket: WebSocket) -> None:
        self.asked.append(socket.url)
        if not socket.url.startswith(self._home.replace("http:", "ws:", 1)):
            self.complaints.append(f"request: {socket.url}")
        socket.on("framereceived", lambda text: self.heard.append(json.loads(text)))

    # ---- what it heard

    @property
    def scene(self) -> dict[str, Any]:
        """The newest scene."""
        return [message for message in self.heard if message["kind"] == "scene"][-1]

    @property
    def t(self) -> float:
        """Seconds of the run, in the newest frame."""
        t: float = [message for message in self.heard if message["kind"] == "frame"][-1]["t"]
        return t

    # ---- what is on it

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        """An input of the settings' form."""
        return self.page.locator(f"input[name={name}]")

    def panel(self, side: str) -> Locator:
        """The canvas of a side."""
        return self.page.locator(f".fsl-panel-{side} canvas")

    def finished(self, side: str) -> Locator:
        """The large number "2 / 3": clients that have the file."""
        return self.page.locator(f".fsl-panel-{side} .fsl-figure-line").first

    def sent(self, side: str) -> Locator:
        """The large number "3.00 × F": what the origin has sent."""
        return self.page.locator(f".fsl-panel-{side} .fsl-figure-line").last

    async def copies(self, side: str) -> float:
        text = await self.sent(side).text_content()
        assert text is not None
        return float(text.removesuffix(" \N{MULTIPLICATION SIGN} F"))

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    # ---- what it comes to

    async def is_ready(self) -> None:
        await expect(self.state).to_have_attribute("data-state", "ready")

    async def is_over(self) -> None:
        await expect(self.state).to_have_attribute("data-state", "over")

    async def is_running(self) -> None:
        await expect(self.state).to_have_attribute("data-state", "running")

    async def is_held(self) -> None:
        await expect(self.state).to_have_attribute("data-state", "held")

    async def all_have_it(self, side: str, clients: int = 3) -> None:
        await expect(self.finished(side)).to_have_text(f"{clients} / {clients}")

    async def says(self, *lines: str | re.Pattern[str]) -> None:
        """The log's lines are these, all of them."""
        await expect(self.log).to_have_text(list(lines))

    async def tells(self, line: str) -> None:
        """A line is in the log."""
        await expect(
            self.log.filter(has_text=re.compile(f"^{re.escape(line)}$"))
        ).not_to_have_count(0)

    async def inks(self, canvas: Locator) -> dict[str, int]:
        """Pixels of a canvas by their colour, as `#D55E00`; what is not opaque is left out."""
        found: dict[str, int] = await canvas.evaluate(COUNT_INKS)
        return found

    async def hears(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Wait for a message from the server, which may have come already."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(wanted(message) for message in self.heard):
                await self.page.evaluate(NEXT_FRAME)

    async def has_sent(self, side: str, copies: float) -> None:
        """Wait until an origin has sent so many times the file."""
        wanted = [f".fsl-panel-{side} .fsl-figure:last-child .fsl-figure-number", copies]
        await self.page.wait_for_function(
            "([where, least]) => parseFloat(document.querySelector(where).textContent) >= least",
            arg=wanted,
        )


NEXT_FRAME = "new Promise(requestAnimationFrame)"
COUNT_INKS = """
(canvas) => {
  // A copy: Chromium complains where a canvas that is drawn on is read again and again.
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = {};
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 255) continue;
    const parts = [...data.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0"));
    const ink = `#${parts.join("").toUpperCase()}`;
    found[ink] = (found[ink] ?? 0) + 1;
  }
  return found;
}
"""
