"""The server speaks first: changes are pushed the moment they happen."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channel_lab import DATA, Place, Stranger
from lab import Lab, RunLab

from central.access.guard import Guard
from central.access.store import Store
from central.channel import client, frames
from central.config import ClientConfig, Limits
from central.errors import DeniedError, NotFoundError, TransferError
from central.library.library import Change, Entry


def publish(place: Place, path: str, kind: Any = "changed", size: int = 1) -> None:
    """Have the library tell of a change, right now."""
    entry = None if kind == "removed" else Entry(path=path, size=size, modified_ns=size)
    place.library._watch.note(Change(kind=kind, path=path, entry=entry))


async def some(changes: AsyncIterator[Change], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async for change in changes:
        found.append((change.kind, change.path))
        if len(found) == count:
            break
    return found


async def listener(lab: Lab, place: Place, name: str = "client", **link: Any) -> Stranger:
    stranger = await Stranger.call(lab.host(name, **link), place.link(""))
    stranger.send(frames.Subscribe(1))
    await stranger.hears(frames.Done)
    return stranger


def test_a_change_arrives_one_latency_later(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", latency=0.2)) as place:
            strangers = [
                await listener(lab, place, f"client {number}", latency=0.1) for number in range(20)
            ]
            await asyncio.sleep(3.21)
            at = lab.now
            publish(place, "new", "added")
            for stranger in strangers:
                [event] = await stranger.hears(frames.Event)
                assert (event.kind, event.path, event.entry.size) == ("added", "new", 1)
                assert stranger.times[-1] - at == pytest.approx(0.15, abs=1e-9)

    run_lab(body)


def test_changes_come_between_the_data_of_a_long_download(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=100_000)) as place:
            (place.root / "long").write_bytes(DATA)
            stranger = await listener(lab, place)
            stranger.send(frames.Get(2, "long"))
            await asyncio.sleep(1)
            at = lab.now
            publish(place, "new", "added")
            publish(place, "new", "changed")
            await stranger.hears(frames.Event)
            # When the DATA of 16 KiB that was on its way is through.
            assert 0 < stranger.times[-1] - at < 17_000 / 100_000
            await stranger.hears(frames.Done, 2)
            assert stranger.content == DATA
            # Two changes of one file were told as one.
            assert (await stranger.hears(frames.Event))[0].kind == "added"
            assert not [e for e in stranger.heard if getattr(e, "kind", "") == "changed"]

    run_lab(body)


def test_only_what_is_below_the_folder(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            (place.root / "in").mkdir()
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(frames.Subscribe(1, "in"), frames.Subscribe(2, "no"))
            await stranger.hears(frames.Error)
            for path in ("out", "inn", "in/a", "in/b/c"):
                publish(place, path, "added")
            events = await stranger.hears(frames.Event, 2)
            assert [event.path for event in events] == ["in/a", "in/b/c"]
            assert stranger.errors == [(2, 404, "no such folder")]

    run_lab(body)


def test_a_listener_that_does_not_read_is_dropped(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), limits=Limits(idle_s=1e6)) as place:
            deaf, fine = await listener(lab, place, "deaf"), await listener(lab, place, "fine")
            deaf.transport.pause_reading()
            # 4 MiB are under way before the transport says that it is enough.
            for number in range(40_000):
                publish(place, f"{number % 7}" * 100, "changed", number)
                await asyncio.sleep(0)
            await asyncio.sleep(19)
            assert len(place.server._doors["socket"]._house.guests) == 2  # type: ignore[attr-defined]
            await asyncio.sleep(3)
            assert len(place.server._doors["socket"]._house.guests) == 1  # type: ignore[attr-defined]
            publish(place, "end", "added")
            while fine.heard[-1].path != "end":
                await asyncio.sleep(0.1)
            deaf.transport.resume_reading()
            await deaf.lost

    run_lab(body)


def test_watch_tells_what_happens(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server"), writable=True) as place:
            (place.root / "sub").mkdir()
            (place.root / "sub/old").write_bytes(b"old")
            changes = client.watch(there, place.link(""), ClientConfig())
            task = asyncio.create_task(some(changes, 3))
            await asyncio.sleep(1)
            mine = there.directory / "mine"
            mine.write_bytes(b"new")
            await client.put(there, place.link("up"), mine, ClientConfig())
            (place.root / "sub/old").write_bytes(b"other")
            await asyncio.sleep(2)
            shutil.rmtree(place.root / "sub")
            assert await task == [("added", "up"), ("changed", "sub/old"), ("removed", "sub/old")]
            await changes.aclose()  # type: ignore[attr-defined]

    run_lab(body)


def test_watch_comes_back_and_tells_what_it_missed(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there, server = lab.host("client"), lab.host("server")
        async with Place(server) as place:
            for name in ("a", "b", "c"):
                (place.root / name).write_bytes(b"1")
            target = place.link("")
            changes = client.watch(there, target, ClientConfig(patience_s=10))
            task = asyncio.create_task(some(changes, 4))
            await asyncio.sleep(1)
        (place.root / "a").unlink()
        (place.root / "b").write_bytes(b"22")
        (place.root / "d").write_bytes(b"1")
        await asyncio.sleep(5)
        async with Place(server, port=target.port) as place:
            await asyncio.sleep(3)
            (place.root / "e").write_bytes(b"1")
            assert await task == [
                ("removed", "a"),
                ("changed", "b"),
                ("added", "d"),
                ("added", "e"),
            ]
        with pytest.raises(TransferError, match="does not answer"):
            await some(changes, 1) or await anext(changes)

    run_lab(body)


def test_watch_gives_up_after_its_patience(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            target = place.link("")
            changes = client.watch(there, target, ClientConfig(patience_s=10))
            task = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(1)
        with pytest.raises(TransferError, match="does not answer: Connection refused"):
            await task
        assert lab.now == pytest.approx(11)
        with pytest.raises(NotFoundError):
            async with Place(lab.host("other")) as place:
                await anext(client.watch(there, place.link("none"), ClientConfig()))

    run_lab(body)


def test_watch_notices_a_server_that_is_silent(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there, server = lab.host("client"), lab.host("server")
        async with Place(server) as place:
            target = place.link("")
            changes = client.watch(there, target, ClientConfig(patience_s=10))
            task = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(60)
            assert not task.done()  # it asks, and is answered
            [connection] = place.server._doors["socket"]._house.guests  # type: ignore[attr-defined]
            connection._take = lambda event: None  # a server that hangs
            await asyncio.sleep(60)
            publish(place, "late", "added")
            (place.root / "late").touch()
            assert (await task).path == "late"
            assert there.meter.calls["connect"] == 2
            await changes.aclose()  # type: ignore[attr-defined]

    run_lab(body)


def test_who_is_revoked_hears_nothing_more(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server = lab.host("server", up=100_000)
        store = Store(lab.folder / "tokens", create=True)
        now = server.date().timestamp()
        store.grant("ann", token="fsl_ann", now=now)
        store.grant("bob", token="fsl_bob", now=now)
        async with Place(server, guard=Guard(server, store)) as place:
            (place.root / "a.bin").write_bytes(DATA)
            changes = client.watch(lab.host("ann"), place.link(""), ClientConfig(token="fsl_ann"))
            told = asyncio.ensure_future(anext(changes))
            bobs = client.watch(lab.host("bob"), place.link(""), ClientConfig(token="fsl_bob"))
            bob = asyncio.ensure_future(anext(bobs))
            hello = frames.MAGIC + frames.encode(frames.Hello(1, "fsl_ann"))
            stranger = await Stranger.call(lab.host("stranger"), place.link(""), hello)
            stranger.send(frames.Get(1, "a.bin"))
            await asyncio.sleep(1)
            store.revoke("ann", now=server.date().timestamp())
            at = lab.now
            assert await stranger.lost - at < 0.3
            assert isinstance(stranger.error, ConnectionResetError)
            publish(place, "secret", "added")
            with pytest.raises(DeniedError, match="a valid token is needed") as caught:
                await told
            assert not caught.value.known
            assert (await bob).path == "secret"
            await bobs.aclose()  # type: ignore[attr-defined]

    run_lab(body)
