"""The queue behind listen(2): clients connect at once, and the server accepts late and few.

Linux queues connections that are complete and that no accept(2) has taken yet (listen(2), tcp(7)).
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from operator import ge
from pathlib import Path
from typing import Any

from bench.lecture.socket_table import ESTABLISHED, Row, SocketTableError, socket_table
from bench.sweep import TrialFailed
from host.addresses import AddressBlock
from host.limits import MachineLimitError, ensure_descriptors
from host.sockets import reset_on_close

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
QUEUE_FIELDS = 24
"""Where tcp_info of a listening socket has the queue's length, and then its limit (linux/tcp.h:
tcpi_unacked, tcpi_sacked)."""
WAITING_BEYOND = 10
"""Clients more than a queue should hold, where `clients` would not fill it."""
QUIET_S = 0.3
"""Seconds without another client that calls itself connected after which no other is expected."""
IN, BELIEVES, WAITS = "in", "believes", "waits"
"""A client whose connection the server's side has too; one that is connected only as it sees it:
the server's queue was full when its last step came; one that still asks."""

Address = tuple[str, int]


@dataclass
class Queue:
    """A server that listens with one backlog, and the clients that called it, in order."""

    backlog: int
    listener: socket.socket
    clients: list[socket.socket]
    connected_s: dict[int, float] = field(default_factory=dict)
    """Seconds after the accepts at which a client that had to wait was connected, as it sees it."""
    accepted: int = 0


def crowd(case: Mapping[str, Any], directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Let clients call servers of each of `backlogs`; then accept `accepts` of each.

    `clients` call each server, more where its queue would hold them all. A client that waits asks
    again by itself, at first after a second (tcp(7)): what came of those who waited is looked at
    when nobody follows any more, at most `patience_s` after the accepts. Raises TrialFailed.
    """
    backlogs: Sequence[int] = case["backlogs"]
    cap = system_cap()
    numbers = [int(max(case["clients"], min(n, cap) + 1 + WAITING_BEYOND)) for n in backlogs]
    try:
        ensure_descriptors(sum(numbers) + len(backlogs) * (1 + case["accepts"]))
        with closing(AddressBlock.lease()) as block, ExitStack() as stack:
            queues = [
                _call(backlog, number, block, stack)
                for backlog, number in zip(backlogs, numbers, strict=True)
            ]
            first = _look(queues)
            lengths = [queue_lengths(queue.listener) for queue in queues]
            for queue, states in zip(queues, first, strict=True):
                _accept(queue, min(case["accepts"], states.count(IN)), stack)
            _await_others(queues, first, case["patience_s"])
            later = _look(queues)
    except (SocketTableError, MachineLimitError) as error:
        raise TrialFailed(str(error)) from None
    rows: dict[str, list[dict[str, Any]]] = {"queues": [], "clients": []}
    for queue, length, before, after in zip(queues, lengths, first, later, strict=True):
        rows["queues"].append(_queue_row(queue, cap, length, before, after))
        rows["clients"] += _client_rows(queue, before, after)
    return rows


def system_cap() -> float:
    """The most that the system lets a backlog be (listen(2)), or infinity where it is not told."""
    try:
        return float(SOMAXCONN.read_text(encoding="ascii"))
    except OSError:
        return math.inf


def _call(backlog: int, number: int, block: AddressBlock, stack: ExitStack) -> Queue:
    """Start a server and connect `number` clients, none of which waits for another."""
    clients: list[socket.socket] = []
    for _ in range(number):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        try:
            client.bind((block.address(1), 0))
        except OSError:
            raise TrialFailed(
                f"backlogs: no port is left for the clients of backlog {backlog:,}; "
                "expected fewer large ones"
            ) from None
        clients.append(client)
    # Closed before its clients are: who is still queued is reset, and nothing is in TIME_WAIT.
    listener = stack.enter_context(socket.socket())
    listener.bind((block.address(0), 0))
    listener.listen(backlog)
    for client in clients:
        error = client.connect_ex(listener.getsockname())
        if error not in (0, errno.EINPROGRESS):
            raise TrialFailed(f"connect: {errno.errorcode[error]}; expected EINPROGRESS or 0")
    return Queue(backlog, listener, clients)


def _look(queues: Iterable[Queue]) -> list[list[str]]:
    """For each queue, what the system's table says of each client, seen from both ends."""
    states: dict[tuple[Address, Address], str] = {}
    for row in socket_table():
        states[_ends(row)] = row.state

    def status(client: Address, server: Address) -> str:
        if states.get((client, server)) != ESTABLISHED:
            return WAITS
        return IN if states.get((server, client)) == ESTABLISHED else BELIEVES

    return [
        [status(client.getsockname(), queue.listener.getsockname()) for client in queue.clients]
        for queue in queues
    ]


def _ends(row: Row) -> tuple[Address, Address]:
    return (row.local_address, row.local_port), (row.remote_address, row.remote_port)


def queue_lengths(listener: socket.socket) -> tuple[float, float]:
    """The kernel's own count of a listening socket's queue, and the limit that it keeps to.

    NaN where the kernel does not say.
    """
    if sys.platform != "linux":
        return math.nan, math.nan
    told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, QUEUE_FIELDS + 8)
    length, limit = struct.unpack_from("=II", told, QUEUE_FIELDS)
    return float(length), float(limit)


def _accept(queue: Queue, accepts: int, stack: ExitStack) -> None:
    """Accept so many of those that are in the queue now."""
    for _ in range(accepts):
        queue.listener.setblocking(False)
        sock, _address = queue.listener.accept()
        reset_on_close(stack.enter_context(sock))
        queue.accepted += 1


def _await_others(
    queues: Sequence[Queue], first: Sequence[Sequence[str]], patience_s: float
) -> None:
    """Note who is connected now, until each accept has had one and nobody follows them."""
    begin = last = time.monotonic()
    due = [
        min(queue.accepted, states.count(WAITS))
        for queue, states in zip(queues, first, strict=True)
    ]
    with selectors.DefaultSelector() as selector:
        for queue, states in zip(queues, first, strict=True):
            for number, client in enumerate(queue.clients):
                if states[number] == WAITS:
                    selector.register(client, selectors.EVENT_WRITE, (queue, number))
        while (now := time.monotonic()) < begin + patience_s and selector.get_map():
            come = [len(queue.connected_s) for queue in queues]
            if all(map(ge, come, due)) and now > last + QUIET_S:
                return
            for key, _ in selector.select(0.05):
                queue, number = key.data
                selector.unregister(key.fileobj)
                queue.connected_s[number] = now - begin
                last = now


def _queue_row(
    queue: Queue,
    cap: float,
    length: tuple[float, float],
    first: Sequence[str],
    later: Sequence[str],
) -> dict[str, Any]:
    return {
        "backlog": queue.backlog,
        "clients": len(queue.clients),
        "somaxconn": cap,
        "entered": first.count(IN),
        "believed": first.count(BELIEVES),
        "queue_length": length[0],
        "queue_limit": length[1],
        "accepted": queue.accepted,
        "entered_later": later.count(IN) - first.count(IN),
        "believed_later": later.count(BELIEVES),
    }


def _client_rows(queue: Queue, first: Sequence[str], later: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each client: what it was before the accepts, and after them."""
    return [
        {
            "backlog": queue.backlog,
            "client": number,
            "first": first[number],
            "later": later[number],
            "connected_s": queue.connected_s.get(number, math.nan),
        }
        for number in range(len(queue.clients))
    ]
