"""Metainfo from peers: one is asked for all of it, believed by its hash only, and replaced."""

import hashlib
import itertools
import random
import weakref

import pytest

from p2p import extension, metadata
from p2p.bencode import encode
from p2p.connection import Connection
from p2p.errors import MetainfoError, WireError
from p2p.extension import METADATA_BLOCK, MetadataData, MetadataReject, MetadataRequest
from p2p.metadata import DOUBLINGS, MOST_BLAMED, PACE, WINDOW, MetadataExchange
from p2p.metainfo import Metainfo

PIECES = 2000
METAINFO = Metainfo.build(
    "file.bin", PIECES * 1024, 1024, [bytes([n % 256]) * 20 for n in range(PIECES)]
)
INFO = METAINFO.info_bytes
SIZE = len(INFO)
PARTS = [INFO[at : at + METADATA_BLOCK] for at in range(0, SIZE, METADATA_BLOCK)]

LONG = 20 * METADATA_BLOCK
"""The size of a metainfo that takes more than a window of requests."""
SEEDS = range(10)
PORTS = itertools.count(1)


class Exchange:
    """A MetadataExchange that writes down what it says and learns."""

    def __init__(self, infohash=METAINFO.infohash, seed=1):
        self.said = []
        self.learned = []
        self.exchange = MetadataExchange(
            infohash, random.Random(seed), self._send, self.learned.append
        )

    def _send(self, peer, payload):
        self.said.append((peer, extension.decode_metadata(payload)))
        return True

    def hear(self, peer, message, now=0.0):
        self.exchange.heard(peer, extension.encode_metadata(message), now)

    def asked(self):
        """Who was asked last, after it is checked that it was asked from the first part on."""
        *_, (peer, last) = self.said
        requests = [message for to, message in self.said if to is peer]
        assert requests == [MetadataRequest(part) for part in range(last.piece + 1)]
        self.said.clear()
        return peer

    def teach(self, peer, parts=(2, 0, 1), now=0.0):
        for part in parts:
            self.hear(peer, MetadataData(part, SIZE, PARTS[part]), now)

    def drip(self, peer, part, now):
        """A part of a LONG metainfo; which parts were asked for in return."""
        self.said.clear()
        self.hear(peer, MetadataData(part, LONG, bytes(METADATA_BLOCK)), now)
        assert all(to is peer for to, _ in self.said)
        return [message.piece for _, message in self.said]

    def tend(self, peers, now):
        """Whether another is asked at that time, with a patience of 10 s."""
        self.said.clear()
        self.exchange.give_up_on_silent(peers, now, patience_s=10.0)
        return bool(self.said)


def _peer(size=SIZE, name=None, ip="127.0.0.1"):
    """One that knows; each is another peer unless it has the name of one before."""
    port = next(PORTS)
    peer = Connection(None, outgoing=True)
    peer.address = (ip, port)
    peer.peer_id = name or b"%020d" % port
    peer.extensions["ut_metadata"] = 7
    peer.metadata_size = size
    return peer


def _refuse(one, peer):
    """Ask that peer alone, which refuses."""
    one.exchange.ask([peer], 0.0)
    assert one.asked() is peer
    one.hear(peer, MetadataReject(0))


def test_the_metainfo_here_is_larger_than_one_block():
    assert len(PARTS) == 3


def test_one_peer_is_asked_for_all_of_it_once():
    one, peers = Exchange(), [_peer(), _peer()]
    one.exchange.ask(peers, 0.0)
    one.exchange.ask(peers, 0.0)
    assert [message for _, message in one.said] == [MetadataRequest(part) for part in range(3)]
    assert one.asked() in peers


def test_parts_in_any_order_make_the_metainfo():
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    one.teach(peer, [2, 0])
    assert one.learned == []
    one.teach(peer, [1])
    assert one.learned == [METAINFO] == [one.exchange.metainfo]
    one.said.clear()
    one.exchange.ask([peer], 0.0)
    assert one.said == []


def test_only_peers_that_have_it_and_take_the_message_are_asked():
    one, mute, ignorant = Exchange(), _peer(), _peer(size=None)
    mute.extensions.clear()
    one.exchange.ask([mute, ignorant], 0.0)
    assert one.said == []


def test_what_others_than_the_one_asked_send_is_ignored():
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    one.teach(_peer())
    assert one.learned == []
    one.hear(_peer(), MetadataReject(0))
    one.teach(peer)
    assert one.learned == [METAINFO]


@pytest.mark.parametrize(
    "lie",
    [
        MetadataData(1, SIZE, PARTS[0]),
        MetadataData(2, SIZE + 1, PARTS[2] + b"x"),
        MetadataData(3, 4 * METADATA_BLOCK, PARTS[0]),
    ],
)
def test_a_liar_is_told_at_once_by_size_or_in_the_end_by_the_hash(lie):
    one, liar, honest = Exchange(), _peer(), _peer()
    one.exchange.ask([liar], 0.0)
    with pytest.raises(WireError):
        one.hear(liar, lie)
        one.teach(liar, [0, 2])
    one.exchange.leaves(liar)
    one.said.clear()
    one.exchange.ask([honest], 0.0)
    assert one.asked() is honest
    one.teach(honest)
    assert one.learned == [METAINFO]


def test_who_refuses_is_not_asked_again():
    for seed in SEEDS:
        one, peers = Exchange(seed=seed), [_peer(), _peer()]
        one.exchange.ask(peers, 0.0)
        refusing = one.asked()
        one.hear(refusing, MetadataReject(0))
        one.exchange.ask(peers, 0.0)
        assert one.asked() is not refusing


def test_a_refusal_of_what_was_not_asked_for_changes_nothing():
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    one.teach(peer, [0])
    one.hear(peer, MetadataReject(0))
    one.hear(peer, MetadataReject(3))
    one.teach(peer, [1, 2])
    assert one.learned == [METAINFO]


def test_metadata_of_another_size_than_announced_is_a_lie_even_unasked():
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    with pytest.raises(WireError, match=f"{LONG} bytes of metadata, expected {SIZE} as announced"):
        one.drip(peer, 9, 0.0)


def test_a_window_of_parts_is_asked_for_and_one_more_for_each_that_comes():
    one, peer = Exchange(), _peer(LONG)
    one.exchange.ask([peer], 0.0)
    assert [message.piece for _, message in one.said] == list(range(WINDOW)) == list(range(8))
    assert one.drip(peer, 3, 0.0) == [8]
    assert one.drip(peer, 8, 0.0) == [9]
    assert one.drip(peer, 0, 0.0) == [10]


# ---- silent and slow


def test_another_is_asked_when_the_one_asked_says_nothing():
    one, silent, other = Exchange(), _peer(), _peer()
    one.exchange.ask([silent], 3.0)
    assert not one.tend([silent, other], 13.0)
    assert one.tend([silent, other], 13.1)
    assert one.asked() is other


def test_another_is_asked_when_the_one_asked_falls_silent():
    one, silent, other = Exchange(), _peer(), _peer()
    one.exchange.ask([silent], 0.0)
    one.teach(silent, [0, 1], now=3.0)
    assert not one.tend([silent, other], 13.0)
    assert one.tend([silent, other], 13.1)
    assert one.asked() is other


def test_a_silent_peer_is_kept_while_no_other_knows():
    one, silent = Exchange(), _peer()
    one.exchange.ask([silent], 0.0)
    assert not one.tend([silent, _peer(size=None)], 1e9)
    one.teach(silent)
    assert one.learned == [METAINFO]


@pytest.mark.parametrize("again", [0, 9, 19], ids=["had before", "not asked for", "the last"])
def test_what_is_not_waited_for_is_no_sign_of_life(again):
    one, teacher, other = Exchange(), _peer(LONG), _peer(LONG)
    one.exchange.ask([teacher], 0.0)
    assert one.drip(teacher, 0, 1.0) == [8]
    for now in (2.0, 10.0, 11.0):
        assert one.drip(teacher, again, now) == []
        assert not one.tend([teacher, other], now)
    assert one.tend([teacher, other], 11.1)
    assert one.asked() is other


def test_who_keeps_the_pace_is_heard_to_the_end():
    one, teacher, other = Exchange(), _peer(LONG), _peer(LONG)
    one.exchange.ask([teacher], 0.0)
    for part in range(19):
        due = 10.0 + 10.0 * part / PACE
        assert not one.tend([teacher, other], due)
        one.drip(teacher, part, due)
    with pytest.raises(WireError, match="expected SHA-1"):
        one.drip(teacher, 19, 105.0)


@pytest.mark.parametrize(
    ("times", "late"), [([9.9], 15.0), ([1.0, 9.0, 18.0], 25.0), ([9.0, 12.0, 20.0, 29.0], 30.0)]
)
def test_who_falls_behind_the_pace_is_left_although_it_is_heard_of(times, late):
    one, slow, other = Exchange(), _peer(LONG), _peer(LONG)
    one.exchange.ask([slow], 0.0)
    for part, now in enumerate(times):
        one.drip(slow, part, now)
        assert not one.tend([slow, other], now)
    assert not one.tend([slow, other], late)
    assert one.tend([slow, other], late + 0.1)
    assert one.asked() is other


def test_who_announces_more_than_others_gets_no_more_time_for_it():
    one, teacher, other = Exchange(), _peer(LONG), _peer(SIZE)
    one.exchange.ask([teacher], 0.0)
    for part in range(12):
        one.drip(teacher, part, 2.0 * part)
    assert not one.tend([teacher, other], 25.0), "1 + 3 / 2 times the patience"
    assert one.tend([teacher, other], 25.1)
    assert one.asked() is other


def test_what_comes_late_is_no_offence_and_not_mixed_with_what_another_sends():
    one, slow, other = Exchange(), _peer(), _peer()
    one.exchange.ask([slow], 0.0)
    one.teach(slow, [0])
    assert one.tend([slow, other], 10.1)
    assert one.asked() is other, "for all parts"
    one.teach(slow, [1, 2])
    one.teach(other, [1, 2])
    assert one.learned == []
    one.teach(other, [0])
    assert one.learned == [METAINFO]


def test_answers_to_an_earlier_lesson_count_once():
    one, slow, other = Exchange(), _peer(), _peer()
    one.exchange.ask([slow], 0.0)
    assert one.tend([slow, other], 10.1)
    one.exchange.leaves(other)
    one.said.clear()
    one.exchange.ask([slow], 11.0)
    assert one.asked() is slow
    one.teach(slow, [0, 1, 0, 1], now=12.0)
    assert one.learned == []
    one.teach(slow, [2, 2], now=12.0)
    assert one.learned == [METAINFO]


def test_the_patience_doubles_with_those_who_were_slow_before():
    one, first, second = Exchange(), _peer(), _peer()
    peers = [first, second]
    one.exchange.ask([first], 0.0)
    assert one.tend(peers, 11.0)
    assert one.asked() is second
    assert not one.tend(peers, 22.0), "both were too slow: it is given twice the time"
    assert not one.tend(peers, 31.0)
    assert one.tend(peers, 31.1)
    assert one.asked() is first
    one.teach(first, [0], now=51.1)
    assert not one.tend(peers, 61.1), "30 s: the patience of 20 s for one part, half of it for one"
    one.teach(first, [1, 2], now=61.1)
    assert one.learned == [METAINFO]


def test_the_patience_does_not_double_for_ever():
    one, worst, other = Exchange(), _peer(), _peer()
    for _ in range(2000):
        worst.metadata_size = SIZE
        _refuse(one, worst)
    worst.metadata_size = SIZE
    one.exchange.ask([worst], 0.0)
    assert not one.tend([worst, other], 10.0 * 2**DOUBLINGS)
    assert one.tend([worst, other], 10.0 * 2**DOUBLINGS + 0.1)
    assert one.asked() is other


# ---- who was at fault before


def _lies(one, peer):
    with pytest.raises(WireError):
        one.teach(peer, [0, 1])
        one.hear(peer, MetadataData(2, SIZE, bytes(len(PARTS[2]))))


def _sends_nonsense(one, peer):
    with pytest.raises(WireError):
        one.exchange.heard(peer, b"nonsense", 0.0)


def _rejects(one, peer):
    one.hear(peer, MetadataReject(1))


def _is_slow(one, peer):
    other = _peer()
    assert one.tend([peer, other], 10.1)
    one.exchange.leaves(other)


def _goes(one, peer):
    one.exchange.leaves(peer)


FAULTS = [_lies, _sends_nonsense, _rejects, _is_slow, _goes]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_who_was_at_fault_is_asked_again_only_when_nobody_else_knows(fault, seed):
    one, peer = Exchange(seed=seed), _peer()
    one.exchange.ask([peer], 0.0)
    fault(one, peer)
    one.exchange.leaves(peer)
    one.said.clear()
    back = [_peer(name=peer.peer_id), _peer()]
    one.exchange.ask(back, 20.0)
    assert one.asked() is back[1]
    one.exchange.leaves(back[1])
    one.exchange.ask(back[:1], 20.0)
    assert one.asked() is back[0]
    one.teach(back[0])
    assert one.learned == [METAINFO]


@pytest.mark.parametrize("namesake", [{"ip": "127.0.0.2"}, {"name": bytes(20)}])
def test_a_fault_is_no_others_who_share_the_id_or_the_address(namesake):
    chosen = set()
    for seed in SEEDS:
        one, bad, good = Exchange(seed=seed), _peer(name=b"x" * 20), _peer(ip="127.0.0.3")
        _refuse(one, bad)
        other = _peer(**{"name": b"x" * 20} | namesake)
        one.exchange.ask([other, good], 0.0)
        chosen.add(one.asked() is other)
    assert chosen == {True, False}


def test_the_faults_of_so_many_peers_are_remembered():
    one, first, fresh = Exchange(), _peer(), _peer()
    others = [_peer() for _ in range(MOST_BLAMED)]
    for peer in (first, *others[1:]):
        _refuse(one, peer)
    first.metadata_size = SIZE
    one.exchange.ask([first, fresh], 0.0)
    assert one.asked() is fresh
    one.exchange.leaves(fresh)
    others[1].metadata_size = SIZE
    one.exchange.ask([first, others[1]], 0.0)
    assert one.asked() is first, "the first is forgotten, the second is not"


def test_who_is_at_fault_again_is_remembered_longer():
    one, worst, once, fresh = Exchange(), _peer(), _peer(), _peer()
    for peer in (worst, once, worst, *(_peer() for _ in range(MOST_BLAMED - 1))):
        peer.metadata_size = SIZE
        _refuse(one, peer)
    worst.metadata_size = once.metadata_size = SIZE
    one.exchange.ask([worst, once], 0.0)
    assert one.asked() is once, "which is forgotten"
    one.exchange.leaves(once)
    one.exchange.ask([fresh, once], 0.0)
    assert one.asked() is fresh


def test_a_liar_that_does_not_go_keeps_nobody_from_another():
    one, liar, other = Exchange(), _peer(), _peer()
    one.exchange.ask([liar], 0.0)
    _lies(one, liar)
    assert not one.tend([liar], 0.1)
    assert one.tend([liar, other], 0.2)
    assert one.asked() is other


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_kept_of_what_a_peer_at_fault_sent(monkeypatch, fault):
    kept = weakref.WeakSet()

    class Assembly(extension.MetadataAssembly):
        def __init__(self, infohash, size):
            super().__init__(infohash, size)
            kept.add(self)

    monkeypatch.setattr(metadata, "MetadataAssembly", Assembly)
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    assert len(kept) == 1
    fault(one, peer)
    assert len(kept) == 0


# ---- what it is, and giving it


def test_a_torrent_of_a_kind_not_handled_is_said_to_be_one():
    info = encode({"attr": "l", "length": 0, "name": "x", "piece length": 1024, "pieces": b""})
    one, peer = Exchange(infohash=hashlib.sha1(info).digest()), _peer(size=len(info))
    one.exchange.ask([peer], 0.0)
    with pytest.raises(MetainfoError, match="symlink"):
        one.hear(peer, MetadataData(0, len(info), info))


def test_requests_are_answered_from_what_is_here():
    one, peer = Exchange(), _peer(size=None)
    one.exchange.metainfo = METAINFO
    for part in (0, 2, 3):
        one.hear(peer, MetadataRequest(part))
    assert one.said == [
        (peer, MetadataData(0, SIZE, PARTS[0])),
        (peer, MetadataData(2, SIZE, PARTS[2])),
        (peer, MetadataReject(3)),
    ]


def test_who_does_not_have_it_says_so():
    one, peer = Exchange(), _peer()
    one.hear(peer, MetadataRequest(0))
    assert one.said == [(peer, MetadataReject(0))]


def test_a_message_of_a_type_not_known_is_ignored():
    one, peer = Exchange(), _peer()
    one.exchange.ask([peer], 0.0)
    one.exchange.heard(peer, encode({"msg_type": 9, "piece": 0}), 0.0)
    one.teach(peer)
    assert one.learned == [METAINFO]
