"""What the system still has of a connection after close(2): RFC 9293, section 3.6; socket(7).

It is read from the system's own table, for each of the ways to close.
"""

from __future__ import annotations

import errno
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.lecture.socket_table import TIME_WAIT, SocketTableError, socket_table
from bench.lecture.socket_table import Row as SystemRow
from bench.lecture.ways_to_close import SETTLE_S, WAYS, Address, Pair, connect
from bench.sweep import TrialFailed
from host.addresses import AddressBlock

POLL_S = 0.25
"""Seconds between two looks at the table while its rows are watched."""
TICKS = 100
"""The unit of the timers in /proc/net/tcp, per second (USER_HZ, proc_net(5))."""
PROC_TABLE = Path("/proc/net/tcp")
Row = dict[str, Any]


def close_all_ways(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """Close a connection in every way, and read what the system's table has of it.

    Then watch, for `watch_s`, the rows that nobody owns any more. Returns the frames `ends`, where
    `kept_s` is how long the kernel's timer keeps a row after the last close, and `gone_s` when it
    was seen to be gone, both in seconds since then; and `binds`. Raises TrialFailed.
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


def _remains(name: str, way: Callable[[Pair], str], block: AddressBlock) -> list[Row]:
    """Close in one way; a row for each end: what the table has of it, and of its descriptor."""
    with ExitStack() as stack:
        pair = connect(block, stack)
        descriptors = {"client": pair.client.fileno(), "server": pair.server.fileno()}
        heard = way(pair)
        closed_at = time.monotonic()
        time.sleep(SETTLE_S)
        # First of all: the whole table takes the longer to read the more sockets there are.
        kept_s = {}
        for end, name_of_end in pair.names.items():
            waited_s = time.monotonic() - closed_at
            left_s = timer_s(name_of_end)
            kept_s[end] = left_s + waited_s if left_s else math.nan
        table = pair.listed()
        own = {(r.descriptor, r.local_address, r.local_port) for r in socket_table(own=True)}
        rows = []
        for end, name_of_end in pair.names.items():
            found = table[end]
            rows.append(
                {
                    "way": name,
                    "end": end,
                    "closed": getattr(pair, end).fileno() < 0,
                    "descriptor": (descriptors[end], *name_of_end) in own,
                    "state": found.state if found else "",
                    "owner": _owner(found),
                    "kept_s": kept_s[end],
                    "heard": heard,
                    "address": name_of_end[0],
                    "port": name_of_end[1],
                    "closed_at": closed_at,
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
    """Note when the rows that are in TIME_WAIT go, since their close; NaN: later than the watch."""
    begin = time.monotonic()
    kept = {(row["address"], row["port"]): row for row in rows if row["state"] == TIME_WAIT}
    for row in rows:
        row["gone_s"] = math.nan
    while kept and time.monotonic() - begin < watch_s:
        time.sleep(POLL_S)
        there = {(row.local_address, row.local_port) for row in socket_table()}
        for name in [name for name in kept if name not in there]:
            row = kept.pop(name)
            row["gone_s"] = time.monotonic() - row["closed_at"]
    for row in rows:
        del row["closed_at"]


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
        pair = connect(block, stack, reuse=before)
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
