"""What the system still has of a connection after close(2): RFC 9293, section 3.6; socket(7).

Each way to close is a plain function of a connection's two sockets; what remains is read from the
system's own table.
"""

from __future__ import annotations

import errno
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.lecture.socket_table import TIME_WAIT, SocketTableError, socket_table
from bench.lecture.socket_table import Row as SystemRow
from bench.sweep import TrialFailed
from host.addresses import AddressBlock
from host.sockets import reset_on_close

PATIENCE_S = 2.0
"""Seconds of real time that a call may block: what is sent over loopback is there at once."""
SETTLE_S = 0.05
"""Seconds before the table is read, for what the kernel does after the last call."""
POLL_S = 0.25
"""Seconds between two looks at the table while its rows are watched."""
TICKS = 100
"""The unit of the timers in /proc/net/tcp, per second (USER_HZ, proc_net(5))."""
PROC_TABLE = Path("/proc/net/tcp")
HOLD = "import sys; sys.stdin.read()"
"""A program that keeps the descriptors that it was given until its input ends."""

Row = dict[str, Any]
Address = tuple[str, int]


@dataclass
class Pair:
    """A connection: its server's listener, and both ends."""

    listener: socket.socket
    server: socket.socket
    client: socket.socket
    server_name: Address
    client_name: Address
    stack: ExitStack
    """Closes whatever a way to close leaves open."""


def server_first(pair: Pair) -> str:
    """The server closes, then the client."""
    pair.server.close()
    heard = _hear(pair.client)
    pair.client.close()
    return heard


def client_first(pair: Pair) -> str:
    """The client closes, then the server."""
    pair.client.close()
    heard = _hear(pair.server)
    pair.server.close()
    return heard


def one_end_only(pair: Pair) -> str:
    """The server closes; the client does not."""
    pair.server.close()
    return _hear(pair.client)


def unread_data(pair: Pair) -> str:
    """The server closes with bytes that it has not read, then the client."""
    pair.client.sendall(b"unread")
    pair.server.close()
    heard = _hear(pair.client)
    pair.client.close()
    return heard


def linger_zero(pair: Pair) -> str:
    """The server closes with SO_LINGER on and 0 seconds (socket(7)), then the client."""
    reset_on_close(pair.server)
    return server_first(pair)


def unsent_data(pair: Pair) -> str:
    """The client closes with bytes that do not fit the path; the server reads them later."""
    pair.client.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += pair.client.send(bytes(1 << 16))
    pair.client.close()
    time.sleep(SETTLE_S)
    kept = _table(pair)["client"]
    come = 0
    while data := pair.server.recv(1 << 20):
        come += len(data)
    pair.server.close()
    return f"{kept.state if kept else ''}, then {come:,} of {sent:,} B"


def duplicate(pair: Pair) -> str:
    """The server closes one of two descriptors of its socket (dup(2))."""
    pair.stack.enter_context(pair.server.dup())
    pair.server.close()
    return _hear(pair.client)


def other_process(pair: Pair) -> str:
    """The server closes its socket, which another process has inherited (fork(2))."""
    holder = subprocess.Popen(
        [sys.executable, "-S", "-c", HOLD],
        stdin=subprocess.PIPE,
        pass_fds=[pair.server.fileno()],
    )
    pair.stack.enter_context(holder)
    pair.server.close()
    return _hear(pair.client)


def shutdown_duplicate(pair: Pair) -> str:
    """The server shuts one of two descriptors of its socket down (shutdown(2))."""
    pair.stack.enter_context(pair.server.dup())
    pair.server.shutdown(socket.SHUT_RDWR)
    pair.server.close()
    return _hear(pair.client)


def shutdown_only(pair: Pair) -> str:
    """The server ends its own direction with shutdown(2), and still reads."""
    pair.server.shutdown(socket.SHUT_WR)
    heard = _hear(pair.client)
    pair.client.sendall(b"still")
    return f"{heard}, then {_hear(pair.server)} the other way"


WAYS: Mapping[str, Callable[[Pair], str]] = {
    way.__name__.replace("_", " "): way
    for way in (
        server_first,
        client_first,
        one_end_only,
        unread_data,
        linger_zero,
        unsent_data,
        duplicate,
        other_process,
        shutdown_duplicate,
        shutdown_only,
    )
}


def close_all_ways(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """Close a connection in every way, and read what the system's table has of it.

    Then watch, for `watch_s`, the rows that nobody owns any more. Raises TrialFailed.
    """
    rows: list[Row] = []
    try:
        with closing(AddressBlock.lease()) as block:
            for name, way in WAYS.items():
                rows += _remains(name, way, block)
            _watch(rows, case["watch_s"])
            binds = _binds(block)
    except SocketTableError as error:
        raise TrialFailed(str(error)) from None
    return {"ends": rows, "binds": binds}


def _connect(block: AddressBlock, stack: ExitStack, *, reuse: bool = False) -> Pair:
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    listener.bind((block.address(0), 0))
    listener.listen()
    client = stack.enter_context(socket.socket())
    client.bind((block.address(1), 0))
    client.settimeout(PATIENCE_S)
    client.connect(listener.getsockname())
    server = stack.enter_context(listener.accept()[0])
    server.settimeout(PATIENCE_S)
    return Pair(listener, server, client, server.getsockname(), client.getsockname(), stack)


def _hear(sock: socket.socket) -> str:
    """What a socket hears of the other end."""
    sock.settimeout(SETTLE_S)
    try:
        data = sock.recv(1 << 16)
    except TimeoutError:
        return "nothing"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return f"{len(data)} B" if data else "end"


def _table(pair: Pair) -> dict[str, SystemRow | None]:
    """What the system's table has of each end of the connection."""
    listed = {row.five_tuple: row for row in socket_table()}
    return {
        "client": listed.get(("tcp", *pair.client_name, *pair.server_name)),
        "server": listed.get(("tcp", *pair.server_name, *pair.client_name)),
    }


def _remains(name: str, way: Callable[[Pair], str], block: AddressBlock) -> list[Row]:
    """Close in one way; a row for each end: what the table has of it, and of its descriptor."""
    with ExitStack() as stack:
        pair = _connect(block, stack)
        descriptors = {"client": pair.client.fileno(), "server": pair.server.fileno()}
        heard = way(pair)
        time.sleep(SETTLE_S)
        table = _table(pair)
        own = {(r.descriptor, r.local_address, r.local_port) for r in socket_table(own=True)}
        rows = []
        for end, name_of_end in (("client", pair.client_name), ("server", pair.server_name)):
            found = table[end]
            rows.append(
                {
                    "way": name,
                    "end": end,
                    "closed": getattr(pair, end).fileno() < 0,
                    "descriptor": (descriptors[end], *name_of_end) in own,
                    "state": found.state if found else "",
                    "owner": _owner(found),
                    "left_s": timer_s(name_of_end) if found else 0.0,
                    "heard": heard,
                    "address": name_of_end[0],
                    "port": name_of_end[1],
                }
            )
        return rows


def _owner(found: SystemRow | None) -> str:
    """Who has a row's socket open, as far as the system tells."""
    if found is None:
        return ""
    if found.pid is None:
        return "nobody"
    return "this process" if found.pid == os.getpid() else "another process"


def timer_s(name: Address) -> float:
    """Seconds until the kernel's timer of a connection's end runs out, by the kernel itself.

    NaN where it does not say (/proc/net/tcp, proc_net(5)).
    """
    try:
        lines = PROC_TABLE.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return math.nan
    packed = socket.inet_aton(name[0])
    wanted = f"{int.from_bytes(packed, sys.byteorder):08X}:{name[1]:04X}"
    for line in lines:
        _, local, remote, _, _, timer, *_ = line.split()
        if local == wanted and int(remote.partition(":")[2], 16):
            return int(timer.partition(":")[2], 16) / TICKS
    return math.nan


def _watch(rows: list[Row], watch_s: float) -> None:
    """Note when the rows that are in TIME_WAIT go, NaN where they outlast the watch."""
    begin = time.monotonic()
    kept = {(row["address"], row["port"]): row for row in rows if row["state"] == TIME_WAIT}
    for row in rows:
        row["gone_s"] = math.nan
    while kept and time.monotonic() - begin < watch_s:
        time.sleep(POLL_S)
        there = {(row.local_address, row.local_port) for row in socket_table()}
        for name in [name for name in kept if name not in there]:
            kept.pop(name)["gone_s"] = time.monotonic() - begin


def _binds(block: AddressBlock) -> list[Row]:
    """Bind a server's port anew after each way to end, with and without SO_REUSEADDR before."""
    return [
        _bind_again(block, name, before, after)
        for name in ("server first", "client first", "linger zero")
        for before in (False, True)
        for after in (False, True)
    ]


def _bind_again(block: AddressBlock, name: str, before: bool, after: bool) -> Row:
    with ExitStack() as stack:
        pair = _connect(block, stack, reuse=before)
        WAYS[name](pair)
        pair.listener.close()
        again = stack.enter_context(socket.socket())
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, after)
        try:
            again.bind(pair.server_name)
            again.listen()
            result = ""
        except OSError as error:
            result = errno.errorcode.get(error.errno or 0, str(error))
    return {"way": name, "reuse_before": before, "reuse_after": after, "error": result}
