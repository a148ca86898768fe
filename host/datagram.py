"""Datagrams over a host's links: an asyncio-dgram stream behind bounded, counted queues.

A datagram waits for the uplink, may be lost there or on the far downlink (a seeded chance), spends
the path's latency, and goes to the kernel when the receiver has read the one before it: a burst
would overflow the socket's buffer without a sign (udp(7)).  The receiver's queue drops its tail
when full, as a router does, and counts what it drops.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any, Protocol

import asyncio_dgram

from host.link import Flow
from host.shaping import Shaper

Address = tuple[str, int]
QUEUE_LIMIT = 256
"""Datagrams in either queue of an endpoint; a Linux interface queue holds 1,000."""


class Neighbourhood(Protocol):
    """Where an endpoint finds the others of its network."""

    loop: asyncio.AbstractEventLoop
    endpoints: dict[Address, DatagramEndpoint]


class DatagramEndpoint:
    """A bound datagram socket of one host, with the calls of an asyncio-dgram stream."""

    def __init__(
        self,
        stream: Any,
        network: Neighbourhood,
        links: tuple[Shaper, Shaper],
        rng: random.Random,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        self._stream = stream
        self._network = network
        self._up, self._down = links
        self._rng = rng
        self._limit = queue_limit
        self.sockname: Address = stream.sockname
        self.dropped = 0
        """Datagrams dropped because a queue of this endpoint was full."""
        self.lost = 0
        """Datagrams that this endpoint sent and a link lost."""
        self._outgoing = Flow(self._sendable, self._send)
        self._out: deque[tuple[bytes, Address]] = deque()
        self._passed = 0
        self._mail: deque[tuple[bytes, DatagramEndpoint]] = deque()
        self._in_kernel = False
        self._incoming = Flow(self._deliverable, self._deliver)
        self._held: deque[tuple[bytes, Address]] = deque()
        self._taken = 0
        self._inbox: deque[tuple[bytes, Address]] = deque()
        self._arrival = asyncio.Event()
        self._closed = False
        network.endpoints[self.sockname] = self
        self._reader = network.loop.create_task(self._read(), name=f"datagrams of {self.sockname}")

    async def send(self, data: bytes, addr: Address) -> None:
        """Queue a datagram; it is dropped, and counted, when the uplink's queue is full."""
        if self._closed:
            raise asyncio_dgram.TransportClosed
        if len(self._out) >= self._limit:
            self.dropped += 1
            return
        self._out.append((bytes(data), addr))
        self._up.wake(self._outgoing)

    async def recv(self) -> tuple[bytes, Address]:
        """The next datagram and its sender's address; TransportClosed when there will be none."""
        while not self._inbox:
            if self._closed:
                raise asyncio_dgram.TransportClosed
            self._arrival.clear()
            await self._arrival.wait()
        return self._inbox.popleft()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._out.clear()
            self._reader.cancel()
            self._stream.close()
            self._network.endpoints.pop(self.sockname, None)
            self._arrival.set()

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
        far = self._network.endpoints.get(address)
        loss = self._up.config.loss
        delay = self._up.latency
        if far is not None:
            loss += (1 - loss) * far._down.config.loss
            delay += far._down.latency
        if loss and self._rng.random() < loss:
            self.lost += 1
        elif far is None:
            self._network.loop.create_task(self._stream.send(data, address))
        elif delay:
            self._network.loop.call_later(delay, far._post, data, self)
        else:
            far._post(data, self)

    def _post(self, data: bytes, sender: DatagramEndpoint) -> None:
        if len(self._mail) >= self._limit:
            self.dropped += 1
            return
        self._mail.append((data, sender))
        if not self._in_kernel:
            self._next_into_kernel()

    def _next_into_kernel(self) -> None:
        while self._mail and not self._closed:
            data, sender = self._mail.popleft()
            if not sender._closed:
                self._in_kernel = True
                sender._stream.socket._sock.sendto(data, self.sockname)
                return

    # ---- from the network

    async def _read(self) -> None:
        while True:
            data, address = await self._stream.recv()
            self._in_kernel = False
            if len(self._held) + len(self._inbox) >= self._limit:
                self.dropped += 1
            else:
                self._held.append((data, address))
                self._down.wake(self._incoming)
            self._next_into_kernel()

    def _deliverable(self) -> int:
        return len(self._held[0][0]) - self._taken or 1 if self._held else 0

    def _deliver(self, size: int) -> None:
        self._taken += size
        if self._taken >= len(self._held[0][0]):
            self._taken = 0
            self._inbox.append(self._held.popleft())
            self._arrival.set()
