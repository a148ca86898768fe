"""bench.lecture.exchange: a question and its answer by blocking calls, over every family."""

import socket
from pathlib import Path

import pytest

from bench.lecture.exchange import Exchange

STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_stream_is_opened_used_and_closed(family: socket.AddressFamily, tmp_path: Path) -> None:
    exchange = Exchange(family, STREAM, tmp_path)
    exchange.play()
    client, server = (list(exchange.traces[node]) for node in ("client", "server"))
    assert [call.name for call in client] == ["socket", "connect", "send", "recv", "close"]
    assert [call.result for call in client][1:] == ["0", "8", "6 B", "0"]
    assert client[0].arguments == f"{family.name}, SOCK_STREAM"
    names = ["socket", "bind", "listen", "accept", "recv", "send", "recv", "close", "close"]
    assert [call.name for call in server] == names
    assert [call.result for call in server][4:7] == ["8 B", "6", "0 B"]
    assert {call.five_tuple[0] for call in client} == {
        "unix" if family == socket.AF_UNIX else "tcp"
    }


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_datagram_needs_no_connection(family: socket.AddressFamily, tmp_path: Path) -> None:
    exchange = Exchange(family, DATAGRAM, tmp_path)
    exchange.play()
    client, server = (list(exchange.traces[node]) for node in ("client", "server"))
    assert [call.name for call in client] == ["socket", "bind", "sendto", "recvfrom", "close"]
    assert [call.name for call in server] == ["socket", "bind", "recvfrom", "sendto", "close"]
    assert {call.five_tuple[3:] for call in client + server} == {("", 0)}
    assert server[2].result.startswith("8 B from ")


def test_a_unix_sockets_tuple_is_its_path(tmp_path: Path) -> None:
    exchange = Exchange(socket.AF_UNIX, STREAM, tmp_path)
    exchange.play()
    path = str(tmp_path / "server")
    sent = next(call for call in exchange.traces["client"] if call.name == "send")
    assert sent.five_tuple == ("unix", "", 0, path, 0)
    received = next(call for call in exchange.traces["server"] if call.name == "recv")
    assert received.five_tuple == ("unix", path, 0, "", 0)


def test_a_call_that_waits_says_how_long(tmp_path: Path) -> None:
    exchange = Exchange(socket.AF_INET, STREAM, tmp_path)
    exchange.play()
    took = {call.name: call.took for call in exchange.traces["server"]}
    assert took["accept"] > 0
    assert took["close"] == 0


def test_a_path_that_is_taken_is_the_systems_error(tmp_path: Path) -> None:
    Exchange(socket.AF_UNIX, STREAM, tmp_path).play()
    with pytest.raises(OSError, match="in use"):
        Exchange(socket.AF_UNIX, STREAM, tmp_path).play()


def test_calls_read_well_in_every_family(tmp_path: Path) -> None:
    six = Exchange(socket.AF_INET6, STREAM, tmp_path)
    six.play()
    sent = next(call for call in six.traces["client"] if call.name == "send")
    assert str(sent).endswith(f"send({sent.descriptor}, 8 B) = 8  tcp {sent.local} > {sent.remote}")
    assert sent.remote == f"[::1]:{sent.five_tuple[4]}"
    unix = Exchange(socket.AF_UNIX, STREAM, tmp_path)
    unix.play()
    sent = next(call for call in unix.traces["client"] if call.name == "send")
    assert str(sent).endswith(f" = 8  unix - > {tmp_path / 'server'}")
