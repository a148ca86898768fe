"""Every end of a connection, on both clocks: killed, closed, cancelled, revoked, flooded."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from channel_lab import DATA, Place, Stranger, fetch
from lab import Lab, RunLab

from central.access.guard import Guard
from central.access.store import Store
from central.channel import client, frames
from central.channel.channel import Channel
from central.config import ClientConfig
from central.errors import DeniedError, TransferError
from central.landing import Landing

BIG = 4 * 2**30
"""Bytes of a file (with nothing in it) whose transfer takes longer than the tests."""

LOST = r"^big: (the server closed the connection|the connection was lost)"


def big(place: Place) -> None:
    with (place.root / "big").open("wb") as file:
        file.truncate(BIG)


async def begun(landing: Landing) -> None:
    while landing.received < 100_000:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("end", ["killed", "closed", "cancelled", "expired"])
def test_a_transfer_that_ends(run_lab: RunLab, clock: Any, end: str) -> None:
    async def body(lab: Lab) -> None:
        # Under the real clock nothing comes between the kernel's sendfile(2) and the transfer.
        server, there = (
            lab.host("server", up=math.inf if clock == "real" else 1e6),
            lab.host("there"),
        )
        store = Store(lab.folder / "tokens", create=True)
        now = server.date().timestamp()
        store.grant("ann", token="t", now=now, expires=now + 0.3 if end == "expired" else None)
        async with Place(server, guard=Guard(server, store)) as place:
            big(place)
            # With a digest in the link nobody hashes the file first.
            target = replace(place.link("big"), sha256="0" * 64)
            landing = await Landing.open(there, there.directory / "big", target)
            config = ClientConfig(token="t")
            task = asyncio.create_task(client.fetch(there, target, landing, config))
            await begun(landing)
            match end:
                case "killed":
                    await server.close()
                case "closed":
                    await place.server.close()
                case "cancelled":
                    task.cancel()
            if end != "cancelled":
                with pytest.raises(TransferError, match=LOST):
                    await task
            await asyncio.wait([task])
            have = landing.received
            await landing.close()
            assert (there.directory / "big.part").stat().st_size == have > 100_000
            if end == "expired":
                with pytest.raises(DeniedError, match=r"^big: a valid token is needed$"):
                    await fetch(there, target, config)

    run_lab(body, clock=clock)


def test_a_server_that_is_killed_is_noticed_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server, there = lab.host("server", up=100_000, latency=0.1), lab.host("there", latency=0.1)
        async with Place(server) as place:
            big(place)
            target = replace(place.link("big"), sha256="0" * 64)
            task = asyncio.create_task(fetch(there, target))
            await asyncio.sleep(2)
            await server.close()
            with pytest.raises(TransferError, match=LOST):
                await task
            assert lab.now == pytest.approx(2.1)

    run_lab(body)


def test_closed_the_moment_a_request_comes(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server")) as place:
            stranger = await Stranger.call(lab.host("there"), place.link(""))
            await stranger.hears(frames.Welcome)
            [connection] = place.server._doors["socket"]._house.guests  # type: ignore[attr-defined]
            connection.data_received(frames.encode(frames.List(1)))
            # Its task is there and has not begun.
            await place.server.close()
            await stranger.lost

    run_lab(body)


def test_an_upload_is_cut(run_lab: RunLab, clock: Any) -> None:
    async def body(lab: Lab) -> None:
        server, there = lab.host("server"), lab.host("there")
        async with Place(server, writable=True) as place:
            mine = there.directory / "mine"
            with mine.open("wb") as file:
                file.truncate(64 * 2**20)
            sent: list[int] = []
            task = asyncio.create_task(
                client.put(there, place.link("up"), mine, ClientConfig(), sent.append)
            )
            while not sent:
                await asyncio.sleep(0)
            await place.server.close()
            with pytest.raises(TransferError, match=r"^up: the (server closed|connection was)"):
                await task
            while list(place.root.iterdir()):
                await asyncio.sleep(0.01)

    run_lab(body, clock=clock)


def test_an_upload_is_cancelled(run_lab: RunLab, clock: Any) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("there")
        async with Place(lab.host("server"), writable=True) as place:
            mine = there.directory / "mine"
            with mine.open("wb") as file:
                file.truncate(64 * 2**20)
            sent: list[int] = []
            task = asyncio.create_task(
                client.put(there, place.link("up"), mine, ClientConfig(), sent.append)
            )
            while not sent:
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            while list(place.root.iterdir()):
                await asyncio.sleep(0.01)

    run_lab(body, clock=clock)


def test_a_flood_of_pings_is_held_back(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=100_000)) as place:
            (place.root / "slow").write_bytes(DATA)
            stranger = await Stranger.call(lab.host("there"), place.link(""))
            stranger.send(frames.Get(1, "slow"))
            await stranger.hears(frames.Data)
            stranger.send(frames.encode(frames.Ping()) * 100_000)
            await stranger.hears(frames.Done)
            # At most one for each DATA.
            assert 1 <= len(await stranger.hears(frames.Pong)) < 100
            assert stranger.content == DATA
            stranger.transport.pause_reading()
            [connection] = place.server._doors["socket"]._house.guests  # type: ignore[attr-defined]
            most = 0
            for _ in range(200):
                stranger.send(frames.encode(frames.Ping()) * 10_000)
                await asyncio.sleep(0.1)
                most = max(most, connection._transport.get_write_buffer_size())
                most = max(most, len(connection._decoder._buffer))
            assert most < 300_000

    run_lab(body)


def test_requests_after_the_end(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        there = lab.host("there")
        async with Place(lab.host("server")) as place:
            channel = await Channel.open(there, place.link(""), ClientConfig())
            await channel.listing()
            await channel.subscribe()
            event = asyncio.create_task(channel.event())
        with pytest.raises(TransferError, match=r"^/: the server closed the connection$"):
            await event
        with pytest.raises(TransferError, match=r"^/: the server closed the connection$"):
            await channel.listing()
        await channel.close()
        await channel.close()
        nobody = ClientConfig(patience_s=3)
        with pytest.raises(TransferError, match=r"does not answer: Connection refused$"):
            await Channel.open(there, place.link(""), nobody)

    run_lab(body)


def test_a_crowd(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        async with Place(lab.host("server", up=1_000_000)) as place:
            (place.root / "a.bin").write_bytes(DATA)
            hosts = [lab.host(f"client {number}") for number in range(40)]
            paths = await asyncio.gather(*[fetch(host, place.link("a.bin")) for host in hosts])
            took = lab.now
            assert all(path.read_bytes() == DATA for path in paths)
            assert took == pytest.approx(40 * len(DATA) / 1_000_000, rel=0.01)
        assert place.statuses == [200] * 40

    run_lab(body)
