"""What a lesson on socket calls looks at, traced: whole transfers, errors, a small exchange.

Every experiment returns the frame `calls`: a row a call of both ends, see `bench.lecture.calls`.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.lecture.calls import call_rows, moment, open_sockets
from bench.lecture.exchange import Exchange
from central.client import Client
from central.link import Scheme
from central.server import Server
from host.host import Host
from host.network import Network
from host.trace import Trace

PORT, NOBODYS_PORT = 8080, 999
LAST_WORDS_S = 2.0
"""Seconds that a server may take to end what a client has ended."""
LOOK_EVERY_S = 0.005

Frames = dict[str, list[dict[str, Any]]]


async def transfer(case: Mapping[str, Any], directory: Path) -> Frames:
    """Fetch a file of `file_bytes` from a server by the `scheme` http or tftp, and end both."""
    network = Network()
    scheme: Scheme = case["scheme"]
    hosts = [_host(network, name, directory) for name in ("server", "client")]
    server = Server(hosts[0], protocols=(scheme,), ports={scheme: PORT})
    client = Client(hosts[1])
    try:
        path = hosts[0].directory / "file.bin"
        path.write_bytes(bytes(int(case["file_bytes"])))
        link = await server.publish(path)
        await client.fetch(link, hosts[1].directory)
        await client.close()
        await _ended(hosts[0])
    finally:
        await server.close()
        await network.close()
    return {"calls": _calls({host.name: host.trace or () for host in hosts}, directory)}


async def _ended(server: Host) -> None:
    """Return when the server has no socket but the one that everybody comes to."""
    for _ in range(int(LAST_WORDS_S / LOOK_EVERY_S)):
        if len(open_sockets(server.trace or ())) == 1:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def error(case: Mapping[str, Any], directory: Path) -> Frames:
    """Do `what` fails: connect or send to a port that nobody has, listen at one that is taken."""
    network = Network()
    host = _host(network, "client", directory)
    other = _host(network, "server", directory)
    try:
        match case["what"]:
            case "nobody listens":
                await host.connect(asyncio.Protocol, other.address, NOBODYS_PORT)
            case "port in use":
                await other.listen(asyncio.Protocol, PORT)
                await other.listen(asyncio.Protocol, PORT)
            case "nobody receives":
                endpoint = await host.datagram()
                await endpoint.send(b"anybody?", (other.address, NOBODYS_PORT))
                await endpoint.drained()
                endpoint.close()
    except OSError:
        pass  # what the system said is in the trace
    finally:
        await network.close()
    return {"calls": _calls({node.name: node.trace or () for node in (host, other)}, directory)}


def exchange(case: Mapping[str, Any], directory: Path) -> Frames:
    """Ask and answer by blocking calls, over the sockets of a `domain` and a `type` (socket(2)).

    The frame `families` has the protocol that the system chose (IANA's number, 0 for none, -1 where
    it does not say) and what came of it: `answered`, or the error of a system without such sockets.
    """
    family, kind = socket.AddressFamily[case["domain"]], socket.SocketKind[case["type"]]
    ends = Exchange(family, kind, directory)
    try:
        ends.play()
        outcome = "answered"
    except OSError as failure:
        outcome = errno.errorcode.get(failure.errno or 0, str(failure))
    return {
        "calls": _calls(ends.traces, directory),
        "families": [{"protocol_number": ends.protocol, "outcome": outcome}],
    }


def _host(network: Network, name: str, directory: Path) -> Host:
    folder = directory / name
    folder.mkdir()
    return Host(network, name, folder, traced=True)


def _calls(traces: Mapping[str, Trace | tuple[()]], directory: Path) -> list[dict[str, Any]]:
    """The rows of both ends, in order of time; paths are as seen from the directory."""
    rows = [row for node, trace in traces.items() for row in call_rows(node, trace)]
    here = f"{directory}/"
    for row in rows:
        for column in ("local", "remote", "arguments", "result"):
            row[column] = row[column].replace(here, "")
    return sorted(rows, key=moment)
