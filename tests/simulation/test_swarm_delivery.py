"""Swarms in virtual time: everybody gets the file, and the origin sends no more than it must."""

import math
import re

import pytest
from simulation.swarm import KIB, ORIGIN, RATE, Node, Sent, Swarm, run_swarm

import host.clock
from host.clock import StuckError
from p2p.config import PeerConfig

PIECES = 64
BLOCK = 16 * KIB
ON_THE_WIRE = BLOCK + 13
"""Bytes of a block with the header of its message."""


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 4711], ids=lambda size: f"{size} B"
)
def test_files_of_any_size_arrive(tmp_path, size):
    swarm = run_swarm(tmp_path, 3, size=size)
    assert sorted(swarm.finish) == ["leecher-1", "leecher-2", "leecher-3"]


@pytest.mark.parametrize("piece_length", [1000, KIB, 3 * BLOCK + 5, 1024 * KIB])
def test_pieces_of_any_length_arrive(tmp_path, piece_length):
    """1,000-byte pieces: the metainfo is larger than one block of metadata."""
    config = PeerConfig(piece_length=piece_length)
    swarm = run_swarm(tmp_path, 3, size=1000 * KIB + 1, config=config)
    assert len(swarm.finish) == 3


def test_one_leecher_is_sent_every_block_once(tmp_path):
    swarm = run_swarm(tmp_path, 1)
    blocks = swarm.sent(ORIGIN)
    assert len(blocks) == len(set(blocks)) == PIECES == len(swarm.blocks)
    # The pieces of its uplink's time, and less than a block's for all that is said besides.
    pure_s = PIECES * ON_THE_WIRE / RATE
    assert pure_s < swarm.finish["leecher-1"] < pure_s + 0.5


def test_latency_delays_the_start_and_never_stalls_the_pipeline(tmp_path):
    """Connect, greet, metadata, unchoke, first block: five round trips."""
    swarm = run_swarm(tmp_path, 1, latency=0.3)
    assert swarm.finish["leecher-1"] < PIECES * ON_THE_WIRE / RATE + 0.5 + 5 * 2 * 0.3


@pytest.mark.parametrize(
    ("leechers", "speed", "blocks"),
    [(5, 1, 1), (10, 1, 1), (5, 10, 1), (10, 10, 1), (5, 1, 4), (10, 10, 4)],
)
def test_no_piece_goes_out_twice_while_another_is_unsent(tmp_path, leechers, speed, blocks):
    config = PeerConfig(piece_length=blocks * BLOCK)
    size = PIECES * blocks * BLOCK
    swarm = run_swarm(tmp_path, leechers, size=size, config=config, origin_up=speed * RATE)
    sent = swarm.sent(ORIGIN)
    assert len(set(sent)) == PIECES * blocks
    assert len(set(sent[: PIECES * blocks])) == PIECES * blocks


def _origin_leaves_after(blocks: int):
    """A hook that closes the origin when so many different blocks of it have arrived."""
    seen = set()

    def on_block(swarm: Swarm, sent: Sent) -> None:
        if sent.source == ORIGIN and len(seen) < blocks:
            seen.add(sent.block)
            if len(seen) == blocks:
                swarm.hosts[ORIGIN].spawn(swarm.peers[ORIGIN].close(), "leaves")

    return on_block


@pytest.mark.parametrize(("leechers", "speed"), [(1, 1), (5, 1), (10, 1), (10, 10)])
def test_once_the_pieces_are_out_the_origin_can_leave(tmp_path, leechers, speed):
    leaving = _origin_leaves_after(PIECES)
    swarm = run_swarm(tmp_path, leechers, origin_up=speed * RATE, on_block=leaving)
    assert len(swarm.finish) == leechers
    assert len(swarm.sent(ORIGIN)) == PIECES


def test_before_the_pieces_are_out_nobody_completes_and_the_nodes_are_named(tmp_path):
    leaving = _origin_leaves_after(PIECES - 10)
    seen = []
    with pytest.raises(StuckError, match="unfinished at the deadline of 1000 s") as stuck:
        run_swarm(tmp_path, 5, on_block=leaving, at={999.0: seen.append}, deadline_s=1000)
    [swarm] = seen
    assert swarm.finish == swarm.failed == {}
    out = len(set(swarm.sent(ORIGIN)))
    assert PIECES - 10 <= out < PIECES
    held = [swarm.peers[name].holdings()["file.bin"] for name in swarm.peers if name != ORIGIN]
    assert held == [(out * BLOCK, PIECES * BLOCK)] * 5, "they share all that is out"
    for number in range(1, 6):
        assert re.search(f"leecher-{number} waits in .*Peer.fetch", str(stuck.value))


def test_a_lonely_leecher_fails_when_the_origin_is_gone_for_good(tmp_path):
    leaving = _origin_leaves_after(10)
    swarm = run_swarm(tmp_path, 1, on_block=leaving)
    assert swarm.failed == {"leecher-1": "no peer that has the file can be reached"}
    assert [entry.name for entry in (tmp_path / "leecher-1").iterdir()] == ["file.bin.part"]


def test_nobody_there_at_all(tmp_path):
    swarm = run_swarm(
        tmp_path, [Node(name="a", via=("b",)), Node(name="b", via=("b",), joins=5000)]
    )
    assert swarm.failed["a"] == "no peer that has the file can be reached"
    assert "b" in swarm.failed, "it knows nobody but itself"


def test_any_peer_can_be_the_way_in(tmp_path):
    nodes = [
        Node(name="a"),
        Node(name="b", via=("a",)),
        Node(name="c", via=("b",)),
        Node(name="d", via=("c",)),
    ]
    met = {}

    def look(swarm: Swarm) -> None:
        meter = swarm.meter("d")
        met.update(
            (swarm.network.name_of(address), size) for address, size in meter.up_by_remote.items()
        )

    swarm = run_swarm(tmp_path, nodes, at={30.0: look})
    assert sorted(swarm.finish) == ["a", "b", "c", "d"]
    assert met.keys() == {"origin", "a", "b", "c"}, "d heard of the others from c (BEP 11)"


def test_the_way_in_may_be_a_seed_when_the_origin_is_gone(tmp_path):
    nodes = [Node(name="a"), Node(name="late", via=("a",), joins=200.0)]
    leaving = _origin_leaves_after(PIECES)
    swarm = run_swarm(tmp_path, nodes, on_block=leaving)
    assert swarm.finish["a"] < 70
    assert set(swarm.received("late")) == set(swarm.sent("a"))
    assert swarm.finish["late"] == pytest.approx(200 + PIECES * ON_THE_WIRE / RATE, abs=1.0)


def test_two_seeds_may_offer_the_only_block_at_the_same_instant(tmp_path, monkeypatch):
    """Nothing was answered yet, so nothing can be late, and the clock must be able to go on."""
    monkeypatch.setattr(host.clock, "POLLS_WITHOUT_TIME", 100_000)
    nodes = [
        Node(name="first", up=math.inf),
        Node(name="late", up=math.inf, joins=10.0, via=("first", ORIGIN)),
    ]
    swarm = run_swarm(tmp_path, nodes, size=BLOCK, origin_up=math.inf, latency=0.1)
    assert len(swarm.received("late")) == 1
    assert swarm.finish["late"] == pytest.approx(10 + 5 * 2 * 0.1)


def test_who_comes_late_catches_up(tmp_path):
    nodes = [Node(name=f"early-{number}") for number in range(5)]
    nodes.append(Node(name="late", joins=40.0))
    swarm = run_swarm(tmp_path, nodes)
    assert max(swarm.finish[node.name] for node in nodes[:5]) < 90
    assert swarm.finish["late"] < 100
