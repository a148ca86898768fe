"""What a server bounds, turns away, and does not judge."""

import asyncio

import pytest
from channel_lab import DATA, Place, Stranger
from lab import Lab, RunLab

from central.channel import frames
from central.channel.connection import LINGER_S
from central.config import Limits
from central.house import LINGERING
from central.library.library import Change, Entry


def guests(place: Place) -> int:
    return len(place.server._doors["socket"]._house.guests)  # type: ignore[attr-defined]


class Staying(Stranger):
    """A client that goes when it is sent away, and not before."""

    def eof_received(self) -> bool:
        return True


def test_the_refused_that_linger_are_few(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), limits=Limits(per_address=1)) as place:
            there = lab.host("there")
            inside = await Stranger.call(there, place.link(""))
            for busy in (LINGERING, 2 * LINGERING):
                strangers = [await Staying.call(there, place.link("")) for _ in range(busy)]
                await asyncio.sleep(LINGER_S / 2)
                assert guests(place) == 1 + LINGERING
                await asyncio.sleep(LINGER_S)
                assert guests(place) == 1
                for stranger in strangers[:LINGERING]:
                    assert [error[:2] for error in stranger.errors] == [(None, 503)]
                for stranger in strangers:
                    stranger.transport.abort()
            assert not inside.lost.done()

    run_lab(body)


@pytest.mark.parametrize("turns", range(8))
def test_who_comes_while_it_closes_is_turned_away(run_lab: RunLab, turns: int) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("there")
        place = Place(lab.host("server"))
        await place.server.start()
        target = place.link("")
        calling = asyncio.create_task(Stranger.call(there, target))
        for _ in range(turns):
            await asyncio.sleep(0)
        await place.server.close()
        try:
            stranger = await calling
        except OSError:
            return
        await stranger.lost
        assert not any(isinstance(each, frames.Welcome) for each in stranger.heard)

    run_lab(body, clock="real")


def test_without_word_of_the_system_nobody_is_slow(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.channel.connection.progress", lambda transport: None)

    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            (place.root / "big").write_bytes(bytes(8 * 2**20))
            stranger = await Stranger.call(lab.host("there"), place.link(""))
            stranger.send(frames.Get(1, "big"))
            await stranger.hears(frames.File)
            stranger.transport.pause_reading()
            await asyncio.sleep(300)
            assert guests(place) == 1
            stranger.transport.resume_reading()
            await stranger.hears(frames.Done)
            assert len(stranger.content) == 8 * 2**20

    run_lab(body)


@pytest.mark.parametrize("cut", ["abort", "close"])
def test_what_was_cut_is_not_logged_as_done(run_lab: RunLab, cut: str) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=100_000), writable=True) as place:
            (place.root / "a.bin").write_bytes(DATA)
            for question in (frames.Put(1, "new", 1000), frames.Get(1, "a.bin")):
                stranger = await Stranger.call(lab.host(repr(question)), place.link(""))
                stranger.send(question)
                await stranger.hears(frames.Go if question.number == 4 else frames.Data)
                if question.number == 4:
                    stranger.send(frames.data_head(1, 100) + bytes(100))
                getattr(stranger.transport, cut)()
                await asyncio.sleep(5)
        assert [(each.line, each.status) for each in place.requests] == [
            ("PUT /new SOCKET/1", 499),
            ("GET /a.bin SOCKET/1", 499),
        ]

    run_lab(body)


def test_who_still_reads_news_is_not_asked(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(idle_s=5)
        async with Place(lab.host("server", up=2000), limits=limits) as place:
            stranger = await Stranger.call(lab.host("there"), place.link(""))
            stranger.on_event = lambda event: (
                stranger.send(frames.Pong()) if isinstance(event, frames.Ping) else None
            )
            stranger.send(frames.Subscribe(1))
            await stranger.hears(frames.Done)
            for number in range(600):
                path = f"{number:03}{'n' * 150}"
                (place.root / path).touch()
                entry = Entry(path=path, size=0, modified_ns=1)
                place.library._watch.note(Change(kind="added", path=path, entry=entry))
            # While it has to read all this, nothing that it says would be heard.
            while len(stranger.heard) < 602 and not stranger.lost.done():
                await asyncio.sleep(1)
            assert lab.now > 60
            assert not stranger.lost.done()
            assert not any(isinstance(each, frames.Ping) for each in stranger.heard)

    run_lab(body)
