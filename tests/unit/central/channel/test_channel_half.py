"""Clients that say no more, and still read."""

import asyncio
from typing import Any

import pytest
from channel_lab import DATA, Place, Stranger
from lab import Lab, RunLab

from central.access.guard import Guard
from central.access.store import Store
from central.channel import frames
from central.config import Limits


async def asked(lab: Lab, place: Place, *questions: Any, **link: Any) -> Stranger:
    """A client that asks, and closes its half."""
    stranger = await Stranger.call(lab.host("client", **link), place.link(""))
    stranger.send(*questions)
    stranger.transport.write_eof()
    return stranger


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_it_gets_what_it_has_asked_for(run_lab: RunLab, clock: str) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA)
            stranger = await asked(
                lab, place, frames.Get(1, "a.bin"), frames.List(2), frames.Subscribe(3)
            )
            await stranger.lost
            assert stranger.error is None
            assert stranger.content == DATA
            kinds = [
                type(each).__name__ for each in stranger.heard if type(each) is not frames.Data
            ]
            assert kinds == ["Welcome", "File", "Done", "Listing", "Done"]
        assert place.statuses == [200, 200, 200]

    run_lab(body, clock=clock)


def test_a_client_that_asks_nothing_is_let_go_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            stranger = await asked(lab, place)
            await stranger.lost
            assert lab.now == 0
            assert [type(each) for each in stranger.heard] == [frames.Welcome]

    run_lab(body)


def test_half_a_question_is_none(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server = lab.host("server")
        store = Store(lab.folder / "tokens", create=True)
        store.grant("ann", token="t", now=server.date().timestamp(), rate=1000)
        async with Place(server, guard=Guard(server, store)) as place:
            (place.root / "a.bin").write_bytes(DATA[:20_000])
            hello = frames.MAGIC + frames.encode(frames.Hello(frames.VERSION, "t"))
            stranger = await Stranger.call(lab.host("client"), place.link(""), hello)
            stranger.send(frames.Get(1, "a.bin"), frames.encode(frames.List(2))[:-1])
            stranger.transport.write_eof()
            await stranger.lost
            # Longer than a frame may take to be whole.
            assert 15 < lab.now < 21
            assert stranger.content == DATA[:20_000]
            assert stranger.errors == []

    run_lab(body)


def test_slow_readers_have_their_time(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=2000), limits=Limits(idle_s=5)) as place:
            for number in range(1000):
                (place.root / f"{number:04}{'n' * 100}").touch()
            stranger = await asked(lab, place, frames.List(1))
            await stranger.lost
            parts = [each for each in stranger.heard if isinstance(each, frames.Listing)]
            assert sum(len(part.entries) for part in parts) == 1000
            assert not parts[-1].more
            assert stranger.errors == []
            # The last part alone takes longer than one may rest and not answer PING.
            assert len(stranger.raw) / 2000 - 1 < lab.now < len(stranger.raw) / 2000 + 2

    run_lab(body)


def test_who_does_not_read_is_dropped(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            (place.root / "big").write_bytes(bytes(8 * 2**20))
            stranger = await asked(lab, place, frames.Get(1, "big"))
            await stranger.hears(frames.File)
            stranger.transport.pause_reading()
            await asyncio.sleep(45)
            house = place.server._doors["socket"]._house  # type: ignore[attr-defined]
            assert list(house.guests) == []
            stranger.transport.resume_reading()
            await stranger.lost
        assert place.statuses == [499]

    run_lab(body)


@pytest.mark.parametrize("queued", [False, True])
def test_an_upload_that_can_not_become_whole(run_lab: RunLab, queued: bool) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=100_000), writable=True) as place:
            (place.root / "a.bin").write_bytes(DATA)
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            if queued:
                stranger.send(frames.Get(1, "a.bin"), frames.Put(2, "new", 300))
                stranger.transport.write_eof()
            else:
                stranger.send(frames.Put(2, "new", 300))
                await stranger.hears(frames.Go)
                stranger.send(frames.data_head(2, 300) + bytes(100))
                stranger.transport.write_eof()
            await stranger.lost
            missing = 300 if queued else 200
            assert stranger.errors == [(2, 499, f"the file was cut short, by {missing} bytes")]
            assert [path.name for path in place.root.iterdir()] == ["a.bin"]
        assert place.statuses == ([200, 499] if queued else [499])

    run_lab(body)


def test_an_upload_that_is_whole(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(frames.Put(2, "new", 300))
            await stranger.hears(frames.Go)
            stranger.send(frames.data_head(2, 300) + bytes(300))
            stranger.transport.write_eof()
            await stranger.lost
            assert isinstance(stranger.heard[-1], frames.Stored)
            assert (place.root / "new").read_bytes() == bytes(300)
        assert place.statuses == [201]

    run_lab(body)
