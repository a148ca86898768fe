"""Swarms in virtual time: who gives is served first, who has nothing yet gets a chance."""

import pytest
from simulation.swarm import KIB, RATE, Node, Swarm, run_swarm

from host.host import Host
from p2p.config import PeerConfig
from p2p.peer import Peer

GIVERS, RIDERS = 12, 4
BLOCK = 16 * KIB


def free_rider(host: Host, config: PeerConfig) -> Peer:
    """A peer that unchokes nobody and serves no request."""
    peer = Peer(host, config)
    peer._upload.interested = lambda connection: None
    peer._upload.request = lambda connection, block: peer._upload.reject(connection, [block])
    return peer


@pytest.fixture(params=[1, 2], ids=lambda seed: f"seed {seed}")
def contested(tmp_path, request) -> Swarm:
    """An origin four times as fast as the others: uplinks, not rare pieces, are in demand."""
    nodes = [Node(name=f"giver-{number}") for number in range(GIVERS)]
    nodes += [Node(name=f"rider-{number}", peer=free_rider) for number in range(RIDERS)]
    return run_swarm(
        tmp_path, nodes, origin_up=4 * RATE, size=128 * BLOCK, seed=request.param, deadline_s=1000
    )


def test_who_gives_is_served_before_free_riders(contested):
    def finish(kind: str) -> list[float]:
        return sorted(when for name, when in contested.finish.items() if name.startswith(kind))

    givers, riders = finish("giver"), finish("rider")
    assert len(riders) == RIDERS, "they get the file in the end"
    assert {name for name in contested.hosts if contested.sent(name)}.isdisjoint(
        {f"rider-{number}" for number in range(RIDERS)}
    )
    assert givers[0] < riders[0]

    def share(kind: str) -> int:
        """Blocks that givers gave to this kind while no giver was done."""
        return sum(
            sent.source.startswith("giver") and sent.target.startswith(kind)
            for sent in contested.blocks
            if sent.time < givers[0]
        )

    assert share("giver") / GIVERS > 1.1 * share("rider") / RIDERS


@pytest.mark.parametrize("seed", [1, 2])
def test_the_optimistic_slot_lets_a_newcomer_in(tmp_path, seed):
    """Everybody else trades; the newcomer, who has nothing to give, waits for three rechokes."""
    joins = 60.0
    nodes = [Node(name=f"trader-{number}") for number in range(12)]
    nodes.append(Node(name="new", joins=joins, via=("trader-3",)))
    swarm = run_swarm(tmp_path, nodes, origin_up=4 * RATE, size=256 * BLOCK, seed=seed)
    first = next(sent for sent in swarm.blocks if sent.target == "new")
    assert first.time < joins + 3 * swarm.config.rechoke_s(RATE)
    assert swarm.finish["new"] < 1.1 * max(
        when for name, when in swarm.finish.items() if name != "new"
    )
