"""TFTP from our client to our server in virtual time: over slow, lossy and jumbled paths."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import payload
from tftp_lab import Served, Stranger

import central.tftp.dallying as dallying
from central.config import ClientConfig, Limits
from central.errors import (
    BusyError,
    CentralError,
    CorruptError,
    DeniedError,
    DiskError,
    NotFoundError,
    TransferError,
)
from central.landing import Landing
from central.link import Link
from central.tftp.client import fetch, put
from central.tftp.packets import Ack, Data, Error, ErrorCode, FileRequest, OptionAck, Packet
from central.tftp.receiving import Receiver
from central.tftp.sending import Sender
from host.datagram import Address, DatagramEndpoint
from host.host import Host

PATIENT = Limits(least_rate=0, head_s=30)


async def get(host: Host, link: Link, config: ClientConfig | None = None) -> bytes:
    """The file behind a link, fetched into the host's folder."""
    landing = await Landing.open(host, host.directory / link.name, link)
    try:
        await fetch(host, link, landing, config or ClientConfig())
        return (await landing.commit()).read_bytes()
    finally:
        await landing.close()


class Cores:
    """The senders and receivers of a test, to ask how often they repeated themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.senders: list[Sender] = []
        self.receivers: list[Receiver] = []
        for kind, kept in ((Sender, self.senders), (Receiver, self.receivers)):
            self._keep(monkeypatch, kind, kept)

    def _keep(self, monkeypatch: pytest.MonkeyPatch, kind: Any, kept: list[Any]) -> None:
        made = kind.__init__

        def init(core: Any, *args: Any) -> None:
            made(core, *args)
            kept.append(core)

        monkeypatch.setattr(kind, "__init__", init)

    @property
    def repeated(self) -> tuple[int, int]:
        """Blocks and acknowledgements that were sent again."""
        return (
            sum(core.repeated for core in self.senders),
            sum(core.repeated for core in self.receivers),
        )


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Cores:
    return Cores(monkeypatch)


async def hand_out(lab: Lab, clients: int, size: int, **links: Any) -> float:
    """Serve one file to so many; returns the seconds until all have it."""
    up, peer_up, peer_down = (links.pop(name, float("inf")) for name in ("up", "u", "d"))
    served = await Served.start(lab, limits=PATIENT, up=up, **links)
    content = payload(size)
    (served.root / "f").write_bytes(content)
    hosts = [lab.host(f"c{n}", up=peer_up, down=peer_down, **links) for n in range(clients)]
    start = lab.now
    all_got = await asyncio.gather(*(get(host, served.link("f")) for host in hosts))
    took = lab.now - start
    assert all(got == content for got in all_got)
    await served.close()
    return took


MIB = 1 << 20
US, U = 160 * MIB / 3600, 16 * MIB / 3600


@pytest.mark.parametrize("latency", [0.0, 0.05])
@pytest.mark.parametrize("clients", [1, 5, 35])
def test_the_textbooks_figure_is_met_without_a_single_repetition(
    run_lab: RunLab, cores: Cores, clients: int, latency: float
) -> None:
    """A window to each of 35 waits for 17 s in the origin's own queue, which is no loss."""

    async def body(lab: Lab) -> None:
        size = MIB // 4
        took = await hand_out(lab, clients, size, up=US, u=U, latency=latency)
        windows = size / (1428 * 16) + 2
        bound = clients * size / US
        assert took >= bound
        assert took <= 1.01 * bound + 2 * latency * (windows if clients == 1 else 3)
        assert cores.repeated == (0, 0)

    run_lab(body)


@pytest.mark.parametrize(("clients", "most"), [(1, 20), (10, 70)])
def test_slow_downlinks_are_learned_and_cause_no_storm(
    run_lab: RunLab, cores: Cores, clients: int, most: int
) -> None:
    """The homework: a window takes 41 s on the client's downlink, where no sender can see it."""

    async def body(lab: Lab) -> None:
        size = 300_000
        took = await hand_out(lab, clients, size, up=8388.6, u=195.7, d=559.2)
        bound = max(size / 559.2, clients * size / 8388.6)
        assert bound < took < 1.1 * bound
        blocks, _ = cores.repeated
        assert 0 < blocks < most

    run_lab(body)


class Jumble:
    """Between all endpoints: datagrams are lost, sent twice and overtaken."""

    def __init__(
        self, patch: pytest.MonkeyPatch, seed: int, loss: float, twice: float, late_s: float
    ) -> None:
        self.rng = random.Random(seed)
        self.loss, self.twice, self.late_s = loss, twice, late_s
        self.datagrams = 0
        self._arrive: Callable[[DatagramEndpoint, bytes, Address], None] = DatagramEndpoint._arrive
        jumble = self

        def arrive(endpoint: DatagramEndpoint, data: bytes, address: Address) -> None:
            jumble.arrive(endpoint, data, address)

        patch.setattr(DatagramEndpoint, "_arrive", arrive)

    def arrive(self, endpoint: DatagramEndpoint, data: bytes, address: Address) -> None:
        self.datagrams += 1
        if self.rng.random() < self.loss:
            endpoint._left()
            return
        times = 2 if self.rng.random() < self.twice else 1
        endpoint._under_way += times - 1
        for _ in range(times):
            # Timers of one instant run in any order.
            if delay := self.rng.random() * self.late_s:
                endpoint._network.loop.call_later(delay, self._arrive, endpoint, data, address)
            else:
                self._arrive(endpoint, data, address)


class TestBadPaths:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("window", [1, 16])
    def test_a_fifth_is_lost_each_way(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch, seed: int, window: int
    ) -> None:
        jumble = Jumble(monkeypatch, seed, loss=0.2, twice=0.0, late_s=0.0)

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, limits=PATIENT, writable=True, latency=0.02)
            content = payload(200_000)
            (served.root / "f").write_bytes(content)
            host = lab.host("client", latency=0.02)
            config = ClientConfig(window=window)
            assert await get(host, served.link("f"), config) == content
            blocks = 200_000 // 1428 + 1
            # Of a window of 16 four arrive in a row, on average; each has an answer or two.
            assert jumble.datagrams < blocks * (8 if window == 16 else 4)
            assert lab.now < 120
            jumble.datagrams = 0
            await put(host, served.link("g"), host.directory / "f", config)
            assert (served.root / "g").read_bytes() == content
            assert jumble.datagrams < blocks * (8 if window == 16 else 4)
            await served.close()

        run_lab(body)

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("window", [1, 16])
    def test_some_come_twice_and_overtake_each_other(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch, seed: int, window: int
    ) -> None:
        jumble = Jumble(monkeypatch, seed, loss=0.05, twice=0.2, late_s=0.005)

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, limits=PATIENT, writable=True, up=1e6)
            content = payload(200_000)
            (served.root / "f").write_bytes(content)
            host = lab.host("client", up=1e6)
            config = ClientConfig(window=window)
            assert await get(host, served.link("f"), config) == content
            blocks = 200_000 // 1428 + 1
            assert jumble.datagrams < blocks * (30 if window == 16 else 4)
            await put(host, served.link("g"), host.directory / "f", config)
            assert (served.root / "g").read_bytes() == content
            await served.close()

        run_lab(body)

    def test_a_window_of_one_sends_each_block_once_though_all_comes_twice(
        self, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch, cores: Cores
    ) -> None:
        """The Sorcerer's Apprentice would double every packet from then on."""
        jumble = Jumble(monkeypatch, 1, loss=0.0, twice=1.0, late_s=0.0)

        async def body(lab: Lab) -> None:
            served = await Served.start(lab)
            content = payload(100_000)
            (served.root / "f").write_bytes(content)
            assert await get(lab.host("client"), served.link("f"), ClientConfig(window=1))
            assert cores.repeated == (0, 0)
            blocks = 100_000 // 1428 + 1
            # RRQ, OACK, their answers, and an ACK for either copy of each block.
            assert jumble.datagrams <= 3 * blocks + 8
            await served.close()

        run_lab(body)


def test_more_blocks_than_numbers(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served = await Served.start(lab, limits=PATIENT, writable=True)
        content = payload(8 * 65_536 + 5)
        (served.root / "f").write_bytes(content)
        host = lab.host("client")
        config = ClientConfig(block_size=8, window=64)
        assert await get(host, served.link("f"), config) == content
        await put(host, served.link("g"), host.directory / "f", config)
        assert (served.root / "g").read_bytes() == content
        await served.close()

    run_lab(body)


@pytest.mark.parametrize("size", [0, 1, 1427, 1428, 1429, 16 * 1428, 65_536, 300_001])
@pytest.mark.parametrize("window", [1, 16])
def test_any_size_both_ways(run_lab: RunLab, size: int, window: int) -> None:
    async def body(lab: Lab) -> None:
        served = await Served.start(lab, writable=True)
        content = payload(size)
        (served.root / "f").write_bytes(content)
        host = lab.host("client")
        config = ClientConfig(window=window)
        assert await get(host, served.link("f"), config) == content
        reports: list[int] = []
        await put(host, served.link("sub/g"), host.directory / "f", config, reports.append)
        assert (served.root / "sub" / "g").read_bytes() == content
        assert reports[-1] == size and reports == sorted(reports)
        await asyncio.sleep(60)
        assert [(each.line, each.status, each.sent) for each in served.log] == [
            ("RRQ /f TFTP", 200, size),
            ("WRQ /sub/g TFTP", 201, 0),
        ]
        assert served.admission.total == 0
        await served.close()

    run_lab(body)


def test_a_block_of_64_kib(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served = await Served.start(lab, up=1e6)
        (served.root / "f").write_bytes(payload(300_000))
        config = ClientConfig(block_size=65_464)
        assert await get(lab.host("client"), served.link("f"), config) == payload(300_000)
        await served.close()

    run_lab(body)


class TestEnds:
    def test_a_server_that_vanishes_fails_the_transfer_and_the_next_one_goes_on(
        self, run_lab: RunLab
    ) -> None:
        async def body(lab: Lab) -> None:
            root = lab.folder / "files"
            root.mkdir()
            content = payload(400_000)
            (root / "f").write_bytes(content)
            served = await Served.start(lab, root=root, up=20_000)
            client = lab.host("client")
            job = asyncio.ensure_future(get(client, served.link("f")))
            await asyncio.sleep(10)
            await served.host.close()
            with pytest.raises(TransferError, match=r"f: no word from 127\.\d+\.0\.10:69 for 30 s"):
                await job
            assert 39 < lab.now < 41
            await served.close()
            kept = (client.directory / "f.part").stat().st_size
            assert 180_000 < kept <= 200_000
            again = await Served.start(lab, root=root)
            before = again.host.meter.up_bytes
            link = replace(served.link("f"), address=again.address[0])
            # The note knows the server by its address; the digest knows the file anywhere.
            digest = hashlib.sha256(content).hexdigest()
            assert await get(client, replace(link, sha256=digest)) == content
            assert again.host.meter.up_bytes - before > 400_000
            await again.close()

        run_lab(body)

    def test_what_is_here_is_not_fetched_again(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, up=20_000)
            content = payload(400_000)
            (served.root / "f").write_bytes(content)
            client = lab.host("client")
            job = asyncio.ensure_future(get(client, served.link("f")))
            await asyncio.sleep(10)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            await asyncio.sleep(1)
            assert served.admission.total == 0  # the server was told
            before = served.host.meter.up_bytes
            assert await get(client, served.link("f")) == content
            assert 195_000 < served.host.meter.up_bytes - before < 225_000
            await served.close()

        run_lab(body)

    def test_another_version_is_fetched_from_its_beginning(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, up=20_000)
            (served.root / "f").write_bytes(payload(400_000))
            client = lab.host("client")
            job = asyncio.ensure_future(get(client, served.link("f")))
            await asyncio.sleep(10)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            (served.root / "f").unlink()
            (served.root / "f").write_bytes(payload(400_000)[::-1])
            assert await get(client, served.link("f")) == payload(400_000)[::-1]
            await served.close()

        run_lab(body)

    def test_nobody_answers(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            client, nobody = lab.host("client"), lab.host("nobody")
            with pytest.raises(TransferError, match=r"no word from .* for 30 s"):
                await get(client, Link("tftp", nobody.address, 69, "f"))
            assert lab.now == pytest.approx(30)
            assert list(client.directory.iterdir()) == []

        run_lab(body)

    def test_what_is_not_there(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab)
            with pytest.raises(NotFoundError, match=r"absent: .* says: no such file"):
                await get(lab.host("client"), served.link("absent"))
            await served.close()

        run_lab(body)

    def test_a_name_that_fits_no_request(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab)
            link = served.link("y" * 250 + "/" + "x" * 240)
            with pytest.raises(TransferError, match="do not fit a TFTP request of 512 bytes"):
                await get(lab.host("client"), link)
            await served.close()

        run_lab(body)


class TestUploads:
    def test_refusals(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            reading = await Served.start(lab)
            small = await Served.start(lab, writable=True, limits=Limits(upload_bytes=1000))
            client = lab.host("client")
            path = client.directory / "f"
            path.write_bytes(payload(1001))
            with pytest.raises(DeniedError, match="nothing may be put there"):
                await put(client, reading.link("f"), path, ClientConfig())
            with pytest.raises(DiskError, match="a file may have 1000 bytes here"):
                await put(client, small.link("f"), path, ClientConfig())
            with pytest.raises(DiskError, match="No such file"):
                await put(client, small.link("f"), client.directory / "absent", ClientConfig())
            assert list(small.root.iterdir()) == []
            await reading.close()
            await small.close()

        run_lab(body)

    def test_without_tsize_the_limit_holds_all_the_same(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True, limits=Limits(upload_bytes=1000))
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.send(FileRequest(True, "f"), served.address)
            for number in (1, 2):
                heard = await stranger.hear()
                assert heard is not None and heard[0] == Ack(number - 1)
                await stranger.send(Data(number, bytes(512)), heard[1])
            assert (await stranger.error())[0] == ErrorCode.DISK_FULL
            await asyncio.sleep(1)
            assert list(served.root.iterdir()) == []
            assert served.log[-1].status == 413
            await served.close()

        run_lab(body)

    def test_one_that_breaks_off_leaves_nothing(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            client = lab.host("client", up=10_000)
            path = client.directory / "f"
            path.write_bytes(payload(100_000))
            job = asyncio.ensure_future(put(client, served.link("f"), path, ClientConfig()))
            await asyncio.sleep(5)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            await asyncio.sleep(1)
            assert list(served.root.iterdir()) == []
            assert served.admission.total == 0
            await served.close()

        run_lab(body)

    def test_a_digest_that_is_another_one_is_refused(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            request = FileRequest(True, "f", options={"sha256": "0" * 64})
            await stranger.send(request, served.address)
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Data(1, b"other"), heard[1])
            code, text = await stranger.error()
            assert (code, text) == (ErrorCode.OTHER, f"f: its SHA-256 is not {'0' * 64}")
            assert list(served.root.iterdir()) == []
            await served.close()

        run_lab(body)

    def test_the_last_acknowledgement_is_repeated_if_it_was_lost(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, writable=True)
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.send(FileRequest(True, "f"), served.address)
            heard = await stranger.hear()
            assert heard is not None
            for _ in range(3):
                await stranger.send(Data(1, b"all of it"), heard[1])
                assert await stranger.hear() == (Ack(1), heard[1])
            assert (served.root / "f").read_bytes() == b"all of it"
            await asyncio.sleep(dallying.DALLY_S + 1)
            assert served.admission.total == 0
            await served.close()

        run_lab(body)


class OtherServer:
    """A server of others: answers each packet from a script."""

    def __init__(self, stranger: Stranger) -> None:
        self.stranger = stranger
        self.link = Link("tftp", *stranger.endpoint.sockname, "f")
        self.heard: list[Packet] = []

    @classmethod
    async def on(cls, host: Host) -> "OtherServer":
        return cls(await Stranger.on(host))

    async def play(self, *answers: Packet | None) -> None:
        """Wait for a packet, and answer it, for each of the answers."""
        for answer in answers:
            heard = await self.stranger.hear(100)
            assert heard is not None
            self.heard.append(heard[0])
            if answer is not None:
                await self.stranger.send(answer, heard[1])


class TestOtherServers:
    def play(
        self, run_lab: RunLab, *answers: Packet | None, config: ClientConfig | None = None
    ) -> tuple[bytes | CentralError, list[Packet]]:
        """What our client gets from a server that answers so, and what it said."""

        async def body(lab: Lab) -> tuple[bytes | CentralError, list[Packet]]:
            other = await OtherServer.on(lab.host("other"))
            job = asyncio.ensure_future(other.play(*answers))
            result: bytes | CentralError
            try:
                result = await get(lab.host("client"), other.link, config)
            except CentralError as error:
                result = error
            await asyncio.sleep(1)
            while (heard := await other.stranger.hear(1)) is not None:
                other.heard.append(heard[0])
            job.cancel()
            return result, other.heard

        result: tuple[bytes | CentralError, list[Packet]] = run_lab(body)
        return result

    def test_one_that_knows_no_options(self, run_lab: RunLab) -> None:
        """Nor does it say the size."""
        got, heard = self.play(run_lab, Data(1, bytes(512)), Data(2, bytes(512)), Data(3, b"end"))
        assert got == bytes(1024) + b"end"
        assert heard[1:] == [Ack(1), Ack(2), Ack(3)]

    def test_one_that_refuses_options(self, run_lab: RunLab) -> None:
        got, heard = self.play(run_lab, Error(8, "no options"), Data(1, b"small"))
        assert got == b"small"
        first, second, *rest = heard
        assert isinstance(first, FileRequest) and first.options
        assert second == FileRequest(False, "f")
        assert rest == [Ack(1)]

    @pytest.mark.parametrize(
        "options",
        [
            {"blksize": "65464"},
            {"windowsize": "17"},
            {"blksize": "4"},
            {"offset": "5"},
            {"token": "x"},
            {"tsize": "many"},
        ],
    )
    def test_one_that_answers_what_was_not_asked_for(
        self, run_lab: RunLab, options: dict[str, str]
    ) -> None:
        got, heard = self.play(run_lab, OptionAck(options))
        assert isinstance(got, TransferError) and "broke the protocol" in str(got)
        assert isinstance(heard[-1], Error) and heard[-1].code == ErrorCode.OPTIONS

    @pytest.mark.parametrize(
        ("answer", "kind", "line"),
        [
            (Error(0, "busy: too many"), BusyError, "says: busy: too many"),
            (Error(1, "no"), NotFoundError, "says: no"),
            (Error(2, "no\x1b[31m\nway"), DeniedError, "says: no [31m way"),
            (Error(3, "full"), DiskError, "says: full"),
            (Error(99, "x" * 400), TransferError, "says: " + "x" * 200),
        ],
    )
    def test_its_errors(
        self, run_lab: RunLab, answer: Error, kind: type[CentralError], line: str
    ) -> None:
        got, heard = self.play(run_lab, answer)
        assert type(got) is kind
        assert str(got).endswith(line)
        assert len(heard) == 1  # nobody answers an error

    def test_more_than_it_said(self, run_lab: RunLab) -> None:
        got, heard = self.play(run_lab, OptionAck({"tsize": "5"}), Data(1, b"longer than 5"))
        assert isinstance(got, TransferError) and "more came than the 5 bytes" in str(got)
        assert isinstance(heard[-1], Error)

    def test_less_than_it_said(self, run_lab: RunLab) -> None:
        got, _ = self.play(run_lab, OptionAck({"tsize": "5"}), Data(1, b"four"))
        assert isinstance(got, TransferError) and str(got) == "f: ended at 4 of 5 bytes"

    def test_a_digest_that_is_another_one(self, run_lab: RunLab) -> None:
        got, _ = self.play(run_lab, OptionAck({"tsize": "4", "sha256": "0" * 64}), Data(1, b"four"))
        assert isinstance(got, CorruptError)

    def test_a_block_too_large(self, run_lab: RunLab) -> None:
        got, heard = self.play(run_lab, Data(1, bytes(513)))
        assert isinstance(got, TransferError) and "larger than agreed" in str(got)
        assert isinstance(heard[-1], Error) and heard[-1].code == ErrorCode.ILLEGAL

    def test_the_request_and_the_first_acknowledgement_are_repeated(self, run_lab: RunLab) -> None:
        got, heard = self.play(
            run_lab, None, None, OptionAck({"tsize": "4"}), None, None, Data(1, b"four")
        )
        assert got == b"four"
        assert [type(packet).__name__ for packet in heard] == ["FileRequest"] * 3 + ["Ack"] * 4

    def test_one_that_stops_in_the_middle(self, run_lab: RunLab) -> None:
        got, _ = self.play(run_lab, Data(1, bytes(512)), Data(2, bytes(512)))
        assert isinstance(got, TransferError) and "for 30 s" in str(got)


def test_a_folder_is_no_file_to_put(run_lab: RunLab, tmp_path: Path) -> None:
    async def body(lab: Lab) -> None:
        with pytest.raises(DiskError, match="is no regular file"):
            await put(lab.host("c"), Link("tftp", "127.0.0.1", 69, "f"), tmp_path, ClientConfig())

    run_lab(body)
