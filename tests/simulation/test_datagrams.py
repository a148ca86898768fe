"""Datagrams between hosts: rates, latency, loss and queues to the byte, under both clocks."""

import asyncio
import socket
import struct
from typing import Any

import asyncio_dgram
import pytest
from lab import Lab, RunLab
from recorders import pair

import host.clock
from host.clock import Clock, StuckError
from host.datagram import LARGEST, DatagramEndpoint
from host.host import Host

RATE = 100_000.0
SO_MEMINFO, SK_MEMINFO_DROPS = 55, 8


def kernel_drops(endpoint: DatagramEndpoint) -> int:
    """Datagrams that the kernel threw away for want of room (sock_diag(7), SK_MEMINFO_DROPS)."""
    figures = endpoint._sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
    drops: int = struct.unpack("9I", figures)[SK_MEMINFO_DROPS]
    return drops


async def open_pair(a: Host, b: Host, **options: Any) -> tuple[DatagramEndpoint, DatagramEndpoint]:
    return await a.datagram(**options), await b.datagram(**options)


async def settle() -> None:
    """Let a datagram that is in the kernel come out of it, under the real clock too."""
    for _ in range(20):
        await asyncio.sleep(0.001)


def test_a_datagram_arrives_whole_with_its_senders_address(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a"), lab.host("b"))
        for data in (b"hello", b"", bytes(LARGEST), b"x" * 1472):
            await near.send(data, far.sockname)
            assert await far.recv() == (data, near.sockname)
            await far.send(data, near.sockname)
            assert await near.recv() == (data, far.sockname)

    run_lab(body, clock=clock)


def test_one_that_is_too_large_is_refused_at_once(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a"), lab.host("b"))
        with pytest.raises(OSError, match="too long"):
            await near.send(bytes(LARGEST + 1), far.sockname)

    run_lab(body)


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (RATE, float("inf"), 50 * 1000 / RATE),
        (float("inf"), RATE, 50 * 1000 / RATE),
        (RATE, RATE, 51 * 1000 / RATE),  # store and forward
        (float("inf"), float("inf"), 0.0),
    ],
)
def test_the_links_rates_hold_exactly(
    run_lab: RunLab, up: float, down: float, expected: float
) -> None:
    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a", up=up), lab.host("b", down=down))
        for number in range(50):
            await near.send(number.to_bytes(2, "big") * 500, far.sockname)
        for number in range(50):
            data, _ = await far.recv()
            assert data == number.to_bytes(2, "big") * 500
        assert lab.now == pytest.approx(expected, rel=1e-9, abs=1e-12)

    run_lab(body)


def test_a_large_datagram_is_not_cut(run_lab: RunLab) -> None:
    """It takes several turns on the link and is one all the same."""

    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a", up=RATE), lab.host("b", down=2 * RATE))
        await near.send(bytes(60_000), far.sockname)
        assert len((await far.recv())[0]) == 60_000
        assert lab.now == pytest.approx(60_000 / RATE * 1.5, rel=1e-9)

    run_lab(body)


def test_the_path_takes_its_latency(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a", latency=0.2), lab.host("b", latency=0.6))
        await near.send(b"ping", far.sockname)
        await far.recv()
        assert lab.now == pytest.approx(0.4)
        await far.send(b"pong", near.sockname)
        await near.recv()
        assert lab.now == pytest.approx(0.8)

    run_lab(body)


def test_streams_and_datagrams_share_a_link(run_lab: RunLab) -> None:
    """Backlogged, each gets half of it."""

    async def body(lab: Lab) -> None:
        a, b = lab.host("a", up=RATE), lab.host("b")
        stream, other = await pair(a, b)
        near, far = await open_pair(a, b)
        stream.transport.write(bytes(400_000))
        for _ in range(20):
            await near.send(bytes(10_000), far.sockname)
        assert sum([len((await far.recv())[0]) for _ in range(20)]) == 200_000
        # A stream's turn is a quantum of 16 KiB, a datagram's is the datagram.
        assert lab.now == pytest.approx(20 * (10_000 + 16_448) / RATE, rel=0.1)
        assert len(other.data) == pytest.approx(20 * 16_448, abs=2 * 16_448)

    run_lab(body)


@pytest.mark.parametrize("latency", [0.0, 0.01])
def test_a_burst_of_two_thousand_arrives_without_loss(
    run_lab: RunLab, clock: Clock, latency: float
) -> None:
    """The kernel's default buffer holds less than a tenth of it: one goes in at a time."""

    async def body(lab: Lab) -> None:
        a, b = lab.host("a", latency=latency), lab.host("b")
        near, far = await open_pair(a, b, queue_limit=2000)
        for number in range(2000):
            await near.send(number.to_bytes(2, "big") * 600, far.sockname)
        for number in range(2000):
            assert await far.recv() == (number.to_bytes(2, "big") * 600, near.sockname)
        assert (near.dropped, far.dropped, kernel_drops(far)) == (0, 0, 0)
        assert a.meter.up_bytes == b.meter.down_bytes == 2000 * 1200

    run_lab(body, clock=clock)


def test_the_same_burst_drops_when_the_kernel_gets_it_all_at_once(run_lab: RunLab) -> None:
    """Why the one above is no matter of course."""

    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a"), lab.host("b"))
        for _ in range(2000):
            near._sock.sendto(bytes(1200), far.sockname)
        assert kernel_drops(far) > 1000

    run_lab(body)


class TestQueues:
    def test_the_senders_queue_drops_its_tail(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            near, far = await open_pair(lab.host("a", up=1e6), lab.host("b"), queue_limit=10)
            for number in range(30):
                await near.send(bytes([number]) * 1000, far.sockname)
            got = [(await far.recv())[0][0] for _ in range(10)]
            assert got == list(range(10))
            assert (near.dropped, far.dropped) == (20, 0)

        run_lab(body, clock=clock)

    def test_the_receivers_queue_drops_its_tail(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            near, far = await open_pair(lab.host("a"), lab.host("b"), queue_limit=10)
            for number in range(10):
                await near.send(bytes([number]), far.sockname)
            await settle()
            for number in range(10, 15):
                await near.send(bytes([number]), far.sockname)
            await settle()
            assert (near.dropped, far.dropped) == (0, 5)
            assert [(await far.recv())[0][0] for _ in range(10)] == list(range(10))
            await near.send(b"room again", far.sockname)
            assert (await far.recv())[0] == b"room again"
            assert far.dropped == 5

        run_lab(body, clock=clock)

    def test_a_slow_downlink_fills_the_receivers_queue(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await open_pair(lab.host("a"), lab.host("b", down=RATE), queue_limit=10)
            got = []

            async def read() -> None:
                while True:
                    got.append(await far.recv())

            reading = asyncio.ensure_future(read())
            for _ in range(100):
                for _ in range(20):
                    await near.send(bytes(100), far.sockname)
                await asyncio.sleep(0.01)
            # Ten datagrams get through in 10 ms, and at most ten wait.
            assert len(got) == pytest.approx(1000, abs=10)
            assert near.dropped == 0
            assert len(got) + far.dropped == pytest.approx(2000, abs=10)
            await asyncio.sleep(1)
            assert len(got) + far.dropped == 2000
            reading.cancel()

        run_lab(body)


class TestLoss:
    @staticmethod
    def lost(run_lab: RunLab, seed: int, up: float, down: float) -> tuple[int, list[int]]:
        async def body(lab: Lab) -> tuple[int, list[int]]:
            number = len(list(lab.folder.iterdir()))
            a, b = lab.host(f"a{number}", loss=up), lab.host(f"b{number}", down_loss=down)
            a.rng.seed(f"{seed}/a")
            near, far = await open_pair(a, b, queue_limit=1000)
            for number in range(1000):
                await near.send(number.to_bytes(2, "big"), far.sockname)
            await asyncio.sleep(1)
            got = [int.from_bytes((await far.recv())[0], "big") for _ in range(1000 - near.lost)]
            assert (near.dropped, far.dropped, far.lost) == (0, 0, 0)
            return near.lost, got

        result: tuple[int, list[int]] = run_lab(body)
        return result

    def test_the_same_seed_loses_the_same(self, run_lab: RunLab) -> None:
        first = self.lost(run_lab, 1, 0.2, 0.1)
        assert self.lost(run_lab, 1, 0.2, 0.1) == first
        assert self.lost(run_lab, 2, 0.2, 0.1) != first
        assert first[1] == sorted(first[1])

    @pytest.mark.parametrize(
        ("up", "down", "expected"), [(0.0, 0.0, 0), (0.2, 0.0, 200), (0.0, 0.2, 200)]
    )
    def test_either_link_may_lose(
        self, run_lab: RunLab, up: float, down: float, expected: int
    ) -> None:
        lost, got = self.lost(run_lab, 3, up, down)
        assert len(got) == 1000 - lost
        assert lost == pytest.approx(expected, abs=50)

    def test_both_lose_one_after_the_other(self, run_lab: RunLab) -> None:
        assert self.lost(run_lab, 4, 0.5, 0.5)[0] == pytest.approx(750, abs=50)
        assert self.lost(run_lab, 4, 1.0, 0.0)[0] == 1000

    def test_a_host_draws_by_its_name_and_the_networks_seed(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> list[float]:
            number = len(list(lab.folder.iterdir()))
            return [
                lab.network.rng("alice").random(),
                lab.network.rng("bob").random(),
                lab.host(f"carol{number}").rng.random(),
            ]

        one, same, other = (run_lab(body, seed=seed) for seed in (1, 1, 2))
        assert one[:2] == same[:2]
        assert not set(one) & set(other)
        assert len(set(one)) == 3


class TestEnds:
    def test_a_closed_endpoint_neither_sends_nor_receives(
        self, run_lab: RunLab, clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            near, far = await open_pair(lab.host("a"), lab.host("b"))
            waiting = asyncio.ensure_future(far.recv())
            await near.send(b"before", far.sockname)
            assert (await waiting)[0] == b"before"
            waiting = asyncio.ensure_future(far.recv())
            await asyncio.sleep(0)
            far.close()
            far.close()
            with pytest.raises(asyncio_dgram.TransportClosed):
                await waiting
            with pytest.raises(asyncio_dgram.TransportClosed):
                await far.recv()
            with pytest.raises(asyncio_dgram.TransportClosed):
                await far.send(b"", near.sockname)
            await near.send(b"into the void", far.sockname)
            await settle()

        run_lab(body, clock=clock)

    def test_what_was_sent_arrives_though_its_sender_closes(
        self, run_lab: RunLab, clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1e6, latency=0.02), lab.host("b", latency=0.02)
            near, far = await open_pair(a, b)
            for number in range(5):
                await near.send(bytes([number]) * 1000, far.sockname)
            near.close()
            assert [(await far.recv())[0][0] for _ in range(5)] == list(range(5))
            await settle()
            # The port is free again.
            again = await a.datagram(near.sockname[1])
            assert again.sockname == near.sockname

        run_lab(body, clock=clock)

    def test_a_host_that_goes_down_takes_its_datagrams_along(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1), lab.host("b", latency=1)
            near, far = await open_pair(a, b)
            await near.send(b"never", far.sockname)
            await asyncio.sleep(0.5)
            await a.close()
            receiving = asyncio.ensure_future(far.recv())
            await asyncio.sleep(10)
            assert not receiving.done()
            receiving.cancel()

        run_lab(body)

    def test_one_that_is_on_its_way_when_its_receiver_opens_is_received(
        self, run_lab: RunLab
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1), lab.host("b", latency=1)
            near = await a.datagram()
            await near.send(b"early", (b.address, 5000))
            # Nobody is known there yet, so only the sender's own link delays it.
            await asyncio.sleep(0.4)
            far = await b.datagram(5000)
            assert (await far.recv())[0] == b"early"

        run_lab(body)

    def test_strangers_are_sent_to_and_heard(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            endpoint = await lab.host("a").datagram()
            stranger = await asyncio_dgram.bind(("127.0.0.1", 0))
            await endpoint.send(b"hello", stranger.sockname)
            assert await stranger.recv() == (b"hello", endpoint.sockname)
            await stranger.send(b"hello yourself", endpoint.sockname)
            assert await endpoint.recv() == (b"hello yourself", stranger.sockname)
            stranger.close()
            await settle()

        run_lab(body, clock="real")

    def test_a_port_that_is_taken_is_refused(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a = lab.host("a")
            first = await a.datagram(5000)
            with pytest.raises(OSError, match="in use"):
                await a.datagram(5000)
            assert first.sockname == (a.address, 5000)

        run_lab(body)


def test_a_drop_by_the_kernel_fails_the_run(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.clock, "KERNEL_PATIENCE_S", 0.02)

    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("alice"), lab.host("bob"))
        # Strangers fill the kernel's buffer; the loop has had no turn to empty it.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            while not kernel_drops(far):
                stranger.sendto(bytes(1200), far.sockname)
        await near.send(bytes(1200), far.sockname)
        assert kernel_drops(far) >= 2
        await asyncio.sleep(1)

    with pytest.raises(StuckError, match="a datagram from alice to bob"):
        run_lab(body)


def test_what_is_in_the_kernel_is_forgotten_with_its_receiver(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await open_pair(lab.host("a"), lab.host("b"))
        await near.send(b"x", far.sockname)
        await near.send(b"y", far.sockname)
        assert lab.network.in_kernel.total == 1
        far.close()
        assert lab.network.in_kernel.total == 0
        await asyncio.sleep(10)

    run_lab(body)
