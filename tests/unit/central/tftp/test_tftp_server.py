"""central.tftp.server: what strangers get, packet by packet."""

import asyncio
import math
from pathlib import Path

import pytest
from attacks import SECRET, Attacked
from lab import Lab, RunLab
from recorders import payload
from tftp_lab import Served, Stranger

from central.access.store import Store
from central.config import ClientConfig, Limits
from central.errors import DeniedError, TransferError
from central.landing import Landing
from central.tftp.client import fetch
from central.tftp.options import MOST_WINDOW, WINDOW_BYTES
from central.tftp.packets import (
    Ack,
    Data,
    Error,
    ErrorCode,
    FileRequest,
    OptionAck,
    encode,
)

SIZE = 5000


async def start(lab: Lab, size: int = SIZE, **options: object) -> tuple[Served, Stranger]:
    served = await Served.start(lab, **options)  # type: ignore[arg-type]
    (served.root / "a.bin").write_bytes(payload(size))
    return served, await Stranger.on(lab.host("stranger"))


async def fetched(lab: Lab, served: Served, name: str, config: ClientConfig | None = None) -> bytes:
    """What an honest client gets."""
    host = lab.host(f"honest{len(lab.network.hosts)}")
    link = served.link(name)
    landing = await Landing.open(host, host.directory / name, link)
    try:
        await fetch(host, link, landing, config or ClientConfig())
        return (await landing.commit()).read_bytes()
    finally:
        await landing.close()


def test_a_plain_transfer_as_in_1992(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.ask(served, "a.bin")
        content, sizes, ports = b"", [], set()
        for number in range(1, 11):
            block, source = await stranger.data()
            assert block.number == number
            content += block.data
            sizes.append(len(block.data))
            ports.add(source[1])
            await stranger.send(Ack(number), source)
        assert content == payload(SIZE)
        assert sizes == [512] * 9 + [392]
        assert len(ports) == 1 and 69 not in ports
        assert await stranger.hear(5) is None
        assert [(each.line, each.status, each.sent) for each in served.log] == [
            ("RRQ /a.bin TFTP", 200, SIZE)
        ]
        await served.close()

    run_lab(body)


def test_options_are_answered_with_what_holds(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.ask(
            served, "a.bin", BLKSIZE="1024", windowsize="500", tsize="0", timeout="3", fancy="yes"
        )
        heard = await stranger.hear()
        assert heard is not None
        answer, source = heard
        assert answer == OptionAck(
            {
                "blksize": "1024",
                "windowsize": str(min(MOST_WINDOW, WINDOW_BYTES // 1024)),
                "timeout": "3",
                "tsize": str(SIZE),
            }
        )
        await stranger.send(Ack(0), source)
        sizes = [len((await stranger.data())[0].data) for _ in range(5)]
        assert sizes == [1024] * 4 + [904]
        await stranger.send(Ack(5), source)
        await served.close()

    run_lab(body)


def test_a_window_of_large_blocks_is_made_to_fit_a_sockets_buffer(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.ask(served, "a.bin", blksize="65464", windowsize="64")
        heard = await stranger.hear()
        assert heard is not None
        assert heard[0] == OptionAck({"blksize": "65464", "windowsize": "2"})
        await served.close()

    run_lab(body)


def test_options_that_nobody_here_knows_are_none(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.ask(served, "a.bin", multicast="", x="y")
        assert (await stranger.data())[0].number == 1
        await served.close()

    run_lab(body)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (FileRequest(False, "a.bin", "netascii"), ErrorCode.ILLEGAL),
        (FileRequest(False, "a.bin", "mail"), ErrorCode.ILLEGAL),
        (FileRequest(False, "absent"), ErrorCode.NOT_FOUND),
        (FileRequest(True, "a.bin"), ErrorCode.DENIED),
        (FileRequest(False, "a.bin", options={"blksize": "7"}), ErrorCode.OPTIONS),
        (FileRequest(False, "a.bin", options={"blksize": "65465"}), ErrorCode.OPTIONS),
        (FileRequest(False, "a.bin", options={"windowsize": "0"}), ErrorCode.OPTIONS),
        (FileRequest(False, "a.bin", options={"timeout": "256"}), ErrorCode.OPTIONS),
        (FileRequest(False, "a.bin", options={"tsize": "-1"}), ErrorCode.OPTIONS),
        (b"\0\1a.bin\0octet\0blksize\x00512\0BlkSize\x00512\0", ErrorCode.OPTIONS),
        (b"\0\1a.bin\0octet", ErrorCode.ILLEGAL),
        (b"\0\1a.bin\0octet\0blksize\0", ErrorCode.ILLEGAL),
        (b"\0\1" + b"x" * 600 + b"\0octet\0", ErrorCode.ILLEGAL),
        (b"\0\2", None),
        (b"", None),
        (b"\0", None),
        (b"\0\x09junk", None),
        (Data(1, b"x"), None),
        (Ack(1), None),
        (Error(0, "hello"), None),
    ],
)
def test_refusals(
    run_lab: RunLab, request_: FileRequest | Data | Ack | Error | bytes, code: ErrorCode | None
) -> None:
    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.send(request_, served.address)
        if code is None and request_ != b"\0\2":
            assert await stranger.hear() is None
        else:
            assert (await stranger.error())[0] == (code or ErrorCode.ILLEGAL)
        await asyncio.sleep(1)
        assert served.admission.total == 0
        await served.close()

    run_lab(body)


class TestWhoIsHeard:
    def test_others_are_told_that_they_are_strangers(self, run_lab: RunLab) -> None:
        """RFC 1350, section 4: by address and port, and the transfer goes on."""

        async def body(lab: Lab) -> None:
            served, stranger = await start(lab)
            others = [await Stranger.on(lab.host("other")), await Stranger.on(stranger_host(lab))]
            await stranger.ask(served, "a.bin")
            _, source = await stranger.data()
            for other in others:
                for packet in (Ack(1), Data(1, b"x"), FileRequest(False, "a.bin")):
                    await other.send(packet, source)
                    assert (await other.error())[0] == ErrorCode.UNKNOWN_TRANSFER
                for silent in (Error(0, "stop"), b"", b"junk"):
                    await other.send(silent, source)
                    assert await other.hear() is None
            assert await stranger.hear(0.1) is None
            await stranger.send(Ack(1), source)
            assert (await stranger.data())[0].number == 2
            await served.close()

        def stranger_host(lab: Lab):  # type: ignore[no-untyped-def]
            return lab.network.hosts["stranger"]

        run_lab(body)

    def test_junk_from_the_peer_itself_is_passed_over(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab)
            await stranger.ask(served, "a.bin")
            _, source = await stranger.data()
            for junk in (b"", b"\0\4\0", b"\xff" * 100, encode(Ack(77)), encode(Data(1, b"x"))):
                await stranger.send(junk, source)
            await stranger.send(Ack(1), source)
            assert (await stranger.data())[0].number == 2
            await served.close()

        run_lab(body)

    def test_an_error_ends_it(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab)
            await stranger.ask(served, "a.bin")
            _, source = await stranger.data()
            await stranger.send(Ack(1), source)
            await stranger.data()
            await stranger.send(Error(0, "enough"), source)
            await asyncio.sleep(0.1)
            assert served.admission.total == 0
            assert await stranger.hear(10) is None
            assert [each.sent for each in served.log] == [1024]
            await served.close()

        run_lab(body)

    def test_a_request_that_comes_again_is_answered_again_by_the_same_transfer(
        self, run_lab: RunLab
    ) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab)
            ports = []
            for _ in range(3):
                await stranger.ask(served, "a.bin")
                block, source = await stranger.data()
                assert block.number == 1
                ports.append(source)
            assert len(set(ports)) == 1
            await stranger.send(Ack(1), ports[0])
            assert (await stranger.data())[0].number == 2
            await stranger.ask(served, "a.bin")
            assert await stranger.hear(0.1) is None
            await served.close()

        run_lab(body)


def test_a_duplicate_acknowledgement_sends_nothing(run_lab: RunLab) -> None:
    """No Sorcerer's Apprentice: each block goes out once (RFC 1123, section 4.2.3.1)."""

    async def body(lab: Lab) -> None:
        served, stranger = await start(lab)
        await stranger.ask(served, "a.bin")
        for number in range(1, 11):
            block, source = await stranger.data()
            assert block.number == number
            for _ in range(3):
                await stranger.send(Ack(number), source)
        assert await stranger.hear(5) is None
        await served.close()

    run_lab(body)


class TestSilentSources:
    @pytest.mark.parametrize(
        ("options", "most"),
        [
            ({}, 516),  # one block, as RFC 1350 has it
            ({"blksize": "65464", "windowsize": "64", "tsize": "0"}, None),
            ({"etag": "0", "sha256": "0", "tsize": "0", "blksize": "1428"}, None),
        ],
    )
    def test_they_get_a_few_times_the_requests_bytes(
        self, run_lab: RunLab, options: dict[str, str], most: int | None
    ) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab)
            request = encode(FileRequest(False, "a.bin", options=options))
            await stranger.send(request, served.address)
            came = await stranger.bytes_within(1000)
            assert 0 < came <= (most or 4 * len(request))
            assert served.admission.total == 0
            assert [(each.status, each.sent) for each in served.log] == [(408, 512 if most else 0)]
            await served.close()

        run_lab(body)

    def test_one_that_falls_silent_is_reminded_by_single_packets(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab, 100_000, limits=Limits(least_rate=0))
            await stranger.ask(served, "a.bin", windowsize="16")
            heard = await stranger.hear()
            assert heard is not None
            await stranger.send(Ack(0), heard[1])
            came = await stranger.bytes_within(1000)
            # A window, fifteen times its last block, and a word at the end.
            assert 31 * 516 < came < 31 * 516 + 40
            assert served.admission.total == 0
            await served.close()

        run_lab(body)

    def test_who_is_too_slow_is_sent_away(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, stranger = await start(lab, 100_000)
            await stranger.ask(served, "a.bin")
            for number in range(1, 100):
                heard = await stranger.hear(3)
                assert heard is not None
                packet, source = heard
                if isinstance(packet, Error):
                    break
                await asyncio.sleep(0.9)  # 512 bytes in it, where 1,024 a second are expected
                await stranger.send(Ack(number), source)
            assert packet == Error(0, "silent or too slow")
            assert 20 < lab.now < 24
            await served.close()

        run_lab(body)


class TestFloods:
    def test_half_open_transfers_give_way_to_honest_clients(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, limits=Limits(transfers=20))
            content = payload(200_000)
            (served.root / "a.bin").write_bytes(content)
            flooding = lab.host("flood")
            ended = asyncio.Event()

            async def flood() -> None:
                while not ended.is_set():
                    stranger = await Stranger.on(flooding)
                    await stranger.ask(served, "a.bin", tsize="0")
                    stranger.endpoint.close()
                    await asyncio.sleep(0.002)

            task = asyncio.ensure_future(flood())
            await asyncio.sleep(1)
            assert served.admission.total == 10  # half of them, for it is one address
            for _ in range(3):
                assert await fetched(lab, served, "a.bin") == content
            ended.set()
            await task
            await asyncio.sleep(60)
            assert served.admission.total == 0
            await served.close()

        run_lab(body)

    def test_at_the_limit_others_are_told_to_come_again(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served = await Served.start(lab, limits=Limits(transfers=2))
            (served.root / "a.bin").write_bytes(payload(SIZE))
            strangers = [await Stranger.on(lab.host(f"stranger{n}")) for n in range(3)]
            sources = []
            for stranger in strangers[:2]:
                await stranger.ask(served, "a.bin")
                _, source = await stranger.data()
                await stranger.send(Ack(1), source)
                await stranger.data()
                sources.append(source)
            await strangers[2].ask(served, "a.bin")
            assert await strangers[2].error() == (0, "busy: too many transfers")
            assert served.log[-1].status == 503
            await strangers[0].send(Error(0, "enough"), sources[0])
            await asyncio.sleep(0.1)
            await strangers[2].ask(served, "a.bin")
            await strangers[2].data()
            await served.close()

        run_lab(body)


class TestPaths:
    def test_nothing_outside_is_read(self, run_lab: RunLab, tmp_path: Path) -> None:
        (tmp_path / "attacked").mkdir()
        attacked = Attacked.build(tmp_path / "attacked")

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, root=attacked.root)
            stranger = await Stranger.on(lab.host("stranger"))
            answers = {}
            for path in attacked.paths:
                name = path.encode(errors="surrogateescape")
                await stranger.send(b"\0\1" + name + b"\0octet\0", served.address)
                answers[path] = await stranger.error()
            absent = answers["absent"]
            for path, answer in answers.items():
                fits = "\0" not in path and len(path.encode(errors="surrogateescape")) < 500
                assert (answer == absent) == fits, path
                assert answer[0] in (ErrorCode.NOT_FOUND, ErrorCode.ILLEGAL)
                assert SECRET.decode() not in answer[1]
            for number, (path, content) in enumerate(attacked.readable.items()):
                host = lab.host(f"client{number}")
                link = served.link(path)
                landing = await Landing.open(host, host.directory / "got", link)
                await fetch(host, link, landing, ClientConfig())
                assert (await landing.commit()).read_bytes() == content
                await landing.close()
            await served.close()
            attacked.assert_untouched()

        run_lab(body)

    def test_nothing_outside_is_written(self, run_lab: RunLab, tmp_path: Path) -> None:
        (tmp_path / "attacked").mkdir()
        attacked = Attacked.build(tmp_path / "attacked")

        async def body(lab: Lab) -> None:
            served = await Served.start(lab, root=attacked.root, writable=True)
            refused = 0
            host = lab.host("stranger")
            for path in attacked.paths:
                stranger = await Stranger.on(host)
                name = path.encode(errors="surrogateescape")
                await stranger.send(b"\0\2" + name + b"\0octet\0", served.address)
                heard = await stranger.hear()
                assert heard is not None
                packet, source = heard
                if isinstance(packet, Error):
                    refused += 1
                    assert packet.code in (ErrorCode.DENIED, ErrorCode.ILLEGAL), path
                else:
                    await stranger.send(Data(1, b"overwritten"), source)
                    await stranger.hear()
                stranger.endpoint.close()
            assert refused > 80
            await served.close()
            attacked.assert_untouched()

        run_lab(body)


class TestTokens:
    @staticmethod
    async def guarded(lab: Lab, **terms: object) -> tuple[Served, Store]:
        store = Store(lab.folder / "tokens", create=True)
        store.grant("bob", token="good", now=0.0, **terms)  # type: ignore[arg-type]
        served = await Served.start(lab, store=Store(lab.folder / "tokens"))
        (served.root / "a.bin").write_bytes(payload(200_000))
        return served, store

    def test_without_one_all_is_refused_alike(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, _ = await self.guarded(lab)
            stranger = await Stranger.on(lab.host("stranger"))
            answers = []
            for path in ("a.bin", "absent", "../x"):
                for options in ({}, {"token": "bad"}):
                    await stranger.ask(served, path, **options)
                    answers.append(await stranger.error())
            assert set(answers) == {(ErrorCode.DENIED, "a valid token is needed")}
            assert {each.status for each in served.log} == {401}
            with pytest.raises(DeniedError, match="a valid token is needed"):
                await fetched(lab, served, "a.bin")
            content = await fetched(lab, served, "a.bin", ClientConfig(token="good"))
            assert content == payload(200_000)
            await asyncio.sleep(10)
            assert [(each.user, each.status) for each in served.log][-1] == ("bob", 200)
            await served.close()

        run_lab(body)

    def test_a_right_to_read_is_none_to_write(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, _ = await self.guarded(lab)
            stranger = await Stranger.on(lab.host("stranger"))
            await stranger.send(FileRequest(True, "b", options={"token": "good"}), served.address)
            assert (await stranger.error())[0] == ErrorCode.DENIED
            assert served.log[-1].status == 403
            await served.close()

        run_lab(body)

    def test_revoking_ends_a_transfer(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, store = await self.guarded(lab, rate=10_000.0)
            job = asyncio.ensure_future(
                fetched(lab, served, "a.bin", ClientConfig(token="good", window=1))
            )
            await asyncio.sleep(5)
            store.revoke("bob", now=0.0)
            began = lab.now
            with pytest.raises(DeniedError, match="no longer permitted"):
                await job
            assert lab.now - began < 0.5
            await asyncio.sleep(1)
            assert 30_000 < served.log[-1].sent < 70_000
            assert served.admission.total == 0
            await served.close()

        run_lab(body)

    def test_a_rate_is_kept(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, _ = await self.guarded(lab, rate=20_000.0)
            await fetched(lab, served, "a.bin", ClientConfig(token="good"))
            assert lab.now == pytest.approx(200_000 / 20_000, rel=0.1)
            await served.close()

        run_lab(body)

    def test_downloads_are_counted(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            served, _ = await self.guarded(lab, downloads=1)
            stranger = await Stranger.on(lab.host("stranger"))
            # One that is never taken up is none.
            await stranger.ask(served, "a.bin", token="good")
            await asyncio.sleep(20)
            config = ClientConfig(token="good")
            await fetched(lab, served, "a.bin", config)
            with pytest.raises(DeniedError, match="used up"):
                await fetched(lab, served, "a.bin", config)
            await served.close()

        run_lab(body)


def test_closing_tells_those_who_are_under_way(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served = await Served.start(lab, up=10_000.0)
        (served.root / "a.bin").write_bytes(payload(200_000))
        job = asyncio.ensure_future(fetched(lab, served, "a.bin"))
        await asyncio.sleep(3)
        await served.close()
        with pytest.raises(TransferError, match="says: the server is closing"):
            await job
        assert lab.now < 4
        assert served.admission.total == 0
        assert math.isfinite(served.log[0].sent)

    run_lab(body)


def test_a_file_that_becomes_shorter_ends_the_transfer(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        served = await Served.start(lab, up=50_000.0)
        (served.root / "a.bin").write_bytes(payload(400_000))
        job = asyncio.ensure_future(fetched(lab, served, "a.bin"))
        await asyncio.sleep(1)
        with (served.root / "a.bin").open("r+b") as file:
            file.truncate(100_000)
        with pytest.raises(TransferError, match="became shorter while it was sent"):
            await job
        await served.close()

    run_lab(body)
