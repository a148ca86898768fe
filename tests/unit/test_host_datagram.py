"""host.datagram: waiting for the uplink, and looking without waiting; the rest is simulation."""

import asyncio

import pytest
from lab import Lab, RunLab


def test_drained_returns_when_the_uplink_has_taken_all(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near = await lab.host("a", up=1000.0, latency=5.0).datagram()
        far = await lab.host("b").datagram()
        await near.drained()
        assert lab.now == 0
        for _ in range(3):
            await near.send(bytes(500), far.sockname)
        await near.drained()
        assert lab.now == pytest.approx(1.5)
        assert near.recv_now() is None

    run_lab(body)


def test_drained_counts_the_turns_of_others_on_the_link(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, far = lab.host("a", up=1000.0), await lab.host("b").datagram()
        endpoints = [await host.datagram() for _ in range(4)]
        for endpoint in endpoints:
            await endpoint.send(bytes(1000), far.sockname)
        times = []
        for endpoint in endpoints:
            await endpoint.drained()
            times.append(lab.now)
        assert times == pytest.approx([1.0, 2.0, 3.0, 4.0])

    run_lab(body)


def test_an_unlimited_uplink_is_always_drained(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await lab.host("a").datagram(), await lab.host("b").datagram()
        await near.send(b"x", far.sockname)
        waiting = asyncio.ensure_future(near.drained())
        await asyncio.sleep(0)
        assert waiting.done()

    run_lab(body)


def test_who_waits_while_the_host_goes_down_waits_no_longer(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, far = lab.host("a", up=1.0), await lab.host("b").datagram()
        near = await host.datagram()
        await near.send(bytes(500), far.sockname)
        waiting = asyncio.ensure_future(near.drained())
        await asyncio.sleep(1)
        assert not waiting.done()
        await host.close()
        await waiting
        assert lab.now == 1.0

    run_lab(body)


def test_what_is_here_can_be_had_without_waiting(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await lab.host("a").datagram(), await lab.host("b").datagram()
        for data in (b"one", b"two"):
            await near.send(data, far.sockname)
        await asyncio.sleep(0.1)
        assert [far.recv_now() for _ in range(3)] == [
            (b"one", near.sockname),
            (b"two", near.sockname),
            None,
        ]

    run_lab(body)


def test_a_port_that_is_closed_again_troubles_nobody(run_lab: RunLab) -> None:
    """The kernel answers with ICMP port unreachable, to whoever may have sent that."""

    async def body(lab: Lab) -> None:
        host, other = lab.host("a"), lab.host("b")
        near, gone, far = await host.datagram(), await other.datagram(), await other.datagram()
        gone.close()
        await asyncio.sleep(0.05)
        for _ in range(3):
            await near.send(b"anybody?", gone.sockname)
            await asyncio.sleep(0.01)
        await far.send(b"hello", near.sockname)
        assert await near.recv() == (b"hello", far.sockname)

    run_lab(body, clock="real")
