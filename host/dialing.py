"""Opens a connection as connect(2) does: refused after a round trip, unanswered for two minutes.

The kernel connects over loopback at once.  What a real path would add is here: a request to or from
a host that is cut off goes unanswered until the path is there again or patience is at its end.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from typing import Protocol

from host.datagram import Address
from host.network import Member, Network
from host.sockets import MeteredSocket
from host.wire import ACCEPTOR, Wire

PATIENCE_S = 127.0
"""Seconds until a request without an answer fails with ETIMEDOUT: the first SYN and six more,
1, 2, 4, 8, 16, 32 and 64 s after the one before (tcp(7), tcp_syn_retries)."""

_BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT (ip(7)): the port is chosen at connect, by the whole five-tuple."""


class Caller(Member, Protocol):
    """What dialling needs of the host that calls."""

    network: Network

    def ensure_running(self) -> None:
        """OSError (ENETDOWN) when the host is down."""


async def reach(host: Caller, remote: Address, give_up_at: float) -> None:
    """Return when the path to `remote` is not cut; TimeoutError (ETIMEDOUT) at `give_up_at`."""
    host.ensure_running()
    while host.network.cut_off(host, remote):
        try:
            async with asyncio.timeout_at(give_up_at):
                await host.network.any_change()
        except TimeoutError:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
        host.ensure_running()


async def dial(
    host: Caller, sock: MeteredSocket, remote: Address, give_up_at: float
) -> Wire | None:
    """Have the kernel connect `sock` to `remote`; returns the wire between the two, if any."""
    network, wire = host.network, None
    try:
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        sock.bind((host.address, 0))
        try:
            sock.connect(remote)
        except BlockingIOError:
            pass
        wire = network.connecting(host, sock.getsockname(), remote)
        if wire is not None:
            sock.remote = network.label(wire.hosts[ACCEPTOR])
        writable = network.loop.create_future()
        network.loop.add_writer(sock, _settle, writable)
        try:
            await writable
        finally:
            network.loop.remove_writer(sock)
        host.ensure_running()
        if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
    except BaseException as error:
        sock.close()
        if wire is not None:
            network.abandoned(wire)
            if isinstance(error, OSError):
                await asyncio.sleep(wire.round_trip())
                await reach(host, remote, give_up_at)
        raise
    return wire


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
