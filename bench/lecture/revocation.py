"""One client of several is refused in the middle of its transfer: what it still gets, from whom.

The central server's owner revokes its token in the token file, as `central revoke` does; a peer
bans it, as it bans who gives wrong pieces: it hangs up, and hangs up again whenever it comes back.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.play import Case, Rows
from bench.sweep import TrialFailed
from central.access.guard import POLL_S, Guard
from central.access.store import Store, new_token
from central.client import Client
from central.config import ClientConfig
from central.errors import CentralError
from central.server import Server
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.backend import P2PBackend
from p2p.config import PeerConfig
from p2p.magnet import parse
from p2p.swarm import Swarm

LOOK_S = 0.01
"""Seconds between two looks at what the refused one has got."""

RETRY_S = 0.5
"""Seconds after which a client that was refused tries again."""

QUIET_S = 15.0
"""Seconds without a byte, the others being done, after which nothing more will come: a peer calls
those that it knows again within ten (p2p.config)."""


@dataclass
class Refused:
    """The one that is refused, and what came to it."""

    host: Host
    held: Callable[[], int]
    """Bytes of the file that it has: for a peer, in pieces that are whole and right."""
    size: int
    revoked_s: float = math.inf
    had: int = 0
    """Bytes of the file that it had then."""
    told_s: float = math.nan
    """When its transfer broke off."""
    refusals: int = 0
    """Tries after that, each refused."""
    refusal: str = ""
    """What it was told last."""
    refusers: frozenset[str] = frozenset()
    """Who refuses it: what they give after that was on the way."""
    looks: list[tuple[float, int]] = field(default_factory=list)
    """(seconds of the run, bytes of the file here)."""
    sources: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Who gave it what after the revocation: (time of the last, bytes), by name."""
    _before: dict[str, int] = field(default_factory=dict)

    @property
    def now(self) -> float:
        return self.host.network.now()

    def look(self) -> None:
        """Write down what has come."""
        network = self.host.network
        most = max(self.held(), self.looks[-1][1] if self.looks else 0)
        self.looks.append((self.now, most))
        if self.now <= self.revoked_s:
            return
        for remote, count in self.host.meter.down_by_remote.items():
            name, gain = network.name_of(remote), count - self._before.get(remote, 0)
            if gain > self.sources.get(name, (0.0, 0))[1]:
                self.sources[name] = self.now, gain

    def revoke(self) -> None:
        """From now on it should get nothing."""
        self.look()
        self.revoked_s, self.had = self.now, self.looks[-1][1]
        self._before = dict(self.host.meter.down_by_remote)

    def last_s(self) -> float:
        """When the last bytes of the file came."""
        most = self.looks[-1][1]
        return next(at for at, here in self.looks if here == most)


async def refuse_in_central(case: Case, directory: Path) -> Rows:
    """A server with tokens, by one protocol; the client's is revoked at a share of the file."""
    network = Network(seed=case["seed"])
    origin, *hosts = make_hosts(network, case, directory)
    path = directory / "tokens"
    owner = Store(path, create=True)
    tokens = {host.name: new_token() for host in hosts}
    for name, token in tokens.items():
        owner.grant(name, token=token, now=origin.date().timestamp())
    server = Server(origin, protocols=(case["protocol"],), guard=Guard(origin, Store(path)))
    clients = [Client(host, ClientConfig(token=tokens[host.name])) for host in hosts]

    def held() -> int:
        return max((here for here, _ in clients[0].holdings().values()), default=0)

    due = [hosts[0].name] if case["refusers"] else []

    def refuse() -> None:
        while due:
            owner.revoke(due.pop(), now=origin.date().timestamp())

    refused = Refused(hosts[0], held, case["file_bytes"])
    refused.refusers = frozenset([origin.name] if due else [])
    try:
        link = await server.publish(make_file(directory, case))
        others = [
            asyncio.ensure_future(client.fetch(link, host.directory))
            for client, host in zip(clients[1:], hosts[1:], strict=True)
        ]
        own = asyncio.ensure_future(_insist(clients[0], link, refused))
        # Between two looks of the guard, each moment has the same chance.
        at = f"{case['seed']}/{case['protocol']}/{case['latency_s']}/{case['share']}"
        wait_s = random.Random(at).uniform(0, POLL_S)
        return await _watch(case, refused, own, others, refuse, wait_s)
    finally:
        for client in clients:
            await client.close()
        await server.close()
        await network.close()


async def _insist(client: Client, link: str, refused: Refused) -> None:
    """Fetch, and try again for ever when that fails."""
    while True:
        try:
            await client.fetch(link, refused.host.directory)
        except CentralError as error:
            if math.isnan(refused.told_s):
                refused.told_s = refused.now
            else:
                refused.refusals, refused.refusal = refused.refusals + 1, str(error)
            await asyncio.sleep(RETRY_S)
        else:
            return


async def refuse_in_p2p(case: Case, directory: Path) -> Rows:
    """The origin bans a peer at a share of the file; with it so many others that they are
    `refusers` in all.

    Raises TrialFailed where hosts have no addresses of their own to be refused by.
    """
    network = Network(seed=case["seed"])
    if network.sharers() > 1:
        raise TrialFailed("a peer is refused by its address, and here all hosts have the same one")
    hosts = make_hosts(network, case, directory)
    backend = P2PBackend(PeerConfig(piece_length=case["piece_bytes"], names_itself=False))
    peers = [backend.origin(hosts[0]), *map(backend.client, hosts[1:])]
    try:
        path = make_file(directory, case)
        link = parse(await peers[0].publish(path))
        folders = [path.parent, *(host.directory for host in hosts[1:])]
        swarms = [await peer.get(link, folder) for peer, folder in zip(peers, folders, strict=True)]
        origin, own, *others = swarms
        refusers = [origin, *others][: case["refusers"]]

        def refuse() -> None:
            for swarm in refusers:
                _ban(swarm, hosts[1].address)

        refused = Refused(hosts[1], lambda: own.progress().bytes_here, case["file_bytes"])
        able = [host.name for host in hosts if host is not hosts[1]]
        refused.refusers = frozenset(able[: case["refusers"]])
        fetching = asyncio.ensure_future(peers[1].fetch(str(link), hosts[1].directory))
        return await _watch(case, refused, fetching, [swarm.done for swarm in others], refuse)
    finally:
        for peer in peers:
            await peer.close()
        await network.close()


def _ban(swarm: Swarm, address: str) -> None:
    for mate in list(swarm.mates()):
        if mate.address[0] == address:
            swarm.ban(mate)


async def _watch(
    case: Case,
    refused: Refused,
    own: asyncio.Future[Any],
    others: Sequence[asyncio.Future[Path]],
    refuse: Callable[[], None],
    wait_s: float = 0.0,
) -> Rows:
    """Look on until it has the file or will not have it; `refuse` is called `wait_s` after it has
    the share of the file, and at each look from then on.

    Raises TrialFailed when it is done before.
    """
    finishes: list[float] = []

    def finished(done: asyncio.Future[Path]) -> None:
        if not done.cancelled() and done.exception() is None:
            finishes.append(refused.now)

    def begin() -> None:
        refused.revoke()
        refuse()

    for other in others:
        other.add_done_callback(finished)
    begun, quiet_s = False, 0.0
    while not all(job.done() for job in (own, *others)) and quiet_s < QUIET_S:
        await asyncio.sleep(LOOK_S)
        refused.look()
        if not begun and refused.held() >= case["share"] * refused.size:
            begun = True
            refused.host.loop.call_later(wait_s, begin)
        if refused.revoked_s < math.inf:
            refuse()
        gains = len({here for _, here in refused.looks[-2:]}) > 1
        over = all(other.done() for other in others)
        quiet_s = quiet_s + LOOK_S if over and not gains else 0.0
    if refused.revoked_s == math.inf:
        raise TrialFailed(f"{case}: done before it was refused; expected a larger file_bytes")
    own.cancel()
    await asyncio.wait([own])
    return _rows(case, refused, finishes)


def _rows(case: Case, refused: Refused, finishes: list[float]) -> Rows:
    start = refused.revoked_s
    whole_s = refused.last_s() if refused.looks[-1][1] == refused.size else math.nan
    row = {
        "had_bytes": refused.had,
        "revoked_s": start,
        "last_s": max(0.0, refused.last_s() - start),
        "gained_bytes": refused.looks[-1][1] - refused.had,
        "told_s": refused.told_s - start,
        "finish_s": whole_s - start,
        "refusals": refused.refusals,
        "refusal": refused.refusal,
        "others": case["clients"] - 1,
        "others_finished": len(finishes),
        "others_finish_s": max(finishes, default=math.nan),
    }
    looks = [(at - start, here) for at, here in refused.looks]
    return {
        "refused": [row],
        "received": [{"t_s": at, "here_bytes": here} for at, here in turns(looks)],
        "sources": [
            {"source": name, "bytes": size, "last_s": at - start}
            | {"refuses": name in refused.refusers}
            for name, (at, size) in sorted(refused.sources.items())
        ],
    }


def turns(looks: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """The looks without those between two that say the same."""
    return [
        look
        for before, look, after in zip(
            [(0.0, -1), *looks], looks, [*looks[1:], (0.0, -1)], strict=False
        )
        if not before[1] == look[1] == after[1]
    ]


def make_hosts(network: Network, case: Case, directory: Path) -> list[Host]:
    """The origin and the clients: `origin_up` and `peer_up` in bytes per second."""
    names = ["origin", *(f"client-{number:03}" for number in range(1, case["clients"] + 1))]
    hosts: list[Host] = []
    for name in names:
        folder = directory / name
        folder.mkdir()
        half = case["latency_s"] / 2
        up = LinkConfig(rate=case["peer_up" if hosts else "origin_up"], latency=half)
        hosts.append(Host(network, name, folder, up=up, down=LinkConfig(latency=half)))
    return hosts


def make_file(directory: Path, case: Case) -> Path:
    """Write the file, `file_bytes` long."""
    path = directory / "file.bin"
    path.write_bytes(random.Random(f"{case['seed']}/file").randbytes(case["file_bytes"]))
    return path
