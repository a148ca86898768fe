"""Swarms in which many peers give what is not in the file: proven liars are banned, nobody else."""

import pytest
from simulation.poison import poison
from simulation.swarm import KIB, ORIGIN, RATE, Node, Swarm, run_swarm

from p2p import swarm as swarms
from p2p.config import PeerConfig

BLOCK = 16 * KIB
HONEST, POISONERS = 8, 4


WAYS = {
    "every block": lambda index, begin: True,
    "one block in four": lambda index, begin: (index + begin // BLOCK) % 4 == 1,
    "by whim": lambda index, begin: hash((index, begin)) % 3 == 0,
}
"""Which blocks of a piece a poisoner forges."""


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def poisoned(monkeypatch, request):
    poison(monkeypatch, request.param)


@pytest.fixture
def bans(monkeypatch) -> dict[tuple[str, str], set[object]]:
    """Who banned whom, by addresses, and on how many connections."""
    banned = {}
    ban = swarms.Swarm.ban

    def note(swarm, peer):
        banned.setdefault((swarm._host.address, peer.address[0]), set()).add(peer)
        ban(swarm, peer)

    monkeypatch.setattr(swarms.Swarm, "ban", note)
    return banned


@pytest.mark.parametrize("blocks", [1, 4])
def test_with_a_third_of_the_peers_poisoning_every_download_completes(
    tmp_path, poisoned, bans, blocks
):
    nodes = [Node(name=f"honest-{number}") for number in range(HONEST)]
    nodes += [Node(name=f"poisoner-{number}") for number in range(POISONERS)]
    config = PeerConfig(piece_length=blocks * BLOCK)
    swarm = run_swarm(tmp_path, nodes, config=config, origin_up=4 * RATE, deadline_s=5000)
    assert len(swarm.finish) == HONEST + POISONERS
    names = {host.address: name for name, host in swarm.hosts.items()}
    guilty = {names[target] for _, target in bans}
    assert guilty, "the poison was noticed"
    assert {name for name in guilty if not name.startswith("poisoner")} == set()
    assert max(map(len, bans.values())) == 1, "and nobody is met again by who banned it"


def test_who_was_banned_is_not_called_again(tmp_path, monkeypatch, bans):
    """It stays in everybody's gossip; who has banned it does not listen."""
    poison(monkeypatch)
    nodes = [Node(name=f"honest-{number}") for number in range(4)]
    nodes.append(Node(name="poisoner", must_finish=False))
    met = []

    def look(swarm: Swarm) -> None:
        poisoner = swarm.hosts["poisoner"].address
        for name in swarm.peers:
            if (swarm.hosts[name].address, poisoner) in bans:
                met.extend(
                    connection
                    for connection in swarm.connections(name)
                    if connection.joined and connection.address[0] == poisoner
                )

    run_swarm(
        tmp_path,
        nodes,
        size=256 * BLOCK,
        at={float(when): look for when in range(60, 260, 10)},
        deadline_s=2000,
    )
    assert bans
    assert met == []


def test_a_liar_cannot_have_another_banned_by_taking_its_name(tmp_path, monkeypatch, bans):
    """An id is no proof of anything: the address that it came from counts too."""
    poison(monkeypatch)
    nodes = [Node(name="victim"), Node(name="poisoner", must_finish=False), Node(name="honest")]

    def steal(swarm: Swarm) -> None:
        swarm.peers["poisoner"]._reception._id = swarm.peers["victim"]._reception._id

    swarm = run_swarm(tmp_path, nodes, at={0.001: steal}, deadline_s=2000)
    assert {"victim", "honest"} <= set(swarm.finish)
    addresses = {swarm.hosts["poisoner"].address}
    assert {target for _, target in bans} <= addresses
    assert swarm.sent("victim")
    assert {sent.target for sent in swarm.blocks if sent.source == "victim"} >= {"honest"}
    assert ORIGIN in swarm.peers
