"""Files over the persistent socket: whole, in stretches, resumed, uploaded, listed."""

import asyncio
import errno
import hashlib
import os

import pytest
from channel_lab import DATA, Place, Stranger, fetch
from lab import Lab, RunLab

from central.backend import CentralBackend
from central.channel import client, frames
from central.channel.channel import Channel
from central.config import ClientConfig
from central.errors import (
    CorruptError,
    DeniedError,
    DiskError,
    LinkError,
    NotFoundError,
    TransferError,
)
from central.landing import Landing
from central.library.uploads import Upload


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 200_000, len(DATA)])
@pytest.mark.parametrize("clock", ["virtual", "real"])
@pytest.mark.parametrize("request_size", [None, 70_000])
def test_a_file_comes_whole(
    run_lab: RunLab, size: int, clock: str, request_size: int | None
) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA[:size])
            config = ClientConfig(request_size=request_size)
            path = await fetch(there, place.link("a.bin"), config)
            assert path.read_bytes() == DATA[:size]

    run_lab(body, clock=clock)


def test_what_is_not_there(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            with pytest.raises(NotFoundError, match=r"^b.bin: no such file$"):
                await fetch(there, place.link("b.bin"))
            with pytest.raises(NotFoundError, match=r"^b: no such folder$"):
                await client.listing(there, place.link("b"), ClientConfig())

    run_lab(body)


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_put_and_list(run_lab: RunLab, clock: str) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server"), writable=True) as place:
            mine = there.directory / "mine"
            mine.write_bytes(DATA)
            reported: list[int] = []
            config = ClientConfig()
            await client.put(there, place.link("in/mine"), mine, config, reported.append)
            assert reported[-1] == len(DATA) and reported == sorted(reported)
            assert (place.root / "in/mine").read_bytes() == DATA
            top = await client.listing(there, place.link(""), config)
            within = await client.listing(there, place.link("in"), config)
            assert [(entry.path, entry.size) for entry in top] == [("in/", 0)]
            assert [(entry.path, entry.size) for entry in within] == [("in/mine", len(DATA))]

    run_lab(body, clock=clock)


def test_a_library_that_is_read_only(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            mine = there.directory / "mine"
            mine.write_bytes(DATA)
            with pytest.raises(DeniedError, match="mine: ") as caught:
                await client.put(there, place.link("mine"), mine, ClientConfig())
            assert caught.value.known

    run_lab(body)


def test_a_part_is_gone_on_with(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server, there = lab.host("server", up=100_000), lab.host("client")
        place = Place(server)
        (place.root / "a.bin").write_bytes(DATA)
        async with place:
            task = asyncio.create_task(fetch(there, place.link("a.bin")))
            await asyncio.sleep(1)
            target = place.link("a.bin")
        with pytest.raises(TransferError, match=r"^a.bin: the (server closed|connection was lost)"):
            await task
        assert lab.now == 1
        have = (there.directory / "a.bin.part").stat().st_size
        assert 80_000 < have < 100_001
        before = there.meter.down_bytes
        again = Place(server, port=target.port)
        async with again:
            path = await fetch(there, target)
        assert path.read_bytes() == DATA
        assert sorted(each.name for each in there.directory.iterdir()) == ["a.bin"]
        came = there.meter.down_bytes - before - (len(DATA) - have)
        assert 0 < came < 500
        assert [(request.status, request.sent) for request in again.requests] == [
            (206, len(DATA) - have)
        ]

    run_lab(body)


def test_another_version_is_fetched_from_its_beginning(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server", up=100_000)) as place:
            file = place.root / "a.bin"
            file.write_bytes(DATA)
            task = asyncio.create_task(fetch(there, place.link("a.bin")))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
            assert (there.directory / "a.bin.part").stat().st_size > 0
            file.write_bytes(DATA[::-1])
            assert (await fetch(there, place.link("a.bin"))).read_bytes() == DATA[::-1]

    run_lab(body)


def test_a_file_that_changes_between_two_stretches(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server", up=100_000)) as place:
            file = place.root / "a.bin"
            file.write_bytes(DATA)
            config = ClientConfig(request_size=50_000)
            task = asyncio.create_task(fetch(there, place.link("a.bin"), config))
            await asyncio.sleep(1)
            file.unlink()
            file.write_bytes(DATA[::-1])
            with pytest.raises(TransferError, match=r"^a.bin: the file changed while"):
                await task

    run_lab(body)


def test_stretches_cost_no_round_trip_each(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client", latency=0.1)
        async with Place(lab.host("server", up=100_000, latency=0.1)) as place:
            (place.root / "a.bin").write_bytes(DATA)
            took = []
            for number, size in enumerate([None, 40_000]):
                start = lab.now
                config = ClientConfig(request_size=size)
                await fetch(there, place.link("a.bin"), config, f"{number}.bin")
                took.append(lab.now - start)
        # Two round trips of 0.2 s, to connect and to ask, and the bytes.
        assert took[0] == pytest.approx(0.4 + len(DATA) / 100_000, abs=0.01)
        assert took[1] == pytest.approx(took[0], abs=0.02)

    run_lab(body)


def test_the_digest_comes_along(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA)
            stranger = await Stranger.call(there, place.link(""))
            stranger.send(frames.Get(7, "a.bin", 5, 10, None, True))
            await stranger.hears(frames.Done)
        welcome, head, data, done = stranger.heard
        assert isinstance(welcome, frames.Welcome)
        assert (head.id, head.size, head.offset, head.length) == (7, len(DATA), 5, 10)
        assert head.sha256 == hashlib.sha256(DATA).hexdigest()
        assert (data.id, data.data, done.id) == (7, DATA[5:15], 7)

    run_lab(body)


def test_several_requests_are_answered_in_order(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            for name in "abc":
                (place.root / name).write_bytes(name.encode() * 100)
            channel = await Channel.open(there, place.link(""), ClientConfig())
            landings = [
                await Landing.open(there, there.directory / name, place.link(name))
                for name in "abc"
            ]
            await asyncio.gather(
                *[
                    channel.get(name, landing)
                    for name, landing in zip("abc", landings, strict=True)
                ],
                channel.listing(),
            )
            for landing in landings:
                await landing.commit()
                await landing.close()
            await channel.close()
        assert [request.line for request in place.requests] == [
            "GET /a SOCKET/1",
            "GET /b SOCKET/1",
            "GET /c SOCKET/1",
            "LIST / SOCKET/1",
        ]
        assert there.meter.accepted == 0 and there.meter.calls["connect"] == 1
        assert (there.directory / "b").read_bytes() == b"b" * 100

    run_lab(body)


def test_a_fetch_that_is_given_up_leaves_the_channel(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server", up=100_000)) as place:
            (place.root / "a").write_bytes(DATA)
            (place.root / "b").write_bytes(b"b")
            channel = await Channel.open(there, place.link(""), ClientConfig())
            one = await Landing.open(there, there.directory / "a", place.link("a"))
            two = await Landing.open(there, there.directory / "b", place.link("b"))
            task = asyncio.create_task(channel.get("a", one))
            await asyncio.sleep(0.5)
            task.cancel()
            await channel.get("b", two)
            # One stretch of 16 KiB was on its way.
            assert lab.now < 0.5 + 2 * 16 * 1024 / 100_000
            await two.commit()
            await one.close()
            await two.close()
            await channel.close()
        assert place.statuses == [499, 200]

    run_lab(body)


def test_an_upload_whose_digest_differs_is_not_kept(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(frames.Put(1, "new", 3, "0" * 64))
            await stranger.hears(frames.Go)
            stranger.send(frames.data_head(1, 3) + b"abc")
            await stranger.hears(frames.Error)
            assert stranger.errors == [(1, 422, f"new: its SHA-256 is not {'0' * 64}")]
            assert list(place.root.iterdir()) == []
            stranger.send(frames.List(1))
            assert (await stranger.hears(frames.Listing))[0].entries == []

    run_lab(body)


def test_an_upload_that_is_given_up_leaves_nothing(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            there = lab.host("client")
            stranger = await Stranger.call(there, place.link(""))
            stranger.send(frames.Put(1, "new", 300))
            await stranger.hears(frames.Go)
            stranger.send(frames.data_head(1, 200) + b"a" * 100, b"b" * 100, frames.Cancel(1))
            await stranger.hears(frames.Error)
            # What was on its way already is passed over.
            stranger.send(frames.data_head(1, 100) + b"c" * 100, frames.Put(2, "other", 1))
            await stranger.hears(frames.Go, 2)
            stranger.send(frames.data_head(2, 1) + b"o")
            await stranger.hears(frames.Stored)
            assert stranger.errors == [(1, 499, "cancelled")]
            stranger.send(frames.Put(3, "third", 300))
            await stranger.hears(frames.Go, 3)
            stranger.transport.abort()
            await asyncio.sleep(1)
            assert [path.name for path in place.root.iterdir()] == ["other"]
        assert place.statuses[:2] == [499, 201]

    run_lab(body)


def test_data_that_was_on_its_way_to_a_put_that_failed(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Upload.write
    written: list[int] = []

    def full(upload: Upload, data: bytes) -> None:
        written.append(len(data))
        if len(written) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(upload, data)

    monkeypatch.setattr(Upload, "write", full)

    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(frames.Put(1, "one", 300), frames.Put(2, "two", 5))
            await stranger.hears(frames.Go)
            stranger.send(frames.data_head(1, 100) + b"a" * 100)
            await stranger.hears(frames.Go, 2)
            # It has not read that yet.
            stranger.send(frames.data_head(1, 100) + b"a" * 100, frames.Ping())
            stranger.send(frames.data_head(2, 5) + b"hello")
            await stranger.hears(frames.Stored)
            assert stranger.errors == [(1, 507, "No space left on device")]
            assert (place.root / "two").read_bytes() == b"hello"
            # Now it must have.
            stranger.send(frames.data_head(1, 100) + b"a" * 100)
            await stranger.lost
            assert stranger.errors[1:] == [(None, 400, "a DATA for no PUT")]
        assert place.statuses == [507, 201]
        assert written == [100, 5]

    run_lab(body)


def test_a_new_request_ends_the_data_of_a_put_that_had_its_id(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server"), writable=True) as place:
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(frames.Put(1, "one", 300), frames.Put(2, "two", 5))
            await stranger.hears(frames.Go)
            stranger.send(frames.Cancel(1))
            await stranger.hears(frames.Go, 2)
            stranger.send(frames.data_head(1, 100) + b"a" * 100, frames.List(1))
            stranger.send(frames.data_head(1, 100) + b"a" * 100)
            await stranger.lost
            assert stranger.errors == [(1, 499, "cancelled"), (None, 400, "a DATA for no PUT")]

    run_lab(body)


def test_only_files_are_sent(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server"), writable=True) as place:
            os.mkfifo(there.directory / "pipe")
            (there.directory / "folder").mkdir()
            for name in ("pipe", "folder"):
                with pytest.raises(DiskError, match=f"{name}: "):
                    await client.put(there, place.link("x"), there.directory / name, ClientConfig())
            assert list(place.root.iterdir()) == []

    run_lab(body)


def test_what_cannot_be_sent(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server"), writable=True) as place:
            with pytest.raises(DiskError, match="none: No such file"):
                await client.put(there, place.link("x"), there.directory / "none", ClientConfig())

    run_lab(body)


def test_a_listing_of_many_files_comes_in_pieces(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            names = sorted(f"{number:03}" + "é" * 100 for number in range(400))
            for name in names:
                (place.root / name).touch()
            found = await client.listing(there, place.link(""), ClientConfig())
            assert [entry.path for entry in found] == names
            stranger = await Stranger.call(there, place.link(""))
            stranger.send(frames.List(1))
            while True:
                parts = await stranger.hears(frames.Listing)
                if not parts[-1].more:
                    break
                await asyncio.sleep(0)
            assert len(parts) > 1
            assert max(len(frames.encode(part)) for part in parts) <= frames.LISTING_MOST

    run_lab(body)


def test_the_files_that_the_link_names_only(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA)
            target = place.link("a.bin")
            wrong = type(target)(target.scheme, target.address, target.port, target.path, "0" * 64)
            with pytest.raises(CorruptError):
                await fetch(there, wrong)

    run_lab(body)


@pytest.mark.parametrize("clients", [1, 5])
def test_the_textbooks_figure(run_lab: RunLab, clients: int) -> None:
    """Kurose and Ross, section 2.5: N F / us, to be within 1.01 of it."""
    size, rate = 2**22, 2**22 / 360

    async def body(lab: Lab) -> float:
        backend = CentralBackend("socket")
        origin = lab.host("origin", up=rate)
        (origin.directory / "f").write_bytes(bytes(size))
        server = backend.origin(origin)
        link = await server.publish(origin.directory / "f")
        hosts = [lab.host(f"client {number}", up=rate / 10) for number in range(clients)]
        start = lab.now
        await asyncio.gather(*[backend.client(host).fetch(link, host.directory) for host in hosts])
        took = lab.now - start
        await server.close()
        return took

    bound = clients * size / rate
    assert bound <= run_lab(body) < 1.01 * bound


def test_a_part_that_is_whole_is_not_fetched_again(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA)
            target = place.link("a.bin")
            landing = await Landing.open(there, there.directory / "a.bin", target)
            await client.fetch(there, target, landing, ClientConfig())
            await landing.close()  # before it has its name
            before = there.meter.down_bytes
            assert (await fetch(there, target)).read_bytes() == DATA
            assert there.meter.down_bytes - before < 500

    run_lab(body)


@pytest.mark.parametrize(
    ("get", "expected"),
    [
        (frames.Get(1, "a.bin", 0, 0), (0, 0)),
        (frames.Get(1, "a.bin", 5, 10**9), (5, 95)),
        (frames.Get(1, "a.bin", 100), (100, 0)),
        (frames.Get(1, "a.bin", 101), None),
        (frames.Get(1, "a.bin", 101, 7, "another"), (0, 7)),
        (frames.Get(1, "a.bin", 50, 7, "another"), (0, 7)),
    ],
)
def test_what_is_sent_of_a_file(
    run_lab: RunLab, get: frames.Get, expected: tuple[int, int] | None
) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            (place.root / "a.bin").write_bytes(DATA[:100])
            stranger = await Stranger.call(lab.host("client"), place.link(""))
            stranger.send(get)
            if expected is None:
                await stranger.hears(frames.Error)
                assert stranger.errors == [(1, 416, "the file has 100 bytes")]
                return
            await stranger.hears(frames.Done)
            offset, length = expected
            assert (stranger.heard[1].offset, stranger.heard[1].length) == expected
            assert stranger.content == DATA[offset : offset + length]

    run_lab(body)


def test_what_no_frame_can_hold(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("client")
        async with Place(lab.host("server")) as place:
            for token in ("\udcff", "t" * 5000):
                with pytest.raises(DeniedError, match="the token is none"):
                    await client.listing(there, place.link(""), ClientConfig(token=token))
            for path in ("\udcff", "p" * 40_000):
                with pytest.raises(LinkError, match="is no path"):
                    await client.listing(there, place.link(path), ClientConfig())

    run_lab(body)
