"""One file over a path that loses packets, by TCP (HTTP) and by UDP (TFTP), and what it took.

Datagrams are really lost. Loopback's TCP loses nothing, so that its streams are slowed to what the
model of Padhye and others (host.loss) gives: every figure of theirs under loss is a model's.
"""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.backends import BACKENDS
from bench.scenario import Scenario
from central.config import ClientConfig
from host.datagram import QUEUE_LIMIT, DatagramEndpoint
from host.host import Host
from host.link import LinkConfig
from host.loss import MSS
from host.network import Network
from host.quantities import Duration, Rate, Share, Size

HELLO = 1
"""Datagrams of the server that are no block: it confirms the options once (RFC 2347)."""
HEAD = 4
"""Bytes of a block beside its data, and of an acknowledgement (RFC 1350, section 5)."""
FAMILIES = ("AF_INET", "AF_INET6", "AF_UNIX")
RAW_PROTOCOLS = {"AF_INET": socket.IPPROTO_ICMP, "AF_INET6": socket.IPPROTO_ICMPV6}
"""What a raw socket is opened for, which needs to be told (raw(7)) and is for administrators."""
TYPES = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET", "SOCK_RDM", "SOCK_RAW")

Rows = dict[str, list[dict[str, Any]]]


class CountingHost(Host):
    """A host that remembers its datagram sockets, for what they lost when they are closed."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.opened: list[DatagramEndpoint] = []

    async def datagram(self, port: int = 0, queue_limit: int = QUEUE_LIMIT) -> DatagramEndpoint:
        endpoint = await super().datagram(port, queue_limit)
        self.opened.append(endpoint)
        return endpoint

    @property
    def datagrams(self) -> tuple[int, int]:
        """(how many it sent, how many of them were lost on a link)."""
        lost = sum(endpoint.lost for endpoint in self.opened)
        return self.meter.calls["sendto"] + lost, lost


async def transfer(case: Mapping[str, Any], directory: Path) -> Rows:
    """Fetch one file by `transport` (http, tftp) over a path with `loss` and `latency_s` one way.

    Both ends have an uplink of `rate` bytes/s, the file has `size` bytes. Returns `transfers`.
    """
    rate = Rate(case["rate"])
    scenario = Scenario(
        name="lossy-transfer",
        file_size=Size(case["size"]),
        clients=(1,),
        origin_up=rate,
        peer_up=(rate,),
        latency=Duration(case["latency_s"]),
        loss=Share(case["loss"]),
        transport=(case["transport"],),
    )
    backend = BACKENDS["central"](scenario)
    network = Network(seed=case["seed"])
    link = LinkConfig(rate=rate, latency=scenario.half_latency, loss=scenario.half_loss)
    free = LinkConfig(latency=scenario.half_latency, loss=scenario.half_loss)
    hosts = []
    for name in ("origin", "client"):
        folder = directory / name
        folder.mkdir()
        hosts.append(CountingHost(network, name, folder, up=link, down=free))
    original = directory / "file.bin"
    original.write_bytes(random.Random(f"{case['seed']}/file").randbytes(case["size"]))
    origin, client = backend.origin(hosts[0]), backend.client(hosts[1])
    try:
        address = await origin.publish(original)
        begin = network.loop.time()
        got = await client.fetch(address, hosts[1].directory)
        finish_s = network.loop.time() - begin
        whole = got.read_bytes() == original.read_bytes()
    finally:
        await client.close()
        await origin.close()
        await network.close()
    row = {"finish_s": finish_s, "whole": whole, "goodput": case["size"] / finish_s}
    return {"transfers": [row | _spent(case, *hosts)]}


def _spent(case: Mapping[str, Any], origin: CountingHost, client: CountingHost) -> dict[str, Any]:
    """What passed the sockets, and what was sent again: counted for datagrams, a model for TCP."""
    row: dict[str, Any] = {"origin_bytes": origin.meter.up_bytes}
    passed = origin.meter.up_bytes + client.meter.up_bytes
    if case["transport"] == "tftp":
        sent, lost = origin.datagrams
        block_size = ClientConfig().block_size
        blocks = case["size"] // block_size + 1
        row |= {"sent": sent, "lost": lost, "again": sent - blocks - HELLO}
        # What was lost passed no socket; a server's datagram is a full block, but for its last.
        _, acks_lost = client.datagrams
        lost_bytes = lost * (block_size + HEAD) + acks_lost * HEAD
        return row | {"sent_bytes": passed + lost_bytes}
    # A segment is sent until it comes: 1 / (1 - loss) times on average.
    segments = -(-origin.meter.up_bytes // MSS)
    sent = round(segments / (1 - case["loss"]))
    again = sent - segments
    return row | {"sent": sent, "lost": again, "again": again, "sent_bytes": passed + again * MSS}


def socket_types(case: Mapping[str, Any], directory: Path) -> Rows:
    """Open a socket of every family and type: `types` has the type that it got, or its error."""
    opened = [
        {"family": family, "type": kind} | _open(family, kind)
        for family in FAMILIES
        for kind in TYPES
    ]
    return {"types": opened}


def _open(family: str, kind: str) -> dict[str, str]:
    """The type that the system made of it (SO_TYPE, socket(7)): a UNIX one makes DGRAM of RAW."""
    protocol = RAW_PROTOCOLS.get(family, 0) if kind == "SOCK_RAW" else 0
    try:
        with socket.socket(getattr(socket, family), getattr(socket, kind), protocol) as sock:
            made = sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
            return {"made": socket.SocketKind(made).name, "error": ""}
    except AttributeError:
        return {"made": "", "error": "not here"}
    except OSError as error:
        return {"made": "", "error": errno.errorcode.get(error.errno or 0, str(error))}
