"""The emulated network of one run: its hosts, their addresses, and the connections between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from host.addresses import AddressBlock
from host.clock import InKernel, VirtualLoop
from host.datagram import Address, DatagramEndpoint
from host.wire import ACCEPTOR, CONNECTOR, Attached, Wire


class Member(Attached, Protocol):
    """What a network needs of its hosts."""

    address: str

    async def close(self) -> None:
        """End all that the host does."""


class Connection(NamedTuple):
    """A TCP connection: who called from where, and who was called."""

    caller: str
    local: Address
    called: str
    remote: Address


class Network:
    """Hosts that reach each other over real loopback sockets, on the running event loop."""

    def __init__(
        self,
        *,
        seed: int = 0,
        bucket_s: float = 1.0,
        address: str | None = None,
        raw: bool = True,
        slowed: float = 1.0,
    ) -> None:
        """`raw` lets hosts that nothing slows use the standard transport (see `Host.raw`), which
        can be neither cut nor slowed later: faults under the real clock need False.
        `address` is for a program on the real clock that is itself the one host: all it opens
        is bound there (0.0.0.0: to every address of this computer), with the ports it wishes.
        `slowed`: how many times slower than in earnest the links are, of which TCP's throughput
        under loss knows nothing: it is divided by as much.
        `bucket_s`: seconds of an entry in the meters' series; infinite keeps one entry for ever.
        """
        self.loop = asyncio.get_running_loop()
        self.virtual = isinstance(self.loop, VirtualLoop)
        self.hosts: dict[str, Member] = {}
        self.endpoints: dict[Address, DatagramEndpoint] = {}
        self.bucket_s = bucket_s
        self.raw = raw and not self.virtual
        self._seed = seed
        self._slowed = slowed
        self._start = self.loop.time()
        self._block = AddressBlock.lease() if address is None else AddressBlock.only(address)
        self._by_address: dict[str, Member] = {}
        self._listening: dict[Address, Member] = {}
        self._opening: dict[tuple[Address, Address], Wire] = {}
        self._wires: dict[Wire, tuple[Address, Address]] = {}
        self._unreached: dict[asyncio.Future[None], None] = {}
        self.in_kernel = self.loop.in_kernel if isinstance(self.loop, VirtualLoop) else InKernel()
        self.in_kernel.describers.append(self._unread)

    def now(self) -> float:
        """Seconds since this network began, on the loop's clock."""
        return self.loop.time() - self._start

    def join(self, host: Member) -> str:
        """Take a host in and return the address that is its own from now on."""
        if host.name in self.hosts:
            raise ValueError(f"host {host.name!r} is in the network already; names are unique")
        address = self._block.address(len(self.hosts))
        self.hosts[host.name] = host
        if not self._block.shared:
            self._by_address[address] = host
        return address

    def rng(self, name: str) -> random.Random:
        """Random numbers for one host, fixed by the network's seed and the host's name."""
        return random.Random(f"{self._seed}/{name}")

    def name_of(self, address: str) -> str:
        """The name of the host with this address, or the address itself for a stranger."""
        host = self._by_address.get(address)
        return address if host is None else host.name

    def label(self, host: Attached) -> str:
        """What a meter calls a host of this network: its address, or its name if all share one."""
        return host.name if self._block.shared else host.address

    def sharers(self) -> int:
        """Hosts that have one address between them."""
        return len(self.hosts) if self._block.shared else 1

    def port(self, wished: int) -> int:
        """The port to bind: the wished one, or any where hosts share an address."""
        return self._block.port(wished)

    def connections(self) -> Iterator[Connection]:
        """The TCP connections between hosts of this network that are open at both ends.

        Those that no link slows, on the standard transport, are not known here.
        """
        opening = set(self._opening.values())
        for wire, (local, remote) in self._wires.items():
            if wire not in opening and not wire.half_closed:
                connector, acceptor = wire.hosts
                yield Connection(connector.name, local, acceptor.name, remote)

    async def close(self) -> None:
        """Close every host, then give the addresses back."""
        try:
            for host in self.hosts.values():
                await host.close()
        finally:
            if self._unread in self.in_kernel.describers:  # else it was closed before
                self.in_kernel.describers.remove(self._unread)
            self._block.close()

    # ---- for its hosts

    def opens(self, host: Member, address: Address) -> None:
        """`host` listens at `address`."""
        self._listening[address] = host

    def closes(self, address: Address) -> None:
        """Nobody listens at `address` any more; the kernel drops those that it had not accepted."""
        self._listening.pop(address, None)
        for local, remote in [way for way in self._opening if way[1] == address]:
            self._opening.pop((local, remote)).leave(ACCEPTOR)

    def connecting(self, connector: Member, local: Address, remote: Address) -> Wire | None:
        """A connection request is on its way; None when no wire is needed between the two.

        That is when the target is outside this network, or neither end is slowed in any way.
        """
        acceptor = self._host_at(remote)
        if acceptor is None or (connector.raw and acceptor.raw):
            return None
        wire = Wire(connector, acceptor, self.in_kernel, slowed=self._slowed)
        self._wires[wire] = (local, remote)
        self._opening[local, remote] = wire
        wire.put(ACCEPTOR, 1)
        return wire

    def accepted(self, remote: Address, local: Address) -> Wire | None:
        """The acceptor's socket for that request is open."""
        wire = self._opening.pop((remote, local), None)
        if wire is not None:
            wire.took(ACCEPTOR, 1)
        return wire

    def abandoned(self, wire: Wire) -> None:
        """The request that `wire` was for is refused or given up."""
        way = next((way for way, opening in self._opening.items() if opening is wire), None)
        if way is None:
            wire.put(ACCEPTOR, 1)  # the connection's end, for who accepted it
        else:
            del self._opening[way]
            wire.leave(ACCEPTOR)
        wire.leave(CONNECTOR)
        self.forget(wire)

    def forget(self, wire: Wire) -> None:
        """One side has closed; the wire is dropped when both have."""
        if wire.left:
            self._wires.pop(wire, None)

    # ---- faults

    def follow_cuts(self, host: Member) -> None:
        """`host` was cut off, or is back."""
        for wire in [wire for wire in self._wires if host in wire.hosts]:
            wire.follow_cuts()
        self.wake_callers()

    def wake_callers(self) -> None:
        """Let those whose requests go unanswered look again."""
        for future in list(self._unreached):
            if not future.done():
                future.set_result(None)

    def follow_links(self, host: Member) -> None:
        """The links of `host` have changed."""
        for wire in [wire for wire in self._wires if host in wire.hosts]:
            wire.follow_links()

    def cut_off(self, host: Member, remote: Address) -> bool:
        """True while nothing passes between `host` and the host at `remote`."""
        far = self._host_at(remote)
        return host.is_cut or (far is not None and far.is_cut)

    def _host_at(self, remote: Address) -> Member | None:
        return self._listening.get(remote) or self._by_address.get(remote[0])

    async def any_change(self) -> None:
        """Return when some host was cut off, is back, or has closed: at the next `wake_callers`."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._unreached[future] = None
        try:
            await future
        finally:
            del self._unreached[future]

    def _unread(self) -> str:
        wires = [wire.unread() for wire in self._wires]
        datagrams = [endpoint.unread() for endpoint in self.endpoints.values()]
        return "; ".join(filter(None, wires + datagrams))
