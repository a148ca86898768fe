"""KRPC against the messages of BEP 5 and BEP 44, and against what is nearly one."""

from dataclasses import replace

import pytest

from p2p.bencode import encode as bencode
from p2p.dht import krpc
from p2p.dht.items import MAX_SEQ, Immutable, Mutable
from p2p.dht.krpc import QueryError, decode, encode, usable
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
from p2p.errors import KrpcError

A = b"abcdefghij0123456789"
M = b"mnopqrstuvwxyz123456"
NODE = Contact(M, ("10.0.0.1", 6881))
COMPACT = M + b"\x0a\x00\x00\x01\x1a\xe1"

EXAMPLES = {
    b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe": Query(b"aa", Ping(A)),
    b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re": Reply(b"aa", M),
    b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa"
    b"1:y1:qe": Query(b"aa", FindNode(A, M)),
    b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa"
    b"1:y1:qe": Query(b"aa", GetPeers(A, M)),
    b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa"
    b"1:y1:re": Reply(
        b"aa", A, (), (("97.120.106.101", 11893), ("105.100.104.116", 28269)), b"aoeusnth"
    ),
    b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:port"
    b"i6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe": Query(
        b"aa", AnnouncePeer(A, M, 6881, b"aoeusnth", implied_port=True)
    ),
    b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee": Failure(
        b"aa", 201, "A Generic Error Ocurred"
    ),
}
"""Those of BEP 5, but for the two replies whose nodes are a stand-in ("def456...")."""


@pytest.mark.parametrize("data", EXAMPLES)
def test_the_examples_of_bep_5(data):
    assert decode(data) == EXAMPLES[data]
    assert encode(EXAMPLES[data]) == data


def test_nodes_are_26_bytes_each():
    data = b"d1:rd2:id20:abcdefghij01234567895:nodes26:%s5:token8:aoeusnthe1:t2:aa1:y1:re"
    message = Reply(b"aa", A, (NODE,), (), b"aoeusnth")
    assert decode(data % COMPACT) == message
    assert encode(message) == data % COMPACT
    with pytest.raises(KrpcError, match="26 bytes a node"):
        decode(b"d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re")


def reply(**answer):
    return bencode({"r": {"id": A} | answer, "t": "aa", "y": "r"})


def query(method, *, ro=0, **arguments):
    extra = {"ro": ro} if ro else {}
    return bencode({"a": {"id": A} | arguments, "q": method, "t": "aa", "y": "q"} | extra)


def test_what_other_clients_add_is_skipped():
    plain = decode(query("get_peers", info_hash=M))
    assert decode(query("get_peers", info_hash=M, want=["n4", "n6"], noseed=1, scrape=1)) == plain
    assert decode(query("ping", ro=1)) == Query(b"aa", Ping(A), read_only=True)
    assert encode(Query(b"aa", Ping(A), read_only=True)) == query("ping", ro=1)
    libtorrent = {"ip": b"\x7f\0\0\1\x1a\xe1", "r": {"id": A, "nodes6": bytes(38), "p": 6881}}
    assert decode(bencode(libtorrent | {"t": "aa", "v": b"LT\2\1", "y": "r"})) == Reply(b"aa", A)


def test_addresses_that_cannot_be_sent_to_are_left_out():
    # Nobody's, a group's, everybody's, and no port.
    bad = [b"\0\0\0\0\0\1", b"\xe0\0\0\1\0\1", b"\xff\xff\xff\xff\0\1", b"\x7f\0\0\1\0\0"]
    good = b"\x7f\0\0\1\0\1"
    assert decode(reply(values=[*bad, good, bytes(18)])).values == (("127.0.0.1", 1),)
    nodes = b"".join(M + address for address in [*bad, good])
    assert decode(reply(nodes=nodes)).nodes == (Contact(M, ("127.0.0.1", 1)),)
    assert usable(("223.255.255.255", 65535))
    for host in ("224.0.0.0", "::1", "localhost", "", "1.2.3", "1.2.3.256", "1.2.3.x"):
        assert not usable((host, 1))
    assert not usable(("10.0.0.1", 65536))


def test_no_more_is_read_than_the_limits():
    assert len(decode(reply(nodes=COMPACT * 20)).nodes) == krpc.MAX_NODES
    assert len(decode(reply(values=[COMPACT[20:]] * 120)).values) == krpc.MAX_VALUES
    assert decode(reply(token=bytes(krpc.MAX_TOKEN))).token == bytes(krpc.MAX_TOKEN)
    with pytest.raises(KrpcError, match="at most 64 bytes under token"):
        decode(reply(token=bytes(krpc.MAX_TOKEN + 1)))
    with pytest.raises(KrpcError, match="at most 32 bytes under t"):
        decode(bencode({"r": {"id": A}, "t": bytes(33), "y": "r"}))
    failure = decode(bencode({"e": [201, bytes(300)], "t": "aa", "y": "e"}))
    assert failure == Failure(b"aa", 201, "\0" * krpc.MAX_ERROR_TEXT)
    filler = krpc.MAX_PACKET - len(query("ping")) - len("1:z1400:")
    largest = query("ping", z=bytes(filler))
    assert len(largest) == krpc.MAX_PACKET
    assert decode(largest) == Query(b"aa", Ping(A))
    with pytest.raises(KrpcError, match="at most 1500 bytes, found 1501"):
        decode(query("ping", z=bytes(filler + 1)))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (query("ping", id=b"short"), 203),
        (query("find_node"), 203),
        (query("get_peers", info_hash=A + b"1"), 203),
        (query("announce_peer", info_hash=M, port=0, token="x"), 203),
        (query("announce_peer", info_hash=M, port=65536, token="x"), 203),
        (query("announce_peer", info_hash=M, port=1), 203),
        (query("announce_peer", info_hash=M, port="1", token="x"), 203),
        (bencode({"q": "ping", "t": "aa", "y": "q"}), 203),
        (bencode({"a": {"id": A}, "t": "aa", "y": "q"}), 203),
        (query("vote"), 204),
        (query(b"\xff"), 204),
    ],
)
def test_a_question_that_cannot_be_answered_says_what_to_answer(data, code):
    with pytest.raises(QueryError) as raised:
        decode(data)
    text = {203: "Protocol Error", 204: "Method Unknown"}[code]
    assert raised.value.failure == Failure(b"aa", code, text)


KEY, SIGNATURE = b"k" * 32, b"s" * 64
SIGNED = {"k": KEY, "seq": 4, "sig": SIGNATURE, "v": {"ih": M}}
MUTABLE = Mutable(KEY, 4, b"d2:ih20:mnopqrstuvwxyz123456e", SIGNATURE)


@pytest.mark.parametrize(
    ("data", "question"),
    [
        (query("get", target=M), Get(A, M)),
        (query("get", target=M, seq=3), Get(A, M, 3)),
        (query("put", token="t", v=[1, b"x"]), Put(A, b"t", Immutable(b"li1e1:xe"))),
        (query("put", token="t", **SIGNED), Put(A, b"t", MUTABLE)),
        (
            query("put", token="t", cas=3, salt="foobar", **SIGNED),
            Put(A, b"t", replace(MUTABLE, salt=b"foobar"), 3),
        ),
    ],
)
def test_the_questions_of_bep_44(data, question):
    assert decode(data) == Query(b"aa", question)
    assert encode(Query(b"aa", question)) == data


def test_the_answers_of_bep_44():
    for data, answer in (
        (reply(token="t", v="x"), Reply(b"aa", A, token=b"t", item=Immutable(b"1:x"))),
        (reply(token="t", seq=4), Reply(b"aa", A, token=b"t", seq=4)),
        (reply(token="t", **SIGNED), Reply(b"aa", A, token=b"t", item=MUTABLE, seq=4)),
    ):
        assert decode(data) == answer
        assert encode(answer) == data


def test_an_empty_salt_is_as_none_and_what_makes_no_sense_is_skipped():
    assert decode(query("put", token="t", salt="", **SIGNED)).question == Put(A, b"t", MUTABLE)
    plain = Put(A, b"t", Immutable(b"1:x"))
    assert decode(query("put", token="t", v="x", cas="?", salt="s", seq=1)).question == plain


@pytest.mark.parametrize("missing", ["k", "sig", "seq", "v", "token"])
def test_an_item_without_all_of_its_parts_is_refused(missing):
    fields = {name: value for name, value in (SIGNED | {"token": "t"}).items() if name != missing}
    with pytest.raises(QueryError) as raised:
        decode(query("put", **fields))
    assert raised.value.failure == Failure(b"aa", 203, "Protocol Error")


@pytest.mark.parametrize(
    "wrong",
    [{"k": KEY[1:]}, {"sig": SIGNATURE + b"s"}, {"seq": -1}, {"seq": 2**63}, {"seq": "4"}],
    ids=str,
)
def test_an_item_with_a_wrong_part_is_refused(wrong):
    with pytest.raises(QueryError):
        decode(query("put", token="t", **(SIGNED | wrong)))
    with pytest.raises(KrpcError):
        decode(reply(token="t", **(SIGNED | wrong)))


def test_the_largest_item_fits_into_a_datagram():
    item = Mutable(KEY, MAX_SEQ, b"996:" + bytes(996), SIGNATURE, bytes(64))
    put = Query(bytes(4), Put(A, bytes(krpc.MAX_TOKEN), item, MAX_SEQ))
    assert len(encode(put)) <= krpc.MAX_REPLY
    answer = Reply(bytes(4), A, token=bytes(8), item=replace(item, salt=b""), seq=MAX_SEQ)
    assert len(encode(answer)) <= krpc.MAX_REPLY


def test_the_port_may_be_implied():
    data = query("announce_peer", info_hash=M, implied_port=1, token="x")
    assert decode(data).question == AnnouncePeer(A, M, 0, b"x", implied_port=True)
    data = query("announce_peer", info_hash=M, implied_port=0, port=7, token="x")
    assert decode(data).question == AnnouncePeer(A, M, 7, b"x")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"i1e",
        b"le",
        b"de",
        b"d1:t2:aae",
        b"d1:t2:aa1:y1:xe",
        b"d1:t2:aa1:y1:re",
        b"d1:rle1:t2:aa1:y1:re",
        b"d1:rd2:id3:abce1:t2:aa1:y1:re",
        b"d1:t2:aa1:y1:ee",
        b"d1:eli201ee1:t2:aa1:y1:ee",
        b"d1:el3:abci201ee1:t2:aa1:y1:ee",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:ti7e1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz1234566:values6:axje.ue1:t2:aa1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:rejunk",
    ],
)
def test_what_is_no_message_is_refused_without_an_answer(data):
    with pytest.raises(KrpcError) as raised:
        decode(data)
    assert not isinstance(raised.value, QueryError)
    assert "\n" not in str(raised.value)
