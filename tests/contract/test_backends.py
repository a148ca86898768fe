"""What every backend must do, over both clocks: the suite that a third backend would have to pass.

Links are unlimited under the real clock and limited under the virtual one, so that both ways of
moving bytes are met.
"""

import asyncio
import hashlib
import math
import random
from pathlib import Path

import pytest
from lab import Lab, RunLab

from bench.backends import Backend, Node
from central.errors import CentralError
from host.clock import Clock
from host.host import Host
from p2p.errors import P2PError

ERRORS = {"central": CentralError, "p2p": P2PError}
RATE = 1 << 20


def host(lab: Lab, name: str, clock: Clock) -> Host:
    rate = RATE if clock == "virtual" else math.inf
    return lab.host(name, up=rate, down=rate)


def publish_file(origin: Host, name: str, size: int) -> Path:
    path = origin.directory / name
    path.write_bytes(random.Random(f"{name}/{size}").randbytes(size))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def close(*nodes: Node) -> None:
    for node in nodes:
        await node.close()


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 100_000, 300 * 1024 + 7])
def test_a_published_file_is_fetched_whole(
    run_lab: RunLab, backend: Backend, clock: Clock, size: int
) -> None:
    async def body(lab: Lab) -> None:
        giver, taker = host(lab, "origin", clock), host(lab, "client", clock)
        origin, client = backend.origin(giver), backend.client(taker)
        original = publish_file(giver, "file.bin", size)
        link = await origin.publish(original)
        path = await client.fetch(link, taker.directory)
        assert path == taker.directory / "file.bin"
        assert digest(path) == digest(original)
        assert client.holdings() == {"file.bin": (size, size)}
        assert [entry.name for entry in taker.directory.iterdir()] == ["file.bin"]
        await close(client, origin)

    run_lab(body, clock=clock)


def test_a_client_may_join_late(run_lab: RunLab, backend: Backend, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        giver = host(lab, "origin", clock)
        takers = [host(lab, name, clock) for name in ("early", "late")]
        origin = backend.origin(giver)
        clients = [backend.client(taker) for taker in takers]
        original = publish_file(giver, "file.bin", 200_000)
        link = await origin.publish(original)
        for client, taker in zip(clients, takers, strict=True):
            assert digest(await client.fetch(link, taker.directory)) == digest(original)
        await close(*clients, origin)

    run_lab(body, clock=clock)


def test_two_files_at_once(run_lab: RunLab, backend: Backend, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        giver, taker = host(lab, "origin", clock), host(lab, "client", clock)
        origin, client = backend.origin(giver), backend.client(taker)
        originals = [publish_file(giver, name, 150_000) for name in ("one.bin", "two.bin")]
        links = [await origin.publish(original) for original in originals]
        paths = await asyncio.gather(*(client.fetch(link, taker.directory) for link in links))
        assert [path.name for path in paths] == ["one.bin", "two.bin"]
        assert [digest(path) for path in paths] == [digest(path) for path in originals]
        await close(client, origin)

    run_lab(body, clock=clock)


@pytest.mark.parametrize("closing", ["client", "origin"])
def test_closing_while_transferring_leaves_nothing(
    run_lab: RunLab, backend: Backend, closing: str
) -> None:
    """The fetch fails, no part has the file's name, and `run_lab` sees no task."""

    async def body(lab: Lab) -> None:
        giver, taker = host(lab, "origin", "virtual"), host(lab, "client", "virtual")
        origin, client = backend.origin(giver), backend.client(taker)
        link = await origin.publish(publish_file(giver, "file.bin", 4 * RATE))
        fetching = asyncio.create_task(client.fetch(link, taker.directory))
        await asyncio.sleep(2)
        have, size = client.holdings()["file.bin"]
        assert 0 < have < size == 4 * RATE
        here = {entry.name for entry in taker.directory.iterdir()}
        assert "file.bin.part" in here <= {"file.bin.part", "file.bin.part.json"}
        await close(*([client] if closing == "client" else [origin]))
        if closing == "origin":
            await asyncio.sleep(2)
        await close(client, origin)
        with pytest.raises((asyncio.CancelledError, ERRORS[backend.name])):
            await fetching
        assert not (taker.directory / "file.bin").exists()

    run_lab(body)


@pytest.mark.parametrize(
    "link", ["", "ftp://127.0.0.1/file", "magnet:?xt=urn:btih:12", "http://x/"]
)
def test_a_link_that_is_none_is_refused_in_a_line(
    run_lab: RunLab, backend: Backend, link: str
) -> None:
    async def body(lab: Lab) -> None:
        taker = host(lab, "client", "virtual")
        client = backend.client(taker)
        with pytest.raises(ERRORS[backend.name]) as refusal:
            await client.fetch(link, taker.directory)
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) > 10
        await close(client)

    run_lab(body)


def test_virtual_and_real_time_agree(run_lab: RunLab, backend: Backend) -> None:
    """Half a second of transfer over the same links; a busy machine may be late, never early."""

    async def body(lab: Lab) -> float:
        giver = lab.host("origin", up=RATE)
        taker = lab.host("client", up=RATE)
        origin, client = backend.origin(giver), backend.client(taker)
        link = await origin.publish(publish_file(giver, "file.bin", RATE // 2))
        start = lab.now
        await client.fetch(link, taker.directory)
        passed = lab.now - start
        await close(client, origin)
        (taker.directory / "file.bin").unlink()
        for name in (taker, giver):
            for entry in name.directory.iterdir():
                entry.unlink()
            name.directory.rmdir()
        return passed

    virtual = run_lab(body)
    real = run_lab(body, clock="real")
    assert virtual == pytest.approx(0.5, rel=0.02)
    assert virtual * 0.98 < real < virtual * 1.5
