"""Peer exchange with one peer: news only, 50 at a time, once a minute at most, either way."""

import random

from p2p.extension import MAX_PEX
from p2p.gossip import PEX_INTERVAL_S, Gossip

PEERS = [(f"127.0.0.{n}", 6881) for n in range(1, 121)]


def _news(gossip, known, now, interval=PEX_INTERVAL_S):
    return gossip.news(known, now, interval, random.Random(1))


def test_everybody_is_told_once_fifty_at_a_time():
    gossip, told = Gossip(), []
    for minute in range(3):
        told.append(_news(gossip, PEERS, 60.0 * minute).added)
    assert [len(added) for added in told] == [MAX_PEX, MAX_PEX, 20]
    assert sorted(sum(told, ())) == sorted(PEERS)
    assert _news(gossip, PEERS, 180.0) is None


def test_not_before_a_minute_is_over():
    gossip = Gossip()
    assert _news(gossip, PEERS[:1], 0.0).added == (PEERS[0],)
    assert _news(gossip, PEERS[:2], 59.9) is None
    assert _news(gossip, PEERS[:2], 60.0).added == (PEERS[1],)


def test_having_nothing_to_say_does_not_use_up_the_turn():
    gossip = Gossip()
    assert _news(gossip, [], 0.0) is None
    assert _news(gossip, PEERS[:1], 1.0).added == (PEERS[0],)


def test_who_has_gone_is_told_and_may_come_back():
    gossip = Gossip()
    _news(gossip, PEERS[:2], 0.0)
    gone = _news(gossip, PEERS[1:2], 60.0)
    assert (gone.added, gone.dropped) == ((), (PEERS[0],))
    assert _news(gossip, PEERS[:2], 120.0).added == (PEERS[0],)


def test_dropped_ones_are_fifty_at_most_too():
    gossip = Gossip()
    for minute in range(3):
        _news(gossip, PEERS, 60.0 * minute)
    assert len(_news(gossip, [], 180.0).dropped) == MAX_PEX


def test_who_talks_too_often_is_not_listened_to():
    gossip = Gossip()
    heard = [gossip.may_tell(now, PEX_INTERVAL_S) for now in (0.0, 1.0, 44.9, 45.0, 46.0, 105.0)]
    assert heard == [True, False, False, True, False, True]
