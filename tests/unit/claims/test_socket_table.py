"""bench.lecture.socket_table: what the system lists, beside sockets whose tuples are known."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from bench.lecture.socket_table import TIME_WAIT, Row, SocketTableError, socket_table
from host.addresses import AddressBlock
from host.trace import FiveTuple


@pytest.fixture
def addresses() -> Iterator[tuple[str, str]]:
    """Two addresses that nobody else on this machine uses."""
    block = AddressBlock.lease()
    yield block.address(0), block.address(1)
    block.close()


@pytest.mark.parametrize("own", [True, False])
def test_open_sockets_are_listed_with_tuple_state_and_owner(
    addresses: tuple[str, str], own: bool
) -> None:
    server, client = addresses
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((server, 0)))
        port = listener.getsockname()[1]
        caller = stack.enter_context(
            socket.create_connection((server, port), source_address=(client, 0))
        )
        accepted = stack.enter_context(listener.accept()[0])
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((server, port))
        theirs = caller.getsockname()[1]
        rows = socket_table(addresses, own=own)
        # Earlier tests with the same addresses may have left some.
        seen = {row.five_tuple: row for row in rows if row.state != TIME_WAIT}

        expected: dict[FiveTuple, tuple[str, int]] = {
            ("tcp", server, port, "", 0): ("LISTEN", listener.fileno()),
            ("tcp", server, port, client, theirs): ("ESTABLISHED", accepted.fileno()),
            ("tcp", client, theirs, server, port): ("ESTABLISHED", caller.fileno()),
            ("udp", server, port, "", 0): ("", datagrams.fileno()),
        }
        assert {name: (row.state, row.descriptor) for name, row in seen.items()} == expected
        assert {row.pid for row in seen.values()} == {os.getpid()}


def test_who_closes_first_is_kept_in_time_wait_and_owned_by_nobody(
    addresses: tuple[str, str],
) -> None:
    server, client = addresses
    with socket.create_server((server, 0)) as listener:
        port = listener.getsockname()[1]
        caller = socket.create_connection((server, port), source_address=(client, 0))
        theirs = caller.getsockname()[1]
        accepted, _ = listener.accept()
        caller.close()
        assert accepted.recv(1) == b""
        accepted.close()
        ours = {("tcp", client, theirs, server, port), ("tcp", server, port, client, theirs)}
        left = [row for row in socket_table(addresses) if row.five_tuple in ours]
    assert left == [Row("tcp", client, theirs, server, port, TIME_WAIT, None, None)]
    assert socket_table([client], own=True) == []


def test_sockets_of_other_families_are_listed_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        left, right = socket.socketpair()
        with left, right:
            rows = {row.descriptor: row for row in socket_table(own=True)}
            assert rows[left.fileno()].five_tuple == ("unix", "", 0, "", 0)
        assert rows[six.fileno()].five_tuple == ("tcp", *six.getsockname()[:2], "", 0)


def test_a_system_that_shows_no_table_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> object:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with pytest.raises(SocketTableError, match=r"cannot be read: AccessDenied; Linux shows it"):
        socket_table()
