"""central.http.listing: what a server has, and what changes there."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from http_scripts import Say, Script, answer, field_of
from lab import Lab, RunLab

from central.config import ClientConfig
from central.errors import CentralError, DeniedError, NotFoundError, TransferError
from central.http import client as http
from central.http import listing as rooms
from central.http.page import write_json
from central.library.library import Change, Entry


def entry(path: str, size: int = 1, time: int = 0) -> Entry:
    return Entry(path=path, size=0 if path.endswith("/") else size, modified_ns=time)


class Shelf:
    """A server's folders; each version of a folder has an entity tag."""

    def __init__(self, **folders: list[Entry]) -> None:
        self.folders: dict[str, list[Entry]] = {"": [], **folders}
        self.replies: list[int] = []

    def respond(self, head: str) -> Say:
        path = unquote(head.split()[1]).strip("/")
        if path not in self.folders:
            self.replies.append(404)
            return Say(answer("404 Not Found"))
        body = write_json(path, self.folders[path])
        etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        if field_of(head, "If-None-Match") == etag:
            self.replies.append(304)
            return Say(f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode())
        self.replies.append(200)
        return Say(answer("200 OK", body, ETag=etag))


# ---- listings


@pytest.mark.parametrize("close_each", [True, False])
def test_a_listing(run_lab: RunLab, close_each: bool) -> None:
    async def body(lab: Lab) -> None:
        shelf = Shelf()
        shelf.folders[""] = [entry("a b/"), entry("z", 3)]
        shelf.folders["a b"] = [entry("a b/ü", 2**40), entry("a b/x", 5, 7), entry("a b/y/")]
        script = Script(lab.host("server"), shelf.respond)
        await script.start()
        host, config = lab.host("client"), ClientConfig(close_each=close_each, token="t")
        assert await http.listing(host, script.link(""), config) == shelf.folders[""]
        assert await http.listing(host, script.link("a b"), config) == [
            entry("a b/x", 5, 7),
            entry("a b/y/"),
            entry("a b/ü", 2**40),
        ]
        assert [head.split()[1] for head in script.requests] == ["/", "/a%20b/"]
        assert script.field("Accept") == ["application/json"] * 2
        assert script.field("Authorization") == ["Bearer t"] * 2
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))

    run_lab(body)


def listed(**changed: Any) -> dict[str, Any]:
    first = {"name": "a", "path": "d/a", "size": 1, "modified": "", "modified_ns": 0}
    return {"path": "d/", "entries": [first | {"etag": "x", "folder": False} | changed]}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        json.dumps([]).encode(),
        json.dumps({"path": "d/"}).encode(),
        json.dumps(listed(size="1")).encode(),
        json.dumps(listed(size=-1)).encode(),
        json.dumps(listed(size=10**30)).encode(),
        json.dumps(listed(path="../a")).encode(),
        json.dumps(listed(path="d/../a")).encode(),
        json.dumps(listed(path="/etc/passwd")).encode(),
        json.dumps(listed(path="a")).encode(),
        json.dumps(listed(path="d/e/a")).encode(),
        json.dumps(listed(path="d/a\x1b[1m")).encode(),
        json.dumps(listed(path="d//", folder=True)).encode(),
        json.dumps(listed(path="d/" + "x" * 300)).encode(),
    ],
    ids=lambda said: repr(said[-30:]),
)
def test_a_listing_that_is_none(run_lab: RunLab, said: bytes) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [Say(answer("200 OK", said))])
        await script.start()
        with pytest.raises(TransferError) as caught:
            await http.listing(lab.host("client"), script.link("d"), ClientConfig())
        assert str(caught.value).startswith("d: ")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 250

    run_lab(body)


def test_an_endless_listing(run_lab: RunLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MAX_LISTING", 100_000)

    async def body(lab: Lab) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        says = [Say(head + b"ffff\r\n" + bytes(65535) + b"\r\n" + b"ffff\r\n" + bytes(65535))]
        script = Script(lab.host("server"), says)
        await script.start()
        with pytest.raises(TransferError, match="a listing of more than 100000 B"):
            await http.listing(lab.host("client"), script.link(""), ClientConfig())

    run_lab(body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("404 Not Found", NotFoundError),
        ("401 Unauthorized", DeniedError),
        ("304 Not Modified", TransferError),
        ("204 No Content", TransferError),
    ],
)
def test_a_listing_that_is_refused(run_lab: RunLab, status: str, kind: type[CentralError]) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [Say(answer(status))])
        await script.start()
        with pytest.raises(kind, match=f"/: .*{status[:3]}"):
            await http.listing(lab.host("client"), script.link(""), ClientConfig())

    run_lab(body)


# ---- changes


Step = Callable[[], None]


async def seen(
    lab: Lab, shelf: Shelf, steps: list[tuple[float, Step]], until: float, **options: Any
) -> tuple[list[tuple[float, Change]], Script]:
    """What a watcher at the top sees, and when, while `steps` happen."""
    script = Script(lab.host("server"), shelf.respond)
    await script.start()
    changes: list[tuple[float, Change]] = []

    async def look() -> None:
        config = ClientConfig(**{"poll_s": 1.0, "patience_s": 5.0} | options)
        async for change in http.watch(lab.host("client"), script.link(""), config):
            changes.append((lab.now, change))

    watching = asyncio.ensure_future(look())
    for moment, step in steps:
        await asyncio.sleep(moment - lab.now)
        step()
    await asyncio.sleep(until - lab.now)
    watching.cancel()
    await asyncio.wait([watching])
    if not watching.cancelled():
        raise watching.exception() or AssertionError("the watch has ended")
    return changes, script


def change(kind: str, path: str, now: Entry | None = None) -> Change:
    return Change(kind=kind, path=path, entry=now)


def test_changes_are_seen_at_the_next_look(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        shelf = Shelf(sub=[entry("sub/x")])
        shelf.folders[""] = [entry("a"), entry("b"), entry("sub/")]

        def first() -> None:
            shelf.folders[""] = [entry("b", 2), entry("c"), entry("sub/")]

        def second() -> None:
            shelf.folders["sub"] = [entry("sub/x"), entry("sub/y")]

        def third() -> None:
            shelf.folders[""] = [entry("b", 2), entry("c")]
            del shelf.folders["sub"]

        steps = [(1.5, first), (3.2, second), (4.2, third)]
        changes, script = await seen(lab, shelf, steps, 6.5)
        assert [(round(now, 3), what) for now, what in changes] == [
            (2.0, change("removed", "a")),
            (2.0, change("changed", "b", entry("b", 2))),
            (2.0, change("added", "c", entry("c"))),
            (4.0, change("added", "sub/y", entry("sub/y"))),
            (5.0, change("removed", "sub/x")),
            (5.0, change("removed", "sub/y")),
        ]
        # The first look, then 304 wherever nothing has changed, over one connection.
        assert shelf.replies[:2] == [200, 200]
        assert shelf.replies[2:4] == [304, 304]
        assert shelf.replies.count(200) == 5
        assert len(script.connections) == 1

    run_lab(body)


def test_a_version_that_looks_the_same_is_a_change(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        item = listed(path="a")["entries"][0]
        version = "x"

        def respond(head: str) -> Say:
            said = json.dumps({"path": "", "entries": [item | {"etag": version}]})
            return Say(answer("200 OK", said.encode(), ETag=f'"{version}"'))

        def step() -> None:
            nonlocal version
            version = "y"

        shelf = Shelf()
        shelf.respond = respond  # type: ignore[method-assign]
        changes, _ = await seen(lab, shelf, [(1.5, step)], 3.5)
        assert [what for _, what in changes] == [change("changed", "a", entry("a"))]

    run_lab(body)


def test_a_folder_that_vanishes_while_it_is_looked_at(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        shelf = Shelf(sub=[entry("sub/x")])
        shelf.folders[""] = [entry("sub/")]
        # It is still in the listing of the top.
        changes, _ = await seen(lab, shelf, [(1.5, lambda: shelf.folders.pop("sub"))], 3.5)
        assert [what for _, what in changes] == [change("removed", "sub/x")]

    run_lab(body)


def test_more_folders_than_can_be_watched(run_lab: RunLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MAX_FOLDERS", 3)

    async def body(lab: Lab) -> None:
        shelf = Shelf(a=[], b=[], c=[])
        shelf.folders[""] = [entry("a/"), entry("b/"), entry("c/")]
        with pytest.raises(TransferError, match="more than can be watched"):
            await seen(lab, shelf, [], 3.5)

    run_lab(body)


def test_a_look_at_many_folders_adds_up_each_once(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a poll costs grows as the folders do, and no faster."""
    asked: list[int] = []

    class Counted(rooms._Read):
        def __getattribute__(self, name: str) -> Any:
            if name == "size":
                asked.append(1)
            return super().__getattribute__(name)

    monkeypatch.setattr(rooms, "_Read", Counted)

    async def body(lab: Lab) -> None:
        names = [f"{number:02}" for number in range(30)]
        shelf = Shelf(**{name: [entry(f"{name}/x")] for name in names})
        shelf.folders[""] = [entry(f"{name}/") for name in names]
        size = sum(len(write_json(path, items)) for path, items in shelf.folders.items())
        script = Script(lab.host("server"), shelf.respond)
        await script.start()
        folders = rooms.Folders(lab.host("client"), script.link(""), ClientConfig())
        monkeypatch.setattr(rooms, "MAX_LISTING", size)
        for _ in range(2):
            asked.clear()
            assert sorted(await folders.files()) == [f"{name}/x" for name in names]
            assert len(asked) == 31
        monkeypatch.setattr(rooms, "MAX_LISTING", size - 1)
        with pytest.raises(TransferError, match="more than can be watched"):
            await folders.files()
        folders.close()

    run_lab(body)


@pytest.mark.parametrize("away", [1.0, 4.0, 20.0])
def test_a_server_that_comes_back(run_lab: RunLab, away: float) -> None:
    async def body(lab: Lab) -> None:
        shelf = Shelf()
        shelf.folders[""] = [entry("a")]
        server, host = lab.host("server"), lab.host("client")
        script = Script(server, shelf.respond)
        await script.start()
        found: list[Change] = []

        async def look() -> None:
            config = ClientConfig(poll_s=0.5, patience_s=5.0)
            async for each in http.watch(host, script.link(""), config):
                found.append(each)

        watching = asyncio.ensure_future(look())
        await asyncio.sleep(1.2)
        await server.close()
        shelf.folders[""] = [entry("b")]
        start = lab.now
        await asyncio.wait([watching], timeout=away)
        if away > 5:
            with pytest.raises(TransferError, match=r"does not answer: .*refused"):
                await watching
            assert 5 <= lab.now - start < 6.1
            return
        server.start()
        await Script(server, shelf.respond).start(script.listener.port)
        await asyncio.sleep(1)
        assert found == [change("removed", "a"), change("added", "b", entry("b"))]
        watching.cancel()
        await asyncio.wait([watching])

    run_lab(body)


def test_who_is_denied_sees_nothing(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        shelf = Shelf()
        shelf.respond = lambda head: Say(answer("401 Unauthorized"))  # type: ignore[method-assign]
        with pytest.raises(DeniedError):
            await seen(lab, shelf, [], 3.5)

    run_lab(body)
