"""One client of several has no grant, and is given one while the others are served: how soon it is
refused, and how soon it is served (bearer tokens, RFC 6750).

The owner grants in the token file, as `central grant` does, while the server runs.
"""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path

from bench.lecture.revocation import LOOK_S, QUIET_S, make_file, make_hosts, turns
from bench.play import Case, Rows
from central.access.guard import POLL_S, Guard
from central.access.store import Store, new_token
from central.client import Client
from central.config import ClientConfig
from central.errors import CentralError
from central.server import Server
from host.host import Host
from host.network import Network

ASK_S = 0.05
"""Seconds after which a client that was refused asks again: often, so that the server's delay shows
and not the client's."""


class Asking:
    """A client that asks until it is served."""

    def __init__(self, host: Host, client: Client) -> None:
        self._host = host
        self._client = client
        self.told_s = math.nan
        """Seconds until it was refused first."""
        self.refusals = 0
        self.refusal = ""
        """What it was told last."""

    async def fetch(self, link: str) -> None:
        """Ask, and ask again for ever when that is refused."""
        begin = self._host.network.now()
        while True:
            try:
                await self._client.fetch(link, self._host.directory)
            except CentralError as error:
                if not self.refusals:
                    self.told_s = self._host.network.now() - begin
                self.refusals, self.refusal = self.refusals + 1, str(error)
                await asyncio.sleep(ASK_S)
            else:
                return

    def held(self) -> int:
        """Bytes of the file that it has."""
        return _held(self._client)


def _held(client: Client) -> int:
    return max((here for here, _ in client.holdings().values()), default=0)


async def grant_in_central(case: Case, directory: Path) -> Rows:
    """A server with tokens, by one protocol; a client's is granted when another has a share of the
    file.

    Frame `granted` has a row: bytes of the file that it had before, refusals, and seconds from the
    grant to its first byte and to the whole file (NaN: never). Frame `served`: its bytes over the
    seconds since the grant.
    """
    network = Network(seed=case["seed"])
    origin, *hosts = make_hosts(network, case, directory)
    path = directory / "tokens"
    owner = Store(path, create=True)
    tokens = {host.name: new_token() for host in hosts}
    late, *early = hosts

    def grant(host: Host) -> None:
        owner.grant(host.name, token=tokens[host.name], now=origin.date().timestamp())

    for host in early:
        grant(host)
    server = Server(origin, protocols=(case["protocol"],), guard=Guard(origin, Store(path)))
    clients = [Client(host, ClientConfig(token=tokens[host.name])) for host in hosts]
    asking = Asking(late, clients[0])
    try:
        link = await server.publish(make_file(directory, case))
        jobs = [
            asyncio.ensure_future(client.fetch(link, host.directory))
            for client, host in zip(clients[1:], early, strict=True)
        ]
        own = asyncio.ensure_future(asking.fetch(link))
        while _held(clients[1]) < case["share"] * case["file_bytes"]:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        # Between two looks of the guard, each moment has the same chance.
        at = f"{case['seed']}/{case['protocol']}/{case['latency_s']}/grant"
        await asyncio.sleep(random.Random(at).uniform(0, POLL_S))
        before, start, refusals = asking.held(), network.now(), asking.refusals
        grant(late)
        looks = await _watch(network, asking, [own, *jobs])
        own.cancel()
        await asyncio.wait([own])
    finally:
        for client in clients:
            await client.close()
        await server.close()
        await network.close()
    came = [(at - start, here) for at, here in looks]
    row = {
        "before_bytes": before,
        "told_s": asking.told_s,
        "refusals": refusals,
        "refusal": asking.refusal,
        "first_s": next((at for at, here in came if here > before), math.nan),
        "finish_s": next((at for at, here in came if here == case["file_bytes"]), math.nan),
    }
    served = [{"t_s": at, "here_bytes": here} for at, here in turns(came)]
    return {"granted": [row], "served": served}


async def _watch(
    network: Network, asking: Asking, jobs: list[asyncio.Future[None] | asyncio.Future[Path]]
) -> list[tuple[float, int]]:
    """Its bytes over time, until all are served or it gets nothing for long."""
    looks: list[tuple[float, int]] = [(network.now(), asking.held())]
    since = network.now()
    while not all(job.done() for job in jobs) and network.now() - since < QUIET_S:
        await asyncio.sleep(LOOK_S)
        here = max(asking.held(), looks[-1][1])
        if here > looks[-1][1] or not all(job.done() for job in jobs[1:]):
            since = network.now()
        looks.append((network.now(), here))
    return looks
