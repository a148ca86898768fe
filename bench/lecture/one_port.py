"""One server and many clients at a moment when all are connected: every socket that is open.

The traces' list and the system's own table are taken in one breath of the same process.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.lecture.calls import open_sockets
from bench.lecture.socket_table import socket_table
from central.client import Client
from central.link import Link
from central.server import Server
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from host.sockets import MeteredSocket, TracedSocket, reset_on_close
from host.trace import FiveTuple

PORT = 8080
SAME_PORT = 40_000
"""The callers' own port where two hosts call from the same one."""
FILE_BYTES = 64 << 10
HOLD_S = 1.0
"""Seconds that the transfers under way take: time to look at them."""
LOOK_EVERY_S = 0.01

Frames = dict[str, list[dict[str, Any]]]


async def look(case: Mapping[str, Any], directory: Path) -> Frames:
    """Have `clients` hosts fetch over `connections` connections each, and look when all are open.

    Returns the frames `sockets`, a row a socket in one of the two lists (`source`: trace or table),
    and `attempts`, what the system said to a second connection with the tuple of an open one.
    """
    room = Room(directory, int(case["clients"]), int(case["connections"]))
    try:
        return await room.play()
    finally:
        await room.close()


class Room:
    """The hosts and what they do: each is there for a part of the tuple that it needs.

    Two servers have the same port at different addresses, for TCP and for UDP; clients have several
    connections to one of them; two callers call it from the same port; one host has two sockets at
    one port, as SO_REUSEPORT allows.
    """

    def __init__(self, directory: Path, clients: int, connections: int) -> None:
        self._network = Network()
        self._directory = directory
        self._connections = connections
        rate = clients * connections * FILE_BYTES / HOLD_S
        self._server, self._mirror = self._host("server", rate), self._host("mirror")
        self._clients = [self._host(f"client-{number:03}") for number in range(1, clients + 1)]
        self._callers = [self._host(f"caller-{number}") for number in (1, 2)]
        self._twins = self._host("twins")
        self._nodes: list[Server | Client] = []
        self._sockets: list[MeteredSocket] = []

    def _host(self, name: str, up: float = math.inf) -> Host:
        folder = self._directory / name
        folder.mkdir()
        return Host(self._network, name, folder, up=LinkConfig(rate=up), traced=True)

    async def play(self) -> Frames:
        """Serve, fetch, call, look when all are connected, and let the transfers end."""
        links = await self._serve(self._server)
        await self._serve(self._mirror)
        over_udp = str(replace(Link.parse(links[0]), scheme="tftp"))
        async with asyncio.TaskGroup() as group:
            for client in self._clients:
                node = Client(client)
                self._nodes.append(node)
                for link in links:
                    group.create_task(node.fetch(link, client.directory))
            other = self._host("client-udp")
            node = Client(other)
            self._nodes.append(node)
            group.create_task(node.fetch(over_udp, other.directory))
            for caller in self._callers:
                self._call(caller)
            self._share()
            await self._connected()
            sockets = list(_both_lists(self._network))
            attempt = self._attempt()
        return {"sockets": sockets, "attempts": [attempt]}

    async def _serve(self, host: Host) -> list[str]:
        """Serve files at one port, over TCP and UDP; returns their links."""
        node = Server(host, protocols=("http", "tftp"), ports={"http": PORT, "tftp": PORT})
        self._nodes.append(node)
        paths = [host.directory / f"file-{number}.bin" for number in range(self._connections)]
        for path in paths:
            path.write_bytes(bytes(FILE_BYTES))
        return [await node.publish(path) for path in paths]

    async def _connected(self) -> None:
        """Return when every connection is accepted and every file has begun to come."""
        connections = len(self._clients) * self._connections
        getters = [node for node in self._nodes if isinstance(node, Client)]
        while True:
            begun = sum(len(getter.holdings()) for getter in getters)
            accepted = self._server.meter.accepted
            if begun > connections and accepted == connections + len(self._callers):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    # ---- sockets of their own

    def _open(self, host: Host, kind: socket.SocketKind, option: int) -> MeteredSocket:
        assert host.trace is not None
        sock = TracedSocket.open(kind, host.meter, self._network.now, trace=host.trace)
        self._sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        return sock

    def _call(self, host: Host) -> None:
        """Connect to the server from a port of the caller's choice. Raises OSError."""
        sock = self._open(host, socket.SOCK_STREAM, socket.SO_REUSEADDR)
        sock.bind((host.address, SAME_PORT))
        try:
            sock.connect((self._server.address, PORT))
        except BlockingIOError:
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _share(self) -> None:
        for _ in range(2):
            sock = self._open(self._twins, socket.SOCK_DGRAM, socket.SO_REUSEPORT)
            sock.bind((self._twins.address, SAME_PORT))

    def _attempt(self) -> dict[str, Any]:
        """Call once more with the tuple of a connection that is open."""
        caller = self._callers[0]
        try:
            self._call(caller)
        except OSError:
            pass
        connects = [call for call in caller.trace or () if call.name in ("bind", "connect")]
        protocol, address, port, *_ = connects[-1].five_tuple
        return {
            "node": caller.name,
            "call": connects[-1].name,
            "local": f"{protocol} {address}:{port}",
            "arguments": connects[-1].arguments,
            "result": connects[-1].result,
        }

    async def close(self) -> None:
        """End all that is open; the chosen port is free again at once."""
        for sock in self._sockets:
            reset_on_close(sock)
            sock.close()
        for node in self._nodes:
            await node.close()
        await self._network.close()


def _both_lists(network: Network) -> Iterator[dict[str, Any]]:
    """Every socket of the hosts, by their traces and by the system's table."""
    hosts = [host for host in network.hosts.values() if isinstance(host, Host)]
    names = {host.address: host.name for host in hosts}
    table = socket_table(names, own=True)
    for host in hosts:
        for seen in open_sockets(host.trace or ()):
            if seen.state != "CLOSE":  # the system lists those that listen or are connected
                yield _row("trace", host.name, seen.five_tuple, seen.state, seen.descriptor)
    for row in table:
        node = names[row.local_address]
        yield _row("table", node, row.five_tuple, row.state, row.descriptor or -1)


def _row(
    source: str, node: str, five_tuple: FiveTuple, state: str, descriptor: int
) -> dict[str, Any]:
    protocol, local_address, local_port, remote_address, remote_port = five_tuple
    return {
        "source": source,
        "node": node,
        "protocol": protocol,
        "local_address": local_address,
        "local_port": local_port,
        "remote_address": remote_address,
        "remote_port": remote_port,
        "state": state,
        "descriptor": descriptor,
    }
