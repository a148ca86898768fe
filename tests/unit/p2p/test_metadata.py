"""Metainfo from peers: one is asked for all of it, believed by its hash only, and replaced."""

import hashlib
import random

import pytest

from p2p import extension
from p2p.bencode import encode
from p2p.connection import Connection
from p2p.errors import MetainfoError, WireError
from p2p.extension import METADATA_BLOCK, MetadataData, MetadataReject, MetadataRequest
from p2p.metadata import MetadataExchange
from p2p.metainfo import Metainfo

PIECES = 2000
METAINFO = Metainfo.build(
    "file.bin", PIECES * 1024, 1024, [bytes([n % 256]) * 20 for n in range(PIECES)]
)
INFO = METAINFO.info_bytes
SIZE = len(INFO)
PARTS = [INFO[at : at + METADATA_BLOCK] for at in range(0, SIZE, METADATA_BLOCK)]


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
        """Who was asked last, after it is checked that all parts were asked for."""
        *_, (peer, last) = self.said
        requests = [message for to, message in self.said if to is peer]
        assert requests == [MetadataRequest(part) for part in range(last.piece + 1)]
        self.said.clear()
        return peer

    def teach(self, peer, parts=(2, 0, 1)):
        for part in parts:
            self.hear(peer, MetadataData(part, SIZE, PARTS[part]))


def _peer(size=SIZE):
    peer = Connection(None, outgoing=True)
    peer.extensions["ut_metadata"] = 7
    peer.metadata_size = size
    return peer


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
    for seed in range(10):
        one, peers = Exchange(seed=seed), [_peer(), _peer()]
        one.exchange.ask(peers, 0.0)
        refusing = one.asked()
        one.hear(refusing, MetadataReject(0))
        one.exchange.ask(peers, 0.0)
        assert one.asked() is not refusing


def test_another_is_asked_when_the_one_asked_falls_silent():
    one, silent, other = Exchange(), _peer(), _peer()
    one.exchange.ask([silent], 0.0)
    one.hear(silent, MetadataData(0, SIZE, PARTS[0]), now=7.0)
    one.said.clear()
    one.exchange.give_up_on_silent([silent, other], 17.0, patience_s=10.0)
    assert one.said == []
    one.exchange.give_up_on_silent([silent, other], 17.1, patience_s=10.0)
    assert one.asked() is other
    one.teach(silent)
    assert one.learned == []
    one.teach(other)
    assert one.learned == [METAINFO]


def test_a_silent_peer_is_kept_while_no_other_knows():
    one, silent = Exchange(), _peer()
    one.exchange.ask([silent], 0.0)
    one.said.clear()
    one.exchange.give_up_on_silent([silent, _peer(size=None)], 1e9, patience_s=10.0)
    one.teach(silent)
    assert one.learned == [METAINFO]
    assert one.said == []


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
