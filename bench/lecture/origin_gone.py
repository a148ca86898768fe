"""A swarm whose origin is gone in the middle of the transfer: do the others hold every piece?

The copies of a piece then lie on the hosts that have got it so far, and no host need have all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.lecture.scattered_library import LATENCY_S, RATE, make_files, new_host
from bench.play import Case, Rows
from host.host import Host
from host.network import Network
from p2p import magnet
from p2p.config import PeerConfig
from p2p.peer import Peer
from p2p.swarm import Swarm

PIECE = 16 * 1024
"""Bytes of a piece: one block, so that nothing counts as missing that is nearly there."""
LOOKS = 400
"""Looks at the origin's meter in the time that it needs to send the file once."""
TIMES = 100
"""What the others can still finish must be there in so many times what the file takes a link."""


async def lose_origin(case: Case, directory: Path) -> Rows:
    """Hand a file out and end the origin when it has sent so many copies of it.

    The case has clients, size, sent (copies; 1.0 is as many bytes as the file has), vanished (a
    list: clients that go as well), draws and seed.
    """
    network = Network(seed=case["seed"])
    [original] = make_files(directory, 1, case["size"], case["seed"])
    peers: list[Peer] = []

    def join(name: str) -> tuple[Host, Peer]:
        host = new_host(network, name, directory)
        peers.append(Peer(host, PeerConfig(piece_length=PIECE, dht=False)))
        return host, peers[-1]

    try:
        host, origin = join("origin")
        link = magnet.parse(await origin.publish(original))
        clients = [join(f"client-{number:03}") for number in range(case["clients"])]
        swarms = [await peer.get(link, host.directory) for host, peer in clients]
        once_s = case["size"] / RATE
        enough = case["sent"] * case["size"]
        while host.meter.up_bytes < enough and not _all_done(swarms):  # noqa: ASYNC110 - a meter
            await asyncio.sleep(once_s / LOOKS)  # wakes nobody
        await host.close()
        await origin.close()
        await asyncio.sleep(2 * LATENCY_S)  # what it had sent arrives
        held = _held(swarms)
        whole = sum(swarm.done.done() for swarm in swarms)
        await asyncio.wait([swarm.done for swarm in swarms], timeout=TIMES * once_s)
        return {
            "interrupted": [_row(held, whole, swarms)],
            "pieces": _chances(held, case),
        }
    finally:
        for peer in peers:
            await peer.close()
        await network.close()


def _all_done(swarms: Sequence[Swarm]) -> bool:
    return all(swarm.done.done() for swarm in swarms)


def _held(swarms: Sequence[Swarm]) -> list[set[int]]:
    """For each piece, the clients that have it."""
    pieces = max((len(s.download.picker.have) for s in swarms if s.download is not None), default=0)
    held: list[set[int]] = [set() for _ in range(pieces)]
    for number, swarm in enumerate(swarms):
        if swarm.download is not None:
            for index, here in enumerate(swarm.download.picker.have):
                if here:
                    held[index].add(number)
    return held


def _row(held: Sequence[set[int]], whole: int, swarms: Sequence[Swarm]) -> dict[str, Any]:
    copies = sorted(map(len, held))
    return {
        "pieces": len(held),
        "nowhere": sum(not each for each in held),
        "least_copies": copies[0] if copies else 0,
        "mean_share": sum(copies) / len(held) / len(swarms) if held else 0.0,
        "whole_then": whole,
        "finished": sum(swarm.done.done() and not swarm.done.exception() for swarm in swarms),
    }


def _chances(held: Sequence[set[int]], case: Case) -> list[dict[str, Any]]:
    """How often, of `draws` times, every piece is left when clients go as well, drawn anew."""
    rng = random.Random(f"{case['seed']}/pieces")
    hosts, draws = case["clients"], case["draws"]
    rows = []
    for vanished in case["vanished"]:
        gone = [set(rng.sample(range(hosts), vanished)) for _ in range(draws)]
        left = sum(not any(each <= them for each in held) for them in gone)
        row = {"vanished": vanished, "all_left": left}
        rows.append(row | {"copies": [len(each) for each in held]})
    return rows
