"""How TFTP transfers end: stored or not, what the log says, and who stays for a lost ACK."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import payload
from tftp_lab import Served, Stranger

from central.access.store import Store
from central.config import ClientConfig
from central.errors import TransferError
from central.landing import Landing
from central.library.uploads import Upload
from central.link import Link
from central.tftp import dallying
from central.tftp.client import fetch, put
from central.tftp.packets import Ack, Data, Error, ErrorCode, FileRequest, OptionAck
from central.tftp.transfer import text_of, verdict
from host.datagram import Address
from host.host import Host


async def get(host: Host, link: Link) -> bytes:
    landing = await Landing.open(host, host.directory / link.name, link)
    try:
        await fetch(host, link, landing, ClientConfig())
        return (await landing.commit()).read_bytes()
    finally:
        await landing.close()


async def put_block(stranger: Stranger, served: Served, content: bytes, **options: str) -> Address:
    """Upload a file of one block as `a`, each packet answered as it should be."""
    await stranger.send(FileRequest(True, "a", "octet", options), served.address)
    heard = await stranger.hear()
    assert heard is not None
    first, source = heard
    assert first == (OptionAck(options) if options else Ack(0))
    await stranger.send(Data(1, content), source)
    assert await stranger.hear() == (Ack(1), source)
    return source


def ended(served: Served) -> list[tuple[str, int]]:
    return [(each.line, each.status) for each in served.log]


def slow_disk(patch: pytest.MonkeyPatch, served: Served, seconds: float) -> None:
    """Let giving a file its name take so long, in virtual time."""
    quick = served.host.compute

    async def compute(function: Callable[..., Any], *args: Any) -> Any:
        if getattr(function, "__func__", None) is Upload.commit:
            await asyncio.sleep(seconds)
        return await quick(function, *args)

    patch.setattr(served.host, "compute", compute)


class TestTheSamePortAgain:
    @pytest.mark.parametrize("options", [{}, {"tsize": "3"}])
    def test_a_second_upload_replaces_the_first(
        self, run_lab: RunLab, options: dict[str, str]
    ) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            sources = []
            for content in (b"one", b"two", b"six"):
                sources.append(await put_block(stranger, served, content, **options))
                assert (served.root / "a").read_bytes() == content
            assert lab.now < 0.1
            assert len(set(sources)) == 3
            assert served.admission.total == 1
            await asyncio.sleep(dallying.DALLY_S + 1)
            assert ended(served) == [("WRQ /a TFTP", 201)] * 3
            assert served.admission.total == 0
            await served.close()

        run_lab(body)

    def test_what_was_stored_can_be_read_at_once(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            await put_block(stranger, served, b"one")
            await stranger.ask(served, "a")
            block, source = await stranger.data()
            assert block == Data(1, b"one")
            await stranger.send(Ack(1), source)
            await asyncio.sleep(1)
            assert ended(served) == [("WRQ /a TFTP", 201), ("RRQ /a TFTP", 200)]
            await served.close()

        run_lab(body)

    def test_a_request_that_was_late_costs_nothing(self, run_lab: RunLab) -> None:
        """The network's copy of the WRQ begins an upload that never comes."""

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            source = await put_block(stranger, served, b"one")
            await stranger.send(FileRequest(True, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None and heard[0] == Ack(0) and heard[1] != source
            assert (served.root / "a").read_bytes() == b"one"
            await asyncio.sleep(60)
            assert (served.root / "a").read_bytes() == b"one"
            assert [path.name for path in served.root.iterdir()] == ["a"]
            assert ended(served) == [("WRQ /a TFTP", 201), ("WRQ /a TFTP", 408)]
            await served.close()

        run_lab(body)


class TestASlowDisk:
    @pytest.mark.parametrize("size", [3, 200_000])
    def test_the_client_waits_while_it_hears_of_the_server(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        """Longer than patience, and than fifteen retransmissions."""

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            client = lab.host("client")
            path = client.directory / "f"
            path.write_bytes(payload(size))
            slow_disk(monkeypatch, served, 300)
            await put(client, served.link("f"), path, ClientConfig(patience_s=5))
            assert 300 <= lab.now < 301
            assert (served.root / "f").read_bytes() == payload(size)
            await asyncio.sleep(dallying.DALLY_S + 1)
            assert ended(served) == [("WRQ /f TFTP", 201)]
            await served.close()

        run_lab(body)

    def test_it_acknowledges_the_block_before_the_last_and_the_last_once(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            slow_disk(monkeypatch, served, 12.5)
            await stranger.send(FileRequest(True, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            _, source = heard
            await stranger.send(Data(1, bytes(512)), source)
            assert await stranger.hear() == (Ack(1), source)
            began = lab.now
            await stranger.send(Data(2, b"end"), source)
            times = []
            while (heard := await stranger.hear(6)) is not None:
                packet, _ = heard
                assert isinstance(packet, Ack)
                times.append((packet.number, round(lab.now - began, 3)))
                if packet.number == 1:  # as those do who send again whatever is acknowledged
                    await stranger.send(Data(2, b"end"), source)
            assert times == [(1, 1), (1, 3), (1, 7), (1, 11), (2, 12.5)]
            await served.close()

        run_lab(body)

    def test_closing_meanwhile_says_what_became_of_it(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What had not begun to have its name never has it."""

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            slow_disk(monkeypatch, served, 10)
            await stranger.send(FileRequest(True, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Data(1, b"end"), heard[1])
            await asyncio.sleep(0.5)
            await served.close()
            assert await stranger.error() == (ErrorCode.OTHER, "the server is closing")
            assert list(served.root.iterdir()) == []
            assert ended(served) == [("WRQ /a TFTP", 503)]

        run_lab(body)

    def test_a_client_that_gives_up_meanwhile_leaves_nothing(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            slow_disk(monkeypatch, served, 10)
            await stranger.send(FileRequest(True, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Data(1, b"end"), heard[1])
            await stranger.send(Error(0, "enough"), heard[1])
            assert await stranger.hear(20) is None
            assert list(served.root.iterdir()) == []
            assert ended(served) == [("WRQ /a TFTP", 499)]
            assert served.admission.total == 0
            await served.close()

        run_lab(body)


class TestTheLog:
    def test_an_upload_that_falls_silent(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.send(FileRequest(True, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Data(1, bytes(512)), heard[1])
            await asyncio.sleep(60)
            assert ended(served) == [("WRQ /a TFTP", 408)]
            await served.close()

        run_lab(body)

    @pytest.mark.parametrize("write", [False, True])
    def test_who_leaves_in_the_middle(self, run_lab: RunLab, write: bool) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            (served.root / "a").write_bytes(payload(5000))
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.send(FileRequest(write, "a"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Data(1, bytes(512)) if write else Ack(1), heard[1])
            await stranger.hear()
            await stranger.send(Error(0, "enough"), heard[1])
            await asyncio.sleep(1)
            assert [status for _, status in ended(served)] == [499]
            await served.close()

        run_lab(body)

    def test_revoking_takes_nothing_back(self, run_lab: RunLab) -> None:
        """The one that is stored, and stays for a lost acknowledgement; the other is under way."""

        async def body(lab: Lab) -> None:
            store = Store(lab.folder / "tokens", create=True)
            store.grant("bob", token="good", now=0.0, rights=frozenset(("read", "write")))
            served = await Served.start(lab, writable=True, store=Store(lab.folder / "tokens"))
            for stored in (True, False):
                stranger = await Stranger.on(lab.host(f"stranger {stored}"))
                request = FileRequest(True, f"{stored}", options={"token": "good"})
                await stranger.send(request, served.address)
                heard = await stranger.hear()
                assert heard is not None and heard[0] == Ack(0)
                await stranger.send(Data(1, b"end" if stored else bytes(512)), heard[1])
                assert await stranger.hear() == (Ack(1), heard[1])
            store.revoke("bob", now=0.0)
            await asyncio.sleep(2)
            assert sorted(ended(served)) == [("WRQ /False TFTP", 403), ("WRQ /True TFTP", 201)]
            assert (served.root / "True").read_bytes() == b"end"
            await served.close()

        run_lab(body)

    def test_a_download_under_way_when_the_server_closes(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab)
            (served.root / "a").write_bytes(payload(5000))
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.ask(served, "a")
            _, source = await stranger.data()
            await stranger.send(Ack(1), source)
            await stranger.data()
            await served.close()
            assert ended(served) == [("RRQ /a TFTP", 503)]

        run_lab(body)


class TestFinishedFetches:
    def test_only_so_many_keep_their_port_and_none_for_long(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab)
            (served.root / "a").write_bytes(b"x" * 100)
            clients = [lab.host("one"), lab.host("two")]

            def ports(client: Host) -> list[int]:
                return [port for host, port in lab.network.endpoints if host == client.address]

            for client in clients:
                for number in range(1, 41):
                    assert await get(client, served.link("a")) == b"x" * 100
                    (client.directory / "a").unlink()
                    await asyncio.sleep(0)  # one that was told to close does
                    assert len(ports(client)) == min(number, dallying.MOST_DALLYING)
            assert lab.now < 1
            await clients[0].close()
            assert ports(clients[0]) == []
            assert len(ports(clients[1])) == dallying.MOST_DALLYING
            await asyncio.sleep(dallying.DALLY_S + 1)
            assert ports(clients[1]) == []
            await served.close()

        run_lab(body)

    @pytest.mark.parametrize("packet", [Error(0, "stop"), Data(1, bytes(513))])
    def test_what_comes_then_disturbs_nobody(self, run_lab: RunLab, packet: Error | Data) -> None:
        async def body(lab: Lab) -> None:
            other = await Stranger.on(lab.host("other"))
            client = lab.host("client")
            job = asyncio.ensure_future(get(client, Link("tftp", *other.endpoint.sockname, "f")))
            heard = await other.hear()
            assert heard is not None
            await other.send(Data(1, b"small"), heard[1])
            assert await job == b"small"
            await other.send(packet, heard[1])
            await asyncio.sleep(0.1)
            assert client.address not in {host for host, _ in lab.network.endpoints}

        run_lab(body)


@pytest.mark.parametrize(
    ("number", "code", "status", "text"),
    [
        (errno.ENOSPC, ErrorCode.DISK_FULL, 507, "the disk is full"),
        (errno.EDQUOT, ErrorCode.DISK_FULL, 507, "the disk is full"),
        (errno.EMFILE, ErrorCode.OTHER, 503, "busy: too many files are open"),
        (errno.ENFILE, ErrorCode.OTHER, 503, "busy: too many files are open"),
        (errno.EACCES, ErrorCode.OTHER, 500, "the disk does not take it"),
        (errno.EIO, ErrorCode.OTHER, 500, "the disk does not take it"),
    ],
)
def test_only_a_full_disk_is_full(number: int, code: ErrorCode, status: int, text: str) -> None:
    error = OSError(number, os.strerror(number), "/secret/place")
    assert verdict(error) == (code, status)
    assert text_of(error) == text


class TestNames:
    """A command has looked them up before; whoever fetches by our functions may have not."""

    def ask(self, run_lab: RunLab, found: Callable[..., Any], name: str = "server.test") -> str:
        async def body(lab: Lab) -> str:
            lab.network.loop.getaddrinfo = found  # type: ignore[method-assign]
            with pytest.raises(TransferError) as caught:
                await get(lab.host("client"), Link("tftp", name, 69, "f"))
            return f"{caught.value} after {lab.now:g} s"

        line: str = run_lab(body)
        return line

    def test_a_lookup_that_hangs_is_given_up(self, run_lab: RunLab) -> None:
        async def found(*args: Any, **kind: Any) -> None:
            await asyncio.sleep(1000)

        line = "server.test:69: no IPv4 address is known for it after 30 s"
        assert self.ask(run_lab, found) == line

    @pytest.mark.parametrize("error", [socket.gaierror(-2, "x"), UnicodeError("too long")])
    def test_one_that_fails(self, run_lab: RunLab, error: Exception) -> None:
        async def found(*args: Any, **kind: Any) -> None:
            raise error

        line = "server.test:69: no IPv4 address is known for it after 0 s"
        assert self.ask(run_lab, found) == line
