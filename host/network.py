"""The emulated network of one run: its hosts, their addresses, and the connections between them."""

from __future__ import annotations

import asyncio
import random
from typing import Protocol

from host.addresses import AddressBlock
from host.clock import InKernel, VirtualLoop
from host.datagram import Address, DatagramEndpoint
from host.wire import ACCEPTOR, CONNECTOR, Attached, Wire


class Member(Attached, Protocol):
    """What a network needs of its hosts."""

    address: str

    async def close(self) -> None:
        """End all that the host does."""


class Network:
    """Hosts that reach each other over real loopback sockets, on the running event loop."""

    def __init__(self, *, seed: int = 0, bucket_s: float = 1.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.virtual = isinstance(self.loop, VirtualLoop)
        self.hosts: dict[str, Member] = {}
        self.endpoints: dict[Address, DatagramEndpoint] = {}
        self._seed = seed
        self.bucket_s = bucket_s
        self._block = AddressBlock.lease()
        self._listening: dict[Address, Member] = {}
        self._opening: dict[tuple[Address, Address], Wire] = {}
        self._wires: dict[Wire, None] = {}
        self.in_kernel = self.loop.in_kernel if isinstance(self.loop, VirtualLoop) else InKernel()
        self.in_kernel.describe = self._unread

    def join(self, host: Member) -> str:
        """Take a host in and return the address that is its own from now on."""
        self.hosts[host.name] = host
        return self._block.address(len(self.hosts) - 1)

    def rng(self, name: str) -> random.Random:
        """Random numbers for one host, fixed by the network's seed and the host's name."""
        return random.Random(f"{self._seed}/{name}")

    def name_of(self, address: str) -> str:
        """The name of the host with this address, or the address itself for a stranger."""
        for host in self.hosts.values():
            if host.address == address:
                return host.name
        return address

    def port(self, wished: int) -> int:
        """The port to bind: the wished one, or any where hosts share an address."""
        return 0 if self._block.shared else wished

    async def close(self) -> None:
        """Close every host, then give the addresses back."""
        for host in self.hosts.values():
            await host.close()
        self._block.close()

    # ---- for its hosts

    def opens(self, host: Member, address: Address) -> None:
        """`host` listens at `address`."""
        self._listening[address] = host

    def closes(self, address: Address) -> None:
        self._listening.pop(address, None)

    def connecting(self, connector: Member, local: Address, remote: Address) -> Wire | None:
        """A connection request is on its way; None when its target is outside this network."""
        acceptor = self._listening.get(remote)
        if acceptor is None:
            return None
        wire = Wire(connector, acceptor, self.in_kernel)
        self._wires[wire] = None
        self._opening[local, remote] = wire
        wire.put(ACCEPTOR, 1)
        return wire

    def accepted(self, remote: Address, local: Address) -> Wire | None:
        """The acceptor's socket for that request is open."""
        wire = self._opening.pop((remote, local), None)
        if wire is not None:
            wire.took(ACCEPTOR, 1)
        return wire

    def refused(self, wire: Wire, local: Address, remote: Address) -> None:
        """That request came to nothing."""
        self._opening.pop((local, remote), None)
        wire.leave(CONNECTOR)
        wire.leave(ACCEPTOR)
        self.forget(wire)

    def forget(self, wire: Wire) -> None:
        """One side has closed; the wire is dropped when both have."""
        if wire.left:
            self._wires.pop(wire, None)

    def _unread(self) -> str:
        return "; ".join(filter(None, (wire.unread() for wire in self._wires))) or "a datagram"
