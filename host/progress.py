"""How far the bytes that were written to a connection have come (tcp(7), TCP_INFO)."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import NamedTuple

_SIZE = 216
_NOT_SENT = struct.Struct("=144xI")
"""tcpi_notsent_bytes in struct tcp_info (linux/tcp.h)."""
_SENT = struct.Struct("=200xQQ")
"""tcpi_bytes_sent, those sent again included, and tcpi_bytes_retrans."""


class Progress(NamedTuple):
    """Bytes of one connection, since its beginning."""

    sent: int
    """On the network or at the other side."""
    waiting: int
    """With the kernel, and for the other side's window."""


def progress(transport: asyncio.BaseTransport) -> Progress | None:
    """How much has gone out; None where the system does not say, or the socket is closed."""
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(info) < _SIZE:  # before Linux 4.19
        return None
    sent, again = _SENT.unpack_from(info)
    return Progress(sent - again, _NOT_SENT.unpack_from(info)[0])
