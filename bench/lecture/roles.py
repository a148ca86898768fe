"""What every host of a run does: the program it runs, the calls that it makes, what it sends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.backends import BACKENDS
from bench.catalogue import find
from bench.lecture.outages import FILE_BYTES, PEER_UP, PIECE_BYTES
from bench.members import Member, make_members
from bench.play import Case, Rows
from bench.scenario import override_all
from bench.sweep import Trial
from host.network import Network


async def play_roles(case: Case, directory: Path) -> Rows:
    """A backend hands a file to clients, all hosts with the same uplink; a row for every host.

    `calls` are those on sockets, `connections` the most that were open at a time.
    """
    fields = {
        "clients": case["clients"],
        "file_size": FILE_BYTES,
        "piece_size": PIECE_BYTES,
        "origin_up": PEER_UP,
        "peer_up": PEER_UP,
    }
    scenario = override_all(find("kurose-ross"), fields)
    backend = case["backend"]
    trial = Trial(
        scenario=scenario, backend=backend, clients=case["clients"], seed=case["seed"], repeat=0
    )
    network = Network(seed=trial.seed)
    members = make_members(network, trial, BACKENDS[backend](scenario), directory)
    path = directory / "file.bin"
    path.write_bytes(network.rng("file").randbytes(FILE_BYTES))
    try:
        link = await members[0].node.publish(path)
        fetches = (client.node.fetch(link, client.host.directory) for client in members[1:])
        await asyncio.gather(*fetches)
        return {"roles": [_role(member) for member in members]}
    finally:
        for member in members:
            await member.node.close()
        await network.close()


def _role(member: Member) -> dict[str, str | int]:
    meter = member.host.meter
    return {
        "node": member.host.name,
        "program": type(member.node).__name__,
        "listens": meter.calls["listen"],
        "accepted": meter.accepted,
        "connects": meter.calls["connect"],
        "calls": meter.calls.total(),
        "connections": meter.connections_most,
        "up_bytes": meter.up_bytes,
        "down_bytes": meter.down_bytes,
        "neighbours": len(meter.up_by_remote.keys() | meter.down_by_remote.keys()),
    }
