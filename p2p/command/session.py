"""One transfer of the command line: this computer as a host, one peer on it, one torrent.

Real clock, real addresses; SIGINT and SIGTERM cancel it, so that all is closed in order.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import math
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Container, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import host.clock
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.command import interrupt
from p2p.command.arguments import ArgumentError, Listen
from p2p.command.status import Output
from p2p.config import PeerConfig
from p2p.errors import NotFoundError
from p2p.gossip import Address
from p2p.magnet import Magnet
from p2p.metainfo import Metainfo
from p2p.peer import Peer
from p2p.swarm import Swarm

USUAL_PORTS = range(6881, 6890)
"""Where BitTorrent clients have always listened (BEP 3)."""

TICK_S = 0.5
"""Seconds between two looks at how far it is."""

PATIENCE_S = 60.0
"""Seconds to wait for a first peer."""

LINGER_S = 10.0
"""Seconds that what was sent last has to arrive before a share that is done hangs up."""

LOOK_UP_S = 10.0
"""Seconds that looking up a name may take: a resolver's two tries (resolv.conf(5))."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How this computer takes part."""

    listen: Listen = field(default_factory=Listen)
    up_rate: float = math.inf
    """Bytes per second, all that is said included; as `down_rate`."""
    down_rate: float = math.inf
    dht: bool = True
    bootstrap: tuple[Address, ...] = ()
    """DHT nodes to begin with; names are looked up."""
    patience_s: float = PATIENCE_S
    """Seconds without any peer after which a fetch fails."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on the real clock; KeyboardInterrupt when a signal ended it."""

    async def until_signal() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in interrupt.SIGNALS:
            loop.add_signal_handler(number, task.cancel)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupt.SIGNALS)
        return await main

    # Until the loop takes them they wait: coroutines that never ran would be complained about.
    signal.pthread_sigmask(signal.SIG_BLOCK, interrupt.SIGNALS)
    try:
        return host.clock.run(until_signal(), clock="real")
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        # The loop leaves SIGTERM to the system's default.
        interrupt.handle(signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupt.SIGNALS)


async def share(
    metainfo: Metainfo,
    directory: Path,
    access: Access,
    output: Output,
    *,
    verified: bool,
    ratio: float | None = None,
) -> None:
    """Serve what lies under `directory`, hashed first unless `verified`, until `ratio` or a signal.

    Raises CorruptError, NotFoundError, DiskError, ArgumentError.
    """
    async with _joined(access, directory, output) as (_, peer):
        swarm = await peer.seed(metainfo, directory, verified=verified)
        link = str(peer.magnet(swarm))
        output.result(
            link,
            "sharing",
            magnet=link,
            infohash=metainfo.infohash.hex(),
            name=metainfo.name,
            bytes=metainfo.length,
            address=f"{peer.address[0]}:{peer.address[1]}",
        )
        await _serve(swarm, output, ratio)


async def get(
    wanted: Magnet | Metainfo,
    directory: Path,
    access: Access,
    output: Output,
    *,
    select: Callable[[Metainfo], Container[int]] | None = None,
    peers: Iterable[Address] = (),
    seed: bool = False,
    ratio: float | None = None,
) -> None:
    """Fetch into `directory`, verified, then give on if `seed` (until a signal) or `ratio` say so.

    Raises NotFoundError, CorruptError, DiskError, ArgumentError.
    """
    async with _joined(access, directory, output) as (host, peer):
        known = await _numeric(host, peers, access.listen, output)
        if isinstance(wanted, Magnet):
            known += await _numeric(host, wanted.peers, access.listen, output, strict=False)
            wanted = replace(wanted, peers=())
        swarm = await peer.get(wanted, directory, select, known)
        path = await _fetched(peer, swarm, output)
        assert swarm.metainfo is not None
        output.result(
            str(path),
            "done",
            path=str(path),
            infohash=swarm.metainfo.infohash.hex(),
            bytes=swarm.progress().bytes_here,
            received=swarm.progress().received,
        )
        if seed or ratio is not None:
            await _serve(swarm, output, ratio)


@asynccontextmanager
async def _joined(
    access: Access, directory: Path, output: Output
) -> AsyncIterator[tuple[Host, Peer]]:
    """This computer and a peer on it that listens; both end with the block."""
    # One entry in the meter's series for ever: a share may last for months.
    network = Network(address=access.listen.address, seed=secrets.randbits(128), bucket_s=math.inf)
    try:
        host = Host(
            network,
            "this computer",
            directory,
            up=LinkConfig(rate=access.up_rate),
            down=LinkConfig(rate=access.down_rate),
        )
        ways_in = await _numeric(host, access.bootstrap, access.listen, output)
        peer = await _listening(host, access, ways_in)
        try:
            yield host, peer
        finally:
            await peer.close()
    finally:
        await network.close()


async def _listening(host: Host, access: Access, ways_in: list[Address]) -> Peer:
    """A peer that listens where it is told to. Raises ArgumentError when that cannot be."""
    wished = access.listen.port
    ports = (*USUAL_PORTS, 0) if wished is None else (wished,)
    for port in ports:
        config = PeerConfig(
            port=port,
            dht=access.dht,
            names_itself=not access.listen.wildcard,
            patience_s=access.patience_s,
        )
        peer = Peer(host, config, lambda: ways_in)
        try:
            await peer.start()
            return peer
        except OSError as error:
            await peer.close()
            if error.errno != errno.EADDRINUSE or port == ports[-1]:
                raise _cannot_listen(access.listen.address, port, error) from None
    raise AssertionError("a port was tried")


def _cannot_listen(address: str, port: int, error: OSError) -> ArgumentError:
    if error.errno == errno.EADDRINUSE:
        why = "another program uses that port; name another, or none to take one that is free"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "this computer has no such address"
    else:
        why = error.strerror or str(error)
    return ArgumentError(f"--listen {address}{f':{port}' if port else ''}: {why}")


async def _numeric(
    host: Host, addresses: Iterable[Address], listen: Listen, output: Output, strict: bool = True
) -> list[Address]:
    """The addresses with IPv4 numbers for names, looked up off the loop.

    A name that nobody knows is a NotFoundError, or passed over if not `strict`.
    """
    places = list(addresses)
    numbers = await asyncio.gather(*(_look_up(host, name) for name, _ in places))
    found: list[Address] = []
    for (name, port), number in zip(places, numbers, strict=True):
        if number is None:
            if strict:
                raise NotFoundError(f"{name}:{port}: no IPv4 address is known for it")
            continue
        found.append((number, port))
        if not listen.reaches(number):
            output.note(
                f"{name}:{port} is another computer, which {listen.address} does not reach; "
                "say --listen 0.0.0.0 to go beyond this one"
            )
    return found


async def _look_up(host: Host, name: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        pass
    kind = socket.AF_INET, socket.SOCK_STREAM
    try:
        async with asyncio.timeout(LOOK_UP_S):
            answers = await host.compute(socket.getaddrinfo, name, None, *kind)
    except (OSError, UnicodeError):
        return None
    return str(answers[0][4][0])


async def _fetched(peer: Peer, swarm: Swarm, output: Output) -> Path:
    """Where the whole of it lies, once it is here."""
    loop = asyncio.get_running_loop()
    while not swarm.done.done():
        output.progress(swarm.progress(), loop.time())
        await asyncio.wait([swarm.done], timeout=TICK_S)
        peer.give_up_if_alone(swarm)
    return swarm.done.result()


async def _serve(swarm: Swarm, output: Output, ratio: float | None) -> None:
    """Give until `ratio` times the size was sent, or until a signal: both mean done.

    Raises what is wrong with the files, CorruptError or DiskError, when they change meanwhile.
    """
    loop = asyncio.get_running_loop()
    leaving = math.inf
    try:
        while loop.time() < leaving:
            progress = swarm.progress()
            output.progress(progress, loop.time())
            if swarm.trouble is not None:
                raise swarm.trouble
            if ratio is not None and progress.sent >= ratio * progress.bytes_wanted:
                # Sent is not arrived: who has got all of it hangs up, the others get some time.
                leaving = min(leaving, loop.time() + LINGER_S) if progress.peers else 0.0
            await asyncio.sleep(TICK_S)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
