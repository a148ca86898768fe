"""A tracker that names the same peers to all who ask: how aria2 hears of them (BEP 3, BEP 23)."""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address

from interop.stage import Stage

from p2p.bencode import encode
from p2p.gossip import Address

HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
)


async def tracker(stage: Stage, peers: Iterable[Address]) -> str:
    """Start one; returns its URL."""
    packed = [IPv4Address(host).packed + port.to_bytes(2, "big") for host, port in peers]
    answer = encode({"interval": 1800, "peers": b"".join(packed)})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD.format(len(answer)).encode() + answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stage.exits.push_async_callback(server.wait_closed)
    stage.exits.callback(server.close)
    host, port = server.sockets[0].getsockname()
    return f"http://{host}:{port}/announce"
