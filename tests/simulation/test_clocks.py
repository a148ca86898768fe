"""Hosts under each clock: the same scenario, the same bytes, and the same time where it can be."""

import asyncio
import math

import pytest
from lab import Lab, RunLab
from recorders import Recorder, pair, payload

import host.clock
from host.clock import Clock, StuckError
from host.stream import StreamTransport
from host.wire import ACCEPTOR


def test_virtual_and_real_time_agree(run_lab: RunLab) -> None:
    """Within 5 % when the machine has time for us, which it is given eight chances to have."""
    rate, size, rounds = 1_500_000.0, 240_000, [0]

    async def body(lab: Lab) -> list[float]:
        rounds[0] += 1
        origin = lab.host(f"origin-{rounds[0]}", up=rate, latency=0.01)
        times = []
        ends = []
        for number in range(3):
            receiver = lab.host(f"r{number}-{rounds[0]}", down=rate, latency=0.01)
            ends.append(await pair(origin, receiver))
        start = lab.now
        for near, _ in ends:
            near.transport.write(payload(size))
        for _, far in ends:
            times.append(await far.has(size) - start)
            assert far.data == payload(size)
        return times

    virtual = run_lab(body)
    # Another fixed point: the uplink's bytes, the last quantum's second link, and the path.
    assert max(virtual) == pytest.approx(3 * size / rate + 0.01, rel=0.05)
    assert 0.4 < max(virtual) < 0.6
    for _ in range(8):
        real = run_lab(body, clock="real")
        assert max(real) > 0.99 * max(virtual)
        if real == pytest.approx(virtual, rel=0.05):
            break
    assert real == pytest.approx(virtual, rel=0.05)


def test_paced_time_is_virtual_time_with_a_brake(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> float:
        number = len(list(lab.folder.iterdir()))
        near, far = await pair(lab.host(f"a{number}", up=1e6, latency=0.1), lab.host(f"b{number}"))
        near.transport.write(payload(200_000))
        return await far.has(200_000)

    virtual = run_lab(body)
    assert run_lab(body, clock="paced", speed=20.0) == virtual


@pytest.mark.parametrize("clock", ["virtual", "paced", "real"])
@pytest.mark.parametrize("up", [math.inf, 1e6])
@pytest.mark.parametrize("a_connects", [True, False])
def test_the_standard_transport_serves_where_nothing_is_emulated(
    run_lab: RunLab, clock: Clock, up: float, a_connects: bool
) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a", up=up), lab.host("b")
        near, far = await pair(*((a, b) if a_connects else (b, a)))
        if not a_connects:
            near, far = far, near
        shaped = clock != "real" or up != math.inf
        assert isinstance(near.transport, StreamTransport) == shaped
        assert isinstance(far.transport, StreamTransport) == shaped
        near.transport.write(payload(100_000))
        await far.has(100_000)
        assert far.data == payload(100_000)
        assert a.meter.up_bytes == b.meter.down_bytes == 100_000

    run_lab(body, clock=clock, speed=1000.0)


def test_bytes_that_stay_in_the_kernel_are_named(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.clock, "KERNEL_PATIENCE_S", 0.02)

    async def body(lab: Lab) -> None:
        near, _ = await pair(lab.host("alice"), lab.host("bob"))
        near.transport.wire.put(ACCEPTOR, 5)
        await asyncio.sleep(1)

    with pytest.raises(StuckError, match="5 B from alice to bob"):
        run_lab(body)


def test_a_connection_that_is_lost_is_forgotten(run_lab: RunLab) -> None:
    """What was sent to a side that has gone does not hold the clock up."""

    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a"), lab.host("b"))
        near.transport.write(payload(30_000))
        far.transport.abort()
        near.transport.abort()
        await asyncio.sleep(100)
        assert lab.network.in_kernel.total == 0

    run_lab(body)


def test_three_hundred_connections_leave_nothing_behind(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        server = lab.host("server", up=1e6)
        listener = await server.listen(lambda: Recorder(hello=b"welcome"))
        client = lab.host("client")
        for _ in range(3):
            ends = await asyncio.gather(
                *[client.connect(Recorder, *listener.address) for _ in range(100)]
            )
            for end in ends:
                await end.has(7)
                end.transport.close()
                await end.lost
        await asyncio.sleep(1)
        assert lab.network.in_kernel.total == 0
        assert not lab.network._wires
        assert not lab.network._opening
        assert not server._streams
        assert not client._streams

    run_lab(body)


def test_a_stuck_run_names_what_each_host_waits_for(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a"), lab.host("b"))
        waiting = lab.network.hosts["b"].spawn(far.has(10), "waits for ten bytes")
        near.transport.write(b"nine byte")
        await waiting

    with pytest.raises(StuckError, match=r"b: waits for ten bytes waits in Recorder\.has"):
        run_lab(body)
