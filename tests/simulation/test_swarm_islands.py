"""Peers that fill each other's places and have nothing for each other."""

import dataclasses

from simulation.swarm import KIB, ORIGIN, RATE, Hook, Node, Swarm, run_swarm

from host.host import Host
from p2p.backend import P2PBackend
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.peer import Peer

PLACES = 4
CONFIG = PeerConfig(piece_length=16 * KIB, connections=PLACES, dht=False)
NAMES = [f"islander-{number}" for number in range(PLACES + 1)]
ISLAND = [
    Node(name=name, joins=number / 10, via=tuple(NAMES[:number] or NAMES[1:]))
    for number, name in enumerate(NAMES)
]
"""One by one they come and know those who were there, so that all are connected to all."""


def _connections(swarm: Swarm) -> list[Connection]:
    return [connection for name in NAMES for connection in swarm.connections(name)]


def _hear_of(*others: str) -> Hook:
    """The islanders' places are all taken, by each other, when they hear of these."""

    def hear(swarm: Swarm) -> None:
        assert len(_connections(swarm)) == len(NAMES) * PLACES
        addresses = [(swarm.hosts[other].address, swarm.config.port) for other in others]
        for name in NAMES:
            (torrent,) = swarm.peers[name]._swarms.values()
            swarm.peers[name]._learned_peers(torrent, addresses)

    return hear


def test_an_island_without_a_free_place_opens_up_when_it_hears_of_others(tmp_path):
    swarm = run_swarm(tmp_path, ISLAND, config=CONFIG, at={15.0: _hear_of(ORIGIN)})
    assert sorted(swarm.finish) == NAMES
    # First calls are seen to be idle at 10 s; then there are 30 s for the metadata to come.
    assert 40.0 < min(sent.time for sent in swarm.blocks) < 45.0


def test_an_island_that_hears_of_nobody_stays_together(tmp_path):
    """Nobody hangs up on the only ones whom it can call: one of them may have the file yet."""
    kept: list[list[Connection]] = []

    def look(swarm: Swarm) -> None:
        kept.append(_connections(swarm))

    nodes = [dataclasses.replace(node, must_finish=False) for node in ISLAND]
    nodes.append(Node(name="other", up=16 * KIB / 10))
    swarm = run_swarm(tmp_path, nodes, config=CONFIG, at={15.0: look, 63.0: look})
    assert list(swarm.finish) == ["other"]
    assert kept[0] == kept[1]
    assert len(kept[0]) == len(NAMES) * PLACES


def test_with_few_places_each_all_complete_although_the_dht_is_in_pieces_at_first(tmp_path):
    """Who is started together searches before the DHT is one; an island was left of this swarm."""
    config = PeerConfig(piece_length=16 * KIB, connections=PLACES, names_itself=False)
    backend = P2PBackend(config)

    def peer(host: Host, config: PeerConfig) -> Peer:
        return backend.client(host)

    nodes = [Node(name=f"leecher-{number}", via=(), peer=peer) for number in range(20)]
    swarm = run_swarm(
        tmp_path,
        nodes,
        config=config,
        origin=peer,
        origin_up=10 * RATE,
        size=16 * 16 * KIB,
        seed=3,
        deadline_s=600.0,
    )
    assert len(swarm.finish) == 20
    assert max(swarm.finish.values()) < 40.0
