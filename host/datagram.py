"""Datagrams over a host's links: an asyncio-dgram stream behind bounded, counted queues.

A datagram waits for the uplink, may be lost there or on the far downlink (a seeded chance), spends
the path's latency, and goes to the kernel when the receiver has read the one before it: a burst
would overflow the socket's buffer without a sign (udp(7)).  The receiver's queue drops its tail
when full, as a router does, and counts what it drops.  Where either host is cut off when a datagram
is sent or arrives, it is lost.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import itertools
import os
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import asyncio_dgram

from host.clock import InKernel
from host.link import Flow
from host.shaping import Shaper
from host.sockets import MeteredSocket

Address = tuple[str, int]
QUEUE_LIMIT = 256
"""Datagrams in either queue of an endpoint; a Linux interface queue holds 1,000."""

LARGEST = 65_507
"""Bytes in a datagram: 16 bits of length less the headers (RFC 768, RFC 791)."""


class Neighbourhood(Protocol):
    """Where an endpoint finds the others of its network."""

    loop: asyncio.AbstractEventLoop
    endpoints: dict[Address, DatagramEndpoint]
    in_kernel: InKernel

    def name_of(self, address: str) -> str:
        """The name of the host with this address."""


class Owner(Protocol):
    """What an endpoint needs of its host."""

    name: str
    up: Shaper
    down: Shaper
    rng: random.Random
    is_cut: bool

    @property
    def network(self) -> Neighbourhood:
        """The network that the host is in."""


class DatagramEndpoint:
    """A bound datagram socket of one host, with the calls of an asyncio-dgram stream."""

    def __init__(
        self,
        host: Owner,
        sock: MeteredSocket,
        stream: Any,
        queue_limit: int,
        on_close: Callable[[DatagramEndpoint], object],
    ) -> None:
        self._sock = sock
        self._stream = stream
        self._network = host.network
        self.host = host
        self._up, self._down = host.up, host.down
        self._rng = host.rng
        self._limit = queue_limit
        self._on_close = on_close
        self.sockname: Address = stream.sockname
        self.dropped = 0
        """Datagrams dropped because a queue of this endpoint was full, or that came from outside
        the network while the host was cut off."""
        self.lost = 0
        """Datagrams that this endpoint sent and a link lost, or a host that is cut off."""
        self._outgoing = Flow(self._sendable, self._send)
        self._out: deque[tuple[bytes, Address]] = deque()
        self._passed = 0
        self._under_way = 0
        self._numbers = itertools.count()
        self._path: list[tuple[float, int, bytes, Address]] = []
        self._mail: deque[tuple[bytes, DatagramEndpoint]] = deque()
        self._awaited: Address | None = None
        self._incoming = Flow(self._deliverable, self._deliver)
        self._held: deque[tuple[bytes, Address]] = deque()
        self._taken = 0
        self._inbox: deque[tuple[bytes, Address]] = deque()
        self._arrival = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = self._released = False
        self._network.endpoints[self.sockname] = self
        loop = self._network.loop
        self._reader = loop.create_task(self._read(), name=f"datagrams of {self.sockname}")

    async def send(self, data: bytes, addr: Address) -> None:
        """Queue a datagram; it is dropped, and counted, when the uplink's queue is full."""
        if self._closed:
            raise asyncio_dgram.TransportClosed
        if len(data) > LARGEST:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        if self.host.is_cut:
            self.lost += 1
            return
        if len(self._out) >= self._limit:
            self.dropped += 1
            return
        self._out.append((bytes(data), addr))
        self._drained.clear()
        self._up.wake(self._outgoing)

    async def drained(self) -> None:
        """Return when the uplink has taken all that was sent, as a sender blocks on its queue.

        What is timed from then on is the path and the other end alone.
        """
        await self._drained.wait()

    async def recv(self) -> tuple[bytes, Address]:
        """The next datagram and its sender's address; TransportClosed when there will be none."""
        while not self._inbox:
            if self._closed:
                raise asyncio_dgram.TransportClosed
            self._arrival.clear()
            await self._arrival.wait()
        return self._inbox.popleft()

    def recv_now(self) -> tuple[bytes, Address] | None:
        """The next datagram if one is here, and None if not."""
        return self._inbox.popleft() if self._inbox else None

    def close(self) -> None:
        """Receive nothing more; the port is free when what was sent has arrived."""
        if not self._closed:
            self._closed = True
            self._network.endpoints.pop(self.sockname, None)
            self._reader.cancel()
            self._arrival.set()
            self._settle()
            for _, sender in self._mail:
                sender._left()
            self._mail.clear()
            self._release()

    def abort(self) -> None:
        """Close at once; what is on its way is lost."""
        self.close()
        self._out.clear()
        self._drained.set()
        self._under_way = 0
        self._release()

    def cut(self) -> None:
        """The host is cut off: what is in the queues of its links is lost."""
        self.lost += len(self._out)
        self._out.clear()
        self._passed = 0
        self._drained.set()
        self._outgoing.withdraw()
        self._outgoing = Flow(self._sendable, self._send)
        for _, source in self._held:
            self._unheard(source)
        self._held.clear()
        self._taken = 0
        self._incoming.withdraw()
        self._incoming = Flow(self._deliverable, self._deliver)
        self._release()

    def _unheard(self, source: Address) -> None:
        """A datagram from `source` did not come through the downlink."""
        sender = self._network.endpoints.get(source)
        if sender is None:
            self.dropped += 1
        else:
            sender.lost += 1

    def unread(self) -> str | None:
        """A phrase for what the kernel holds, None when it holds nothing."""
        if self._awaited is None:
            return None
        sender, own = (self._network.name_of(each[0]) for each in (self._awaited, self.sockname))
        return f"a datagram from {sender} to {own}"

    def _release(self) -> None:
        idle = not self._out and self._under_way <= 0
        if self._closed and idle and not self._released:
            self._released = True
            self._stream.close()
            self._on_close(self)

    # ---- towards the network

    def _sendable(self) -> int:
        return len(self._out[0][0]) - self._passed or 1 if self._out else 0

    def _send(self, size: int) -> None:
        if not self._out:
            return
        data, address = self._out[0]
        self._passed += size
        if self._passed < len(data):
            return
        self._passed = 0
        self._out.popleft()
        if not self._out:
            self._drained.set()
        self._under_way += 1
        far = self._network.endpoints.get(address)
        loss = self._up.config.loss
        delay = self._up.latency
        if far is not None:
            loss += (1 - loss) * far._down.config.loss
            delay += far._down.latency
        if loss and self._rng.random() < loss:
            self.lost += 1
            self._left()
        elif delay:
            when = self._network.loop.time() + delay
            heapq.heappush(self._path, (when, next(self._numbers), data, address))
            self._network.loop.call_at(when, self._end_of_path)
        else:
            self._arrive(data, address)

    def _end_of_path(self) -> None:
        # Timers of the same instant run in any order; datagrams of one keep theirs.
        _, _, data, address = heapq.heappop(self._path)
        self._arrive(data, address)

    def _arrive(self, data: bytes, address: Address) -> None:
        far = self._network.endpoints.get(address)
        if self.host.is_cut or (far is not None and far.host.is_cut):
            self.lost += 1
            self._left()
        elif far is not None:
            far._post(data, self)
        elif self._sock.fileno() >= 0:
            try:
                self._sock.sendto(data, address)
            except OSError:  # to a stranger, whom the kernel may not reach
                self.dropped += 1
            self._left()

    def _left(self) -> None:
        """One datagram less is on its way."""
        self._under_way -= 1
        self._release()

    def _post(self, data: bytes, sender: DatagramEndpoint) -> None:
        if len(self._mail) >= self._limit:
            self.dropped += 1
            sender._left()
            return
        self._mail.append((data, sender))
        if self._awaited is None:
            self._next_into_kernel()

    def _next_into_kernel(self) -> None:
        while self._mail:
            data, sender = self._mail.popleft()
            if sender._sock.fileno() >= 0:
                self._awaited = sender.sockname
                self._network.in_kernel.total += 1
                sender._sock.sendto(data, self.sockname)
                sender._left()
                return

    # ---- from the network

    async def _read(self) -> None:
        while True:
            try:
                data, address = await self._stream.recv()
            except OSError:  # an ICMP message about something sent before (ip(7))
                continue
            if self.host.is_cut:
                self._unheard(address)
            elif len(self._held) + len(self._inbox) >= self._limit:
                self.dropped += 1
            else:
                self._held.append((data, address))
                self._down.wake(self._incoming)
            if address == self._awaited:
                self._settle()
                self._next_into_kernel()

    def _settle(self) -> None:
        """The kernel holds nothing for us now."""
        if self._awaited is not None:
            self._awaited = None
            self._network.in_kernel.total -= 1

    def _deliverable(self) -> int:
        return len(self._held[0][0]) - self._taken or 1 if self._held else 0

    def _deliver(self, size: int) -> None:
        if not self._held:
            return
        self._taken += size
        if self._taken >= len(self._held[0][0]):
            self._taken = 0
            self._inbox.append(self._held.popleft())
            self._arrival.set()
