"""KRPC messages come back, and any datagram is a message or KrpcError, cheaply."""

import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p.bencode import encode as bencode
from p2p.dht import krpc, messages
from p2p.dht.items import MAX_SEQ, Immutable, Mutable
from p2p.dht.krpc import decode, encode
from p2p.errors import KrpcError

ids = st.binary(min_size=20, max_size=20)
transactions = st.binary(max_size=krpc.MAX_TRANSACTION)
tokens = st.binary(max_size=krpc.MAX_TOKEN)
octets = st.integers(0, 255).map(str)
addresses = st.tuples(
    st.tuples(st.integers(1, 223).map(str), octets, octets, octets).map(".".join),
    st.integers(1, 65535),
)
contacts = st.builds(messages.Contact, ids, addresses)
values = st.recursive(
    st.integers(-(10**19) + 1, 10**19 - 1) | st.binary(max_size=30) | ids,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=8,
)
versions = st.integers(0, MAX_SEQ)
public_keys = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=64, max_size=64)
immutables = st.builds(Immutable, values.map(bencode))
mutables = st.builds(Mutable, public_keys, versions, values.map(bencode), signatures)
salted = st.builds(
    Mutable, public_keys, versions, values.map(bencode), signatures, st.binary(max_size=70)
)
questions = (
    st.builds(messages.Ping, ids)
    | st.builds(messages.FindNode, ids, ids)
    | st.builds(messages.GetPeers, ids, ids)
    | st.builds(messages.AnnouncePeer, ids, ids, st.integers(1, 65535), tokens, st.booleans())
    | st.builds(messages.Get, ids, ids, st.none() | versions)
    | st.builds(messages.Put, ids, tokens, immutables)
    | st.builds(messages.Put, ids, tokens, salted, st.none() | versions)
)


def answer_with(reply, item, seq):
    """A mutable item says which version it is; what lies there otherwise may say so or not."""
    return replace(reply, item=item, seq=item.seq if isinstance(item, Mutable) else seq)


replies = st.builds(
    answer_with,
    st.builds(
        messages.Reply,
        transactions,
        ids,
        st.lists(contacts, max_size=krpc.MAX_NODES).map(tuple),
        st.lists(addresses, max_size=krpc.MAX_VALUES // 2).map(tuple),
        st.none() | tokens,
    ),
    st.none() | immutables | mutables,
    st.none() | versions,
)
any_messages = (
    st.builds(messages.Query, transactions, questions, st.booleans())
    | replies
    | st.builds(messages.Failure, transactions, st.integers(0, 999), st.text(max_size=50))
)


@settings(max_examples=300)
@given(any_messages)
def test_messages_come_back(message):
    assert decode(encode(message)) == message


keys = ("id", "target", "info_hash", "port", "token", "implied_port", "nodes", "values")
item_keys = ("v", "k", "sig", "seq", "cas", "salt")
arguments = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(keys, values | ids)
    | dict.fromkeys(item_keys, values | public_keys | signatures | versions),
)
methods = st.sampled_from(["ping", "find_node", "get_peers", "announce_peer", "get", "put", "vote"])
nearly_messages = st.fixed_dictionaries(
    {},
    optional={
        "t": st.just(b"aa") | values,
        "y": st.sampled_from(["q", "r", "e"]) | values,
        "q": methods | values,
        "a": arguments | values,
        "r": arguments | values,
        "e": st.lists(values, max_size=3) | values,
        "ro": values,
    },
).map(bencode)
nearly_bencoded = st.text("ilde0123:-aqryt", max_size=60).map(str.encode)


@settings(max_examples=400)
@given(nearly_messages | nearly_bencoded | st.binary(max_size=60))
def test_any_datagram_is_a_message_or_refused(data):
    _is_message_or_refused(data)


def _is_message_or_refused(data):
    try:
        message = decode(data)
    except krpc.QueryError as error:
        assert decode(encode(error.failure)) == error.failure
    except KrpcError as error:
        assert "\n" not in str(error)
    else:
        assert decode(encode(message)) == message


@settings(max_examples=300)
@given(any_messages, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4))
def test_a_damaged_message_is_a_message_or_refused(message, damage):
    data = bytearray(encode(message))
    for at, byte in damage:
        data[at % len(data)] = byte
    _is_message_or_refused(bytes(data))


HOSTILE = {
    "lists": b"l" * 2000,
    "nested": b"l" * 99 + b"e" * 99,
    "empty lists": b"d1:rd2:id20:" + b"i" * 20 + b"6:valuesl" + b"le" * 700 + b"eee",
    "values": b"d1:rd2:id20:" + b"i" * 20 + b"6:valuesl" + b"6:abcdef" * 170 + b"ee1:t1:t1:y1:re",
    "value": b"d1:rd2:id20:" + b"i" * 20 + b"1:v" + b"l" * 97 + b"e" * 97 + b"e1:t1:t1:y1:re",
    "wide value": b"d1:rd2:id20:" + b"i" * 20 + b"1:vl" + b"le" * 700 + b"ee1:t1:t1:y1:re",
    "huge string": b"99999999:",
    "digits": b"i" + b"9" * 1490 + b"e",
    "long": b"d1:t" + b"0" * 10_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_datagram_takes_much_time_or_memory(name):
    data = HOSTILE[name]

    def read():
        try:
            decode(data)
        except KrpcError:
            pass

    read()
    tracemalloc.start()
    start = time.process_time()
    read()
    assert time.process_time() - start < 0.1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A datagram is at most 1,500 bytes; what is longer is not looked at.
    assert peak < 200_000
