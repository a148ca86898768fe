"""host.meter: every byte once, in all, by remote host, and over time."""

import asyncio
import errno
import gc
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import Lab, RunLab
from recorders import BufferedRecorder, Recorder, pair, payload

from host import sendfile
from host.clock import Clock
from host.meter import Meter
from host.sendfile import STEP, TURN

SIZE = 200_001

events = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(["127.0.0.1", "127.0.0.2", "127.0.0.3"]),
        st.integers(0, 10**9),
        st.floats(0, 1e6),
    )
)


@given(events, st.floats(1e-3, 1e3))
def test_every_view_has_every_byte(some: list[tuple[bool, str, int, float]], bucket: float) -> None:
    meter = Meter(bucket)
    for up, remote, size, now in some:
        (meter.sent if up else meter.received)(remote, size, now)
    for up, total, by_remote, series in (
        (True, meter.up_bytes, meter.up_by_remote, meter.up_series),
        (False, meter.down_bytes, meter.down_by_remote, meter.down_series),
    ):
        mine = [each for each in some if each[0] is up]
        assert total == sum(size for _, _, size, _ in mine)
        assert sum(by_remote.values()) == sum(series.values()) == total
        for remote in by_remote:
            assert by_remote[remote] == sum(size for _, who, size, _ in mine if who == remote)
        for bucket_number in series:
            start, end = bucket_number * bucket, (bucket_number + 1) * bucket
            assert any(start * 0.999 <= now <= end * 1.001 for _, _, _, now in mine)


def test_connections_are_counted_while_they_are_open(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        first, _ = await pair(a, b, Recorder(), Recorder())
        second, far = await pair(a, b, Recorder(), Recorder())
        assert (a.meter.connections, b.meter.connections) == (2, 2)
        second.transport.close()
        await far.lost
        assert (a.meter.connections, b.meter.connections) == (1, 1)
        with pytest.raises(ConnectionRefusedError):
            await a.connect(Recorder, b.address, 9)
        assert a.meter.connections == 1
        first.transport.close()
        assert (a.meter.connections_most, b.meter.connections_most) == (2, 2)

    run_lab(body, clock=clock)


@pytest.mark.parametrize("up", [float("inf"), 4e6])
@pytest.mark.parametrize("kind", [Recorder, BufferedRecorder])
def test_both_sides_count_the_same(
    run_lab: RunLab, clock: Clock, up: float, kind: type[Recorder]
) -> None:
    async def body(lab: Lab) -> None:
        a, b, c = (lab.host(name, up=up) for name in "abc")
        for first, second, size in ((a, b, SIZE), (a, c, SIZE // 2), (c, a, SIZE // 3)):
            near, far = await pair(first, second, kind(keep_open=True), kind(keep_open=True))
            near.transport.write(payload(size))
            far.transport.write(payload(size // 10))
            await asyncio.gather(far.has(size), near.has(size // 10))
        sent = {
            "ab": SIZE,
            "ba": SIZE // 10,
            "ac": SIZE // 2 + SIZE // 3 // 10,
            "ca": SIZE // 3 + SIZE // 2 // 10,
        }
        hosts = {"a": a, "b": b, "c": c}
        for name, host in hosts.items():
            up_by_remote = {hosts[way[1]].address: sent[way] for way in sent if way[0] == name}
            down_by_remote = {hosts[way[0]].address: sent[way] for way in sent if way[1] == name}
            assert dict(host.meter.up_by_remote) == up_by_remote
            assert dict(host.meter.down_by_remote) == down_by_remote
            assert sum(host.meter.up_series.values()) == host.meter.up_bytes
            assert sum(host.meter.down_series.values()) == host.meter.down_bytes

    run_lab(body, clock=clock)


def test_the_series_follows_the_links(run_lab: RunLab) -> None:
    """A flow of 10,000 bytes/s, in buckets of 5 s: an even line, and an empty one before it."""

    async def body(lab: Lab) -> None:
        a, b = lab.host("a", up=10_000), lab.host("b")
        near, far = await pair(a, b)
        await asyncio.sleep(100)
        near.transport.write(payload(SIZE))
        await far.has(SIZE)
        assert min(a.meter.up_series) == 20
        assert a.meter.up_series == b.meter.down_series
        assert sorted(a.meter.up_series) == [20, 21, 22, 23, 24]
        for bucket in range(20, 24):
            assert a.meter.up_series[bucket] == pytest.approx(50_000, abs=16_448)

    run_lab(body, bucket_s=5.0)


def test_time_is_counted_from_the_networks_beginning(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        near, far = await pair(lab.host("a", traced=True), lab.host("b"))
        near.transport.write(b"x")
        await far.has(1)
        host = lab.network.hosts["b"]
        assert set(host.meter.down_series) == {0}
        assert all(0 <= call.time < 20 for call in lab.network.hosts["a"].trace)

    run_lab(body, clock="real", bucket_s=20.0)


@pytest.mark.parametrize("size", [0, 1, STEP, STEP + 1, TURN + 1, 8 * TURN])
def test_files_that_the_kernel_sends_are_counted(
    run_lab: RunLab, clock: Clock, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(payload(size))

    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        near, far = await pair(a, b)
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 0, size)
        await far.has(size) if size else None
        assert a.meter.up_bytes == b.meter.down_bytes == size
        assert dict(a.meter.up_by_remote) == ({b.address: size} if size else {})

    run_lab(body, clock=clock)


def test_files_that_the_kernel_will_not_send_are_copied_and_counted_once(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(errno.EINVAL, "not on this file system")

    monkeypatch.setattr(os, "sendfile", refuse)
    path = tmp_path / "file"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        near, far = await pair(a, b)
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 1, SIZE - 1)
        await far.has(SIZE - 1)
        assert far.data == payload(SIZE)[1:]
        assert a.meter.up_bytes == b.meter.down_bytes == SIZE - 1

    run_lab(body, clock="real")


def test_what_was_sent_of_a_file_counts_when_the_rest_fails(
    run_lab: RunLab, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        near, far = await pair(a, b, theirs=Recorder(keep_open=True))
        with path.open("rb") as file:
            sending = asyncio.ensure_future(a.send_file(near.transport, file, 1000, 60_000_000))
            await far.has(1_000_000)
            far.transport.abort()
            with pytest.raises(ConnectionError):
                await sending
        assert len(far.data) <= a.meter.up_bytes < 60_000_000

    run_lab(body, clock=clock)


def test_datagrams_are_counted_where_they_are_sent_and_read(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        near, far = await a.datagram(), await b.datagram()
        for size in (1, 1000, 0, 65_507):
            await near.send(bytes(size), far.sockname)
            await far.recv()
        assert a.meter.up_bytes == b.meter.down_bytes == 66_508
        assert dict(a.meter.up_by_remote) == {b.address: 66_508}
        assert dict(b.meter.down_by_remote) == {a.address: 66_508}

    run_lab(body, clock=clock)


def test_a_file_goes_behind_what_waits_in_the_buffer(run_lab: RunLab, tmp_path: Path) -> None:
    size = 20_000_000
    path = tmp_path / "file"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        a, b = lab.host("a"), lab.host("b")
        near, far = await pair(a, b)
        near.transport.write(payload(size))
        assert near.transport.get_write_buffer_size() > 0
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 0, SIZE)
        await far.has(size + SIZE)
        assert far.data == payload(size) + payload(SIZE)
        assert a.meter.up_bytes == b.meter.down_bytes == size + SIZE

    run_lab(body, clock="real")


@pytest.mark.parametrize("buffered", [0, 20_000_000])
def test_no_file_goes_over_a_connection_that_is_closing(
    run_lab: RunLab, tmp_path: Path, buffered: int
) -> None:
    """And what was written before it was closed arrives."""
    path = tmp_path / "file"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        host = lab.host("a")
        near, far = await pair(host, lab.host("b"))
        near.transport.write(bytes(buffered))
        near.transport.close()
        with path.open("rb") as file, pytest.raises(ConnectionAbortedError):
            await host.send_file(near.transport, file, 0, 9)
        await far.ended
        assert len(far.data) == buffered
        far.transport.close()
        await near.lost
        near.transport = None
        gc.collect()  # such a transport CPython 3.11 cannot abort any more

    run_lab(body, clock="real")


def test_a_connection_that_closes_before_the_loop_sends_the_file(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(payload(SIZE))

    async def body(lab: Lab) -> None:
        host = lab.host("a")
        near, far = await pair(host, lab.host("b"))

        async def closed(*args: object, **options: object) -> int:
            raise RuntimeError("Transport is closing")

        monkeypatch.setattr(lab.network.loop, "sendfile", closed)
        monkeypatch.setattr(sendfile._Sending, "_turn", lambda sending: False)
        with path.open("rb") as file, pytest.raises(ConnectionAbortedError, match="is closing"):
            await host.send_file(near.transport, file, 0, 9)
        await far.ended
        far.transport.close()

    run_lab(body, clock="real")
