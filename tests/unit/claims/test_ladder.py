"""bench.lecture.ladder: which call's bytes another call took."""

from typing import Any

from matplotlib.figure import Figure

from bench.lecture.ladder import MOST, Arrow, arrows, draw_ladder

A, B = "127.0.0.2:500", "127.0.0.1:80"


def row(call: str, local: str, remote: str = "", **more: Any) -> dict[str, Any]:
    node = "client" if local == A else "server"
    protocol = "udp" if call in ("sendto", "recvfrom") else "tcp"
    size = more.get("bytes", 0)
    default = {"result": f"{size} B", "arguments": "", "bytes": size, "t_s": 0.0, "took_s": 0.0}
    ends = {"node": node, "call": call, "protocol": protocol, "local": local, "remote": remote}
    return default | ends | {"descriptor": 3} | more


def test_a_connection_goes_to_the_accept_that_returned_it() -> None:
    rows = [
        row("connect", A, B, result="EINPROGRESS"),
        row("accept", B, result="9 from 127.0.0.2:499"),
        row("accept", B, result=f"9 from {A}"),
    ]
    assert arrows(rows) == [Arrow(0, 2, "connection")]


def test_a_refused_connection_goes_nowhere() -> None:
    assert arrows([row("connect", A, B, result="ECONNREFUSED")]) == []


def test_bytes_go_to_the_recv_that_took_the_last_of_them() -> None:
    rows = [
        row("send", A, B, bytes=10),
        row("send", A, B, bytes=5),
        row("recv", B, A, bytes=4),
        row("recv", B, A, bytes=8),
        row("recv", B, A, bytes=3),
    ]
    assert arrows(rows) == [Arrow(0, 3, "data"), Arrow(1, 4, "data")]


def test_two_sends_may_end_in_one_recv_and_directions_are_apart() -> None:
    rows = [
        row("send", A, B, bytes=10),
        row("sendfile", A, B, bytes=5),
        row("send", B, A, bytes=15),
        row("recv", B, A, bytes=15),
    ]
    assert arrows(rows) == [Arrow(0, 3, "data"), Arrow(1, 3, "data")]


def test_what_nobody_took_is_no_arrow() -> None:
    assert arrows([row("send", A, B, bytes=10), row("recv", B, A, bytes=9)]) == []


def test_an_end_goes_to_the_recv_that_returned_nothing() -> None:
    rows = [row("close", A, B), row("recv", B, A, bytes=0), row("close", B, A)]
    assert arrows(rows) == [Arrow(0, 1, "end")]


def test_a_datagram_goes_by_both_addresses() -> None:
    rows = [
        row("sendto", A, bytes=8, arguments=f"8 B, {B}", result="8"),
        row("sendto", A, bytes=9, arguments=f"9 B, {B}", result="9"),
        row("recvfrom", B, bytes=8, result="8 B from 127.0.0.3:1"),
        row("recvfrom", B, bytes=9, result=f"9 B from {A}"),
    ]
    # The first is lost: only the second has the size that came.
    assert arrows(rows) == [Arrow(1, 3, "data")]


def test_a_ladder_says_how_many_calls_have_no_room() -> None:
    axes = Figure().subplots()
    draw_ladder(axes, [row("close", A, B)] * (MOST + 3), "title", "black", size=10)
    assert "3 calls more" in [text.get_text() for text in axes.texts]
