"""Strangers that break the protocol, idle, or try to get out of the directory."""

import asyncio
import struct
from typing import Any

import pytest
from attacks import PATHS, SECRET, Attacked
from channel_lab import DATA, HELLO, WELCOME, Place, Stranger, fetch, scripted
from lab import Lab, RunLab

from central.access.guard import Guard
from central.access.store import Store
from central.channel import client, frames
from central.channel.connection import FOREIGN
from central.channel.frames import MAGIC, encode
from central.config import ClientConfig, Limits
from central.errors import BusyError, DeniedError, TransferError
from central.paths import parse_path

BREACHES = {
    "a giant control frame": struct.pack(">IB", 2**32 - 1, 3),
    "an empty frame": struct.pack(">IB", 0, 3),
    "a giant DATA": struct.pack(">IBI", 2**31, 19, 1),
    "a DATA without bytes": struct.pack(">IBI", 5, 19, 1),
    "an unknown type": struct.pack(">IB", 3, 99) + b"{}",
    "a frame of the server": encode(WELCOME),
    "a second HELLO": HELLO,
    "no JSON": struct.pack(">IB", 3, 3) + b"{!",
    "deep JSON": struct.pack(">IB", 1 + 30_000, 3) + b"[" * 30_000,
    "another JSON": struct.pack(">IB", 3, 3) + b"[]",
    "an unknown field": struct.pack(">IB", 17, 2) + b'{"id":1,"no":12}',
    "no UTF-8": struct.pack(">IB", 19, 2) + b'{"id":1,"path":"\xff"}',
    "half a surrogate pair": struct.pack(">IB", 24, 2) + b'{"id":1,"path":"\\ud800"}',
    "a negative offset": struct.pack(">IB", 32, 3) + b'{"id":1,"path":"a","offset":-10}',
    "DATA for no PUT": frames.data_head(1, 1) + b"a",
    "one id twice": encode(frames.Get(1, "slow")) + encode(frames.Get(1, "slow")),
    "too many requests": b"".join(encode(frames.Get(number, "slow")) for number in range(66)),
}


@pytest.mark.parametrize("what", BREACHES)
def test_a_breach_ends_the_connection_and_no_other(run_lab: RunLab, what: str) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=100_000), writable=True) as place:
            (place.root / "slow").write_bytes(DATA)
            honest = asyncio.create_task(fetch(lab.host("honest"), place.link("slow")))
            stranger = await Stranger.call(lab.host("stranger"), place.link(""))
            stranger.send(BREACHES[what])
            await stranger.lost
            assert lab.now < 2
            if stranger.heard[1:]:
                assert [error[:2] for error in stranger.errors] == [(None, 400)]
            assert (await honest).read_bytes() == DATA

    run_lab(body)


def test_more_than_put_has_said(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            stranger = await Stranger.call(lab.host("stranger"), place.link(""))
            stranger.send(frames.Put(1, "new", 10))
            await stranger.hears(frames.Go)
            stranger.send(frames.data_head(1, 11) + b"a" * 11)
            await stranger.lost
            assert stranger.errors == [(None, 400, "more bytes in DATA than its PUT has said")]
            assert list(place.root.iterdir()) == []

    run_lab(body)


def test_an_upload_that_is_too_large(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(upload_bytes=100)
        async with Place(lab.host("server"), writable=True, limits=limits) as place:
            there = lab.host("client")
            mine = there.directory / "mine"
            mine.write_bytes(bytes(101))
            with pytest.raises(TransferError, match="new: expected at most 100 bytes"):
                await client.put(there, place.link("new"), mine, ClientConfig())

    run_lab(body)


@pytest.mark.parametrize(
    ("begin", "lost_at"),
    [
        (b"", 10),
        (MAGIC, 10),
        (MAGIC + HELLO[:9], 10),
        (MAGIC + HELLO + encode(frames.List(1))[:9], 10),
        (MAGIC + HELLO, 70),
    ],
)
def test_who_says_nothing_is_dropped(run_lab: RunLab, begin: bytes, lost_at: float) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            stranger = await Stranger.call(lab.host("stranger"), place.link(""), begin)
            await stranger.lost
            assert lab.now == pytest.approx(lost_at, abs=0.01)
            assert [code for _, code, _ in stranger.errors] == [408]

    run_lab(body)


def test_a_frame_byte_by_byte_is_too_slow(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            stranger = await Stranger.call(lab.host("stranger"), place.link(""))
            for byte in encode(frames.List(1, "a" * 100)):
                await asyncio.sleep(1)
                if stranger.lost.done():
                    break
                stranger.send(bytes([byte]))
            assert 11 <= lab.now <= 12

    run_lab(body)


def test_who_answers_ping_may_stay(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            stranger = await Stranger.call(lab.host("stranger"), place.link(""))
            stranger.on_event = lambda event: (
                stranger.send(frames.Pong()) if isinstance(event, frames.Ping) else None
            )
            await asyncio.sleep(601)
            assert not stranger.lost.done()
            assert len(await stranger.hears(frames.Ping)) == 10
            stranger.send(frames.List(1))
            await stranger.hears(frames.Listing)

    run_lab(body)


def test_a_slow_upload_is_dropped_and_a_slow_reader(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            (place.root / "big").write_bytes(bytes(8 * 2**20))
            giver = await Stranger.call(lab.host("giver"), place.link(""))
            giver.send(frames.Put(1, "new", 10**6))
            await giver.hears(frames.Go)
            reader = await Stranger.call(lab.host("reader"), place.link(""))
            reader.send(frames.Get(1, "big"))
            await reader.hears(frames.File)
            reader.transport.pause_reading()
            for _ in range(100):
                if giver.lost.done():
                    break
                giver.send(frames.data_head(1, 1000) + bytes(1000))
                await asyncio.sleep(1)
            assert giver.errors == [(None, 408, "slower than 1024 bytes/s")]
            assert 20 <= lab.now <= 22
            await asyncio.sleep(20)
            assert len(place.server._doors["socket"]._house.guests) == 0  # type: ignore[attr-defined]
            assert [path.name for path in place.root.iterdir()] == ["big"]
            reader.transport.resume_reading()
            await reader.lost
            assert len(reader.content) < 8 * 2**20

    run_lab(body)


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_a_browser_is_told_what_this_is(run_lab: RunLab, clock: str) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            target = place.link("")
            lost = asyncio.get_running_loop().create_future()
            got = bytearray()

            class Browser(asyncio.Protocol):
                def data_received(self, data: bytes) -> None:
                    got.extend(data)

                def connection_lost(self, error: Exception | None) -> None:
                    lost.set_result(error)

            browser = await lab.host("browser").connect(Browser, target.address, target.port)
            assert isinstance(browser, Browser)
            list(place.server._doors["socket"]._house.guests)  # type: ignore[attr-defined]
            [connection] = place.server._doors["socket"]._house.guests  # type: ignore[attr-defined]
            connection.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await lost is None
            assert bytes(got).startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert bytes(got).endswith(b"\r\n\r\n" + FOREIGN)

    run_lab(body, clock=clock)


def test_too_many_connections(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), limits=Limits(per_address=2)) as place:
            there, other = lab.host("there"), lab.host("other")
            (place.root / "a.bin").write_bytes(DATA)
            strangers = [await Stranger.call(there, place.link("")) for _ in range(2)]
            with pytest.raises(BusyError, match=r"a.bin: too many connections from this address"):
                await fetch(there, place.link("a.bin"))
            await fetch(other, place.link("a.bin"))
            strangers[0].transport.abort()
            await asyncio.sleep(1)
            await fetch(there, place.link("a.bin"))

    run_lab(body)


def test_tokens(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server, there = lab.host("server"), lab.host("there")
        store = Store(lab.folder / "tokens", create=True)
        now = server.date().timestamp()
        store.grant("ann", token="fsl_ann", now=now, downloads=1)
        store.grant(
            "bob", token="fsl_bob", now=now, rights=frozenset(("write",)), expires=now + 100
        )
        async with Place(server, guard=Guard(server, store), writable=True) as place:
            (place.root / "a.bin").write_bytes(DATA)

            async def refused(path: str, token: str | None) -> tuple[str, bool]:
                with pytest.raises(DeniedError) as caught:
                    await fetch(there, place.link(path), ClientConfig(token=token))
                return str(caught.value), caught.value.known

            for token in (None, "", "fsl_none"):
                assert await refused("x", token) == ("x: a valid token is needed", False)
                assert await refused("a.bin", token) == ("a.bin: a valid token is needed", False)
            assert (await refused("a.bin", "fsl_bob"))[1]
            await fetch(there, place.link("a.bin"), ClientConfig(token="fsl_ann"))
            assert (await refused("a.bin", "fsl_ann"))[1]
            bob = ClientConfig(token="fsl_bob")
            await client.put(there, place.link("b.bin"), there.directory / "a.bin", bob)
            await asyncio.sleep(101)
            with pytest.raises(DeniedError, match="a valid token is needed"):
                await client.put(there, place.link("c.bin"), there.directory / "a.bin", bob)
        assert {request.user for request in place.requests} == {"-", "ann", "bob"}

    run_lab(body)


# ---- paths


def test_no_path_leads_out(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        (lab.folder / "attacked").mkdir()
        place_of_attack = Attacked.build(lab.folder / "attacked")
        server, there = lab.host("server"), lab.host("there")
        async with Place(server, root=place_of_attack.root, writable=True) as place:
            asked = []
            stranger = await Stranger.call(there, place.link(""))
            for number, path in enumerate(PATHS):
                try:
                    path.encode()
                except UnicodeEncodeError:
                    continue  # no frame can hold it
                if len(path) > 4096:
                    continue  # refused as a frame
                asked.append(path)
                questions = [
                    frames.Get(4 * number, path),
                    frames.List(4 * number + 1, path),
                    frames.Put(4 * number + 2, path, 0),
                    frames.Subscribe(4 * number + 3, path),
                ]
                for code, question in zip((404, 404, 403, 404), questions, strict=True):
                    if path == "" and code == 404:
                        continue
                    stranger.heard.clear()
                    stranger.send(question)
                    while not stranger.heard:
                        await asyncio.sleep(0)
                    if isinstance(stranger.heard[0], frames.Go):
                        # A strange name, but one that stays inside.
                        assert parse_path(path) is not None
                        await stranger.hears(frames.Stored)
                        continue
                    if isinstance(stranger.heard[0], frames.Listing | frames.Done):
                        assert path == "folder"
                        continue
                    assert [error[:2] for error in stranger.errors] == [(question.id, code)], path
            assert len(asked) > 20
            for path, content in place_of_attack.readable.items():
                assert (await fetch(there, place.link(path), name="x")).read_bytes() == content
            assert SECRET not in stranger.raw
        place_of_attack.assert_untouched()

    run_lab(body)


# ---- servers


def answer(*answers: Any) -> Any:
    """A script: WELCOME, then these to the first request."""

    def script(stranger: Stranger, event: Any) -> None:
        if isinstance(event, frames.Hello):
            stranger.send(MAGIC, WELCOME)
        elif not isinstance(event, frames.Cancel | frames.Pong):
            stranger.send(*answers)

    return script


def head(**changes: Any) -> frames.File:
    fields: dict[str, Any] = {"id": 1, "size": 10, "offset": 0, "length": 10, "etag": "e"}
    return frames.File(**(fields | {"modified_ns": 0} | changes))


DATA_5 = frames.data_head(1, 5) + b"12345"
WRONG: dict[str, tuple[list[Any], str]] = {
    "an answer to nothing": ([frames.Done(9)], "a DONE for no request whose turn it is"),
    "a listing for a file": ([frames.Listing(1, [])], "a LISTING where it has no place"),
    "DATA before FILE": ([DATA_5], "more bytes in DATA than FILE has said"),
    "DATA of another": ([head(), frames.data_head(2, 5) + b"12345"], "a DATA for no GET"),
    "too much DATA": ([head(), DATA_5 * 3], "more bytes in DATA than FILE has said"),
    "a giant DATA": ([head(), frames.data_head(1, 2**20)], "more bytes in DATA than FILE"),
    "too early DONE": ([head(), DATA_5, frames.Done(1)], "a DONE 5 bytes before the end"),
    "two FILEs": ([head(), head()], "a FILE where it has no place"),
    "elsewhere": ([head(offset=5, length=5)], "a FILE that begins elsewhere"),
    "too short": ([head(length=9)], "a FILE of another length"),
    "HELLO": ([HELLO], "a frame of type 1, which has no place here"),
    "WELCOME again": ([WELCOME], "a WELCOME where it has no place"),
    "a long reason": ([frames.Error(500, "x\n\x1b[2J" * 100, 1)], r"a.bin: x\?\?\[2Jx"),
    "busy": ([frames.Error(503, "full")], "a.bin: full"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_servers_must_not_say(run_lab: RunLab, what: str) -> None:
    answers, line = WRONG[what]

    async def body(lab: Lab) -> None:
        there = lab.host("there")
        target = await scripted(lab.host("server"), answer(*answers))
        with pytest.raises((TransferError, BusyError), match=line) as caught:
            await fetch(there, target)
        assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
        assert lab.now == 0

    run_lab(body)


def test_a_server_of_something_else(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        target = await scripted(lab.host("server"), lambda stranger, event: None)

        async def other(reply: bytes) -> str:
            def script(stranger: Stranger, event: Any) -> None:
                stranger.send(reply)

            with pytest.raises(TransferError) as caught:
                await fetch(there, await scripted(lab.host(f"s{len(reply)}"), script))
            return str(caught.value)

        there = lab.host("there")
        line = await other(b"HTTP/1.1 400 Bad Request\r\n")
        assert line == "a.bin: the server broke the protocol: it does not begin with FSL1"
        wrong = MAGIC + encode(frames.Welcome(2, 1, 1))
        assert "version 2, not 1" in await other(wrong)
        # One that never says anything.
        start = lab.now
        with pytest.raises(TransferError, match=r"a.bin: the server says nothing for 5 s"):
            await fetch(there, target, ClientConfig(patience_s=5))
        assert lab.now - start == pytest.approx(5)

    run_lab(body)


def test_an_endless_listing(run_lab: RunLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central.channel.asked.MOST_ENTRIES", 1000)
    items = [frames.Item(f"{number}", 1, 1, "e") for number in range(300)]

    async def body(lab: Lab) -> None:
        there = lab.host("there")
        target = await scripted(lab.host("a"), answer(*[frames.Listing(1, items, True)] * 100))
        with pytest.raises(TransferError, match="a LISTING of more than 1000 files"):
            await client.listing(
                there, target.__class__("socket", target.address, target.port, ""), ClientConfig()
            )
        for path in ("../a", "a/b", "", "/", ".a", "a\n"):
            wrong = frames.Listing(1, [frames.Item(path, 1, 1, "e")])
            target = await scripted(lab.host(f"b{path.encode().hex()}"), answer(wrong))
            with pytest.raises(TransferError, match="which is not in there"):
                await client.listing(
                    there,
                    target.__class__("socket", target.address, target.port, ""),
                    ClientConfig(),
                )

    run_lab(body)


def test_put_to_a_server_that_stops(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("there")
        mine = there.directory / "mine"
        mine.write_bytes(DATA)

        def deaf(stranger: Stranger, event: Any) -> None:
            if isinstance(event, frames.Hello):
                stranger.send(MAGIC, WELCOME)
            elif isinstance(event, frames.Put):
                stranger.send(frames.Go(event.id))
                stranger.transport.pause_reading()

        target = await scripted(lab.host("deaf", down=1000), deaf)
        with pytest.raises(TransferError, match=r"a.bin: the server says nothing for 30 s"):
            await client.put(there, target, mine, ClientConfig())

        def full(stranger: Stranger, event: Any) -> None:
            deaf(stranger, event)
            stranger.transport.resume_reading()
            if isinstance(event, frames.Data) and not stranger.raw.startswith(b"x"):
                stranger.raw[:0] = b"x"
                stranger.send(frames.Error(507, "no space left", 1))

        target = await scripted(lab.host("full", down=10_000), full)
        with pytest.raises(Exception, match=r"a.bin: no space left"):
            await client.put(there, target, mine, ClientConfig())

    run_lab(body)
