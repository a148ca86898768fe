"""A network that is this computer itself: its addresses, the ports it wishes, and strangers."""

import asyncio
import errno
import math
import socket

import pytest
from lab import Lab, RunLab
from recorders import Recorder, payload

import host.addresses
from host.addresses import AddressBlock

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("address", [LOOPBACK, "127.0.0.2", "0.0.0.0"])
def test_it_has_the_address_and_the_ports_that_it_is_told(run_lab: RunLab, address: str) -> None:
    async def body(lab: Lab) -> None:
        computer = lab.host("computer")
        port = free_port()
        listener = await computer.listen(Recorder, port)
        endpoint = await computer.datagram(port)
        assert computer.address == address
        assert listener.address == endpoint.sockname == (address, port)
        assert (await computer.listen(Recorder)).port not in (0, port)

    run_lab(body, clock="real", address=address)


def test_no_block_of_addresses_is_taken(run_lab: RunLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.addresses, "FIRST_BLOCK", 249)
    taken = AddressBlock.lease()

    async def body(lab: Lab) -> None:
        await lab.host("computer").listen(Recorder)

    try:
        run_lab(body, clock="real", address=LOOPBACK)
    finally:
        taken.close()


def test_a_port_that_is_taken_is_an_error(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        computer = lab.host("computer")
        stranger = socket.create_server((LOOPBACK, 0))
        with stranger, pytest.raises(OSError, match="in use") as error:
            await computer.listen(Recorder, stranger.getsockname()[1])
        assert error.value.errno == errno.EADDRINUSE

    run_lab(body, clock="real", address=LOOPBACK)


@pytest.mark.parametrize("address", [LOOPBACK, "0.0.0.0"])
@pytest.mark.parametrize("rate", [math.inf, 4e6])
def test_strangers_come_and_are_called_over_any_link(
    run_lab: RunLab, address: str, rate: float
) -> None:
    """Raw sockets where nothing limits, shaped ones else: the same bytes, and no faster."""
    size = 1_000_000

    async def body(lab: Lab) -> None:
        computer = lab.host("computer", up=rate, down=rate)
        assert computer.raw == (rate == math.inf)
        came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        came = lab.network.loop.create_future()
        server = await asyncio.start_server(lambda *streams: came.set_result(streams), LOOPBACK, 0)
        calling = await computer.connect(Recorder, *server.sockets[0].getsockname())
        called = Recorder()
        listener = await computer.listen(lambda: called)
        far = [await came, await asyncio.open_connection(LOOPBACK, listener.port)]
        await called.made
        begin = lab.now
        for near, (reader, writer) in zip((calling, called), far, strict=True):
            near.transport.write(payload(size))
            writer.write(payload(size))
            assert await reader.readexactly(size) == payload(size)
            await near.has(size)
            assert near.data == payload(size)
        # Both directions at once, one connection after the other; the last quantum is let off.
        assert lab.now - begin >= 2 * size / rate * 0.95
        for _, writer in far:
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run_lab(body, clock="real", address=address)


def test_datagrams_of_strangers(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        computer = lab.host("computer", up=1e6, down=1e6)
        endpoint = await computer.datagram()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((LOOPBACK, 0))
            stranger.setblocking(False)
            stranger.sendto(b"question", endpoint.sockname)
            data, remote = await endpoint.recv()
            assert (data, remote) == (b"question", stranger.getsockname())
            await endpoint.send(b"answer", remote)
            assert await lab.network.loop.sock_recv(stranger, 100) == b"answer"

    run_lab(body, clock="real", address=LOOPBACK)
