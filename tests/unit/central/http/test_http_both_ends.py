"""The HTTP client and the HTTP server of central with each other."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from lab import Lab, RunLab
from recorders import payload

from central.client import Client
from central.config import ClientConfig
from central.errors import DeniedError, NotFoundError, TransferError
from central.http import client as http
from central.landing import Landing
from central.library.library import Change, Library
from central.link import Link
from central.server import Server
from host.clock import Clock
from host.host import Host

SIZE = 700_001
DATA = payload(SIZE)


async def started(host: Host, *, writable: bool = False) -> tuple[Server, Link]:
    """A server of the folder `files` of a host, and the link to it."""
    root = host.directory / "files"
    root.mkdir(exist_ok=True)
    server = Server(host, library=Library(host, root, writable=writable))
    await server.start()
    return server, Link("http", *server.addresses["http"], "")


def at(link: Link, path: str, data: bytes | None = None) -> Link:
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    return Link(link.scheme, link.address, link.port, path, digest)


@pytest.mark.parametrize("stretch", [None, 50_000])
@pytest.mark.parametrize("close_each", [True, False])
@pytest.mark.parametrize("size", [0, 1, SIZE])
def test_there_and_back(
    run_lab: RunLab, clock: Clock, stretch: int | None, close_each: bool, size: int
) -> None:
    async def body(lab: Lab) -> None:
        host, away, data = lab.host("client"), lab.host("server"), payload(size)
        server, link = await started(away, writable=True)
        source = host.directory / "source"
        source.write_bytes(data)
        target = at(link, "new folder/ü #1?.bin", data)
        config = ClientConfig(request_size=stretch, close_each=close_each)
        await http.put(host, target, source, config)
        assert (away.directory / "files" / target.path).read_bytes() == data
        listed = await http.listing(host, at(link, "new folder"), config)
        assert [(entry.path, entry.size) for entry in listed] == [(target.path, size)]
        path = await Client(host, config).fetch(str(target), host.directory)
        assert path.read_bytes() == data
        with pytest.raises(NotFoundError):
            await http.listing(host, at(link, "other"), config)
        await server.close()

    run_lab(body, clock=clock)


def test_the_servers_digest_is_asked_for_and_checked(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client"), lab.host("server")
        server, link = await started(away)
        (away.directory / "files/a").write_bytes(DATA)
        client = Client(host)
        path = await client.fetch(str(at(link, "a")), host.directory)
        assert path.read_bytes() == DATA
        assert client._landings["a"].sha256 == hashlib.sha256(DATA).hexdigest()
        await server.close()

    run_lab(body)


@pytest.mark.parametrize("digest", [True, False])
def test_killed_and_back(run_lab: RunLab, clock: Clock, digest: bool) -> None:
    """The second run receives what is missing, and a head."""

    async def body(lab: Lab) -> None:
        host, away = lab.host("client", down=2e6), lab.host("server")
        server, link = await started(away)
        (away.directory / "files/a").write_bytes(DATA)
        target = str(at(link, "a", DATA if digest else None))
        fetching = asyncio.ensure_future(Client(host).fetch(target, host.directory))
        await asyncio.sleep(0.2)
        await away.close()
        with pytest.raises(TransferError):
            await fetching
        await server.close()
        had = (host.directory / "a.part").stat().st_size
        assert 100_000 < had < SIZE
        assert sorted(path.name for path in host.directory.iterdir()) == ["a.part", "a.part.json"]
        root = away.directory / "files"
        away.start()
        again = Server(away, library=Library(away, root), ports={"http": link.port})
        await again.start()
        before = host.meter.down_bytes
        path = await Client(host).fetch(target, host.directory)
        assert path.read_bytes() == DATA
        assert 0 < host.meter.down_bytes - before - (SIZE - had) < 1000
        await again.close()

    run_lab(body, clock=clock)


def test_a_file_that_changed_while_the_server_was_away(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client", down=1e6), lab.host("server")
        server, link = await started(away)
        file = away.directory / "files/a"
        file.write_bytes(DATA)
        fetching = asyncio.ensure_future(Client(host).fetch(str(at(link, "a")), host.directory))
        await asyncio.sleep(0.2)
        fetching.cancel()
        await asyncio.wait([fetching])
        other = payload(SIZE, 5)
        beside = away.directory / "beside"
        beside.write_bytes(other)
        beside.rename(file)
        path = await Client(host).fetch(str(at(link, "a")), host.directory)
        assert path.read_bytes() == other
        await server.close()

    run_lab(body)


def test_an_upload_that_is_not_wanted_costs_no_bytes(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        server, link = await started(lab.host("server"))
        source = host.directory / "source"
        source.write_bytes(DATA)
        with pytest.raises((DeniedError, TransferError), match=r"a: the server .*(403|405)"):
            await http.put(host, at(link, "a"), source, ClientConfig())
        assert host.meter.up_bytes < 1000
        await server.close()

    run_lab(body, clock=clock)


def test_what_changes_is_seen(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client"), lab.host("server")
        server, link = await started(away)
        root: Path = away.directory / "files"
        (root / "sub").mkdir()
        (root / "sub/a").write_bytes(b"a")
        found: list[Change] = []

        async def look() -> None:
            async for change in http.watch(host, link, ClientConfig()):
                found.append(change)

        watching = asyncio.ensure_future(look())
        await asyncio.sleep(0.5)
        (root / "sub/b").write_bytes(b"b")
        await asyncio.sleep(1)
        os.utime(root / "sub/b", ns=(1, 1))
        await asyncio.sleep(1)
        (root / "sub/a").unlink()
        await asyncio.sleep(1)
        assert [(change.kind, change.path) for change in found] == [
            ("added", "sub/b"),
            ("changed", "sub/b"),
            ("removed", "sub/a"),
        ]
        watching.cancel()
        await asyncio.wait([watching])
        await server.close()

    run_lab(body)


@pytest.mark.parametrize("stretch", [None, 50_000])
@pytest.mark.parametrize(("close_each", "kept_open"), [(False, True), (True, False)])
def test_transfers_one_after_the_other_share_a_connection(
    run_lab: RunLab, clock: Clock, stretch: int | None, close_each: bool, kept_open: bool
) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client"), lab.host("server")
        server, link = await started(away, writable=True)
        source = host.directory / "source"
        config = ClientConfig(close_each=close_each, request_size=stretch)
        kept = http.Kept()
        for number, size in enumerate((1, 2, SIZE)):
            source.write_bytes(payload(size))
            target = at(link, f"{number}.bin", payload(size))
            await http.put(host, target, source, config, kept=kept)
            path = host.directory / target.name
            landing = await Landing.open(host, path, target)
            await http.fetch(host, target, landing, config, kept)
            await landing.commit()
            await landing.close()
            assert path.read_bytes() == payload(size)
        if kept_open:
            assert away.meter.accepted == 1
        else:
            assert away.meter.accepted >= 6
        kept.close()
        await server.close()

    run_lab(body, clock=clock)


def test_a_kept_connection_that_the_server_has_ended_is_opened_anew(
    run_lab: RunLab, clock: Clock
) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client"), lab.host("server")
        server, link = await started(away, writable=True)
        source = host.directory / "source"
        source.write_bytes(b"one")
        kept = http.Kept()
        await http.put(host, at(link, "a"), source, ClientConfig(), kept=kept)
        port = server.addresses["http"][1]
        root = away.directory / "files"
        await server.close()
        # Before the news of it is read, and behind it.
        for turns in (0, 5):
            for _ in range(turns):
                await asyncio.sleep(0)
            server = Server(away, ports={"http": port}, library=Library(away, root, writable=True))
            await server.start()
            await http.put(host, at(link, "a"), source, ClientConfig(), kept=kept)
            assert (root / "a").read_bytes() == b"one"
            await server.close()
        kept.close()

    run_lab(body, clock=clock)


def test_a_transfer_that_fails_leaves_no_connection_behind(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, away = lab.host("client"), lab.host("server")
        server, link = await started(away)
        kept = http.Kept()
        target = at(link, "none")
        landing = await Landing.open(host, host.directory / "none", target)
        with pytest.raises(NotFoundError):
            await http.fetch(host, target, landing, ClientConfig(), kept)
        await landing.close()
        assert kept.take(target) is None
        await server.close()

    run_lab(body)
