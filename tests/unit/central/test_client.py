"""central.client: what a fetch leaves behind, whatever comes between."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from http_scripts import Say, Script, answer, ranges
from lab import Lab, RunLab
from recorders import payload

from central.client import Client
from central.config import ClientConfig
from central.errors import CorruptError, DiskError, LinkError, NotFoundError, TransferError
from host.clock import Clock

SIZE = 300_001
DATA = payload(SIZE)
PARTS = ["file.bin.part", "file.bin.part.json"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_file_is_there_afterwards(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        path = await client.fetch(str(script.link("a/file.bin", DATA)), host.directory)
        assert path == host.directory / "file.bin"
        assert path.read_bytes() == DATA
        assert names(host.directory) == ["file.bin"]
        assert client.holdings() == {"file.bin": (SIZE, SIZE)}
        await client.close()

    run_lab(body, clock=clock)


@pytest.mark.parametrize("resume", [True, False])
def test_what_has_come_is_kept_and_gone_on_with(
    run_lab: RunLab, clock: Clock, resume: bool
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host, ClientConfig(resume=resume))
        honest = ranges(DATA)
        whole = honest("GET").data
        script = Script(lab.host("server"), [Say(whole[:-100_000], hang_up=True)])
        await script.start()
        link = str(script.link(body=DATA))
        with pytest.raises(TransferError, match="closed after 200001 of 300001 bytes"):
            await client.fetch(link, host.directory)
        assert names(host.directory) == PARTS
        assert client.holdings() == {"file.bin": (200_001, SIZE)}
        script.respond = honest
        assert (await client.fetch(link, host.directory)).read_bytes() == DATA
        assert script.field("Range") == [None, "bytes=200001-" if resume else None]
        assert names(host.directory) == ["file.bin"]

    run_lab(body, clock=clock)


def test_a_failure_touches_neither_file_nor_part(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        (host.directory / "file.bin").write_bytes(b"finished")
        (host.directory / "file.bin.part").write_bytes(b"of another link")
        script = Script(lab.host("server"), [Say(answer("404 Not Found")), Say(b"", hang_up=True)])
        await script.start()
        for _ in range(2):
            with pytest.raises((NotFoundError, TransferError)):
                await client.fetch(str(script.link()), host.directory)
            assert names(host.directory) == ["file.bin", "file.bin.part"]
            assert (host.directory / "file.bin").read_bytes() == b"finished"
            assert (host.directory / "file.bin.part").read_bytes() == b"of another link"

    run_lab(body)


def test_a_wrong_file_never_takes_the_place_of_a_finished_one(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        (host.directory / "file.bin").write_bytes(b"finished")
        script = Script(lab.host("server"), ranges(b"abd"))
        await script.start()
        with pytest.raises(CorruptError):
            await Client(host).fetch(str(script.link(body=b"abc")), host.directory)
        assert names(host.directory) == ["file.bin"]
        assert (host.directory / "file.bin").read_bytes() == b"finished"

    run_lab(body)


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("latency", [0.0, 0.05])
@pytest.mark.parametrize("how", ["cancel", "close", "crash"])
def test_a_fetch_can_be_given_up(
    run_lab: RunLab, clock: Clock, moment: float, latency: float, how: str
) -> None:
    async def body(lab: Lab) -> None:
        data = payload(400_000)
        host = lab.host("client", latency=latency)
        client = Client(host)
        script = Script(lab.host("server", up=1e6, latency=latency), ranges(data))
        await script.start()
        link = str(script.link())
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0)
        await asyncio.sleep(moment)
        if how == "cancel":
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
        else:
            await (client if how == "close" else host).close()
            with pytest.raises(TransferError, match="closed before the file was whole"):
                await fetching
        left = names(host.directory)
        assert left in ([], PARTS)
        if left:
            part = (host.directory / "file.bin.part").read_bytes()
            assert part == data[: len(part)]
            assert client.holdings() == {"file.bin": (len(part), len(data))}
        # Nobody holds the part any more.
        host.start()
        assert (await Client(host).fetch(link, host.directory)).read_bytes() == data
        if left:
            assert script.field("Range")[-1] == f"bytes={len(part)}-"

    run_lab(body, clock=clock)


@pytest.mark.parametrize("call", ["pwrite", "fsync", "replace"])
def test_a_disk_that_is_full_and_has_room_again(
    run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*args: object, **options: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        with monkeypatch.context() as patch:
            patch.setattr(os if call != "replace" else Path, call, full)
            with pytest.raises(DiskError, match=r"file\.bin: No space left on device"):
                await client.fetch(str(script.link()), host.directory)
        assert names(host.directory) == ([] if call == "pwrite" else PARTS)
        assert (await client.fetch(str(script.link()), host.directory)).read_bytes() == DATA
        assert names(host.directory) == ["file.bin"]
        # What was whole before is not fetched once more.
        whole = [f"bytes={SIZE}-", None] if call != "pwrite" else [None]
        assert script.field("Range") == [None, *whole]

    run_lab(body, clock=clock)


@pytest.mark.parametrize("where", ["missing", "file"])
def test_a_folder_that_is_none(run_lab: RunLab, where: str) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        (host.directory / "file").touch()
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        with pytest.raises(DiskError, match=r"file\.bin: (No such|Not a directory)"):
            await Client(host).fetch(str(script.link()), host.directory / where)
        assert script.requests == []

    run_lab(body)


def test_the_same_file_is_not_fetched_twice_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        link = str(script.link())
        fetching = asyncio.ensure_future(client.fetch(link, host.directory))
        await asyncio.sleep(0)
        with pytest.raises(TransferError, match="already being fetched"):
            await client.fetch(link, host.directory)
        await asyncio.sleep(0)
        with pytest.raises(DiskError, match=r"file\.bin\.part is being written by another"):
            await Client(host).fetch(link, host.directory)
        first = await fetching
        # Later it may be: the file is replaced by the same.
        assert await client.fetch(link, host.directory) == first
        await client.close()

    run_lab(body)


@pytest.mark.parametrize("link", ["http://x/..", "http://127.0.0.1:1/", "ftp://127.0.0.1/a", ""])
def test_a_link_that_is_none_is_refused_before_anything_happens(run_lab: RunLab, link: str) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        with pytest.raises(LinkError):
            await client.fetch(link, host.directory)
        assert client.holdings() == {}
        with pytest.raises(TypeError, match="a server publishes"):
            await client.publish(Path("x"))
        assert names(host.directory) == []
        await client.close()

    run_lab(body)


def test_what_is_here_so_far_can_be_seen(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        client = Client(host)
        script = Script(lab.host("server", up=100_000), ranges(DATA))
        await script.start()
        fetching = asyncio.ensure_future(client.fetch(str(script.link()), host.directory))
        await asyncio.sleep(1.5)
        (had, whole) = client.holdings()["file.bin"]
        assert whole == SIZE
        assert 130_000 < had <= 150_000
        await fetching
        assert client.holdings() == {"file.bin": (SIZE, SIZE)}
        await client.close()

    run_lab(body)
