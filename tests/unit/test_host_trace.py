"""host.trace: the socket calls that were really made, as strace sees them too."""

import os
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab
from programs import needs, unavailable
from recorders import Recorder, pair, payload

from host.clock import Clock
from host.sendfile import STEP
from host.sockets import reset_on_close
from host.trace import Call, Trace


def names(trace: Any, *, but: str = "") -> list[str]:
    """The calls in order, runs of one kind as one."""
    short: list[str] = []
    for call in trace:
        if call.name not in but.split() and short[-1:] != [call.name]:
            short.append(call.name)
    return short


async def conversation(lab: Lab) -> tuple[Any, Any, Any, Any]:
    a, b = lab.host("a", traced=True), lab.host("b", traced=True)
    near, far = await pair(a, b)
    near.transport.write(b"question")
    await far.has(8)
    far.transport.write(b"answer")
    await near.has(6)
    addresses = (
        near.transport.get_extra_info("sockname"),
        far.transport.get_extra_info("sockname"),
    )
    near.transport.close()
    await near.lost
    await far.ended
    far.transport.close()
    await far.lost
    return a, b, addresses[0], addresses[1]


def test_the_calls_of_a_conversation_in_their_order(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b, _, _ = await conversation(lab)
        assert names(a.trace) == [
            "socket",
            "bind",
            "connect",
            "getsockopt",
            "send",
            "recv",
            "close",
        ]
        server = names(b.trace, but="close")
        assert server == ["socket", "bind", "listen", "accept", "recv", "send", "recv"]
        # The listening socket and the connection's.
        assert Counter(call.name for call in b.trace)["close"] == 2
        sends = [(call.arguments, call.result) for call in a.trace if call.name == "send"]
        assert sends == [("8 B", "8")]
        received = [call.result for call in b.trace if call.name == "recv"]
        assert received == ["8 B", "0 B"]
        accepts = [call for call in b.trace if call.name == "accept"]
        assert re.fullmatch(rf"\d+ from {a.address}:\d+", accepts[0].result)
        assert {call.result for call in accepts[1:]} <= {"EAGAIN"}

    run_lab(body, clock=clock)


def test_five_tuples_are_the_kernels(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b, own, remote = await conversation(lab)
        tuples = {call.name: call.five_tuple for call in a.trace}
        whole = ("tcp", *own, *remote)
        assert own[0] == a.address
        assert remote[0] == b.address
        assert tuples["socket"] == ("tcp", "0.0.0.0", 0, "", 0)
        assert tuples["bind"][:2] == ("tcp", a.address)
        for name in ("getsockopt", "send", "recv", "close"):
            assert tuples[name] == whole
        mirrored = ("tcp", *remote, *own)
        assert {call.five_tuple for call in b.trace if call.name in ("send", "recv")} == {mirrored}
        listening = {call.five_tuple for call in b.trace if call.name in ("listen", "accept")}
        assert listening == {("tcp", *remote, "", 0)}

    run_lab(body, clock=clock)


def test_a_refusal_shows(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a", traced=True), lab.host("b")
        with pytest.raises(ConnectionRefusedError):
            await a.connect(Recorder, b.address, 999)
        connect, answer, close = list(a.trace)[-3:]
        assert (connect.name, connect.arguments) == ("connect", f"{b.address}:999")
        results = [connect.result, answer.result]
        assert results in (["EINPROGRESS", "ECONNREFUSED"], ["ECONNREFUSED", "0"])
        assert (answer.name, close.name) == ("getsockopt", "close")

    run_lab(body, clock=clock)


def test_a_port_that_is_taken_shows(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        a = lab.host("a", traced=True)
        await a.listen(Recorder, 8080)
        with pytest.raises(OSError, match="in use"):
            await a.listen(Recorder, 8080)
        assert [call.result for call in a.trace if call.name == "bind"] == ["0", "EADDRINUSE"]

    run_lab(body)


def test_datagrams_show_where_they_go(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a", traced=True), lab.host("b", traced=True)
        near, far = await a.datagram(), await b.datagram()
        await near.send(b"hello", far.sockname)
        await far.recv()
        assert [call.name for call in a.trace] == ["socket", "bind", "sendto"]
        sendto = list(a.trace)[-1]
        assert sendto.arguments == f"5 B, {far.sockname[0]}:{far.sockname[1]}"
        assert sendto.five_tuple == ("udp", *near.sockname, "", 0)
        received = next(call for call in b.trace if call.name == "recvfrom")
        assert received.result == f"5 B from {near.sockname[0]}:{near.sockname[1]}"

    run_lab(body, clock=clock)


def test_a_file_that_the_kernel_sends_shows(run_lab: RunLab, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(payload(100_000))

    async def body(lab: Lab) -> None:
        a, b = lab.host("a", traced=True), lab.host("b")
        near, far = await pair(a, b)
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 0, 100_000)
        await far.has(100_000)
        kind = "sendfile" if clock == "real" else "send"
        sent = [int(call.result) for call in a.trace if call.name == kind]
        assert sum(sent) == 100_000

    run_lab(body, clock=clock)


def counted(trace: Trace) -> Counter[str]:
    """The calls of a trace that a meter counts too."""
    return Counter(call.name for call in trace if call.name != "getsockopt")


def test_the_meter_counts_the_calls_that_the_trace_has(
    run_lab: RunLab, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(payload(100_000))

    async def body(lab: Lab) -> None:
        a, b, *_ = await conversation(lab)
        near, far = await pair(a, b)
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 0, 100_000)
        near.transport.write_eof()
        await far.has(100_000)
        with pytest.raises(ConnectionRefusedError):
            await a.connect(Recorder, b.address, 999)
        here, there = await a.datagram(), await b.datagram()
        await here.send(b"hello", there.sockname)
        await there.recv()
        await lab.network.close()
        for host in (a, b):
            assert host.meter.calls == counted(host.trace)
            assert host.meter.calls["socket"] > 0
        assert (a.meter.accepted, b.meter.accepted) == (0, 2)
        assert (a.meter.calls["connect"], b.meter.calls["connect"]) == (3, 0)

    run_lab(body, clock=clock)


def test_a_caller_that_has_left_again_opened_no_socket_here(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        b = lab.host("b", traced=True)
        recorder = Recorder()
        listener = await b.listen(lambda: recorder)
        with socket.create_connection(listener.address) as stranger:
            reset_on_close(stranger)
        await recorder.lost
        assert b.meter.accepted == 1
        assert b.meter.calls["socket"] == 1
        assert b.meter.calls == counted(b.trace)

    run_lab(body, clock="real")


def test_every_call_that_sends_a_file_is_counted(run_lab: RunLab, tmp_path: Path) -> None:
    """Also those that a full socket turns away."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(20_000_000)

    async def body(lab: Lab) -> None:
        a = lab.host("a", traced=True)
        near, far = await pair(a, lab.host("b"))
        with path.open("rb") as file:
            await a.send_file(near.transport, file, 0, 20_000_000)
        await far.has(20_000_000)
        results = [call.result for call in a.trace if call.name == "sendfile"]
        assert a.meter.calls["sendfile"] == len(results)
        taken = [int(result) for result in results if result != "EAGAIN"]
        assert sum(taken) == 20_000_000 == a.meter.up_bytes
        assert max(taken) <= STEP

    run_lab(body, clock="real")


def test_half_a_close_shows(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        a, b = lab.host("a", traced=True), lab.host("b")
        near, far = await pair(a, b)
        near.transport.write_eof()
        await far.ended
        assert [call.arguments for call in a.trace if call.name == "shutdown"] == ["1"]

    run_lab(body)


def test_an_untraced_host_has_none(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        assert lab.host("a").trace is None

    run_lab(body)


def test_a_trace_keeps_the_latest() -> None:
    trace = Trace(limit=3)
    for number in range(5):
        trace.record(Call(number, "send", 1, ("tcp", "", 0, "", 0), "", ""))
    assert [call.time for call in trace] == [2, 3, 4]
    assert (len(trace), trace.forgotten) == (3, 2)


def test_a_call_reads_like_straces() -> None:
    call = Call(1.5, "send", 7, ("tcp", "127.0.0.1", 5, "127.0.0.2", 80), "9 B", "9")
    assert str(call) == "    1.500000 send(7, 9 B) = 9  tcp 127.0.0.1:5 > 127.0.0.2:80"


SCRIPT = """
import asyncio, sys
sys.path.insert(0, "tests")
from pathlib import Path
from host.clock import run
from lab import Lab
from test_host_trace import conversation

async def main():
    lab = Lab(Path(sys.argv[1]))
    a, b, _, _ = await conversation(lab)
    calls = [("a", call) for call in a.trace] + [("b", call) for call in b.trace]
    for who, call in calls:
        print(call.name, call.descriptor, call.result)
    await lab.network.close()

run(main(), clock=sys.argv[2])
"""


@pytest.mark.parametrize("clock_name", ["virtual", "real"])
def test_strace_sees_the_same(tmp_path: Path, clock_name: str) -> None:
    """Every call that the trace has was made, and no other on those sockets."""
    strace = needs("strace")
    record = tmp_path / "strace.txt"
    watched = "socket,bind,listen,accept4,connect,sendto,recvfrom,shutdown,close,getsockopt"
    program = [sys.executable, "-c", SCRIPT, str(tmp_path), clock_name]
    done = subprocess.run(
        [strace, "-f", "-o", record, "-e", f"trace={watched}", *program],
        cwd=Path(__file__).parent.parent.parent,
        env=os.environ | {"PYTHONPATH": f".{os.pathsep}tests{os.pathsep}tests/unit"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "ptrace" in done.stderr and done.returncode:
        unavailable(f"this system lets nobody trace: {done.stderr}")
    assert done.returncode == 0, done.stderr
    ours = [tuple(line.split(maxsplit=2)) for line in done.stdout.splitlines()]
    sockets = {descriptor for _, descriptor, _ in ours}
    theirs = Counter(seen(line) for line in record.read_text().splitlines())
    made = Counter(
        (name, descriptor, outcome(result)) for name, descriptor, result in ours if name != "close"
    )
    for call, count in made.items():
        assert theirs[call] == count, (call, theirs)
    for call, count in theirs.items():
        if call[1] in sockets and call[0] in (
            "send",
            "recv",
            "accept",
            "connect",
            "listen",
            "bind",
        ):
            assert made[call] == count, (call, made)


def outcome(result: str) -> str:
    """The size, descriptor or error at the front of a result."""
    return result.split()[0] if not result.startswith("EINPROGRESS") else "EINPROGRESS"


def seen(line: str) -> tuple[str, str, str]:
    """A line of strace as (name, descriptor, outcome), in the trace's words."""
    match = re.match(r"\d+ +(\w+)\((\w+)?.*\) += (-?\d+)(?: (\w+))?", line)
    if match is None:
        return ("", "", "")
    name, first, value, error = match.groups()
    name = {"sendto": "send", "recvfrom": "recv", "accept4": "accept"}.get(name, name)
    if name == "socket":
        first = value
    if name == "getsockopt":
        option = re.search(r"SO_ERROR, \[(\w+)\]", line)
        return (name, first or "", option[1] if option else "")
    return (name, first or "", error or value)
