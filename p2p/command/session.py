"""One transfer of the command line: this computer as a host, one peer on it, one torrent."""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from host.host import Host
from host.program.arguments import Listen
from host.program.session import cannot_listen, look_up, this_computer, until_signal
from p2p.command.status import Output
from p2p.config import PeerConfig
from p2p.errors import NotFoundError
from p2p.gossip import Address
from p2p.magnet import Magnet, UpdateMagnet
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


async def share(
    metainfo: Metainfo,
    directory: Path,
    access: Access,
    output: Output,
    *,
    verified: bool,
    ratio: float | None = None,
    update_key: bytes | None = None,
) -> None:
    """Serve what lies under `directory`, hashed first unless `verified`, until `ratio` or a signal.

    With `update_key`, a secret key of 32 bytes, it is its owner's newest torrent (BEP 46).
    Raises CorruptError, NotFoundError, DiskError, ArgumentError.
    """
    async with _joined(access, directory, output) as peer:
        swarm = await peer.seed(metainfo, directory, verified=verified)
        link = str(peer.magnet(swarm))
        updates = None
        if update_key is not None:
            updates = await peer.publish_update(update_key, metainfo.infohash)
        output.result(
            updates or link,
            "sharing",
            magnet=link,
            updates=updates,
            infohash=metainfo.infohash.hex(),
            name=metainfo.name,
            bytes=metainfo.length,
            address=f"{peer.address[0]}:{peer.address[1]}",
        )
        await _serve(swarm, output, ratio)


async def get(
    wanted: Magnet | UpdateMagnet | Metainfo,
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
    async with _joined(access, directory, output) as peer:
        known = await _numeric(peers, access.listen, output)
        if isinstance(wanted, UpdateMagnet):
            wanted = Magnet((await peer.newest(str(wanted))).infohash)
        if isinstance(wanted, Magnet):
            known += await _numeric(wanted.peers, access.listen, output, strict=False)
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


async def follow(link: UpdateMagnet, directory: Path, access: Access, output: Output) -> None:
    """Fetch every version into a folder of its own below `directory`, and share it, until a signal.

    Raises CorruptError, DiskError, ArgumentError.
    """
    async with _joined(access, directory, output) as peer:
        with until_signal():
            async for path in peer.follow(str(link), directory):
                output.result(str(path), "done", path=str(path), version=int(path.parent.name))


@asynccontextmanager
async def _joined(access: Access, directory: Path, output: Output) -> AsyncIterator[Peer]:
    """This computer and a peer on it that listens; both end with the block."""
    async with this_computer(
        access.listen.address, directory, up_rate=access.up_rate, down_rate=access.down_rate
    ) as host:
        ways_in = await _numeric(access.bootstrap, access.listen, output)
        peer = await _listening(host, access, ways_in)
        try:
            yield peer
        finally:
            await peer.close()


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
                place = f"--listen {access.listen.address}{f':{port}' if port else ''}"
                instead = "name another, or none to take one that is free"
                raise cannot_listen(place, error, instead) from None
    raise AssertionError("a port was tried")


async def _numeric(
    addresses: Iterable[Address], listen: Listen, output: Output, strict: bool = True
) -> list[Address]:
    """The addresses with IPv4 numbers for names, looked up off the loop.

    A name that nobody knows is a NotFoundError, or passed over if not `strict`.
    """
    places = list(addresses)
    numbers = await asyncio.gather(*(look_up(name) for name, _ in places))
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
    with until_signal():
        while loop.time() < leaving:
            progress = swarm.progress()
            output.progress(progress, loop.time())
            if swarm.trouble is not None:
                raise swarm.trouble
            if ratio is not None and progress.sent >= ratio * progress.bytes_wanted:
                # Sent is not arrived: who has got all of it hangs up, the others get some time.
                leaving = min(leaving, loop.time() + LINGER_S) if progress.peers else 0.0
            await asyncio.sleep(TICK_S)
