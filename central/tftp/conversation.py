"""One transfer's endpoint and the one peer that it listens to (RFC 1350, section 4)."""

from __future__ import annotations

import asyncio
import math

import asyncio_dgram

from central.tftp.packets import Error, ErrorCode, Packet, PacketError, encode, parse
from host.datagram import Address, DatagramEndpoint
from host.host import Host


class PeerError(Exception):
    """The peer has ended the transfer with an ERROR packet."""

    def __init__(self, error: Error) -> None:
        super().__init__(printable(error.text))
        self.code = error.code


class EndedError(Exception):
    """This side has ended the transfer from elsewhere."""


class Conversation:
    """Packets to and from one peer.  What others send does not disturb it."""

    def __init__(self, host: Host, endpoint: DatagramEndpoint, peer: Address | None) -> None:
        """`peer` is None until its first answer shows the port; see `waits_for`."""
        self._endpoint = endpoint
        self._loop = host.loop
        self._server: Address | None = None
        self.peer = peer

    @classmethod
    async def open(cls, host: Host, peer: Address | None) -> Conversation:
        """A conversation from a port of its own. Raises OSError."""
        return cls(host, await host.datagram(), peer)

    def now(self) -> float:
        return self._loop.time()

    async def ask(self, server: Address, datagram: bytes) -> None:
        """Send a request; whoever answers first from that address is the peer."""
        self._server = server
        await self._send(datagram, server)

    async def send(self, packet: Packet | bytes) -> None:
        """Send a packet and return when it has left the uplink. Raises EndedError."""
        assert self.peer is not None
        await self._send(packet if isinstance(packet, bytes) else encode(packet), self.peer)

    async def _send(self, datagram: bytes, address: Address) -> None:
        try:
            await self._endpoint.send(datagram, address)
        except asyncio_dgram.TransportClosed:
            raise EndedError from None
        await self._endpoint.drained()

    async def again(self, datagram: bytes) -> None:
        """Send a datagram to the peer once more, from outside of the transfer."""
        if self.peer is not None:
            await self._post(datagram, self.peer)

    async def _post(self, datagram: bytes, address: Address) -> None:
        """Hand a datagram over and wait for nothing."""
        try:
            await self._endpoint.send(datagram, address)
        except asyncio_dgram.TransportClosed:
            pass

    async def receive(self, deadline: float) -> Packet | None:
        """The peer's next packet; None when there is none by `deadline` (seconds of the loop).

        Raises PeerError when that is an ERROR, EndedError when this side has ended it.
        """
        try:
            async with asyncio.timeout_at(None if deadline == math.inf else deadline):
                while True:
                    packet = await self._heard(*await self._endpoint.recv())
                    if packet is not None:
                        return packet
        except TimeoutError:
            return None
        except asyncio_dgram.TransportClosed:
            raise EndedError from None

    async def receive_now(self) -> Packet | None:
        """The peer's next packet if one is here. Raises PeerError."""
        while (came := self._endpoint.recv_now()) is not None:
            packet = await self._heard(*came)
            if packet is not None:
                return packet
        return None

    async def pass_over(self) -> None:
        """Forget the peer's packets that are here. Raises PeerError."""
        while await self.receive_now() is not None:
            pass

    async def _heard(self, datagram: bytes, source: Address) -> Packet | None:
        """What a datagram says to this transfer: nothing if it is malformed or somebody else's."""
        try:
            packet = parse(datagram)
        except PacketError:
            return None
        if self.peer is None and self._server is not None and source[0] == self._server[0]:
            self.peer = source
        if source != self.peer:
            if not isinstance(packet, Error):
                answer = Error(ErrorCode.UNKNOWN_TRANSFER, "unknown transfer")
                await self._post(encode(answer), source)
            return None
        if isinstance(packet, Error):
            raise PeerError(packet)
        return packet

    async def end(self, code: ErrorCode, text: str) -> None:
        """Tell the peer that it is over, and close; waits for nothing."""
        if self.peer is not None:
            await self._post(encode(Error(code, text)), self.peer)
        self.close()

    def close(self) -> None:
        """Free the port when what was sent has left; the transfer is told by EndedError."""
        self._endpoint.close()


def printable(text: str) -> str:
    """A stranger's text as part of a line for a person."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200]).strip()
