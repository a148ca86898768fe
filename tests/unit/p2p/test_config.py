"""A peer's settings: the Internet's times on fast links, and patience on slow ones."""

import math

import pytest

from p2p.config import PeerConfig
from p2p.wire import BLOCK

SLOW = BLOCK / 14.0
"""Bytes per second at which a block takes 14 s: 4 MiB in an hour."""


def _times(config, rate):
    ask = config.rechoke_s, config.greeting_s, config.gossip_s, config.keep_alive_s
    return [time(rate) for time in ask] + [config.retry_s(rate, attempts) for attempts in (1, 2)]


@pytest.mark.parametrize("rate", [math.inf, 1e6, 64.0 * 1024])
def test_times_on_fast_links_are_those_of_the_internet(rate):
    assert _times(PeerConfig(), rate) == [10.0, 30.0, 60.0, 100.0, 5.0, 15.0]


def test_times_on_slow_links_are_counted_in_blocks():
    blocks = [time / 14.0 for time in _times(PeerConfig(), SLOW)]
    assert blocks == pytest.approx([10, 10, 20, 20, 1, 3])


def test_a_peer_is_given_the_time_to_serve_all_its_connections_first():
    config = PeerConfig(connections=10)
    assert config.snub_s(math.inf) == 60.0
    assert config.snub_s(SLOW) == pytest.approx(160 * 14.0)


def test_the_last_wait_is_repeated():
    assert [PeerConfig().retry_s(math.inf, attempts) for attempts in (3, 4, 5, 99)] == [
        60.0,
        300.0,
        300.0,
        300.0,
    ]


@pytest.mark.parametrize(
    ("connections", "outgoing", "enough"),
    [(1, 1, 1), (2, 2, 2), (3, 2, 2), (4, 2, 3), (5, 2, 4), (8, 3, 6), (30, 12, 24)],
)
def test_places_are_left_for_those_who_come_later(connections, outgoing, enough):
    config = PeerConfig(connections=connections)
    assert (config.outgoing, config.enough) == (outgoing, enough)
