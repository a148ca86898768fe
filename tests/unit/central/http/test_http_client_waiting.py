"""central.http.watching with questions that wait: what changes on a server, as it happens."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from http_scripts import Say, Script, answer, field_of
from http_site import HttpSite
from lab import Lab, RunLab

from central.config import ClientConfig, Limits
from central.errors import NotFoundError, TransferError
from central.http import client as http
from central.http import watching as told
from central.http.page import write_json
from central.library.library import Entry
from central.link import Link

CONFIG = ClientConfig(poll_s=1.0, wait_s=30, patience_s=5.0)
Step = Callable[[], Awaitable[None] | None]


async def seen(
    lab: Lab, link: Link, steps: list[tuple[float, Step]], until: float, name: str = "watcher"
) -> list[tuple[float, str, str]]:
    """When a watcher hears of what, while `steps` happen at their times."""
    heard: list[tuple[float, str, str]] = []
    host = lab.host(name, latency=0.1)

    async def look() -> None:
        async with aclosing(http.watch(host, link, CONFIG)) as changes:
            async for change in changes:
                heard.append((round(lab.now, 3), change.kind, change.path))

    watching = asyncio.ensure_future(look())
    for moment, step in steps:
        await asyncio.wait([watching], timeout=moment - lab.now)
        if (doing := step()) is not None:
            await doing
    await asyncio.wait([watching], timeout=until - lab.now)
    if watching.done():
        watching.result()
    watching.cancel()
    await asyncio.wait([watching])
    return heard


def write(site: HttpSite, path: str, content: bytes) -> Step:
    """Put a file into a library, as an upload does."""

    def step() -> None:
        upload = site.library.begin_upload(path)
        upload.write(content)
        upload.commit()

    return step


def test_a_change_is_heard_of_as_soon_as_the_answer_is_here(
    run_lab: RunLab, tmp_path: Path
) -> None:
    """Also in folders below, and in those that come."""

    async def body(lab: Lab) -> None:
        root = tmp_path / "files"
        (root / "sub").mkdir(parents=True)
        async with HttpSite(lab, root, writable=True) as site:
            steps = [
                (2.0, write(site, "a", b"1")),
                (40.0, write(site, "sub/b", b"1")),
                (50.0, write(site, "new/deep/c", b"1")),
                (60.0, write(site, "new/deep/c", b"22")),
                (70.0, (root / "a").unlink),
            ]
            link = Link("http", *site.address, "")
            heard = await seen(lab, link, steps, 80)
            assert heard == [
                # One latency of 50 ms after it happened.
                (2.05, "added", "a"),
                (40.05, "added", "sub/b"),
                # Two folders are asked about first: a connection and an answer each.
                (50.45, "added", "new/deep/c"),
                (60.05, "changed", "new/deep/c"),
                # The server looked at the disk a tenth of a second later.
                (70.15, "removed", "a"),
            ]
            # Nothing was asked but what the server was silent about for 30 s, or had news of.
            assert len(site.log) < 30

    run_lab(body)


def test_a_server_that_does_not_wait_is_asked_every_while(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        names: list[str] = []

        def respond(head: str) -> Say:
            etag = f'"{len(names)}"'
            if field_of(head, "If-None-Match") == etag:
                return Say(answer("304 Not Modified"))
            entries = [Entry(path=name, size=1, modified_ns=0) for name in names]
            return Say(answer("200 OK", write_json("", entries), ETag=etag))

        script = Script(lab.host("server"), respond)
        await script.start()

        def step() -> None:
            names.append("a")

        heard = await seen(lab, script.link(""), [(1.5, step)], 10)
        assert [(what, path) for _, what, path in heard] == [("added", "a")]
        assert 1.5 < heard[0][0] < 2.6
        assert 8 <= len(script.requests) <= 12
        assert script.field("Prefer") == [None] + ["wait=30"] * (len(script.requests) - 1)

    run_lab(body)


def test_a_folder_that_goes_takes_its_question_and_its_files(
    run_lab: RunLab, tmp_path: Path
) -> None:
    async def body(lab: Lab) -> None:
        root = tmp_path / "files"
        (root / "sub" / "deep").mkdir(parents=True)
        (root / "sub" / "deep" / "a").write_bytes(b"1")

        def remove() -> None:
            (root / "sub" / "deep" / "a").unlink()
            (root / "sub" / "deep").rmdir()
            (root / "sub").rmdir()

        async with HttpSite(lab, root) as site:
            link = Link("http", *site.address, "")
            heard = await seen(lab, link, [(1.5, remove)], 50)
            assert [(what, path) for _, what, path in heard] == [("removed", "sub/deep/a")]
            late = [request.line for request in site.log if request.status == 304]
            assert late and not any("sub" in line for line in late)

    run_lab(body)


@pytest.mark.parametrize("away", [3.0, 20.0])
def test_a_server_that_is_away_for_a_while(run_lab: RunLab, tmp_path: Path, away: float) -> None:
    async def body(lab: Lab) -> None:
        root = tmp_path / "files"
        root.mkdir()
        async with HttpSite(lab, root, limits=Limits(wait_s=20)) as site:
            address = site.address

            async def end() -> None:
                await site.server.close()
                (root / "a").write_bytes(b"1")

            async def begin() -> None:
                await site.server.start(address[1])

            steps: list[tuple[float, Step]] = [(10, end), (10 + away, begin)]
            link = Link("http", *address, "")
            if away > 5:
                with pytest.raises(TransferError, match=r"does not answer: .*refused"):
                    await seen(lab, link, steps, 50)
                return
            heard = await seen(lab, link, steps, 50)
            assert [(what, path) for _, what, path in heard] == [("added", "a")]
            assert 13 < heard[0][0] < 15

    run_lab(body)


def test_what_is_no_folder_and_what_has_too_many(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        monkeypatch.setattr(told, "MOST_OPEN", 3)
        root = tmp_path / "files"
        for name in "abc":
            (root / name).mkdir(parents=True)
        async with HttpSite(lab, root) as site:
            link = Link("http", *site.address, "")
            with pytest.raises(TransferError, match="/: more than 3 folders to wait for"):
                await seen(lab, link, [], 50)
            with pytest.raises(NotFoundError, match="none: the server has no such file"):
                await seen(lab, Link("http", *site.address, "none"), [], 50, "other")

    run_lab(body)
