"""bench.lecture.calls: traces as frames, and the sockets that they leave open."""

from bench.lecture.calls import COLUMNS, call_rows, moment, open_sockets
from host.trace import Call, FiveTuple

UNBOUND: FiveTuple = ("tcp", "0.0.0.0", 0, "", 0)
LISTENING: FiveTuple = ("tcp", "127.0.0.1", 80, "", 0)
CONNECTED: FiveTuple = ("tcp", "127.0.0.2", 500, "127.0.0.1", 80)


def call(
    name: str, descriptor: int, five_tuple: FiveTuple, result: str = "0", arguments: str = ""
) -> Call:
    return Call(1.0, name, descriptor, five_tuple, arguments, result)


SERVER = [
    call("socket", 3, UNBOUND, "3"),
    call("bind", 3, LISTENING),
    call("listen", 3, LISTENING),
    call("accept", 3, LISTENING, "4 from 127.0.0.2:500"),
    call("accept", 3, LISTENING, "EAGAIN"),
]
CALLER = [
    call("socket", 3, UNBOUND, "3"),
    call("connect", 3, CONNECTED, "EINPROGRESS"),
]


def states(*calls: Call) -> list[tuple[FiveTuple, str]]:
    return [(socket.five_tuple, socket.state) for socket in open_sockets(calls)]


def test_an_accepted_socket_has_its_tuple_before_it_is_used() -> None:
    accepted: FiveTuple = ("tcp", "127.0.0.1", 80, "127.0.0.2", 500)
    assert states(*SERVER) == [(LISTENING, "LISTEN"), (accepted, "ESTABLISHED")]


def test_an_accepted_ipv6_callers_brackets_are_no_part_of_its_address() -> None:
    listening: FiveTuple = ("tcp", "::1", 80, "", 0)
    accepted = states(call("accept", 3, listening, "4 from [::1]:500"))[1]
    assert accepted == (("tcp", "::1", 80, "::1", 500), "ESTABLISHED")


def test_states_follow_the_calls() -> None:
    assert states(*CALLER) == [(CONNECTED, "SYN_SENT")]
    connected = [*CALLER, call("getsockopt", 3, CONNECTED)]
    assert states(*connected) == [(CONNECTED, "ESTABLISHED")]
    refused = [*CALLER, call("getsockopt", 3, CONNECTED, "ECONNREFUSED")]
    assert states(*refused) == [(CONNECTED, "SYN_SENT")]
    ended = [*connected, call("recv", 3, CONNECTED, "0 B", "1024")]
    assert states(*ended) == [(CONNECTED, "CLOSE_WAIT")]
    assert states(*ended, call("shutdown", 3, CONNECTED, "0", "1")) == [(CONNECTED, "LAST_ACK")]
    half = [*connected, call("shutdown", 3, CONNECTED, "0", "1")]
    assert states(*half) == [(CONNECTED, "FIN_WAIT2")]
    assert states(*half, call("close", 3, CONNECTED)) == []


def test_a_recv_of_no_length_or_a_shutdown_of_reading_ends_nothing() -> None:
    connected = [*CALLER, call("getsockopt", 3, CONNECTED)]
    empty = call("recv", 3, CONNECTED, "0 B", "0")
    reading = call("shutdown", 3, CONNECTED, "0", "0")
    assert states(*connected, empty, reading) == [(CONNECTED, "ESTABLISHED")]


def test_datagram_sockets_have_no_state() -> None:
    bound: FiveTuple = ("udp", "127.0.0.1", 80, "", 0)
    assert states(call("socket", 3, ("udp", "0.0.0.0", 0, "", 0), "3"), call("bind", 3, bound)) == [
        (bound, "")
    ]


def test_a_descriptor_that_is_used_again_is_another_socket() -> None:
    calls = [*CALLER, call("close", 3, CONNECTED), *CALLER]
    assert [row["socket"] for row in call_rows("a", calls)] == [1, 1, 1, 2, 2]


def test_a_row_has_the_bytes_that_moved() -> None:
    calls = [
        call("send", 3, CONNECTED, "7", "9 B"),
        call("recv", 3, CONNECTED, "5 B", "1024"),
        call("recv", 3, CONNECTED, "EAGAIN", "1024"),
    ]
    rows = call_rows("a", calls)
    assert [row["bytes"] for row in rows] == [7, 5, 0]
    assert (rows[0]["local"], rows[0]["remote"]) == ("127.0.0.2:500", "127.0.0.1:80")
    assert list(rows[0]) == list(COLUMNS)


def test_what_sends_does_its_work_as_it_begins_and_what_waits_as_it_ends() -> None:
    sent = Call(5.0, "send", 3, CONNECTED, "", "1", took=2.0)
    received = Call(5.0, "recv", 3, CONNECTED, "", "1 B", took=2.0)
    assert [moment(row) for row in call_rows("a", [sent, received])] == [3.0, 5.0]
