"""The README's lesson on Wireshark: filters and switches show, of real runs, what it says."""

from __future__ import annotations

import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from interop.strangers import SHORT_WAIT_S
from programs import needs, unavailable

PROJECT = Path(__file__).parent.parent.parent
LESSON = (
    (PROJECT / "README.md")
    .read_text(encoding="utf-8")
    .partition("\n## Watching a run in Wireshark\n")[2]
    .partition("\n## ")[0]
)
TSHARK, BENCH = re.findall(r"^(?:tshark|bench) .*$", LESSON, re.MULTILINE)
FILTERS = re.findall(r"^\| `(.+?)` \|", LESSON, re.MULTILINE)
HTTP, STREAM, CALLS, TALK, GIVEN, DHT, QUESTION, SENT = FILTERS

ORIGIN = "127.100.0.10"
"""As the lesson has it; beside other runs it is in another block."""

SPEED = 40
"""Instead of the lesson's 1, for there is nobody to watch."""

SIZE, COUNT = 2**20, 4
"""Bytes of the file of `quick`, and the lesson's clients."""

DEADLINE_S = 30.0
"""For tshark to begin and to have written all."""

SYN, ACK = 0x02, 0x10
"""Flags of TCP (RFC 9293)."""

DESTINATION = "127.0.0.1", 9
"""Nobody reads there; what is sent there is captured all the same."""


@dataclass(frozen=True)
class Half:
    """What hosts of one network sent, as in one of the two halves of the lesson's run."""

    path: Path
    net: str
    """As in `127.100`."""

    @property
    def origin(self) -> str:
        return f"{self.net}.0.10"

    def shown(
        self, display: str, *fields: str, switches: tuple[str, ...] = ()
    ) -> list[tuple[str, ...]]:
        """For every packet that passes the display filter, the values of the fields."""
        return read(self.path, display.replace(ORIGIN, self.origin), *fields, switches=switches)


def tshark(path: Path, *words: str) -> str:
    """What tshark prints of a capture."""
    command = [needs("tshark"), "-n", "-r", str(path), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read(
    path: Path, display: str, *fields: str, switches: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    """For every packet of a capture that passes, the values of the fields, many joined by |."""
    shown = [word for field in ("frame.number", *fields) for word in ("-e", field)]
    out = tshark(path, *switches, "-Y", display, "-T", "fields", "-E", "aggregator=|", *shown)
    return [tuple(line.split("\t")[1:]) for line in out.splitlines()]


def half(path: Path, display: str, *, to_its_end: bool = False) -> Half:
    """The part of a capture from the first to the last packet of those connections, or to its end,
    where this filter finds anything.

    Other tests may use the block before and after, and other blocks meanwhile.
    """
    found = read(path, f"tcp && ({display})", "tcp.stream", "ip.src")
    streams = ",".join({stream for stream, _ in found})
    packets = read(path, f"tcp.stream in {{{streams}}}", "frame.number")
    (first,), (last,) = packets[0], packets[-1]
    frames = f"frame.number >= {first}" + ("" if to_its_end else f" && frame.number <= {last}")
    return part(path, ".".join(found[0][1].split(".")[:2]), frames)


def part(path: Path, net: str, frames: str = "frame") -> Half:
    """These frames of one network, in a file of their own."""
    own = path.with_name(f"{secrets.token_hex(4)}.pcapng")
    tshark(path, "-Y", f"ip.addr == {net}.0.0/16 && {frames}", "-w", str(own))
    return Half(own, net)


@contextmanager
def captured(folder: Path) -> Iterator[Path]:
    """The file that has, afterwards, what passed meanwhile; the command is the lesson's."""
    needs("tshark")
    path = folder / shlex.split(TSHARK)[-1]
    said = folder / "said"
    with said.open("wb") as stderr:
        process = subprocess.Popen(shlex.split(TSHARK), cwd=folder, stderr=stderr)
    try:
        _mark(path, process, said)
        yield path
        _mark(path, process, said)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)


def _mark(path: Path, process: subprocess.Popen[bytes], said: Path) -> None:
    """Send something and wait until the file has it, and so all before it."""
    mark = secrets.token_bytes(16)
    deadline = time.monotonic() + DEADLINE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while not path.exists() or mark not in path.read_bytes():
            if process.poll() is not None:
                unavailable(f"tshark cannot capture: {said.read_text().strip()}")
            assert time.monotonic() < deadline, said.read_text()
            sock.sendto(mark, DESTINATION)
            time.sleep(SHORT_WAIT_S)


Run = Callable[..., tuple[Path, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the lesson's command, with more options, under tshark.

    Returns the capture and the name of the file that was moved: one that no other run has.
    """

    def run(*options: str, speed: int = SPEED) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp("lesson")
        scenario = folder / f"quick-{secrets.token_hex(4)}.toml"
        scenario.write_text((PROJECT / "bench" / "catalogue" / "quick.toml").read_text())
        words = shlex.split(BENCH)
        assert words[:3] == ["bench", "run", "quick"]
        assert words[-2:] == ["--speed", "1"]
        command = [sys.executable, "-m", "bench.cli", "run", str(scenario), *words[3:-1]]
        with captured(folder) as path:
            subprocess.run(
                [*command, str(speed), *options, "--out", "results"],
                cwd=folder,
                check=True,
                capture_output=True,
            )
        return path, f"{scenario.stem}.bin"

    return run


@pytest.fixture(scope="module")
def halves(run: Run) -> tuple[Half, Half]:
    """The server's half of the lesson's run, and the peers'."""
    path, name = run()
    return (
        half(path, f'http.request.uri == "/{name}"'),
        half(path, f'bittorrent && frame contains "{name}"'),
    )


def test_http_is_seen(halves: tuple[Half, Half]) -> None:
    server, peers = halves
    fields = ("ip.src", "http.request.method", "http.response.code", "frame.time_epoch")
    shown = server.shown(HTTP, *fields)
    clients = {f"{server.net}.0.{11 + number}" for number in range(COUNT)}
    asked, answered = shown[:COUNT], shown[COUNT:]
    assert {(source, method) for source, method, _, _ in asked} == {(c, "GET") for c in clients}
    assert [(source, code) for source, _, code, _ in answered] == [(server.origin, "200")] * COUNT
    waited = float(answered[-1][-1]) - float(asked[0][-1])
    assert waited * SPEED > 0.95 * 24
    assert peers.shown(HTTP) == []


def test_one_connection_is_seen_from_its_handshake_on(halves: tuple[Half, Half]) -> None:
    server, _ = halves
    fields = ("tcp.flags", "tcp.len", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport")
    shown = server.shown(STREAM, *fields)
    assert [int(row[0], 16) for row in shown[:3]] == [SYN, SYN | ACK, ACK]
    (ends,) = {frozenset([row[2:4], row[4:6]]) for row in shown}
    assert (server.origin, "8080") in ends
    assert SIZE < sum(int(row[1]) for row in shown if row[2] == server.origin) < SIZE + 1000


def test_it_is_seen_who_calls_whom(halves: tuple[Half, Half]) -> None:
    server, peers = halves
    fields = ("ip.src", "ip.dst", "tcp.dstport")
    assert {row[1:] for row in server.shown(CALLS, *fields)} == {(server.origin, "8080")}
    assert len(server.shown(CALLS)) == COUNT
    called = peers.shown(CALLS, *fields)
    assert {port for _, _, port in called} == {"6881"}
    assert any(peers.origin not in row[:2] for row in called)


def test_bittorrent_is_seen(halves: tuple[Half, Half]) -> None:
    server, peers = halves
    assert server.shown(TALK) == []
    said = " ".join(info for (info,) in peers.shown(TALK, "_ws.col.Info"))
    named = next(row for row in LESSON.splitlines() if row.startswith(f"| `{TALK}` |"))
    words = re.findall(r"Have None|[A-Z]\w+", named)
    assert len(words) == 8
    assert [word for word in words if word not in said] == []
    given = peers.shown(GIVEN, "ip.src", "ip.dst")
    assert len(given) > 10
    assert peers.origin not in {source for source, _ in given}


def test_the_dht_is_seen(halves: tuple[Half, Half]) -> None:
    server, peers = halves
    assert server.shown(DHT) == []
    rows = [row[0].split("|") for row in peers.shown(DHT, "bt-dht.bencoded.string")]
    asked = {row[row.index("q") + 1] for row in rows if row[-1] == "q"}
    assert asked == {"ping", "find_node", "get_peers", "announce_peer"}
    named = next(row for row in LESSON.splitlines() if row.startswith(f"| `{DHT}` |"))
    assert {*re.findall(r"`(\w+)`", named)} == asked
    assert any(row[-1] == "r" for row in rows)
    questions = [row for row in rows if "get_peers" in row]
    assert len(peers.shown(QUESTION)) == len(questions) > 0


def test_the_dht_is_seen_in_each_way_that_is_told(halves: tuple[Half, Half]) -> None:
    _, peers = halves
    alone = len(peers.shown("udp.port == 6881 && !icmp"))
    name = "bittorrent_dht_udp"
    enable, decode = re.findall(r"`tshark (-\S+ \S+)`", LESSON.replace("\n", " "))
    assert enable == f"--enable-heuristic {name}"
    off = ("--disable-heuristic", name)
    for switches, count in [
        (off, 0),  # as in older versions
        (tuple(enable.split()), alone),
        ((*off, *decode.split()), alone),
    ]:
        assert len(peers.shown(f"{DHT} && !icmp", switches=switches)) == count


def test_the_origins_uplink_is_seen(halves: tuple[Half, Half]) -> None:
    server, peers = halves
    sent = [
        sum(int(length) for (length,) in each.shown(f"{SENT} && tcp", "tcp.len")) for each in halves
    ]
    assert COUNT * SIZE < sent[0] < 1.01 * COUNT * SIZE
    assert 2 * SIZE < sent[1] < COUNT * SIZE
    assert server.shown("tcp.analysis.retransmission") == []
    assert max(int(length) for (length,) in server.shown("tcp", "tcp.len")) > 2**14
    assert peers.shown("_ws.malformed && !icmp") == []


def test_the_other_transports_are_seen(run: Run) -> None:
    path, name = run("--backend", "central", "--transport", "tftp,socket")
    assert "`--backend central --transport tftp`" in LESSON
    requests = read(path, f'tftp.source_file == "{name}"', "ip.dst", "udp.dstport")
    assert {port for _, port in requests} == {"8069"}
    assert len(requests) == COUNT
    net = requests[0][0].removesuffix(".0.10")
    data = part(path, net).shown("tftp && tftp.opcode == 3", "ip.src")
    assert {source for (source,) in data} == {f"{net}.0.10"}
    framed = half(path, f'tcp.port == 8081 && frame contains "{name}"')
    sent = framed.shown("tcp.port == 8081 && tcp.len > 0", "tcp.len")
    assert sum(int(length) for (length,) in sent) > COUNT * SIZE


def test_a_killed_server_resets_and_one_that_is_cut_is_silent(run: Run) -> None:
    (fault,) = re.findall(r'`--set "(faults=kill .*?)"`', LESSON)
    path, name = run("--backend", "central", "--set", fault, speed=5 * SPEED)
    server = half(path, f'http.request.uri == "/{name}"', to_its_end=True)
    # Later the block may be somebody else's.
    own = ",".join(
        stream for (stream,) in server.shown(f'http.request.uri == "/{name}"', "tcp.stream")
    )
    fins = f"tcp.flags.fin == 1 && tcp.srcport == 8080 && tcp.stream in {{{own}}}"
    ends = server.shown(fins, "frame.number")
    assert len(ends) == COUNT
    later = f"frame.number > {ends[-1][0]}"
    # The first ones that come back are surely ours: nobody else has the block yet.
    again = server.shown(f"{CALLS} && {later} && tcp.dstport == 8080", "tcp.stream")[:COUNT]
    assert len(again) == COUNT
    assert set(again) <= set(
        server.shown("tcp.flags.reset == 1 && tcp.srcport == 8080", "tcp.stream")
    )

    cut = fault.replace("kill", "cut") + ", restore it 20 s later"
    path, name = run("--backend", "central", "--set", cut)
    server = half(path, f'http.request.uri == "/{name}"')
    times = [float(when) for (when,) in server.shown("tcp", "frame.time_epoch")]
    silence = max(after - before for before, after in pairwise(times))
    assert silence * SPEED > 0.95 * 20
