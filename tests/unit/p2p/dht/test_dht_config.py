"""The DHT's times and sizes: BEP 5's where the uplink allows, longer and smaller where not."""

import math

from p2p.dht import DhtConfig
from p2p.dht.krpc import MAX_REPLY

SLOW = 4660.0


def test_an_unlimited_uplink_has_the_shortest_times_and_longest_replies():
    config = DhtConfig()
    assert (config.answer_s(math.inf), config.upkeep_s(math.inf)) == (2.0, 60.0)
    assert config.reply_bytes(math.inf) == MAX_REPLY


def test_a_slow_uplink_waits_longer_and_says_less():
    config = DhtConfig()
    assert 7.0 < config.answer_s(SLOW) < 7.1
    assert config.upkeep_s(SLOW) == 1024 * 16 * 1024 / SLOW
    assert config.reply_bytes(SLOW) == 233
