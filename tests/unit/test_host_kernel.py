"""What the virtual clock builds on: loopback shows every event right after the call that causes it.

If one of these ever fails on some system, virtual time is not exact there.
"""

import select
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux loopback")

ROUNDS = 50


def ready(sock: socket.socket, event: int = select.EPOLLIN) -> bool:
    """What epoll(0) says, without waiting at all."""
    with select.epoll() as epoll:
        epoll.register(sock, event)
        return bool(epoll.poll(0))


class Pair:
    """Two connected sockets and the one that listened."""

    def __init__(self, stack: ExitStack) -> None:
        self.listening = stack.enter_context(socket.socket())
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(1024)
        self.near = stack.enter_context(socket.socket())
        self.near.setblocking(False)
        self.near.connect_ex(self.listening.getsockname())
        assert ready(self.listening)
        self.far = stack.enter_context(self.listening.accept()[0])
        self.far.setblocking(False)


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    with ExitStack() as stack:
        yield [Pair(stack) for _ in range(ROUNDS)]


def test_a_connection_on_both_sides(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert ready(pair.near, select.EPOLLOUT)
        assert pair.near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        assert not ready(pair.listening)


def test_a_refusal() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        for _ in range(ROUNDS):
            with socket.socket() as sock:
                sock.setblocking(False)
                refused = sock.connect_ex(unused.getsockname())
                assert refused or ready(sock, select.EPOLLOUT)
                refused = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or refused
                assert refused == 111  # ECONNREFUSED


@pytest.mark.parametrize("size", [1, 16_448])
def test_data(pairs: list[Pair], size: int) -> None:
    for pair in pairs:
        assert not ready(pair.far)
        assert pair.near.send(bytes(size)) == size
        assert ready(pair.far)
        assert len(pair.far.recv(65_536)) == size


def test_an_end(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.near.shutdown(socket.SHUT_WR)
        assert ready(pair.far)
        assert pair.far.recv(10) == b""
        pair.far.close()
        assert ready(pair.near)
        assert pair.near.recv(10) == b""


def test_a_reset(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.near.close()
        assert ready(pair.far)
        with pytest.raises(ConnectionResetError):
            pair.far.recv(10)


def test_data_that_came_before_a_reset_can_still_be_read(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.near.send(b"last words")
        pair.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.near.close()
        assert pair.far.recv(100) == b"last words"
        with pytest.raises(ConnectionResetError):
            pair.far.recv(10)


def test_datagrams() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        far.bind(("127.0.0.1", 0))
        for size in (0, 1, 1472, 65_507) * ROUNDS:
            assert not ready(far)
            near.sendto(bytes(size), far.getsockname())
            assert ready(far)
            assert len(far.recv(65_536)) == size


def test_a_backlog_takes_a_crowd() -> None:
    """With asyncio's own 100, all but the first hundred would be tried again a second later."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        crowd = [stack.enter_context(socket.socket()) for _ in range(400)]
        for sock in crowd:
            sock.setblocking(False)
            sock.connect_ex(listening.getsockname())
        assert all(ready(sock, select.EPOLLOUT) for sock in crowd)
