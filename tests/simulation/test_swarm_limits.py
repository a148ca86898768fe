"""Swarms in virtual time: how fast, how many connections, how much is sent in vain."""

import dataclasses

import pytest
from simulation.swarm import KIB, ORIGIN, RATE, Node, Swarm, run_swarm

from p2p.config import PeerConfig

PIECES = 64
PIECE = 64 * KIB
FOUR_BLOCKS = PeerConfig(piece_length=PIECE)


def _fluid_bound(leechers: int, origin_up: float, up: float) -> float:
    """Kurose and Ross, section 2.5, with downlinks that never limit."""
    size = PIECES * PIECE
    return max(size / origin_up, leechers * size / (origin_up + leechers * up))


@pytest.mark.parametrize("up", [RATE, PIECES * PIECE / 3600], ids=["fast", "an hour"])
@pytest.mark.parametrize("leechers", [5, 10])
def test_a_tenfold_origin_is_within_15_percent_of_the_bound(tmp_path, leechers, up):
    swarm = run_swarm(
        tmp_path, leechers, size=PIECES * PIECE, config=FOUR_BLOCKS, up=up, origin_up=10 * up
    )
    assert 1.0 < max(swarm.finish.values()) / _fluid_bound(leechers, 10 * up, up) < 1.15


def test_an_origin_no_faster_than_ten_peers_is_within_20_percent_of_the_bound(tmp_path):
    swarm = run_swarm(tmp_path, 10, size=PIECES * PIECE, config=FOUR_BLOCKS)
    assert 1.0 < max(swarm.finish.values()) / _fluid_bound(10, RATE, RATE) < 1.20


def test_the_same_seed_gives_the_same_run(tmp_path):
    def one(name: str, seed: int) -> tuple[dict[str, float], list[object]]:
        folder = tmp_path / name
        folder.mkdir()
        swarm = run_swarm(folder, 8, origin_up=4 * RATE, latency=0.02, seed=seed)
        return swarm.finish, list(swarm.blocks)

    first, second, third = (one(name, 7) for name in ("first", "second", "third"))
    assert first == second == third
    assert one("other", 8) != first


@pytest.mark.parametrize(
    ("leechers", "speed", "share"), [(5, 10, 0.04), (10, 10, 0.04), (10, 1, 0.03), (20, 1, 0.10)]
)
def test_few_blocks_are_sent_twice(tmp_path, leechers, speed, share):
    """The endgame's price over the whole swarm, where a piece is a block: the worst case."""
    swarm = run_swarm(tmp_path, leechers, origin_up=speed * RATE)
    assert swarm.duplicates() <= share * leechers * PIECES


def test_pieces_of_four_blocks_are_hardly_ever_sent_twice(tmp_path):
    swarm = run_swarm(tmp_path, 10, size=PIECES * PIECE, config=FOUR_BLOCKS, origin_up=10 * RATE)
    assert swarm.duplicates() <= 0.02 * 10 * PIECES * 4


@pytest.mark.parametrize(("dht", "share"), [(False, 0.01), (True, 0.014)])
def test_talk_is_a_small_part_of_the_bytes(tmp_path, dht, share):
    config = dataclasses.replace(FOUR_BLOCKS, dht=dht)
    swarm = run_swarm(tmp_path, 10, size=PIECES * PIECE, config=config)
    up = sum(host.meter.up_bytes for host in swarm.hosts.values())
    blocks = sum(sent.block.length for sent in swarm.blocks)
    assert 0 < up - blocks < share * blocks


def test_a_peer_keeps_no_more_connections_than_it_may(tmp_path):
    most = 8
    kept: dict[str, int] = {}

    def look(swarm: Swarm) -> None:
        for name in swarm.peers:
            kept[name] = max(kept.get(name, 0), len(swarm.connections(name)))

    swarm = run_swarm(
        tmp_path,
        45,
        config=PeerConfig(piece_length=16 * KIB, connections=most),
        at={when / 2: look for when in range(1, 140)},
    )
    assert len(swarm.finish) == 45
    assert kept[ORIGIN] == most
    assert max(kept.values()) == most
    # Those who found the origin full were told of others there.
    at_origin = set(swarm.meter(ORIGIN).down_by_remote)
    served = {sent.target for sent in swarm.blocks if sent.source == ORIGIN}
    assert len(at_origin) == 45
    assert len(served) < 45
    assert max(swarm.finish.values()) < 2.0 * 64


def test_the_last_place_is_not_needed_by_who_only_asks_the_way(tmp_path):
    """A full origin sends a newcomer on, and it completes without ever having a place there."""
    config = PeerConfig(piece_length=16 * KIB, connections=3)
    nodes = [Node(name=name) for name in "abc"] + [Node(name="new", joins=10.0)]
    swarm = run_swarm(tmp_path, nodes, config=config)
    assert len(swarm.finish) == 4
    assert ORIGIN not in {
        sent.source for sent in swarm.blocks if sent.target == "new" and sent.time < 30
    }
