"""What a receiver gets of messages that were sent, piece by piece: send(2), recv(2), udp(7).

Every byte of message k has the value k, so that what recv returned says itself what it is of.
"""

from __future__ import annotations

import errno
import itertools
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from host.addresses import AddressBlock

PATIENCE_S = 1.0
"""Seconds of real time that a call may block: what is sent over loopback is there at once."""
MOST_MESSAGES = 256
"""Messages of one case that a byte can tell apart."""
SMALL_BUFFER = 8192
"""Bytes asked of the kernel for a send buffer that is soon full."""
NOBODY = -1
"""The message of a recv that returned no bytes."""

WHOLE, SPLIT, JOINED, BOTH = "whole", "split", "joined", "split and joined"
CUT, NOTHING, REFUSED = "cut", "nothing", "refused"
"""What became of a message: a recv of its own; several of its own; one recv with others; several,
some with others; a recv, its end lost; no recv at all; not even sent."""

Row = dict[str, Any]


def exchange(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """Send messages of `sizes` bytes over `protocol` (tcp, udp) and receive them by `length`.

    The receiver reads each as soon as it is sent, or all in the end (`reads`: each, all). With
    `never` it reads in the end as well, but the sender does not wait for room, and its first send
    that fails is the last. Returns `sends` (message, asked, took, error, received, fate), at most
    MOST_MESSAGES, and `pieces`: a row for each part of a message in a recv (recv, message, bytes,
    truncated), with NOBODY where recv returned nothing.
    """
    sizes: Sequence[int] = case["sizes"]
    sends: list[Row] = []
    pieces: list[Row] = []
    numbers = itertools.count()
    with closing(AddressBlock.lease()) as block, ExitStack() as stack:
        sender, receiver = _connected(case["protocol"], block, stack)
        if case["reads"] == "never":
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
            sender.setblocking(False)
        for message, size in enumerate(sizes):
            sends.append(_send(sender, message, size))
            if case["reads"] == "each":
                pieces += _receive(receiver, sends[-1:], case["length"], numbers)
            if case["reads"] == "never" and sends[-1]["error"]:
                break
        if case["reads"] != "each":
            pieces += _receive(receiver, sends, case["length"], numbers)
    for send in sends:
        send["received"] = sum(p["bytes"] for p in pieces if p["message"] == send["message"])
        send["fate"] = fate(send, pieces)
    return {"sends": sends, "pieces": pieces}


def _connected(
    protocol: str, block: AddressBlock, stack: ExitStack
) -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that know each other: the sender, the receiver."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    first = stack.enter_context(socket.socket(socket.AF_INET, kind))
    first.bind((block.address(0), 0))
    sender = stack.enter_context(socket.socket(socket.AF_INET, kind))
    sender.bind((block.address(1), 0))
    if protocol == "tcp":
        first.listen()
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.connect(first.getsockname())
        receiver = stack.enter_context(first.accept()[0])
    else:
        sender.connect(first.getsockname())
        receiver = first
    for sock in (sender, receiver):
        sock.settimeout(PATIENCE_S)
    return sender, receiver


def _send(sender: socket.socket, message: int, size: int) -> Row:
    """One send: the bytes that it was given, those that it took, or its error."""
    try:
        took, error = sender.send(bytes([message % MOST_MESSAGES]) * size), ""
    except OSError as failure:
        took, error = 0, errno.errorcode.get(failure.errno or 0, str(failure))
    return {"message": message, "asked": size, "took": took, "error": error}


def _receive(
    receiver: socket.socket, sends: Sequence[Row], length: int, numbers: itertools.count[int]
) -> list[Row]:
    """Call recv until what was sent is all there, or nothing comes any more."""
    stream = receiver.type == socket.SOCK_STREAM
    due = sum(send["took"] for send in sends) if stream else sum(not s["error"] for s in sends)
    pieces: list[Row] = []
    while due > 0:
        try:
            data, _, flags, _ = receiver.recvmsg(length)
        except TimeoutError:
            break  # the kernel dropped datagrams that its buffer had no room for
        due -= len(data) if stream else 1
        number = next(numbers)
        parts = [(key, len(list(run))) for key, run in itertools.groupby(data)] or [(NOBODY, 0)]
        pieces += [
            {
                "recv": number,
                "message": message,
                "bytes": size,
                "truncated": bool(flags & socket.MSG_TRUNC),
            }
            for message, size in parts
        ]
    return pieces


def fate(send: Row, pieces: Sequence[Row]) -> str:
    """What became of a message, by the pieces of it and by what else their recvs had."""
    if send["error"]:
        return REFUSED
    own = [piece for piece in pieces if piece["message"] == send["message"]]
    if not send["asked"]:
        return WHOLE if any(piece["message"] == NOBODY for piece in pieces) else NOTHING
    if not own:
        return NOTHING
    recvs = {piece["recv"] for piece in own}
    if len([piece for piece in pieces if piece["recv"] in recvs]) > len(own):
        return BOTH if len(recvs) > 1 else JOINED
    if len(recvs) > 1:
        return SPLIT
    return WHOLE if own[0]["bytes"] == send["asked"] else CUT
