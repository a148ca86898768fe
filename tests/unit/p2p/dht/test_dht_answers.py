"""What a node answers: the right thing, in as many bytes as the one who asks may have."""

import dataclasses
import random

import pytest

from p2p.dht.answers import Answerer
from p2p.dht.flood import MOST_GAIN
from p2p.dht.items import Immutable, public_key, sign, target_of
from p2p.dht.krpc import MAX_REPLY, decode, encode
from p2p.dht.messages import (
    AnnouncePeer,
    Contact,
    Failure,
    FindNode,
    Get,
    GetPeers,
    Ping,
    Put,
    Query,
    Reply,
)
from p2p.dht.routing import K, RoutingTable

OWN, ASKER, HASH = b"o" * 20, b"a" * 20, b"h" * 20
SOURCE = ("10.9.9.9", 1234)


def answerer(nodes=20):
    rng = random.Random(1)
    table = RoutingTable(OWN, 0.0)
    for number in range(nodes):
        table.answered(Contact(rng.randbytes(20), (f"10.0.0.{number + 1}", 6881)), 0.0)
    return Answerer(OWN, table, rng), table


def ask(node, question, *, source=SOURCE, now=0.0, long_reply=MAX_REPLY, transaction=b"aa"):
    """The decoded answer and its bytes over those of the question."""
    query = Query(transaction, question)
    data = node.answer(query, len(encode(query)), source, now, long_reply)
    return decode(data), len(data) / len(encode(query))


def fill(node, peers):
    for number in range(peers):
        node.announced.add(HASH, (f"10.1.0.{number + 1}", 6881), 0.0)


def test_a_ping_gets_our_id():
    node, _ = answerer()
    assert ask(node, Ping(ASKER))[0] == Reply(b"aa", OWN)


def test_find_node_gets_the_eight_closest():
    node, table = answerer()
    reply, gain = ask(node, FindNode(ASKER, HASH))
    assert reply.nodes == tuple(table.closest(HASH, K))
    assert len(reply.nodes) == K
    assert reply.token is None
    assert gain <= MOST_GAIN


@pytest.mark.parametrize("transaction", [b"a", b"aa", b"abcd", bytes(32)])
def test_get_peers_gets_eight_nodes_and_a_token_where_there_are_no_peers(transaction):
    node, table = answerer()
    reply, gain = ask(node, GetPeers(ASKER, HASH), transaction=transaction)
    assert (reply.nodes, reply.values) == (tuple(table.closest(HASH, K)), ())
    assert len(reply.token) == 8
    assert gain <= MOST_GAIN


def test_peers_take_half_of_what_a_stranger_may_have():
    node, table = answerer()
    fill(node, 100)
    reply, gain = ask(node, GetPeers(ASKER, HASH))
    assert (len(reply.values), reply.nodes) == (12, tuple(table.closest(HASH, 4)))
    assert 2.8 < gain <= MOST_GAIN
    node, table = answerer()
    fill(node, 1)
    reply, _ = ask(node, GetPeers(ASKER, HASH))
    assert (len(reply.values), len(reply.nodes)) == (1, 7)


def test_a_proven_address_gets_more_as_far_as_the_uplink_allows():
    node, _ = answerer()
    fill(node, 100)
    node.proven.add(SOURCE, 0.0)
    for long_reply, values in ((MAX_REPLY, 82), (600, 32), (0, 12)):
        reply, gain = ask(node, GetPeers(ASKER, HASH), long_reply=long_reply)
        assert (len(reply.values), len(reply.nodes)) == (values, 8 if long_reply else 4)
        assert gain * 95 <= max(long_reply, MOST_GAIN * 95)
    stranger = ask(node, GetPeers(ASKER, HASH), source=("10.9.9.9", 1235))
    assert len(stranger[0].values) == 12


def test_an_announcement_with_its_token_is_kept_and_proves_the_address():
    node, _ = answerer(0)
    token = ask(node, GetPeers(ASKER, HASH))[0].token
    assert ask(node, AnnouncePeer(ASKER, HASH, 7000, token))[0] == Reply(b"aa", OWN)
    assert ask(node, AnnouncePeer(ASKER, HASH, 7000, token, True))[0] == Reply(b"aa", OWN)
    assert node.announced.sample(HASH, 9, 0.0) == [("10.9.9.9", 7000), SOURCE]
    assert node.proven.holds(SOURCE, 0.0)
    assert ask(node, GetPeers(ASKER, HASH))[0].values == (("10.9.9.9", 7000), SOURCE)


@pytest.mark.parametrize("wrong", ["token", "address", "torrent", "time"])
def test_an_announcement_with_a_wrong_token_is_refused_and_leaves_nothing(wrong):
    node, _ = answerer(0)
    token = ask(node, GetPeers(ASKER, HASH))[0].token
    source = ("10.9.9.8", 1234) if wrong == "address" else SOURCE
    infohash = OWN if wrong == "torrent" else HASH
    token = b"nonsense" if wrong == "token" else token
    question = AnnouncePeer(ASKER, infohash, 7000, token)
    reply, _ = ask(node, question, source=source, now=600.0 if wrong == "time" else 0.0)
    assert reply == Failure(b"aa", 203, "Bad token")
    assert len(node.announced) == 0
    assert not node.proven.holds(source, 0.0)


def test_nothing_is_said_where_no_answer_is_short_enough():
    node, _ = answerer()
    assert node.answer(Query(bytes(32), Ping(ASKER)), 20, SOURCE, 0.0, MAX_REPLY) is None


# ---- items


SECRET = bytes(32)
TARGET = target_of(public_key(SECRET), b"salt")
NEWEST = sign(SECRET, 1, {"ih": HASH}, b"salt")
LARGE = sign(SECRET, 2, bytes(996), b"salt")


def token_for(node, target, source=SOURCE):
    return ask(node, Get(ASKER, target), source=source)[0].token


def put(node, item, cas=None):
    return ask(node, Put(ASKER, token_for(node, item.target), item, cas))[0]


def test_an_item_that_is_put_with_its_token_is_there_for_a_stranger():
    node, table = answerer()
    assert put(node, NEWEST) == Reply(b"aa", OWN)
    assert node.proven.holds(SOURCE, 0.0)
    stranger = ("10.9.9.8", 1)
    reply, gain = ask(node, Get(ASKER, TARGET), source=stranger)
    assert reply.item == dataclasses.replace(NEWEST, salt=b"")
    assert reply.seq == 1
    assert reply.nodes == tuple(table.closest(TARGET, 1))
    assert gain <= MOST_GAIN


def test_where_nothing_lies_there_are_nodes_and_a_token():
    node, table = answerer()
    reply, gain = ask(node, Get(ASKER, TARGET))
    assert (reply.item, reply.seq) == (None, None)
    assert reply.nodes == tuple(table.closest(TARGET, len(reply.nodes)))
    assert len(reply.nodes) == 7
    assert len(reply.token) == 8
    assert gain <= MOST_GAIN


def test_only_a_newer_version_than_the_one_known_is_sent():
    node, _ = answerer()
    put(node, NEWEST)
    for known, sent in ((0, True), (1, False), (2, False)):
        reply, _ = ask(node, Get(ASKER, TARGET, known))
        assert (reply.item is not None, reply.seq) == (sent, 1)


def test_a_large_item_goes_to_a_proven_address_and_a_stranger_hears_its_number():
    node, _ = answerer()
    put(node, LARGE)
    stranger = ("10.9.9.8", 1)
    reply, gain = ask(node, Get(ASKER, TARGET), source=stranger)
    assert (reply.item, reply.seq) == (None, 2)
    assert gain <= MOST_GAIN
    assert node.keeps_back(Get(ASKER, TARGET), stranger, 0.0)
    assert not node.keeps_back(Get(ASKER, HASH), stranger, 0.0)
    node.proven.add(stranger, 0.0)
    reply, _ = ask(node, Get(ASKER, TARGET), source=stranger)
    assert reply.item == dataclasses.replace(LARGE, salt=b"")
    assert not node.keeps_back(Get(ASKER, TARGET), stranger, 0.0)
    reply, _ = ask(node, Get(ASKER, TARGET), source=stranger, long_reply=600)
    assert (reply.item, reply.seq) == (None, 2)


def test_an_immutable_item_has_no_number():
    node, _ = answerer()
    item = Immutable(b"12:Hello World!")
    assert put(node, item) == Reply(b"aa", OWN)
    reply, _ = ask(node, Get(ASKER, item.target, 5))
    assert (reply.item, reply.seq) == (item, None)


@pytest.mark.parametrize("wrong", ["token", "address", "item"])
def test_an_item_with_a_wrong_token_is_refused_and_leaves_nothing(wrong):
    node, _ = answerer()
    source = ("10.9.9.8", 1234) if wrong == "address" else SOURCE
    token = token_for(node, HASH if wrong == "item" else TARGET)
    token = b"nonsense" if wrong == "token" else token
    reply, _ = ask(node, Put(ASKER, token, NEWEST), source=source)
    assert reply == Failure(b"aa", 203, "Bad token")
    assert len(node.items) == 0
    assert not node.proven.holds(source, 0.0)


def test_what_may_not_be_kept_gets_the_error_of_bep_44():
    node, _ = answerer()
    for item, cas, code in (
        (sign(SECRET, 1, bytes(997), b"salt"), None, 205),
        (dataclasses.replace(NEWEST, seq=5), None, 206),
        (sign(SECRET, 1, "x", bytes(65)), None, 207),
    ):
        assert put(node, item, cas).code == code
        assert len(node.items) == 0
    assert put(node, LARGE) == Reply(b"aa", OWN)
    assert put(node, sign(SECRET, 3, "x", b"salt"), 1).code == 301
    assert put(node, NEWEST).code == 302
    assert put(node, sign(SECRET, 3, "x", b"salt"), 2) == Reply(b"aa", OWN)
