"""What the traces of hosts tell: every socket call as a row, and the sockets that are open by them.

States are those of RFC 9293, section 3.3.2, by the names that Linux gives them (proc_net(5)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from host.trace import Call, FiveTuple

SENDS = ("send", "sendmsg", "sendfile", "sendto")
RECEIVES = ("recv", "recvfrom")
COLUMNS = (
    *("t_s", "took_s", "node", "call", "descriptor", "socket"),
    *("protocol", "local", "remote", "arguments", "result", "bytes"),
)


@dataclass(slots=True)
class Socket:
    """One socket of a host, as its latest call has left it."""

    number: int
    """Counted from 1 on each host; descriptors are used again, numbers are not."""
    descriptor: int
    five_tuple: FiveTuple
    state: str
    """CLOSE, LISTEN, SYN_SENT, ESTABLISHED, CLOSE_WAIT ...; `` where the protocol has none."""


class Sockets:
    """Follows the calls of one host; `open` has its sockets by descriptor."""

    def __init__(self) -> None:
        self.open: dict[int, Socket] = {}
        self._count = 0

    def follow(self, call: Call) -> Socket:
        """Take the next call in and return the socket that it was made on."""
        if call.name == "socket" or call.descriptor not in self.open:
            self._add(call.descriptor, call.five_tuple)
        socket = self.open[call.descriptor]
        if call.name == "close":
            del self.open[call.descriptor]
            return socket
        socket.five_tuple = call.five_tuple
        if call.name == "accept" and call.result[:1].isdigit():
            descriptor, _, caller = call.result.partition(" from ")
            self._add(int(descriptor), _connected(call.five_tuple, caller), "ESTABLISHED")
        elif socket.state:
            socket.state = _next_state(socket.state, call)
        return socket

    def _add(self, descriptor: int, five_tuple: FiveTuple, state: str = "CLOSE") -> None:
        self._count += 1
        state = state if five_tuple[0] == "tcp" else ""
        self.open[descriptor] = Socket(self._count, descriptor, five_tuple, state)


def _connected(listening: FiveTuple, caller: str) -> FiveTuple:
    """The tuple of a connection that was accepted at `listening`; it calls nobody else."""
    if listening[0] == "unix":
        return listening
    address, _, port = caller.rpartition(":")
    return (*listening[:3], address.strip("[]"), int(port))


def _next_state(state: str, call: Call) -> str:
    match call.name, call.result:
        case "listen", "0":
            return "LISTEN"
        case "connect", "EINPROGRESS":
            return "SYN_SENT"
        case ("connect", "0") | ("getsockopt", "0") if state in ("CLOSE", "SYN_SENT"):
            return "ESTABLISHED"
        case "recv", "0 B" if state == "ESTABLISHED" and call.arguments != "0":
            return "CLOSE_WAIT"
        case "shutdown", "0" if call.arguments != "0":
            return {"ESTABLISHED": "FIN_WAIT2", "CLOSE_WAIT": "LAST_ACK"}.get(state, state)
    return state


def open_sockets(calls: Iterable[Call]) -> list[Socket]:
    """Return the sockets that are open after these calls of one host, the oldest first."""
    sockets = Sockets()
    for call in calls:
        sockets.follow(call)
    return sorted(sockets.open.values(), key=lambda socket: socket.number)


def call_rows(node: str, calls: Iterable[Call]) -> list[dict[str, Any]]:
    """Return a row for every call of one host, in order, with COLUMNS.

    `t_s` is when the call returned and `took_s` how long that took, in seconds of the run's clock;
    `call`, `descriptor`, `arguments` and `result` are as strace(1) shows them; `socket` tells
    sockets apart that have the same descriptor one after the other; `protocol`, `local` and
    `remote` are the five-tuple; `bytes` went in or out.
    """
    sockets = Sockets()
    return [_row(node, call, sockets.follow(call).number) for call in calls]


def _row(node: str, call: Call, number: int) -> dict[str, Any]:
    moved = call.result.split()[0] if call.name in (*SENDS, *RECEIVES) else ""
    return {
        "t_s": call.time,
        "took_s": call.took,
        "node": node,
        "call": call.name,
        "descriptor": call.descriptor,
        "socket": number,
        "protocol": call.five_tuple[0],
        "local": call.local,
        "remote": call.remote,
        "arguments": call.arguments,
        "result": call.result,
        "bytes": int(moved) if moved.isdigit() else 0,
    }


def moment(row: Mapping[str, Any]) -> float:
    """When a call did its work, in seconds: what sends begins with it, what waits ends with it."""
    waits = row["call"] in ("accept", "recv", "recvfrom")
    return float(row["t_s"] if waits else row["t_s"] - row["took_s"])
