"""Serves the demo's page, and a WebSocket (RFC 6455) that tells each page of the run.

The web has the calling thread and its loop, the run a thread of its own. Neither waits for the
other: what the run tells while the web is busy is put together.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from bench.classroom import asking, page
from bench.classroom.admission import is_our_page, names_us, policy
from bench.classroom.frames import Frame, Scene
from bench.classroom.refusal import Refusal
from bench.classroom.relay import Relay, Run, Told
from bench.classroom.watchers import Watcher, Watchers

HEARTBEAT_S = 10.0
"""Seconds between pings; a page that does not answer within half of it hangs."""
JOIN_S = 10.0
"""Seconds that a page has to join."""
CLOSING_S = 0.5
"""Seconds that pages have to say goodbye."""
ENDED = b"the demo has ended"
MISDIRECTED = 421
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(eq=False)
class _Page:
    """One page's connection."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    watcher: Watcher
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Server:
    """The page, its parts, and the sockets of those who watch."""

    def __init__(self, begin: Callable[[Told], Run]) -> None:
        self.token = secrets.token_urlsafe(16)
        self.port = 0
        self._begin = begin
        self._run: Run | None = None
        self._everywhere = False
        self._watchers = Watchers(self.token)
        self._pages: list[_Page] = []
        app = web.Application(middlewares=[self._admit])
        app.on_response_prepare.append(self._add_headers)
        app.router.add_get("/", self._answer(page.page(), "text/html"))
        app.router.add_get("/demo.js", self._answer(page.live_script(), "text/javascript"))
        app.router.add_get("/demo.css", self._answer(page.page_style(), "text/css"))
        app.router.add_get("/ws", self._watch)
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=None,
            logger=_log(),
            shutdown_timeout=CLOSING_S,
        )

    async def start(self, listening: socket.socket) -> None:
        """Serve at a socket that listens, and start the run, whose errors it raises.

        The socket is the server's from now on.
        """
        address, self.port = listening.getsockname()[:2]
        self._everywhere = not ipaddress.ip_address(address).is_loopback
        try:
            await self._runner.setup()
            await web.SockSite(self._runner, listening).start()
            run = self._begin(Relay(self._told).tell)
            run.start()
        except BaseException:
            await self.close()
            listening.close()
            raise
        self._run = run

    async def close(self) -> None:
        """Tell all pages that it is over, and end the run; within a second or so."""
        try:
            for site in list(self._runner.sites):
                await site.stop()  # a page that opens its socket anew finds nobody
            await self._say_goodbye()
            await self._runner.cleanup()
        finally:
            run, self._run = self._run, None
            if run is not None:
                run.close()

    async def _say_goodbye(self) -> None:
        pages = list(self._pages)
        if not pages:
            return
        closing = [
            asyncio.create_task(one.socket.close(code=WSCloseCode.GOING_AWAY, message=ENDED))
            for one in pages
        ]
        _, hanging = await asyncio.wait(closing, timeout=CLOSING_S)
        for one, task in zip(pages, closing, strict=True):
            if task in hanging:
                task.cancel()
                one.transport.abort()
        await asyncio.gather(*closing, return_exceptions=True)

    @web.middleware
    async def _admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not names_us(hosts[0], everywhere=self._everywhere):
            text = "This page is at the address that `bench demo` printed, not at this name.\n"
            return web.Response(status=MISDIRECTED, text=text)
        return await handler(request)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)
        if response.status != MISDIRECTED:
            response.headers["Content-Security-Policy"] = policy(request.host)

    @staticmethod
    def _answer(text: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return web.Response(text=text, content_type=kind)

        return handle

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if not is_our_page(request.headers.get("Origin"), request.host):
            return web.Response(status=403, text="Only this server's own page watches here.\n")
        # A little too long a message gets an answer, a far too long one ends the connection.
        socket_ = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S,
            max_msg_size=16 * asking.LONGEST,
            compress=False,
            timeout=CLOSING_S,
        )
        await socket_.prepare(request)
        transport = request.transport
        if transport is None:  # it has gone already
            return socket_
        try:
            watcher = self._watchers.arrive()
        except Refusal as refusal:
            await socket_.send_json(refusal.message())
            await socket_.close(code=WSCloseCode.TRY_AGAIN_LATER, message=str(refusal).encode())
            return socket_
        one = _Page(socket_, transport, watcher)
        self._pages.append(one)
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(self._send(one), name="send to a page")
                await self._listen(one)
                sending.cancel()
        finally:
            self._pages.remove(one)
            self._watchers.leave(watcher)
            self._wake()
            if transport.get_write_buffer_size():
                transport.abort()  # it hangs: what is left would wait for ever
        return socket_

    async def _listen(self, one: _Page) -> None:
        """Do what a page asks, until it goes or hangs."""
        while True:
            try:
                message = await one.socket.receive(None if one.watcher.joined else JOIN_S)
            except TimeoutError:
                await one.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nobody joined")
                return
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            try:
                question = asking.read(message.data)
                if self._watchers.asked(one.watcher, question) and self._run is not None:
                    self._run.ask(question, self._refuser(one))
                self._wake()
            except Refusal as refusal:
                self._refuse(one, refusal)

    async def _send(self, one: _Page) -> None:
        """Send a page what it has yet to get, whenever its socket takes more."""
        while True:
            await one.woken.wait()
            one.woken.clear()
            try:
                for text in self._watchers.take(one.watcher):
                    await one.socket.send_str(text)
            except ConnectionError:
                return  # `_listen` hears of it too

    def _told(self, news: Scene | Frame) -> None:
        self._watchers.told(news)
        self._wake()

    def _wake(self) -> None:
        for one in self._pages:
            one.woken.set()

    def _refuser(self, one: _Page) -> Callable[[Refusal], None]:
        """What the run calls, in its thread, when it refuses what a page asked."""
        loop = asyncio.get_running_loop()

        def refused(refusal: Refusal) -> None:
            loop.call_soon_threadsafe(self._refuse, one, refusal)

        return refused

    def _refuse(self, one: _Page, refusal: Refusal) -> None:
        self._watchers.refuse(one.watcher, refusal)
        one.woken.set()


def _log() -> logging.Logger:
    """What is said of errors: what strangers send that is no HTTP has its answer, and no word."""
    log = logging.Logger("bench demo")
    log.addFilter(
        lambda record: not isinstance((record.exc_info or (0, 0))[1], HttpProcessingError)
    )
    return log
