"""What every backend does when things go otherwise than planned, under both clocks."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab

from bench.backends import Node

Contents = Callable[[Path], list[str]]
PIECE = 16 * 1024
LARGE = 40 * PIECE + 77


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def close(*nodes: Node) -> None:
    for node in nodes:
        await node.close()


def test_many_fetch_at_once(run_lab: RunLab, ground: Any, contents: Contents) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        clients = [ground.node(lab, f"client-{number}") for number in range(6)]
        link = await origin.publish(original)
        await asyncio.gather(*[client.fetch(link, host.directory) for host, client in clients])
        for host, _ in clients:
            assert contents(host.directory) == ["file.bin"]
            assert digest(host.directory / "file.bin") == digest(original)
        await close(origin, *[client for _, client in clients])

    run_lab(body, clock=ground.clock)


def test_a_name_may_be_any_plain_name(run_lab: RunLab, ground: Any) -> None:
    original = ground.file(100, "Über 100 % & more = #1?.bin")

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        path = await client.fetch(await origin.publish(original), host.directory)
        assert path.name == original.name
        assert digest(path) == digest(original)
        await close(client, origin)

    run_lab(body, clock=ground.clock)


def test_what_was_fetched_may_be_fetched_again(run_lab: RunLab, ground: Any) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        link = await origin.publish(original)
        first = await client.fetch(link, host.directory)
        assert await client.fetch(link, host.directory) == first
        assert digest(first) == digest(original)
        await close(client, origin)

    run_lab(body, clock=ground.clock)


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.05, 0.2])
@pytest.mark.parametrize("how", ["close", "cancel", "crash"])
def test_a_client_that_ends_while_it_fetches_leaves_nothing_behind(
    run_lab: RunLab, ground: Any, contents: Contents, moment: float, how: str
) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin", slow=True)
        host, client = ground.node(lab, "client", slow=True)
        link = await origin.publish(original)
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0)
        await asyncio.sleep(moment)
        assert not fetching.done()
        if how == "cancel":
            fetching.cancel()
        elif how == "crash":
            await host.close()
        await client.close()
        with pytest.raises((asyncio.CancelledError, ground.error)):
            await fetching
        assert contents(host.directory) == []
        await origin.close()

    run_lab(body, clock=ground.clock)


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.2])
def test_an_origin_that_ends_leaves_no_wrong_file(
    run_lab: RunLab, ground: Any, contents: Contents, moment: float
) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin", slow=True)
        host, client = ground.node(lab, "client", slow=True)
        link = await origin.publish(original)
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(moment)
        await origin.close()
        # One backend fails at once, another may go on looking for others that have it.
        await asyncio.wait([fetching], timeout=10.0 if ground.clock == "virtual" else 0.3)
        await client.close()
        with pytest.raises((asyncio.CancelledError, ground.error)):
            await fetching
        assert contents(host.directory) == []

    run_lab(body, clock=ground.clock)


def test_nobody_to_fetch_from_is_an_error(run_lab: RunLab, ground: Any, contents: Contents) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        link = await origin.publish(original)
        await origin.close()
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        if ground.clock == "real":
            # A peer may try again for minutes; virtual time has those.
            await asyncio.wait([fetching], timeout=0.2)
            await client.close()
        with pytest.raises((asyncio.CancelledError, ground.error)) as caught:
            await asyncio.wait_for(fetching, 3600)
        assert "\n" not in str(caught.value)
        await client.close()
        assert contents(host.directory) == []

    run_lab(body, clock=ground.clock)


def test_a_file_that_changed_is_never_taken_for_the_published_one(
    run_lab: RunLab, ground: Any, contents: Contents
) -> None:
    original = ground.file(LARGE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        link = await origin.publish(original)
        ground.file(LARGE, start=1)
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.wait([fetching], timeout=10.0 if ground.clock == "virtual" else 0.3)
        await close(client, origin)
        with pytest.raises((asyncio.CancelledError, ground.error)):
            await fetching
        assert contents(host.directory) == []

    run_lab(body, clock=ground.clock)


@pytest.mark.parametrize(
    "link",
    [
        "garbage",
        "http://",
        "http://127.0.0.1:1/",
        "http://127.0.0.1:1/file.bin#sha256=0",
        "http://127.0.0.1:1/..#sha256=" + "0" * 64,
        "magnet:?",
        "magnet:?xt=urn:btih:123",
        "magnet:?xt=urn:sha1:" + "a" * 32,
        "file:///etc/passwd",
        "\n",
        "x" * 100_000,
    ],
    ids=lambda link: repr(link[:30]),
)
def test_a_link_that_is_none_is_the_backends_own_error(
    run_lab: RunLab, ground: Any, contents: Contents, link: str
) -> None:
    async def body(lab: Lab) -> None:
        ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        with pytest.raises(ground.error) as caught:
            await client.fetch(link, host.directory)
        assert "\n" not in str(caught.value)
        assert client.holdings() == {}
        assert contents(host.directory) == []
        await client.close()

    run_lab(body, clock=ground.clock)


def test_a_file_that_is_not_there_cannot_be_published(run_lab: RunLab, ground: Any) -> None:
    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        with pytest.raises(FileNotFoundError):
            await origin.publish(ground.folder / "missing")
        await close(origin)

    run_lab(body, clock=ground.clock)


def test_closing_what_did_nothing_and_closing_twice(run_lab: RunLab, ground: Any) -> None:
    original = ground.file(PIECE)

    async def body(lab: Lab) -> None:
        _, origin = ground.node(lab, "origin")
        host, client = ground.node(lab, "client")
        await close(client, origin)
        _, busy = ground.node(lab, "another")
        await close(busy, busy)
        assert origin.holdings() == client.holdings() == {}
        await asyncio.sleep(0)
        assert original.exists()
        assert host.directory.exists()

    run_lab(body, clock=ground.clock)
