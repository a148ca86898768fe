"""Packets on the loopback interface, caught and read by Wireshark's dumpcap and tshark."""

from __future__ import annotations

import asyncio
import secrets
import socket
import subprocess

from interop.stage import Stage
from interop.strangers import SHORT_WAIT_S
from programs import needs, unavailable

PORT = 6881
"""Where all of our peers and nodes listen."""


class Capture:
    """What passes between hosts of the stage's network, from `start` on until `stop`."""

    def __init__(self, stage: Stage) -> None:
        self._dumpcap, self._tshark = needs("dumpcap"), needs("tshark")
        self._stage = stage
        self._host = stage.host("capture")
        self.path = stage.folder / "capture.pcapng"

    async def start(self) -> None:
        net = ".".join(self._host.address.split(".")[:2])
        process = await asyncio.create_subprocess_exec(
            *(self._dumpcap, "-i", "lo", "-f", f"net {net}.0.0/16", "-w", str(self.path)),
            stderr=asyncio.subprocess.PIPE,
        )
        self._process = process
        self._stage.exits.push_async_callback(self._end)
        assert process.stderr is not None
        said = b""
        # It opens the interface first and then the file, of which it tells.
        while b"File:" not in said:
            line = await process.stderr.readline()
            if not line:
                unavailable(f"dumpcap cannot capture: {said.decode().strip()}")
            said += line

    async def stop(self) -> None:
        """Until the file has all packets up to now."""
        last = secrets.token_bytes(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(last, (self._host.address, 9))
        while last not in self.path.read_bytes():
            await asyncio.sleep(SHORT_WAIT_S)
        await self._end()

    async def _end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.communicate()

    def read(self, display: str, *fields: str) -> list[tuple[list[str], ...]]:
        """For every packet that passes the display filter, the values of each of the fields."""
        ports = ("-d", f"tcp.port=={PORT},bittorrent", "-d", f"udp.port=={PORT},bt-dht")
        shown = [word for field in fields for word in ("-e", field)]
        out = subprocess.run(
            [
                *(self._tshark, "-n", "-r", str(self.path), *ports, "-Y", display),
                *("-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|", *shown),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return [
            tuple(value.split("|") if value else [] for value in line.split("\t"))
            for line in out.splitlines()
        ]
