"""A host that is cut off, slowed, killed and started anew: what others see of it, and when."""

import asyncio
import errno
import math
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import Recorder, pair, payload

from host.dialing import PATIENCE_S
from host.host import Host
from host.link import QUANTUM, LinkConfig
from host.loss import MSS, padhye
from host.wire import WINDOW_MAX, WINDOW_MIN

RATE = 100_000.0
SIZE = 1_000_003
EXACT = 1e-9
T = 37.5
"""Seconds that a cut lasts."""


def outage(lab: Lab, host: Host, at: float, lasts: float) -> None:
    lab.network.loop.call_at(at, host.cut)
    lab.network.loop.call_at(at + lasts, host.restore)


class TestChange:
    @pytest.mark.parametrize("times", [0.1, 0.9, 1.0, 3.0, 10.0, math.inf])
    @pytest.mark.parametrize("which", ["up", "down"])
    def test_what_is_left_of_a_quantum_takes_its_time_at_the_new_rate(
        self, run_lab: RunLab, which: str, times: float
    ) -> None:
        async def body(lab: Lab) -> None:
            slow, other = lab.host("slow", **{which: RATE}), lab.host("other")
            near, far = await pair(*((slow, other) if which == "up" else (other, slow)))
            near.transport.write(payload(QUANTUM))
            moment = QUANTUM / RATE / 4
            await asyncio.sleep(moment)
            slow.change_links(**{which: LinkConfig(rate=RATE * times)})
            expected = moment + 3 * moment / times
            assert await far.has(QUANTUM) == pytest.approx(expected, rel=EXACT)
            near.transport.write(payload(QUANTUM))
            expected += QUANTUM / RATE / times
            assert await far.has(2 * QUANTUM) == pytest.approx(expected, rel=EXACT)

        run_lab(body)

    def test_a_short_message_on_the_wire_follows_too(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            slow = lab.host("slow", up=RATE)
            bulk, quiet = [await pair(slow, lab.host(name)) for name in "ab"]
            bulk[0].transport.write(payload(QUANTUM))
            quiet[0].transport.write(b"x" * 1000)
            await asyncio.sleep(0.005)
            slow.change_links(up=LinkConfig(rate=RATE / 10))
            assert await quiet[1].has(1000) == pytest.approx(0.005 + 0.05, rel=EXACT)
            assert await bulk[1].has(QUANTUM) == pytest.approx(
                0.005 + (QUANTUM + 500) / (RATE / 10), rel=EXACT
            )

        run_lab(body)

    @pytest.mark.parametrize("which", ["up", "down"])
    def test_a_backlog_is_gone_at_once_when_a_link_becomes_unlimited(
        self, run_lab: RunLab, which: str
    ) -> None:
        async def body(lab: Lab) -> None:
            slow, others = lab.host("slow", **{which: RATE}), [lab.host(name) for name in "abc"]
            pairs = [
                await pair(*((slow, other) if which == "up" else (other, slow))) for other in others
            ]
            idle: list[float] = []
            slow.up.on_idle = lambda: idle.append(lab.now)
            for near, _ in pairs:
                near.transport.write(payload(SIZE))
            await asyncio.sleep(1.25)
            slow.change_links(**{which: LinkConfig()})
            for _, far in pairs:
                assert await far.has(SIZE) == 1.25
                assert far.data == payload(SIZE)
            assert (slow.up.immediate, slow.down.immediate) == (True, True)
            assert idle == ([1.25] if which == "up" else [])
            # And back, with nothing on the wire.
            slow.change_links(**{which: LinkConfig(rate=RATE)})
            near, far = pairs[0]
            near.transport.write(payload(SIZE))
            assert await far.has(2 * SIZE) == pytest.approx(1.25 + SIZE / RATE, rel=EXACT)

        run_lab(body)

    def test_what_is_on_its_way_keeps_its_time_and_is_not_overtaken(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=2.0), lab.host("b", latency=2.0)
            near, far = await pair(a, b)
            await asyncio.sleep(10 - lab.now)
            for moment, latency in ((10.0, 0.0), (10.5, 0.0), (11.9, 3.0), (13.0, 1.0)):
                await asyncio.sleep(moment - lab.now)
                near.transport.write(b"x")
                for _ in range(2):  # until b has read it
                    await asyncio.sleep(0)
                a.change_links(up=LinkConfig(latency=latency))
            await far.has(4)
            times = [when for when, _ in far.arrivals]
            # One second is b's downlink's own; the second would have come at 11.5.
            assert times == pytest.approx([12.0, 12.0, 12.9, 17.0], rel=EXACT)

        run_lab(body)

    def test_windows_follow_the_links_of_either_host(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1000, latency=0.5), lab.host("b", down=1000, latency=0.5)
            near, far = await pair(a, b)
            fast = LinkConfig(rate=1e6, latency=0.25)
            a.change_links(up=fast)
            b.change_links(down=fast)
            start = lab.now
            near.transport.write(payload(SIZE))
            # As on a connection that was made over such links: no wait for an ACK.
            expected = start + (SIZE + QUANTUM) / 1e6 + 0.5
            assert await far.has(SIZE) == pytest.approx(expected, rel=EXACT)

        run_lab(body)

    def test_a_window_that_shrinks_below_what_is_under_way_waits(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1e6, latency=0.5), lab.host("b", latency=0.5)
            near, far = await pair(a, b)
            start = lab.now
            near.transport.write(payload(3 * SIZE))
            await asyncio.sleep(0.9)
            slow = LinkConfig(rate=1e6, latency=0.25, loss=0.2)
            a.change_links(up=slow)
            sent = a.meter.up_bytes
            assert sent > 20 * WINDOW_MIN
            # The last ACK of what was under way comes a round trip after the change.
            await asyncio.sleep(0.5)
            assert a.meter.up_bytes <= sent + QUANTUM
            size = len(far.data)
            await asyncio.sleep(100)
            throughput = (len(far.data) - size) / 100
            assert throughput < 1.1 * padhye(0.2, 1.0) + (sent + QUANTUM) / 100
            a.change_links(up=LinkConfig(rate=1e6, latency=0.25))
            await far.has(3 * SIZE)
            assert far.data == payload(3 * SIZE)
            assert lab.now - start < 110

        run_lab(body)

    def test_raw_hosts_say_that_they_cannot_be_slowed_or_cut(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a = lab.host("a")
            for fault in (a.cut, a.change_links):
                with pytest.raises(RuntimeError, match=r"'a' uses the standard.* raw=False"):
                    fault()
            a.restore()

        run_lab(body, clock="real")

    def test_without_raw_transports_the_real_clock_knows_faults(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            assert not a.raw
            near, far = await pair(a, b)
            a.cut()
            near.transport.write(payload(SIZE))
            await asyncio.sleep(0.02)
            assert len(far.data) == 0
            a.restore()
            await far.has(SIZE)
            assert far.data == payload(SIZE)

        run_lab(body, clock="real", raw=False)


class TestCut:
    @pytest.mark.parametrize("moment", [0.0, 1.0, 5.0, 9.99])
    @pytest.mark.parametrize("latency", [0.0, 0.3])
    def test_a_sender_is_as_late_as_it_was_cut_off(
        self, run_lab: RunLab, latency: float, moment: float
    ) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE, latency=latency), lab.host("b", latency=latency)
            near, far = await pair(a, b)
            start = lab.now
            near.transport.write(payload(SIZE))
            outage(lab, a, start + moment, T)
            expected = start + SIZE / RATE + latency + T
            assert await far.has(SIZE) == pytest.approx(expected, rel=EXACT)
            assert far.data == payload(SIZE)
            assert not [when for when, _ in far.arrivals if moment < when - start < moment + T]

        run_lab(body)

    @pytest.mark.parametrize("latency", [0.0, 0.3])
    def test_a_receiver_is_as_late_as_it_was_cut_off(self, run_lab: RunLab, latency: float) -> None:
        """Its downlink is the bottleneck; before it, a window waits that nobody else sends."""

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=latency), lab.host("b", down=RATE, latency=latency)
            near, far = await pair(a, b)
            start = lab.now
            near.transport.write(payload(SIZE))
            outage(lab, b, start + 5.0, T)
            expected = start + SIZE / RATE + latency + T
            assert await far.has(SIZE) == pytest.approx(expected, rel=EXACT)
            assert far.data == payload(SIZE)

        run_lab(body)

    def test_who_sends_to_it_spends_a_window_and_waits(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE), lab.host("b")
            near, far = await pair(a, b)
            b.cut()
            near.transport.write(payload(SIZE))
            await asyncio.sleep(T)
            assert (a.meter.up_bytes, len(far.data)) == (WINDOW_MIN, 0)
            assert lab.network.in_kernel.total == 0
            b.restore()
            expected = T + (SIZE - WINDOW_MIN) / RATE
            assert await far.has(SIZE) == pytest.approx(expected, rel=EXACT)
            assert far.arrivals[0] == (T, QUANTUM)

        run_lab(body)

    def test_the_others_have_its_share_meanwhile(self, run_lab: RunLab) -> None:
        size = 40 * QUANTUM

        async def body(lab: Lab) -> None:
            a, b, c = lab.host("a", up=RATE), lab.host("b"), lab.host("c")
            (to_b, at_b), (to_c, at_c) = await pair(a, b), await pair(a, c)
            to_b.transport.write(payload(size))
            to_c.transport.write(payload(size))
            b.cut()
            # A window of two quanta goes to b in its turns.
            assert await at_c.has(size) == pytest.approx((size + WINDOW_MIN) / RATE, rel=EXACT)
            b.restore()
            assert await at_b.has(size) == pytest.approx(2 * size / RATE, rel=EXACT)

        run_lab(body)

    def test_ends_and_answers_wait_with_the_path(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            near, far = await pair(a, b)
            await asyncio.sleep(10 - lab.now)
            near.transport.write(b"on its way")
            far.transport.write(b"on its way")
            await asyncio.sleep(0.25)
            b.cut()
            near.transport.write(b", later")
            near.transport.write_eof()
            far.transport.write(b", later")
            far.transport.write_eof()
            await asyncio.sleep(T)
            assert (near.calls, far.calls) == (["made"], ["made"])
            assert (near.paused, far.paused) == (False, False)
            b.restore()
            back = lab.now
            await asyncio.gather(near.ended, far.ended)
            for end in (near, far):
                assert end.data == b"on its way, later"
                assert end.arrivals == [
                    (pytest.approx(back + 0.75), 10),
                    (pytest.approx(back + 1), 7),
                ]
                assert end.eof_at == pytest.approx(back + 1.0)

        run_lab(body)

    @pytest.mark.parametrize("paused", [False, True])
    def test_a_closed_socket_is_not_heard_of_before_the_restoration(
        self, run_lab: RunLab, paused: bool
    ) -> None:
        """Although the kernel answers what is sent to it with a reset at once."""

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE, latency=0.1), lab.host("b", latency=0.1)
            near, far = await pair(a, b)
            if paused:
                near.transport.pause_reading()
            b.cut()
            far.transport.abort()
            await far.lost
            near.transport.write(payload(SIZE))
            assert near.paused
            await asyncio.sleep(T)
            assert (near.calls, near.paused) == (["made"], True)
            b.restore()
            back = lab.now
            assert isinstance(await near.lost, ConnectionError)
            assert back <= near.lost_at <= back + 0.1 + EXACT
            assert near.calls == ["made", "lost"] or near.calls == ["made", "eof", "lost"]

        run_lab(body)

    def test_acks_wait_with_the_path(self, run_lab: RunLab) -> None:
        """Those on it, and those for what the cut host has and reads only now."""

        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            near, far = await pair(a, b)
            await asyncio.sleep(10 - lab.now)
            near.transport.write(bytes(2 * WINDOW_MAX))
            outage(lab, b, 11.5, T)
            await asyncio.sleep(1.75 + T / 2)
            assert a.meter.up_bytes == WINDOW_MAX
            assert await far.has(2 * WINDOW_MAX) == pytest.approx(13 + T, rel=EXACT)
            await asyncio.sleep(10)

            c, d = lab.host("c"), lab.host("d")
            near, far = await pair(c, d)
            far.transport.pause_reading()
            near.transport.write(payload(SIZE))
            await asyncio.sleep(1)
            d.cut()
            far.transport.resume_reading()
            await asyncio.sleep(1)
            assert (c.meter.up_bytes, len(far.data)) == (WINDOW_MIN, WINDOW_MIN)
            d.restore()
            assert await far.has(SIZE) == lab.now
            assert far.data == payload(SIZE)

        run_lab(body)

    def test_a_protocol_may_cut_its_own_host(self, run_lab: RunLab) -> None:
        class Hasty(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if len(self.arrivals) == 1:
                    there.cut()
                    there.loop.call_later(T, there.restore)

        async def body(lab: Lab) -> None:
            nonlocal there
            there = lab.host("b", latency=1.0)
            near, far = await pair(lab.host("a", latency=1.0), there, theirs=Hasty(keep_open=True))
            await asyncio.sleep(10 - lab.now)
            for _ in range(3):
                near.transport.write(b"x")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await far.has(3)
            times = [when for when, _ in far.arrivals]
            assert times == pytest.approx([11, 11 + T, 11 + T], rel=EXACT)

        there: Any = None
        run_lab(body)

    def test_strangers_are_cut_off_too(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            loop = lab.network.loop
            a = lab.host("a", up=RATE)
            strange = Recorder(keep_open=True)
            server = await loop.create_server(lambda: strange, "127.0.0.1", 0)
            near = await a.connect(
                lambda: Recorder(keep_open=True), *server.sockets[0].getsockname()
            )
            await strange.made
            server.close()
            a.cut()
            near.transport.write(payload(1000))
            strange.transport.write_eof()
            await asyncio.sleep(T)
            assert (near.calls, strange.calls) == (["made"], ["made"])
            a.restore()
            await asyncio.gather(near.ended, strange.has(1000))
            assert (near.data, strange.data) == (b"", payload(1000))
            strange.transport.close()
            near.transport.close()
            await asyncio.gather(near.lost, strange.lost)

        run_lab(body)

    def test_two_cuts_on_one_path_end_with_the_second(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            near, far = await pair(a, b)
            for host, at in ((a, 1.0), (b, 2.0)):
                outage(lab, host, at, 10.0)
                outage(lab, host, at, 5.0)  # a cut more changes nothing, a restoration ends it
            await asyncio.sleep(3.0)
            assert a.is_cut
            near.transport.write(b"x")
            assert await far.has(1) == 7.0
            assert not a.is_cut

        run_lab(body)


class TestConnect:
    @pytest.mark.parametrize("which", ["a", "b"])
    def test_a_request_goes_on_when_the_path_is_there_again(
        self, run_lab: RunLab, which: str
    ) -> None:
        async def body(lab: Lab) -> None:
            hosts = {name: lab.host(name, latency=1.0) for name in "ab"}
            listener = await hosts["b"].listen(Recorder)
            outage(lab, hosts[which], 0.0, T)
            await asyncio.sleep(1)
            await hosts["a"].connect(Recorder, *listener.address)
            assert lab.now == pytest.approx(T + 2.0, rel=EXACT)

        run_lab(body)

    @pytest.mark.parametrize("which", ["a", "b"])
    def test_a_handshake_that_is_cut_is_finished_later(self, run_lab: RunLab, which: str) -> None:
        async def body(lab: Lab) -> None:
            hosts = {name: lab.host(name, latency=1.0) for name in "ab"}
            outage(lab, hosts[which], 0.5, T)
            near, far = await pair(hosts["a"], hosts["b"])
            assert near.made_at == pytest.approx(2.0 + T, rel=EXACT)
            assert far.made_at == pytest.approx(3.0 + T, rel=EXACT)
            await asyncio.sleep(2 * PATIENCE_S)
            assert (near.calls, far.calls) == (["made"], ["made"])

        run_lab(body)

    @pytest.mark.parametrize("cut_at", [0.0, 0.5])
    @pytest.mark.parametrize("which", ["a", "b"])
    def test_patience_has_an_end(self, run_lab: RunLab, which: str, cut_at: float) -> None:
        async def body(lab: Lab) -> None:
            hosts = {name: lab.host(name, latency=1.0) for name in "ab"}
            far = Recorder()
            listener = await hosts["b"].listen(lambda: far)
            outage(lab, hosts[which], cut_at, 1000.0)
            await asyncio.sleep(0)
            with pytest.raises(TimeoutError) as caught:
                await hosts["a"].connect(Recorder, *listener.address)
            assert caught.value.errno == errno.ETIMEDOUT
            assert lab.now == PATIENCE_S == 1 + 2 + 4 + 8 + 16 + 32 + 64
            await asyncio.sleep(2000)
            assert lab.network.in_kernel.total == 0

        run_lab(body)

    def test_a_refusal_is_an_answer_too(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            outage(lab, b, 0.5, T)
            with pytest.raises(ConnectionRefusedError):
                await a.connect(Recorder, b.address, 999)
            assert lab.now == pytest.approx(T + 0.5)

        run_lab(body)

    @pytest.mark.parametrize("cut_at", [0.0, 0.5])
    def test_who_waits_can_be_cancelled(self, run_lab: RunLab, cut_at: float) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            listener = await b.listen(Recorder)
            lab.network.loop.call_at(cut_at, b.cut)
            await asyncio.sleep(0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3.0):
                    await a.connect(Recorder, *listener.address)
            assert lab.now == 3.0
            b.restore()
            await asyncio.sleep(5)
            assert (a._streams, b._streams, lab.network._wires) == ({}, {}, {})

        run_lab(body)


class TestKill:
    def test_a_host_that_dies_while_it_is_cut_off_is_missed_later(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=RATE, latency=0.1), lab.host("b", latency=0.1)
            near, far = await pair(a, b)
            quiet, _ = await pair(a, b)
            ending, _ = await pair(a, b)
            ending.transport.pause_reading()
            b.cut()
            near.transport.write(payload(SIZE))
            await b.close()
            assert far.lost.done()
            await asyncio.sleep(1)
            ending.transport.write_eof()
            await asyncio.sleep(T)
            assert near.calls == quiet.calls == ending.calls == ["made"]
            assert near.paused
            assert lab.network.in_kernel.total == 0
            b.restore()
            back = lab.now
            for end in (near, quiet):
                assert isinstance(await end.lost, ConnectionResetError)
                assert end.lost_at == pytest.approx(back + 0.1, rel=EXACT)
            assert isinstance(await ending.lost, OSError)
            with pytest.raises(ConnectionRefusedError):
                await a.connect(Recorder, b.address, 80)

        run_lab(body)

    @pytest.mark.parametrize("is_cut", [False, True])
    def test_a_second_program_finds_the_host_as_new(self, run_lab: RunLab, is_cut: bool) -> None:
        class Restless(Recorder):
            def connection_lost(self, error: Exception | None) -> None:
                super().connection_lost(error)
                b.spawn(asyncio.sleep(1000), "tries again")

        async def body(lab: Lab) -> None:
            nonlocal b
            a, b = lab.host("a", up=RATE, latency=0.1), lab.host("b", up=RATE, latency=0.1)
            port = 0
            for turn in range(3):
                theirs = Restless(keep_open=True)
                b.up.on_idle = lambda: None
                b.dallying[theirs] = None
                listener = await b.listen(lambda theirs=theirs: theirs, port)  # type: ignore[misc]
                datagrams = await b.datagram(port)
                near = await a.connect(lambda: Recorder(keep_open=True), b.address, listener.port)
                await theirs.made
                assert port in (0, listener.port)
                port = listener.port
                near.transport.write(payload(SIZE, turn))
                theirs.transport.write(payload(SIZE))
                b.spawn(asyncio.sleep(1000), "works")
                outgoing = await b.connect(Recorder, *(await a.listen(Recorder)).address)
                await datagrams.send(b"x" * 1000, (await a.datagram()).sockname)
                await asyncio.sleep(1.5)
                assert 0 < len(theirs.data) < SIZE
                if is_cut:
                    b.cut()
                await b.close()
                assert not b.running
                for left in (b._streams, b._listeners, b._endpoints, b._tasks, b.dallying):
                    assert left == {}
                assert b.up.on_idle is None
                assert outgoing.lost.done()
                b.restore()
                assert isinstance(await near.lost, ConnectionError)
                b.start()

        b: Any = None
        run_lab(body)

    def test_a_host_that_is_down_opens_nothing(self, run_lab: RunLab) -> None:
        ran: list[str] = []

        async def work() -> None:
            ran.append("a step")

        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            listener = await b.listen(Recorder)
            await a.close()
            attempts: list[Any] = [
                a.listen(Recorder),
                a.datagram(),
                a.connect(Recorder, *listener.address),
            ]
            for attempt in attempts:
                with pytest.raises(OSError, match="Network is down") as caught:
                    await attempt
                assert caught.value.errno == errno.ENETDOWN
            task = a.spawn(work(), "works")
            await asyncio.wait([task])
            assert (task.cancelled(), ran) == (True, [])
            a.start()
            await a.spawn(work(), "works")
            assert ran == ["a step"]
            await a.connect(Recorder, *listener.address)

        run_lab(body)

    def test_a_socket_that_was_being_opened_is_closed(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a = lab.host("a")
            opening = asyncio.ensure_future(a.datagram(5000))
            await asyncio.sleep(0)
            await a.close()
            with pytest.raises(OSError, match="down"):
                await opening
            assert a._endpoints == {}
            a.start()
            await a.datagram(5000)

        run_lab(body)

    @pytest.mark.parametrize("is_cut", [False, True])
    def test_who_was_calling_when_it_went_down_is_told(self, run_lab: RunLab, is_cut: bool) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            listener = await b.listen(Recorder)
            if is_cut:
                b.cut()
            calling = asyncio.ensure_future(a.connect(Recorder, *listener.address))
            await asyncio.sleep(0)
            await a.close()
            with pytest.raises(OSError, match="down"):
                await calling
            assert (a._streams, lab.now < 2.5) == ({}, True)

        run_lab(body)


class TestDatagrams:
    def test_those_on_their_way_at_a_cut_are_lost(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", latency=1.0), lab.host("b", latency=1.0)
            one, other = await a.datagram(), await b.datagram()
            outage(lab, b, 0.5, 10.0)
            for moment in (0.0, 1.0, 9.6, 10.6):
                await asyncio.sleep(moment - lab.now)
                await one.send(b"to %.1f" % moment, other.sockname)
                await other.send(b"from %.1f" % moment, one.sockname)
            # A path is looked at when its end is reached.
            assert await other.recv() == (b"to 9.6", one.sockname)
            assert lab.now == pytest.approx(10.6)
            assert await other.recv() == (b"to 10.6", one.sockname)
            assert await one.recv() == (b"from 10.6", other.sockname)
            assert (one.lost, other.lost) == (2, 3)
            assert b.meter.down_bytes == len("to 9.6") + len("to 10.6")
            assert (one.dropped, other.dropped) == (0, 0)

        run_lab(body)

    def test_one_that_the_kernel_has_is_lost_too(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a"), lab.host("b")
            one, other = await a.datagram(), await b.datagram()
            await one.send(b"x", other.sockname)
            assert lab.network.in_kernel.total == 1
            b.cut()
            await asyncio.sleep(1)
            assert (one.lost, other.recv_now(), lab.network.in_kernel.total) == (1, None, 0)

        run_lab(body)

    def test_the_queues_of_a_link_that_is_cut_are_lost(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1000.0), lab.host("b", down=500.0)
            one, other = await a.datagram(), await b.datagram()
            for _ in range(5):
                await one.send(bytes(1000), other.sockname)
            await asyncio.sleep(2.5)
            # One is on the downlink and one waits for it; the third is on the uplink.
            b.cut()
            assert one.lost == 2
            a.cut()
            assert one.lost == 5
            await one.drained()
            await asyncio.sleep(7.5)
            a.restore()
            b.restore()
            await one.send(b"y" * 1000, other.sockname)
            assert await other.recv() == (b"y" * 1000, one.sockname)
            # What was on the wire has wasted its time: half a datagram on each link.
            assert lab.now == pytest.approx(10 + 0.5 + 1.0 + 2.0)

        run_lab(body)

    def test_an_endpoint_that_waits_for_its_queue_is_closed_by_a_cut(self, run_lab: RunLab) -> None:
        async def body(lab: Lab) -> None:
            a, b = lab.host("a", up=1000.0), lab.host("b")
            endpoints = [await a.datagram(5000), await a.datagram(5001)]
            other = await b.datagram()
            for endpoint in endpoints:
                await endpoint.send(bytes(2000), other.sockname)
                endpoint.close()
            a.cut()
            assert [endpoint.lost for endpoint in endpoints] == [1, 1]
            await asyncio.sleep(0)
            await a.datagram(5000)

        run_lab(body)


@pytest.mark.parametrize("loss", [0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("rate", [math.inf, 10.0, 2.0])
def test_a_stream_gets_what_the_formula_gives_tcp_at_this_loss(
    run_lab: RunLab, loss: float, rate: float
) -> None:
    """`rate` is how many times faster than that the links are; then they are no matter."""

    async def body(lab: Lab) -> None:
        throughput = padhye(loss, 0.1)
        links = {"up": rate * throughput, "down": rate * throughput}
        half = 1 - math.sqrt(1 - loss)
        a = lab.host("a", latency=0.05, loss=half, **links)
        b = lab.host("b", latency=0.05, down_loss=half, **links)
        near, far = await pair(a, b)
        start = lab.now
        size = max(int(throughput * 120), 100 * MSS)
        near.transport.write(bytes(size))
        assert size / (await far.has(size) - start) == pytest.approx(throughput, rel=0.03)

    run_lab(body)


def test_where_all_is_lost_a_stream_stands_still_until_less_is(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a", up=RATE, latency=0.1, loss=1.0), lab.host("b", latency=0.1)
        near, far = await pair(a, b)
        near.transport.write(bytes(SIZE))
        await asyncio.sleep(1e5)
        assert (a.meter.up_bytes, len(far.data)) == (0, 0)
        start = lab.now
        a.change_links(up=LinkConfig(rate=RATE, latency=0.05))
        assert await far.has(SIZE) == pytest.approx(start + SIZE / RATE + 0.1, rel=EXACT)

    run_lab(body)


def test_a_pause_of_tcp_ends_with_its_cause(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        lossy = LinkConfig(rate=RATE, latency=0.05, loss=0.9)
        a, b = lab.host("a"), lab.host("b", latency=0.1)
        a.change_links(up=lossy)
        near, far = await pair(a, b)
        near.transport.write(bytes(SIZE))
        await asyncio.sleep(2.0)
        assert a.meter.up_bytes == MSS  # the next goes out some fifteen seconds later
        # A change that changes nothing, and a cut, are no way around it.
        a.change_links(up=lossy)
        await asyncio.sleep(2.0)
        a.cut()
        await asyncio.sleep(100.0)
        a.restore()
        await asyncio.sleep(2.0)
        assert a.meter.up_bytes == MSS
        start = lab.now
        a.change_links(up=LinkConfig(rate=RATE, latency=0.05))
        left = SIZE - MSS
        assert await far.has(SIZE) == pytest.approx(start + left / RATE + 0.1, rel=EXACT)

    run_lab(body)


def test_a_slower_link_is_all_that_counts(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        rate = padhye(0.001, 0.1) / 10
        a, b = lab.host("a", up=rate, latency=0.1, loss=0.001), lab.host("b", latency=0.1)
        near, far = await pair(a, b)
        start = lab.now
        near.transport.write(bytes(SIZE))
        assert await far.has(SIZE) == pytest.approx(start + SIZE / rate + 0.1, rel=EXACT)

    run_lab(body)


def test_loss_without_a_round_trip_slows_no_stream(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a", up=RATE, loss=0.5), lab.host("b"))
        near.transport.write(bytes(SIZE))
        assert await far.has(SIZE) == pytest.approx(SIZE / RATE, rel=EXACT)

    run_lab(body)
