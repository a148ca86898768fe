"""Streams of a host: asyncio's contract kept over links of every kind."""

import asyncio
import errno
import math
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import BufferedRecorder, Recorder, pair, payload

from host.clock import Clock
from host.link import QUANTUM
from host.sending import HIGH_WATER
from host.stream import StreamTransport
from host.wire import WINDOW_MIN

RATE = 1e6
SIZE = 400_003

LINKS: dict[str, dict[str, Any]] = {
    "unlimited": {},
    "slow-up": {"up": RATE},
    "slow-down": {"down": RATE},
    "long": {"latency": 0.05},
    "all": {"up": RATE, "down": RATE, "latency": 0.05},
}
RECORDERS = [Recorder, BufferedRecorder]


@pytest.fixture(params=LINKS)
def links(request: pytest.FixtureRequest) -> dict[str, Any]:
    return LINKS[request.param]


@pytest.fixture(params=RECORDERS, ids=["protocol", "buffered"])
def recorder(request: pytest.FixtureRequest) -> Any:
    return request.param


async def write_all(sender: Recorder, data: bytes, piece: int) -> list[int]:
    """Write as a protocol that honours its pauses; returns the buffer's size after each write."""
    sizes = []
    for start in range(0, len(data), piece):
        if sender.paused:
            await sender.resumed.wait()
        sender.transport.write(data[start : start + piece])
        sizes.append(sender.transport.get_write_buffer_size())
    return sizes


def test_bytes_arrive_whole_and_in_order_both_ways(
    run_lab: RunLab, links: dict[str, Any], recorder: Any, clock: Clock
) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a", **links), lab.host("b"), recorder(), recorder())
        for piece in (1, 7, 1000, 70_000):
            near.transport.write(payload(piece))
            far.transport.write(payload(piece, 5))
        await asyncio.gather(near.has(71_008), far.has(71_008))
        assert far.data == b"".join(payload(piece) for piece in (1, 7, 1000, 70_000))
        assert near.data == b"".join(payload(piece, 5) for piece in (1, 7, 1000, 70_000))
        for end in (near, far):
            end.transport.close()
            assert await end.lost is None
            assert end.calls[0] == "made"
            assert end.calls[-1] == "lost"
            assert set(end.calls[1:-1]) <= {"data", "eof"}

    run_lab(body, clock=clock)


class TestBackpressure:
    def test_a_writer_that_outruns_its_link_is_paused_and_resumed(
        self, run_lab: RunLab, links: dict[str, Any]
    ) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", **links), lab.host("b"))
            piece = 10_000
            sizes = await write_all(near, payload(SIZE), piece)
            assert max(sizes) <= HIGH_WATER + piece
            await far.has(SIZE)
            assert far.data == payload(SIZE)
            assert not near.paused
            if links.get("up"):
                assert max(sizes) > HIGH_WATER

        run_lab(body)

    def test_a_writer_that_ignores_its_pause_loses_nothing(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", up=RATE), lab.host("b"))
            data = payload(SIZE)
            for start in range(0, SIZE, 1000):
                near.transport.write(data[start : start + 1000])
            assert near.paused
            assert near.transport.get_write_buffer_size() == SIZE
            await far.has(SIZE)
            assert far.data == payload(SIZE)
            assert not near.paused
            assert near.transport.get_write_buffer_size() == 0

        run_lab(body)

    def test_the_limits_of_the_buffer_can_be_set(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, _ = await pair(lab.host("a", up=RATE), lab.host("b"))
            assert near.transport.get_write_buffer_limits() == (HIGH_WATER // 4, HIGH_WATER)
            near.transport.set_write_buffer_limits(high=300, low=100)
            assert near.transport.get_write_buffer_limits() == (100, 300)
            near.transport.write(bytes(300))
            assert not near.paused
            near.transport.write(bytes(1))
            assert near.paused
            near.transport.set_write_buffer_limits(low=50)
            assert near.transport.get_write_buffer_limits() == (50, 200)
            with pytest.raises(ValueError, match="high"):
                near.transport.set_write_buffer_limits(high=1, low=2)

        run_lab(body)

    def test_a_paused_reader_holds_its_sender_back_and_loses_nothing(
        self, run_lab: RunLab, links: dict[str, Any], recorder: Any
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b", **links)
            near, far = await pair(a, b, recorder(), recorder())
            far.transport.pause_reading()
            assert not far.transport.is_reading()
            writing = asyncio.ensure_future(write_all(near, payload(SIZE), 10_000))
            await asyncio.sleep(1000)
            assert len(far.data) == 0
            # It waits in the receiver's host, never in the kernel.
            assert a.meter.up_bytes == b.meter.down_bytes
            assert lab.network.in_kernel.total == 0
            window = near.transport.wire.window(1)
            assert near.paused == (window < SIZE)
            assert a.meter.up_bytes <= window
            far.transport.resume_reading()
            await far.has(100_000)
            far.transport.pause_reading()
            had = len(far.data)
            await asyncio.sleep(1000)
            assert len(far.data) == had
            far.transport.resume_reading()
            await far.has(SIZE)
            await writing
            assert far.data == payload(SIZE)

        run_lab(body)

    def test_a_reader_may_pause_within_a_call(self, run_lab: RunLab, links: dict[str, Any]) -> None:
        """No call of data_received between a pause and its resumption, wherever it falls."""

        class Halting(Recorder):
            halted = 0

            def arrived(self, data: bytes | memoryview) -> None:
                assert self.transport.is_reading()
                super().arrived(data)
                self.transport.pause_reading()
                Halting.halted += 1
                asyncio.get_running_loop().call_later(0.0123, self.transport.resume_reading)

        class BufferedHalting(Halting, BufferedRecorder):
            pass

        async def body(lab: Lab) -> None:
            for number, kind in enumerate((Halting, BufferedHalting)):
                a, b = lab.host(f"a{number}"), lab.host(f"b{number}", **links)
                near, far = await pair(a, b, theirs=kind())
                near.transport.write(payload(SIZE))
                await far.has(SIZE)
                assert far.data == payload(SIZE)
                assert kind.halted > 5

        run_lab(body, deadline_s=60)

    def test_pausing_does_not_charge_the_link_twice(self, run_lab: RunLab, recorder: Any) -> None:
        """What passed the downlink while the reader slept is there at once when it wakes."""

        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a"), lab.host("b", down=RATE), theirs=recorder())
            near.transport.write(payload(WINDOW_MIN))
            await asyncio.sleep(QUANTUM / RATE / 2)
            far.transport.pause_reading()
            await asyncio.sleep(10)
            far.transport.resume_reading()
            assert await far.has(WINDOW_MIN) == pytest.approx(10 + QUANTUM / RATE / 2)

        run_lab(body)

    def test_a_paused_reader_still_has_its_end(self, run_lab: RunLab, recorder: Any) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a"), lab.host("b"), theirs=recorder())
            far.transport.pause_reading()
            near.transport.write(b"last words")
            near.transport.close()
            await asyncio.sleep(1)
            assert far.calls == ["made"]
            far.transport.resume_reading()
            await far.ended
            assert far.data == b"last words"
            assert far.eof_at == 1.0

        run_lab(body)


def test_nothing_larger_than_a_quantum_goes_to_the_kernel(
    run_lab: RunLab, links: dict[str, Any], tmp_path: Path
) -> None:
    """Larger writes to loopback did not keep their order from run to run."""
    path = tmp_path / "file"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        host = lab.host("a", traced=True, **links)
        near, far = await pair(host, lab.host("b"))
        near.transport.write(payload(SIZE))
        with path.open("rb") as file:
            await host.send_file(near.transport, file, 0, SIZE)
        near.transport.close()
        await far.ended
        assert len(far.data) == 2 * SIZE
        sizes = [int(call.result) for call in host.trace or () if call.name == "send"]
        assert sum(sizes) == 2 * SIZE
        assert max(sizes) == QUANTUM

    run_lab(body)


class TestEnds:
    def test_close_sends_what_is_buffered_first(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", up=4e6), lab.host("b"))
            near.transport.write(payload(SIZE))
            near.transport.close()
            assert near.transport.is_closing()
            assert await near.lost is None
            await far.ended
            assert far.data == payload(SIZE)

        run_lab(body, clock=clock)

    def test_half_a_connection_can_be_closed(
        self, run_lab: RunLab, links: dict[str, Any], clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", **links), lab.host("b"))
            assert near.transport.can_write_eof()
            near.transport.write(payload(SIZE))
            near.transport.write_eof()
            with pytest.raises(RuntimeError):
                near.transport.write(b"more")
            await far.ended
            assert far.data == payload(SIZE)
            far.transport.write(payload(SIZE))
            await near.has(SIZE)
            assert near.data == payload(SIZE)
            far.transport.close()
            await near.ended
            assert near.calls.count("eof") == far.calls.count("eof") == 1
            near.transport.close()
            assert await near.lost is None
            assert await far.lost is None

        run_lab(body, clock=clock)

    @pytest.mark.parametrize("how", ["close", "abort", "reset"])
    @pytest.mark.parametrize("keep_open", [False, True])
    def test_a_sender_learns_that_its_reader_has_gone(
        self, run_lab: RunLab, links: dict[str, Any], how: str, keep_open: bool
    ) -> None:
        """Also one that is held back by its window, or would stay open after the other's end."""

        async def body(lab: Lab) -> None:
            near, far = await pair(
                lab.host("a", **links), lab.host("b"), Recorder(keep_open=keep_open)
            )
            far.transport.pause_reading()
            near.transport.write(bytes(8_000_000))
            await asyncio.sleep(1)
            getattr(far.transport, how)()
            await far.lost
            await near.lost
            assert near.lost_at <= 1 + 0.5
            assert near.transport.get_write_buffer_size() == 0

        run_lab(body, deadline_s=100)

    @pytest.mark.parametrize("paused", [False, True])
    def test_a_sender_learns_that_its_reader_crashed(self, run_lab: RunLab, paused: bool) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE), lab.host("b", down=RATE)
            near, _ = await pair(a, b)
            near.transport.write(bytes(2_000_000))
            if paused:
                near.transport.pause_reading()
            await asyncio.sleep(0.5)
            await b.close()
            assert isinstance(await near.lost, ConnectionError)
            assert near.lost_at == pytest.approx(0.5, abs=2 * QUANTUM / RATE)

        run_lab(body, deadline_s=100)

    def test_abort_drops_what_is_buffered(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", up=1e5), lab.host("b"))
            near.transport.write(payload(SIZE))
            near.transport.abort()
            near.transport.abort()
            near.transport.write(b"nothing")
            assert near.transport.get_write_buffer_size() == 0
            assert await near.lost is None
            await far.ended
            assert far.data == b""

        run_lab(body, clock=clock)

    def test_reset_is_an_error_for_the_other_side_after_a_latency(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a", latency=0.2), lab.host("b", latency=0.2))
            await asyncio.sleep(10 - lab.now)
            near.transport.reset()
            assert isinstance(await far.lost, ConnectionResetError)
            assert far.lost_at == pytest.approx(10.2)
            assert await near.lost is None
            assert "eof" not in far.calls

        run_lab(body)

    def test_what_is_under_way_survives_its_senders_end(self, run_lab: RunLab) -> None:
        """Writing to a side that has gone must not cost what that side had sent before."""

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.2), lab.host("b", down=RATE, latency=0.2)
            near, far = await pair(a, b, theirs=Recorder())
            near.transport.write(payload(SIZE))
            near.transport.close()
            await near.lost
            for _ in range(3):
                await asyncio.sleep(0.01)
                far.transport.write(b"are you there?")
            await far.lost
            assert far.data == payload(SIZE)

        run_lab(body)

    def test_writing_after_the_end_is_ignored(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            near, far = await pair(lab.host("a"), lab.host("b"))
            near.transport.close()
            await near.lost
            near.transport.write(b"late")
            near.transport.write_eof()
            near.transport.close()
            await far.ended
            assert far.data == b""

        run_lab(body)

    def test_a_protocol_that_fails_loses_its_connection_and_no_other(
        self, run_lab: RunLab, tmp_path: Path
    ) -> None:
        class Failing(Recorder):
            def data_received(self, data: bytes) -> None:
                raise ZeroDivisionError("on purpose")

        async def body(lab: Lab) -> list[str]:
            troubles: list[str] = []
            lab.network.loop.set_exception_handler(
                lambda loop, context: troubles.append(str(context.get("exception")))
            )
            receiver = lab.host("r", down=RATE)
            bad, failing = await pair(lab.host("bad"), receiver, theirs=Failing())
            good, far = await pair(lab.host("good"), receiver)
            bad.transport.write(payload(SIZE))
            good.transport.write(payload(SIZE))
            assert isinstance(await failing.lost, ZeroDivisionError)
            await far.has(SIZE)
            assert far.data == payload(SIZE)
            return troubles

        assert run_lab(body) == ["on purpose"]

    def test_a_callback_that_fails_does_not_stop_the_link(self, run_lab: RunLab) -> None:
        class Failing(Recorder):
            def resume_writing(self) -> None:
                raise ZeroDivisionError("on purpose")

        async def body(lab: Lab) -> int:
            troubles: list[object] = []
            lab.network.loop.set_exception_handler(lambda loop, context: troubles.append(context))
            sender = lab.host("s", up=RATE)
            bad, _ = await pair(sender, lab.host("a"), Failing())
            good, far = await pair(sender, lab.host("b"))
            bad.transport.write(bytes(100_000))
            good.transport.write(payload(SIZE))
            await far.has(SIZE)
            return len(troubles)

        assert run_lab(body) == 1


class TestConnecting:
    def test_a_refused_connection_raises(self, run_lab: RunLab, clock: Clock) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            with pytest.raises(ConnectionRefusedError) as caught:
                await a.connect(Recorder, b.address, 999)
            assert caught.value.errno == errno.ECONNREFUSED

        run_lab(body, clock=clock)

    def test_five_hundred_connect_at_once_in_no_time(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            server = lab.host("server")
            accepted: list[Recorder] = []

            def factory() -> Recorder:
                accepted.append(Recorder())
                return accepted[-1]

            listener = await server.listen(factory)
            clients = [lab.host(f"c{number}") for number in range(50)]
            opened = await asyncio.gather(
                *[client.connect(Recorder, *listener.address) for client in clients * 10]
            )
            assert len(opened) == 500
            assert lab.now == 0.0
            await asyncio.sleep(1e-6)
            assert len(accepted) == 500
            assert {end.made_at for end in accepted} == {0.0}

        run_lab(body)

    def test_a_port_that_is_taken_is_refused(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            host = lab.host("a")
            first = await host.listen(Recorder, 8080)
            assert first.port == 8080
            with pytest.raises(OSError, match="in use") as caught:
                await host.listen(Recorder, 8080)
            assert caught.value.errno == errno.EADDRINUSE
            first.close()
            (await host.listen(Recorder, 8080)).close()

        run_lab(body)

    def test_each_host_has_its_own_ports(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            assert (await a.listen(Recorder, 8080)).address == (a.address, 8080)
            assert (await b.listen(Recorder, 8080)).address == (b.address, 8080)

        run_lab(body)

    @pytest.mark.parametrize("latency", [0.0, 0.5])
    def test_connecting_can_be_given_up(self, run_lab: RunLab, latency: float) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=latency), lab.host("b")
            listener = await b.listen(Recorder)
            attempt = asyncio.ensure_future(a.connect(Recorder, *listener.address))
            await asyncio.sleep(0)
            await asyncio.sleep(latency / 4)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            await asyncio.sleep(10)

        run_lab(body)

    def test_a_listener_that_closes_resets_those_on_their_way(self, run_lab: RunLab) -> None:
        """What has not reached the application is lost, and the application never hears of it."""
        opened: list[Recorder] = []

        def factory() -> Recorder:
            opened.append(Recorder())
            return opened[-1]

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=0.5), lab.host("b", latency=0.5)
            listener = await b.listen(factory)
            attempt = asyncio.ensure_future(a.connect(Recorder, *listener.address))
            await asyncio.sleep(1.2)
            near = await attempt
            listener.close()
            assert isinstance(await near.lost, ConnectionResetError)
            await asyncio.sleep(10)
            assert opened == []

        run_lab(body)

    def test_a_listener_closes_before_it_accepts(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            listener = await b.listen(Recorder)
            attempt = asyncio.ensure_future(a.connect(Recorder, *listener.address))
            await asyncio.sleep(0)
            listener.close()
            try:
                await (await attempt).lost
            except ConnectionError:
                pass
            await asyncio.sleep(10)

        run_lab(body)

    def test_a_protocol_hears_of_no_connection_that_was_never_made(self, run_lab: RunLab) -> None:
        opened: list[Recorder] = []

        def factory() -> Recorder:
            opened.append(Recorder())
            return opened[-1]

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            listener = await b.listen(factory)
            attempt = asyncio.ensure_future(a.connect(Recorder, *listener.address))
            await asyncio.sleep(0.1)
            await b.close()
            with pytest.raises(ConnectionError):
                error = await (await attempt).lost
                raise error or ConnectionResetError
            assert [end.calls for end in opened] == [] or opened[0].calls == []

        run_lab(body)


class TestSendFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "file.bin"
        path.write_bytes(payload(SIZE))
        return path

    def test_a_stretch_of_a_file_goes_out_in_its_turn(
        self, run_lab: RunLab, file: Path, links: dict[str, Any], clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            host = lab.host("a", **links)
            near, far = await pair(host, lab.host("b"))
            near.transport.write(b"head")
            with file.open("rb") as source:
                await host.send_file(near.transport, source, 1000, SIZE - 1000)
                near.transport.write(b"middle")
                await host.send_file(near.transport, source, 0, 0)
                await host.send_file(near.transport, source, 0, 10)
            near.transport.write(b"tail")
            near.transport.close()
            await far.ended
            data = payload(SIZE)
            assert far.data == b"head" + data[1000:] + b"middle" + data[:10] + b"tail"
            assert host.meter.up_bytes == len(far.data)

        run_lab(body, clock=clock)

    def test_it_takes_the_time_of_its_bytes_and_no_memory(
        self, run_lab: RunLab, file: Path
    ) -> None:
        async def body(lab: Lab) -> None:
            host = lab.host("a", up=RATE)
            near, far = await pair(host, lab.host("b"))
            with file.open("rb") as source:
                sending = asyncio.ensure_future(host.send_file(near.transport, source, 0, SIZE))
                await asyncio.sleep(0)
                assert near.transport.get_write_buffer_size() == 0
                assert not near.paused
                await sending
            assert lab.now == pytest.approx(SIZE / RATE, rel=1e-9)
            assert await far.has(SIZE) == pytest.approx(SIZE / RATE, rel=1e-9)

        run_lab(body)

    def test_it_may_begin_with_the_connection(
        self, run_lab: RunLab, file: Path, clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")

            class Eager(Recorder):
                def connection_made(self, transport: asyncio.BaseTransport) -> None:
                    super().connection_made(transport)
                    b.spawn(self.send(), "sends")

                async def send(self) -> None:
                    with file.open("rb") as source:
                        await b.send_file(self.transport, source, 0, SIZE)
                    self.transport.close()

            listener = await b.listen(Eager)
            near = await a.connect(Recorder, *listener.address)
            await near.ended
            assert near.data == payload(SIZE)

        run_lab(body, clock=clock)

    def test_a_file_that_shrank_ends_the_connection(
        self, run_lab: RunLab, file: Path, clock: Clock
    ) -> None:
        async def body(lab: Lab) -> None:
            host = lab.host("a", up=4e6)
            near, far = await pair(host, lab.host("b"))
            with file.open("rb") as source, pytest.raises(OSError, match="before"):
                await host.send_file(near.transport, source, 0, SIZE + 5000)
            assert "ended 5000 bytes before" in str(await near.lost)
            await far.ended
            assert len(far.data) < SIZE + 5000
            with file.open("rb") as source, pytest.raises(ConnectionAbortedError):
                await host.send_file(near.transport, source, 0, 10)

        run_lab(body, clock=clock)

    def test_a_sending_that_is_given_up_reads_no_other_file(
        self, run_lab: RunLab, file: Path, tmp_path: Path
    ) -> None:
        """Its descriptor may name another file by then."""
        other = tmp_path / "secret"
        other.write_bytes(b"!" * SIZE)

        async def body(lab: Lab) -> None:
            host = lab.host("a", up=RATE)
            near, far = await pair(host, lab.host("b"))

            async def send() -> None:
                with file.open("rb") as source:
                    await host.send_file(near.transport, source, 0, SIZE)

            sending = asyncio.ensure_future(send())
            await asyncio.sleep(0.1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            with other.open("rb"):
                assert isinstance(await near.lost, ConnectionError)
                await far.ended
            assert 0 < len(far.data) <= 0.1 * RATE + QUANTUM
            assert far.data == payload(SIZE)[: len(far.data)]

        run_lab(body)

    @pytest.mark.parametrize("up", [math.inf, 4e6])
    def test_whoever_waits_for_it_learns_that_the_reader_left(
        self, run_lab: RunLab, file: Path, clock: Clock, up: float
    ) -> None:
        async def body(lab: Lab) -> None:
            host = lab.host("a", up=up)
            near, far = await pair(host, lab.host("b"))
            far.transport.pause_reading()
            with file.open("rb+") as source:
                source.truncate(64_000_000)
                sending = asyncio.ensure_future(
                    host.send_file(near.transport, source, 0, 64_000_000)
                )
                await asyncio.sleep(0.05)
                far.transport.abort()
                with pytest.raises(ConnectionError):
                    await sending
            await near.lost

        run_lab(body, clock=clock)


class TestStrangers:
    """A connection whose other end is no host of the network: TCP's own flow control holds."""

    @pytest.mark.parametrize("down", [math.inf, 4e6])
    @pytest.mark.parametrize("kind", RECORDERS)
    def test_a_stranger_is_received_and_answered(
        self, run_lab: RunLab, down: float, kind: type[Recorder]
    ) -> None:
        async def body(lab: Lab) -> None:
            far = kind(keep_open=True)
            host = lab.host("b", down=down, up=8e6)
            listener = await host.listen(lambda: far)
            loop = lab.network.loop
            with socket.create_connection(listener.address) as stranger:
                stranger.setblocking(False)
                await far.made
                assert isinstance(far.transport, StreamTransport)
                await loop.sock_sendall(stranger, payload(SIZE))
                stranger.shutdown(socket.SHUT_WR)
                await far.ended
                assert far.data == payload(SIZE)
                assert far.calls.count("eof") == 1
                far.transport.write(payload(SIZE))
                far.transport.close()
                got = bytearray()
                while data := await loop.sock_recv(stranger, 65536):
                    got += data
                assert got == payload(SIZE)
            assert await far.lost is None
            assert far.calls.count("eof") == 1

        run_lab(body, clock="real")

    def test_a_paused_reader_leaves_a_strangers_bytes_to_tcp(self, run_lab: RunLab) -> None:
        size = 32_000_000

        async def body(lab: Lab) -> None:
            far = Recorder(keep_open=True)
            host = lab.host("b", down=1e9)
            listener = await host.listen(lambda: far)
            with socket.create_connection(listener.address) as stranger:
                stranger.setblocking(False)
                await far.made
                far.transport.pause_reading()
                sent = 0
                sending = asyncio.ensure_future(
                    lab.network.loop.sock_sendall(stranger, bytes(size))
                )
                await asyncio.sleep(0.1)
                assert not sending.done()
                assert len(far.data) == sent
                assert host.meter.down_bytes <= 4 * WINDOW_MIN
                far.transport.resume_reading()
                await sending
                await far.has(size)

        run_lab(body, clock="real")

    def test_a_strangers_reset_is_an_error(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            far = Recorder(keep_open=True)
            listener = await lab.host("b", down=4e6).listen(lambda: far)
            with socket.create_connection(listener.address) as stranger:
                await far.made
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert isinstance(await far.lost, ConnectionResetError)

        run_lab(body, clock="real")
