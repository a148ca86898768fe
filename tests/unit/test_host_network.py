"""host.network, host.addresses and host.host: who is where, and what a host ends when it goes."""

import asyncio
import ipaddress
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import Recorder, pair, payload

import host.addresses
import host.clock
import host.listener
from host.addresses import AddressBlock
from host.clock import Clock, StuckError
from host.host import Host
from host.link import LinkConfig
from host.network import Network


class TestAddresses:
    def test_networks_side_by_side_do_not_collide(self) -> None:
        blocks = [AddressBlock.lease() for _ in range(3)]
        try:
            addresses = {block.address(index) for block in blocks for index in (0, 1, 5000)}
            assert len(addresses) == 9
            assert all(ipaddress.ip_address(each).is_loopback for each in addresses)
        finally:
            for block in blocks:
                block.close()

    def test_a_block_is_free_again_when_it_is_closed(self) -> None:
        first = AddressBlock.lease()
        address = first.address(0)
        first.close()
        second = AddressBlock.lease()
        assert second.address(0) == address
        second.close()

    def test_every_host_has_an_address_of_its_own_and_all_are_as_long(self) -> None:
        block = AddressBlock.lease()
        try:
            addresses = [block.address(index) for index in range(60_240)]
            assert len(set(addresses)) == 60_240
            assert not any(each.endswith((".0", ".255")) for each in addresses)
            with pytest.raises(ValueError, match="60,240 addresses"):
                block.address(60_240)
        finally:
            block.close()

    def test_when_all_blocks_are_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.addresses, "FIRST_BLOCK", 249)
        taken = AddressBlock.lease()
        try:
            with pytest.raises(OSError, match="all 1 loopback blocks are in use"):
                AddressBlock.lease()
        finally:
            taken.close()


class TestOneAddressForAll:
    """Where only 127.0.0.1 exists, ports tell the hosts apart."""

    @pytest.fixture(autouse=True)
    def alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.addresses, "_has_whole_loopback", lambda: False)

    def test_hosts_reach_each_other(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=4e6, latency=0.01), lab.host("b")
            assert a.address == b.address == "127.0.0.1"
            one, other = await a.listen(Recorder, 8080), await b.listen(Recorder, 8080)
            assert one.address != other.address
            near, far = await pair(a, b)
            near.transport.write(payload(100_000))
            await far.has(100_000)
            assert far.data == payload(100_000)
            assert dict(a.meter.up_by_remote) == {"b": 100_000}
            if clock == "virtual":
                assert dict(b.meter.down_by_remote) == {"a": 100_000}
            datagrams = await a.datagram(5000), await b.datagram(5000)
            await datagrams[0].send(b"x", datagrams[1].sockname)
            assert (await datagrams[1].recv())[0] == b"x"
            with pytest.raises(ConnectionRefusedError):
                await a.connect(Recorder, b.address, 1)

        run_lab(body, clock=clock)

    def test_virtual_time_is_as_exact(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", up=1000, latency=1), lab.host("b", latency=1))
            start = far.made_at
            near.transport.write(payload(5000))
            assert await far.has(5000) == pytest.approx(start + 5 + 1, rel=1e-9)

        run_lab(body)


class TestNetwork:
    def test_names_and_addresses(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            assert lab.network.name_of(a.address) == "a"
            assert lab.network.name_of(b.address) == "b"
            assert lab.network.name_of("192.0.2.1") == "192.0.2.1"
            assert list(lab.network.hosts.values()) == [a, b]
            assert repr(a) == f"<Host a {a.address}>"
            with pytest.raises(ValueError, match="'a' is in the network already"):
                Host(lab.network, "a", a.directory)

        run_lab(body)

    def test_a_host_that_does_not_close_keeps_no_addresses(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            other = Network()
            member: Any = Member(other)
            address = member.address
            with pytest.raises(ZeroDivisionError):
                await other.close()
            again = Network()
            assert Member(again).address == address
            again.hosts.clear()
            await again.close()

        run_lab(body)


class Member:
    """Something that can be in a network and fails to leave it."""

    name = "member"
    raw = True
    up: Any = None
    down: Any = None

    def __init__(self, network: Network) -> None:
        self.address = network.join(self)

    async def close(self) -> None:
        raise ZeroDivisionError("on purpose")


class TestHost:
    def test_a_crashed_host_resets_its_connections_at_once(
        self, run_lab: RunLab, clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            near, far = await pair(a, b)
            listener = await b.listen(Recorder)
            await b.close()
            assert isinstance(await near.lost, ConnectionResetError)
            assert await far.lost is None
            with pytest.raises(ConnectionRefusedError):
                await a.connect(Recorder, *listener.address)

        run_lab(body, clock=clock)

    def test_closing_ends_the_hosts_tasks(self, run_lab: RunLab, clock: Clock) -> None:
        ended: list[str] = []

        async def body(lab: Lab) -> None:
            a = lab.host("a")

            async def work() -> None:
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
                    ended.append("work")

            task = a.spawn(work(), "works")
            assert task.get_name() == "a: works"
            done = a.spawn(asyncio.sleep(0, "done"), "is quick")
            assert await done == "done"
            await a.close()
            assert ended == ["work"]
            assert task.cancelled()
            await a.close()

        run_lab(body, clock=clock)

    def test_closing_in_the_middle_of_everything(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1e5, latency=0.01), lab.host("b", down=1e5)
            c, d = lab.host("c"), lab.host("d")
            for first, second in ((a, b), (c, d)):
                near, far = await pair(first, second)
                near.transport.write(payload(500_000))
                far.transport.write(payload(500_000))
                far.transport.pause_reading()
                listener = await second.listen(Recorder)
                connecting = asyncio.ensure_future(first.connect(Recorder, *listener.address))
                await (await first.datagram()).send(
                    b"x" * 60_000, (await second.datagram()).sockname
                )
                await asyncio.sleep(0.001)
                await first.close()
                await asyncio.wait([connecting])
                if not connecting.cancelled():
                    connecting.exception()

        run_lab(body, clock=clock)

    def test_what_is_computed_is_returned_or_raised(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            a = lab.host("a")
            assert await a.compute(divmod, 7, 2) == (3, 1)
            with pytest.raises(ZeroDivisionError):
                await a.compute(divmod, 7, 0)

        run_lab(body, clock=clock)

    def test_raw_is_what_nothing_slows(self, run_lab: RunLab, tmp_path: Path) -> None:
        async def real(lab: Lab) -> None:
            assert lab.host("plain").raw
            for number, options in enumerate(({"up": 1e6}, {"down": 1e6}, {"latency": 1.0})):
                assert not lab.host(f"h{number}", **options).raw

        async def virtual(lab: Lab) -> None:
            assert not lab.host("virtual").raw

        run_lab(real, clock="real")
        run_lab(virtual)

    def test_a_factory_that_fails_is_the_connectors_error(
        self, run_lab: RunLab, clock: Clock
    ) -> None:
        def broken() -> Recorder:
            raise ZeroDivisionError("on purpose")

        async def body(lab: Lab) -> None:
            lab.network.loop.set_exception_handler(lambda loop, context: None)
            a, b = lab.host("a"), lab.host("b")
            listener = await b.listen(Recorder)
            with pytest.raises(ZeroDivisionError):
                await a.connect(broken, *listener.address)

        run_lab(body, clock=clock)

    def test_a_machine_without_descriptors_accepts_again_later(
        self, run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or, where time would run on meanwhile, fails the run."""
        monkeypatch.setattr(host.listener, "REST_S", 0.01)
        monkeypatch.setattr(host.clock, "KERNEL_PATIENCE_S", 0.01)

        async def body(lab: Lab) -> tuple[int, list[str]]:
            told: list[str] = []
            a, b = lab.host("a"), lab.host("b")
            far = Recorder(keep_open=True)
            listener = await b.listen(lambda: far)
            listener.on_rest = lambda error: told.append(str(error))
            accept = listener._sock.accept
            failures = iter([OSError(24, "Too many open files")] * 3)

            def failing() -> Any:
                for error in failures:
                    raise error
                return accept()

            listener._sock.accept = failing  # type: ignore[method-assign]
            await a.connect(Recorder, *listener.address)
            await far.made
            return listener.rests, told

        if clock == "real":
            # Nobody else is told: it is not the program's fault, and says so only once.
            assert run_lab(body, clock=clock) == (3, ["[Errno 24] Too many open files"])
        else:
            with pytest.raises(StuckError, match="from a to b"):
                run_lab(body)


def test_a_link_has_sensible_figures() -> None:
    for wrong, message in [
        ({"rate": 0.0}, "rate: 0.0 is not above 0"),
        ({"rate": -1.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"latency": -1.0}, "latency"),
        ({"latency": float("inf")}, "latency"),
        ({"latency": float("nan")}, "latency"),
        ({"loss": 1.1}, "loss"),
        ({"loss": -0.1}, "loss"),
        ({"loss": float("nan")}, "loss"),
    ]:
        with pytest.raises(ValueError, match=message):
            LinkConfig(**wrong)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have 127.0.0.1 alone")
def test_linux_has_the_whole_block() -> None:
    assert host.addresses._has_whole_loopback()
    with socket.socket() as sock:
        sock.bind(("127.249.250.249", 0))
