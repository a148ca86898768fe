"""The central server in a process of its own, under the real clock: its CPU time and memory.

Virtual time hides what a server costs in CPU; proc(5) and psutil tell.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import psutil

from bench.play import Case, Rows
from bench.sweep import TrialFailed
from central.client import Client
from central.link import Link, Scheme
from host.host import Host
from host.network import Network

LOOK_S = 0.02
"""Seconds between two looks at the server's memory."""

FILE = "file"


async def clients_at_once(case: Case, directory: Path) -> Rows:
    """`clients` hosts fetch a file of `file_bytes` bytes from it, `fetches` times each.

    All begin at the same moment, in this process, after one fetch by itself. The row of `server`:
    `cpu_s` (of the server's process while it serves), `idle_rss_bytes` (its memory before),
    `rss_bytes` (the most that was seen), `wall_s`.
    """
    files = directory / "files"
    files.mkdir()
    files.joinpath(FILE).write_bytes(os.urandom(case["file_bytes"]))
    with server_process(files, case["clients"]) as (urls, server):
        network = Network()
        members = [_member(network, directory / f"client-{n}") for n in range(case["clients"])]
        try:
            await _fetch(*members[0], urls["http"] + FILE, 1)  # what is done once is done
            idle, spent, begin = server.memory_info().rss, cpu_s(server), perf_counter()
            watch = asyncio.create_task(_most_memory(server))
            fetches = (_fetch(*member, urls["http"] + FILE, case["fetches"]) for member in members)
            await asyncio.gather(*fetches)
            watch.cancel()
            row = {
                "cpu_s": cpu_s(server) - spent,
                "wall_s": perf_counter() - begin,
                "idle_rss_bytes": idle,
                "rss_bytes": max(idle, await watch),
            }
        finally:
            for _, client in members:
                await client.close()
            await network.close()
    return {"server": [row]}


@contextmanager
def server_process(
    folder: Path, clients: int, protocols: Sequence[Scheme] = ("http",)
) -> Iterator[tuple[dict[Scheme, str], psutil.Process]]:
    """`central serve` for a folder on loopback: its URL by each protocol, and its process.

    A URL ends in `/`. It takes so many clients at a time by each. Raises TrialFailed if it ends
    before it listens.
    """
    most = str(clients + 8)
    command = [sys.executable, "-P", "-m", "central.cli", "serve", str(folder)]
    command += ["--connections", most, "--per-address", most, "--json", "--quiet"]
    for protocol in protocols:
        command += ["--protocol", f"{protocol}:0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise TrialFailed("central serve has ended before it listened")
            urls = json.loads(line)["urls"]
            yield {Link.parse(url).scheme: url for url in urls}, psutil.Process(process.pid)
        finally:
            process.terminate()


def cpu_s(process: psutil.Process) -> float:
    """Seconds of CPU that a process has taken: by the nanosecond where the system says so."""
    try:
        # proc_pid_schedstat: the first figure is the time spent on the CPU, of the main thread.
        threads = Path(f"/proc/{process.pid}/task").iterdir()
        return sum(int(one.joinpath("schedstat").read_text().split()[0]) for one in threads) / 1e9
    except OSError:
        times = process.cpu_times()
        return float(times.user + times.system)


def _member(network: Network, directory: Path) -> tuple[Host, Client]:
    directory.mkdir()
    host = Host(network, directory.name, directory)
    return host, Client(host)


async def _fetch(host: Host, client: Client, url: str, fetches: int) -> None:
    for _ in range(fetches):
        path = await client.fetch(url, host.directory)
        path.unlink()  # so that all copies together need little room


async def _most_memory(process: psutil.Process) -> int:
    """The most memory that the process is seen to have until this is cancelled, in bytes."""
    most = 0
    try:
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(LOOK_S)
    except asyncio.CancelledError:
        return most
