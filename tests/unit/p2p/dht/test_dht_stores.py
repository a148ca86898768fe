"""Tokens, announcements, the flood gate and proofs: what they accept, and that they are bounded."""

import random

import pytest

from p2p.dht import announced, flood
from p2p.dht.announced import KEPT_S, Announced
from p2p.dht.flood import PROVEN_S, FloodGate, Proven
from p2p.dht.tokens import ROLL_S, TOKEN_LENGTH, Tokens

HASH, OTHER = b"h" * 20, b"o" * 20


@pytest.mark.parametrize("asked_at", [0.0, 1.0, ROLL_S - 1, 10 * ROLL_S + 7])
def test_a_token_holds_until_the_secret_has_changed_twice(asked_at):
    tokens = Tokens(random.Random(1))
    token = tokens.make("10.0.0.1", HASH, asked_at)
    assert len(token) == TOKEN_LENGTH
    end = (asked_at // ROLL_S + 2) * ROLL_S
    for now in (asked_at, asked_at + ROLL_S, end - 0.001):
        assert tokens.accepts(token, "10.0.0.1", HASH, now)
    assert not tokens.accepts(token, "10.0.0.1", HASH, end)


def test_a_token_is_for_one_address_one_torrent_and_one_node():
    tokens = Tokens(random.Random(1))
    token = tokens.make("10.0.0.1", HASH, 0.0)
    assert not tokens.accepts(token, "10.0.0.2", HASH, 0.0)
    assert not tokens.accepts(token, "10.0.0.1", OTHER, 0.0)
    assert not tokens.accepts(b"", "10.0.0.1", HASH, 0.0)
    assert not tokens.accepts(token[:-1], "10.0.0.1", HASH, 0.0)
    assert not Tokens(random.Random(2)).accepts(token, "10.0.0.1", HASH, 0.0)


def peer(number):
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 6881


def test_announced_peers_come_back_until_they_expire():
    store = Announced(random.Random(1))
    store.add(HASH, peer(1), 0.0)
    store.add(HASH, peer(2), 10.0)
    store.add(OTHER, peer(3), 10.0)
    assert store.sample(HASH, 10, 10.0) == [peer(1), peer(2)]
    store.add(HASH, peer(1), 20.0)
    assert store.sample(HASH, 10, KEPT_S + 5.0) == [peer(2), peer(1)]
    assert store.sample(HASH, 10, KEPT_S + 10.0) == [peer(1)]
    assert store.sample(HASH, 10, KEPT_S + 20.0) == []
    assert len(store) == 1


def test_of_many_peers_any_are_told():
    store = Announced(random.Random(1))
    for number in range(50):
        store.add(HASH, peer(number), 0.0)
    samples = [store.sample(HASH, 10, 0.0) for _ in range(40)]
    assert all(len(set(sample)) == 10 for sample in samples)
    assert {each for sample in samples for each in sample} == {peer(n) for n in range(50)}
    assert store.sample(HASH, 0, 0.0) == []


def test_a_torrent_with_too_many_peers_loses_the_oldest():
    store = Announced(random.Random(1))
    for number in range(announced.MAX_PEERS + 5):
        store.add(HASH, peer(number), float(number))
    kept = store.sample(HASH, 10_000, 500.0)
    assert kept == [peer(number) for number in range(5, announced.MAX_PEERS + 5)]


def test_too_many_torrents_push_out_the_smallest_and_first_the_expired():
    store = Announced(random.Random(1))
    store.add(HASH, peer(1), 0.0)
    store.add(HASH, peer(2), 0.0)
    for number in range(announced.MAX_TORRENTS + 50):
        store.add(number.to_bytes(20, "big"), peer(3), 1.0)
    assert len(store) == announced.MAX_TORRENTS
    assert len(store.sample(HASH, 10, 1.0)) == 2
    assert store.sample((50).to_bytes(20, "big"), 10, 1.0) == []
    store.add(OTHER, peer(1), KEPT_S + 1.0)
    assert len(store) == 1


def test_an_address_is_heard_so_often_in_a_window():
    gate = FloodGate(3, 10.0)
    assert [gate.admits("10.0.0.1", 1.0 + n) for n in range(5)] == [True] * 3 + [False] * 2
    assert gate.admits("10.0.0.2", 5.0)
    assert not gate.admits("10.0.0.1", 10.9)
    assert gate.admits("10.0.0.1", 11.0)


def test_the_gate_keeps_a_bounded_number_of_addresses():
    gate = FloodGate(1, 10.0)
    for number in range(flood.MAX_ADDRESSES + 10):
        assert gate.admits(peer(number)[0], 0.0)
    assert len(gate._counts) == flood.MAX_ADDRESSES
    assert not gate.admits(peer(10)[0], 0.0)


def test_a_proof_is_for_an_address_and_a_while():
    proven = Proven()
    proven.add(("10.0.0.1", 1), 0.0)
    assert proven.holds(("10.0.0.1", 1), PROVEN_S - 1)
    assert not proven.holds(("10.0.0.1", 1), PROVEN_S)
    assert not proven.holds(("10.0.0.1", 2), 0.0)
    for number in range(flood.MAX_ADDRESSES):
        proven.add(peer(number), 1.0)
    assert not proven.holds(("10.0.0.1", 1), 1.0)
    assert len(proven._proofs) == flood.MAX_ADDRESSES
