"""Sockets that count their bytes and calls and, where asked, record every call made on them.

They subclass `socket.socket`, so the standard event loop uses them like any other, and what is
counted is what the kernel took or gave (socket(2), send(2), recv(2)).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, TypeVar

from host.meter import Meter
from host.trace import Call, FiveTuple, Trace, written

T = TypeVar("T")


def reset_on_close(sock: socket.socket) -> None:
    """Let `close` end the connection with a RST and drop what is unsent (socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def host_of(address: Any) -> str:
    """The host in a socket's address; a path for UNIX, where an address is nothing else."""
    return address if isinstance(address, str) else str(address[0])


class MeteredSocket(socket.socket):
    """A non-blocking socket whose bytes and calls are counted on its host's meter."""

    meter: Meter
    clock: Callable[[], float]
    remote = ""
    """The host at the other end; of a datagram socket it is known call by call."""
    _caller: Any = None
    """The address that an accepted connection came from."""
    _counted = False
    """Whether it is one of the meter's open connections."""

    @classmethod
    def open(
        cls,
        kind: socket.SocketKind,
        meter: Meter,
        clock: Callable[[], float],
        *,
        family: socket.AddressFamily = socket.AF_INET,
        **extra: Any,
    ) -> MeteredSocket:
        """A new socket of the given kind; `clock` gives the loop's time."""
        sock = cls(family, kind)
        sock._adopt(meter, clock, **extra)
        sock._made()
        return sock

    def _made(self) -> None:
        """This socket is a new one, not one that was accepted."""
        self.meter.calls["socket"] += 1

    def _adopt(self, meter: Meter, clock: Callable[[], float], **extra: Any) -> None:
        self.meter = meter
        self.clock = clock
        self.setblocking(False)
        if self.type == socket.SOCK_STREAM and self.family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _extra(self) -> dict[str, Any]:
        return {}

    def _count(self) -> None:
        if self.type == socket.SOCK_STREAM and not self._counted:
            self._counted = True
            self.meter.opened()

    def sendfile_from(self, file: int, offset: int, size: int) -> int:
        """Have the kernel send bytes of an open file (sendfile(2)); returns how many it took."""
        self.meter.calls["sendfile"] += 1
        sent = os.sendfile(self.fileno(), file, offset, size)
        self.meter.sent(self.remote, sent, self.clock())
        return sent

    def bind(self, address: Any) -> None:
        self.meter.calls["bind"] += 1
        super().bind(address)

    def listen(self, backlog: int = 1024, /) -> None:
        self.meter.calls["listen"] += 1
        super().listen(backlog)

    def accept(self) -> tuple[MeteredSocket, Any]:
        self.meter.calls["accept"] += 1
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        sock = type(self)(self.family, self.type, self.proto, fileno=descriptor)
        sock._adopt(self.meter, self.clock, **self._extra())
        sock.remote, sock._caller = host_of(address), address
        self.meter.accepted += 1
        sock._count()
        return sock, address

    def getpeername(self) -> Any:
        """Also of a caller that has left again, whom the kernel forgets at once."""
        try:
            return super().getpeername()
        except OSError:
            if self._caller is None:
                raise
            return self._caller

    def connect(self, address: Any) -> None:
        self.meter.calls["connect"] += 1
        self.remote = host_of(address)
        self._count()
        super().connect(address)

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.meter.calls["send"] += 1
        size = super().send(data, flags)
        self.meter.sent(self.remote, size, self.clock())
        return size

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        self.meter.calls["sendmsg"] += 1
        size = super().sendmsg(buffers, *rest)
        self.meter.sent(self.remote, size, self.clock())
        return size

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.meter.calls["recv"] += 1
        data = super().recv(size, flags)
        self.meter.received(self.remote, len(data), self.clock())
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self.meter.calls["recv"] += 1
        size = super().recv_into(buffer, nbytes, flags)
        self.meter.received(self.remote, size, self.clock())
        return size

    def sendto(self, data: Any, *rest: Any) -> int:
        self.meter.calls["sendto"] += 1
        size = super().sendto(data, *rest)
        self.meter.sent(host_of(rest[-1]), size, self.clock())
        return size

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Any]:
        self.meter.calls["recvfrom"] += 1
        data, address = super().recvfrom(size, flags)
        self.meter.received(host_of(address), len(data), self.clock())
        return data, address

    def shutdown(self, how: int) -> None:
        self.meter.calls["shutdown"] += 1
        super().shutdown(how)

    def close(self) -> None:
        if self.fileno() >= 0:
            self.meter.calls["close"] += 1
            self.meter.connections -= self._counted
        super().close()


class TracedSocket(MeteredSocket):
    """A metered socket that also records its calls."""

    trace: Trace

    def _adopt(self, meter: Meter, clock: Callable[[], float], **extra: Any) -> None:
        self.trace = extra["trace"]
        super()._adopt(meter, clock)

    def _made(self) -> None:
        super()._made()
        family, kind = socket.AddressFamily(self.family), socket.SocketKind(self.type)
        self._note("socket", f"{family.name}, {kind.name}", str(self.fileno()))

    def _extra(self) -> dict[str, Any]:
        return {"trace": self.trace}

    def five_tuple(self) -> FiveTuple:
        """The tuple that names this socket, as the kernel has it now."""
        protocol = "tcp" if self.type == socket.SOCK_STREAM else "udp"
        if self.family == socket.AF_UNIX:
            protocol = "unix"
        local, remote = ("", 0), ("", 0)
        if self.fileno() >= 0:
            local = _end(self.getsockname())
            try:
                remote = _end(self.getpeername())
            except OSError:
                pass
        return (protocol, *local, *remote)

    def _note(self, name: str, arguments: str, result: str, since: float | None = None) -> None:
        now = self.clock()
        took = 0.0 if since is None else now - since
        call = Call(now, name, self.fileno(), self.five_tuple(), arguments, result, took)
        self.trace.record(call)

    def _record(self, name: str, arguments: str, call: Callable[[], T]) -> T:
        since = self.clock()
        try:
            result = call()
        except OSError as error:
            self._note(name, arguments, errno.errorcode.get(error.errno or 0, str(error)), since)
            raise
        if isinstance(result, tuple):
            shown = f"{len(result[0])} B from {written(result[1])}"
        elif isinstance(result, bytes):
            shown = f"{len(result)} B"
        elif name == "recv":  # into a buffer
            shown = f"{result} B"
        else:
            shown = "0" if result is None else str(result)
        self._note(name, arguments, shown, since)
        return result

    def accept(self) -> tuple[MeteredSocket, Any]:
        since = self.clock()
        try:
            sock, address = super().accept()
        except OSError as error:
            self._note("accept", "", errno.errorcode.get(error.errno or 0, str(error)), since)
            raise
        shown = f"{sock.fileno()} from {written(address)}" if address else str(sock.fileno())
        self._note("accept", "", shown, since)
        return sock, address

    def bind(self, address: Any) -> None:
        self._record("bind", written(address), lambda: super(TracedSocket, self).bind(address))

    def listen(self, backlog: int = 1024, /) -> None:
        self._record("listen", str(backlog), lambda: super(TracedSocket, self).listen(backlog))

    def connect(self, address: Any) -> None:
        self._record(
            "connect", written(address), lambda: super(TracedSocket, self).connect(address)
        )

    def send(self, data: Any, flags: int = 0, /) -> int:
        return self._record(
            "send", f"{len(data)} B", lambda: super(TracedSocket, self).send(data, flags)
        )

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        size = sum(map(len, buffers))
        return self._record(
            "sendmsg", f"{size} B", lambda: super(TracedSocket, self).sendmsg(buffers, *rest)
        )

    def sendfile_from(self, file: int, offset: int, size: int) -> int:
        return self._record(
            "sendfile",
            f"{size} B",
            lambda: super(TracedSocket, self).sendfile_from(file, offset, size),
        )

    def getsockopt(self, *what: Any) -> Any:
        value = super().getsockopt(*what)
        if what == (socket.SOL_SOCKET, socket.SO_ERROR):
            self._note("getsockopt", "SO_ERROR", errno.errorcode.get(value, str(value)))
        return value

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        return self._record("recv", str(size), lambda: super(TracedSocket, self).recv(size, flags))

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return self._record(
            "recv",
            str(nbytes or len(buffer)),
            lambda: super(TracedSocket, self).recv_into(buffer, nbytes, flags),
        )

    def sendto(self, data: Any, *rest: Any) -> int:
        arguments = f"{len(data)} B, {written(rest[-1])}"
        return self._record(
            "sendto", arguments, lambda: super(TracedSocket, self).sendto(data, *rest)
        )

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Any]:
        return self._record(
            "recvfrom", str(size), lambda: super(TracedSocket, self).recvfrom(size, flags)
        )

    def shutdown(self, how: int) -> None:
        self._record("shutdown", str(how), lambda: super(TracedSocket, self).shutdown(how))

    def close(self) -> None:
        if self.fileno() >= 0:
            self._note("close", "", "0")
        super().close()


def _end(address: Any) -> tuple[str, int]:
    """One end of a five-tuple: address and port, or a path and 0."""
    return (host_of(address), 0) if isinstance(address, str) else (address[0], address[1])
