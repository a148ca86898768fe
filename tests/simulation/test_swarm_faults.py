"""Swarms with a bad peer among them: poisoners are found out, the mute are not waited for."""

import pytest
from simulation.poison import poison
from simulation.swarm import KIB, ORIGIN, Node, Sent, Swarm, run_swarm

from host.link import LinkConfig
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.peer import Peer

BLOCK = 16 * KIB
PIECES = 64


def _nodes(honest: int, bad: str) -> list[Node]:
    nodes = [Node(name=f"honest-{number + 1}") for number in range(honest)]
    return [*nodes, Node(name=bad, must_finish=False)]


def _honest_finish(swarm: Swarm) -> list[float]:
    return sorted(when for name, when in swarm.finish.items() if name.startswith("honest"))


# ---- a peer that gives what is not in the file


@pytest.fixture
def poisoned(monkeypatch):
    poison(monkeypatch)


@pytest.mark.parametrize("honest", [2, 6])
def test_each_peer_takes_one_bad_piece_from_a_poisoner_and_no_more(tmp_path, poisoned, honest):
    swarm = run_swarm(tmp_path, _nodes(honest, "poisoner"), deadline_s=1000)
    assert len(_honest_finish(swarm)) == honest
    bad = [sent for sent in swarm.blocks if sent.source == "poisoner"]
    assert {sent.target for sent in bad} <= {f"honest-{n + 1}" for n in range(honest)}
    assert len(bad) == len({sent.target for sent in bad}) > 0
    for sent in bad:
        again = [
            other
            for other in swarm.blocks
            if (other.target, other.block) == (sent.target, sent.block) and other.time > sent.time
        ]
        assert again, "the piece is fetched again elsewhere"
        assert {other.source for other in again}.isdisjoint({"poisoner"})


@pytest.mark.parametrize("blocks", [4, 16])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_poisoner_of_pieces_that_several_give_holds_nobody_up_for_good(
    tmp_path, poisoned, blocks, seed
):
    config = PeerConfig(piece_length=blocks * BLOCK)
    swarm = run_swarm(tmp_path, _nodes(3, "poisoner"), config=config, seed=seed, deadline_s=1000)
    assert len(_honest_finish(swarm)) == 3
    # A quarter is the poisoner's share of all uplinks; it does less harm than giving nothing.
    assert len(swarm.sent("poisoner")) < 0.5 * 3 * PIECES


def test_the_sole_sender_of_a_bad_piece_is_disconnected(tmp_path, poisoned):
    kept = []

    def look(swarm: Swarm, sent: Sent) -> None:
        if sent.source == "poisoner":
            poisoner, target = swarm.hosts["poisoner"], swarm.peers[sent.target]
            later = swarm.network.loop.call_later
            later(1.0, lambda: kept.extend(_connected_to(target, poisoner.address)))

    swarm = run_swarm(tmp_path, _nodes(2, "poisoner"), on_block=look, deadline_s=1000)
    assert swarm.sent("poisoner")
    assert kept == []


def _connected_to(peer: Peer, address: str) -> list[Connection]:
    return [
        connection
        for connection in peer._reception.connections
        if connection.joined
        and connection.transport is not None
        and connection.transport.get_extra_info("peername")[0] == address
    ]


# ---- a peer that stops answering


def _cut(swarm: Swarm) -> None:
    """Nothing leaves the host any more, and nobody is told."""
    swarm.hosts["mute"].up._link.config = LinkConfig(rate=1e-9)


def _stop_serving(swarm: Swarm) -> None:
    """The peer talks on and takes, but sends no block."""
    swarm.peers["mute"]._upload.serve = lambda: None
    swarm.hosts["mute"].up.on_idle = None


@pytest.mark.parametrize("fault", [_cut, _stop_serving])
@pytest.mark.parametrize("when", [10.25, 30.25, 50.25])
def test_what_was_asked_of_a_mute_peer_is_taken_over(tmp_path, fault, when):
    swarm = run_swarm(tmp_path, _nodes(5, "mute"), at={when: fault}, deadline_s=1000)
    finish = _honest_finish(swarm)
    assert len(finish) == 5
    # Without the fault all have it after 70 s; with a sixth of the uplinks gone, the rest has
    # to carry 5/6 of the file for all in what time was left.
    assert finish[-1] < 95


def test_an_origin_that_is_cut_when_all_is_out_is_not_missed(tmp_path):
    seen = set()

    def on_block(swarm: Swarm, sent: Sent) -> None:
        if sent.source == ORIGIN:
            seen.add(sent.block)
            if len(seen) == PIECES:
                swarm.hosts[ORIGIN].up._link.config = LinkConfig(rate=1e-9)

    swarm = run_swarm(tmp_path, 5, on_block=on_block, deadline_s=1000)
    assert len(swarm.finish) == 5
    assert max(swarm.finish.values()) < 90
