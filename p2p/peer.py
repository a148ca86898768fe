"""A BitTorrent peer: server and client at once, the same program on every host.

It listens, greets (BEP 3), and keeps the connections that its swarms and its upload work with.
Whoever comes when all places are taken is told of other peers (BEP 11) and let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from host.host import Host
from host.listener import Listener
from p2p import extension, magnet, wire
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dialer import Dialer
from p2p.errors import P2PError, WireError
from p2p.magnet import Magnet
from p2p.store import describe
from p2p.swarm import Address, Swarm
from p2p.upload import Upload

MOST_VISITORS = 256
"""Callers without a place who may be told of others at a time; further ones are just closed."""

PEER_ID_PREFIX = b"-FL0100-"
"""BEP 20: two letters for the client, four digits for its version."""


class Peer:
    """One node of the P2P backend."""

    def __init__(self, host: Host, config: PeerConfig) -> None:
        self._host = host
        self._config = config
        self._id = PEER_ID_PREFIX + host.rng.randbytes(12)
        self._upload = Upload(host, config)
        self._swarms: dict[bytes, Swarm] = {}
        self._dialers: dict[bytes, Dialer] = {}
        self._connections: dict[Connection, Swarm | None] = {}
        self._visitors: dict[Connection, Swarm | None] = {}
        self._unflushed: list[Connection] = []
        self._listener: Listener | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._closed = False
        self._gossiped = 0.0

    # ---- the node's contract

    async def publish(self, path: Path) -> str:
        """Offer the file at `path` as its origin; returns a magnet link with our address."""
        await self._listen()
        metainfo = await self._host.compute(describe, path, self._config.piece_length)
        known = self._swarms.get(metainfo.infohash)
        if known is None or not known.seeding:
            swarm = await self._swarm(metainfo.infohash, path.parent)
            swarm.offer(metainfo, path)
        assert self._listener is not None
        return str(
            Magnet(metainfo.infohash, metainfo.name, metainfo.length, (self._listener.address,))
        )

    async def fetch(self, link: str, directory: Path) -> Path:
        """Fetch what a magnet link names into the directory, verified; returns its path."""
        wanted = magnet.parse(link)
        await self._listen()
        swarm = self._swarms.get(wanted.infohash)
        if swarm is None or swarm.has_failed:
            swarm = await self._swarm(wanted.infohash, directory)
        elif swarm.directory != directory:
            raise P2PError(f"{wanted.infohash.hex()} is in {swarm.directory} already")
        self._learned_peers(swarm, wanted.peers)
        return await asyncio.shield(swarm.done)

    def holdings(self) -> dict[str, tuple[int, int]]:
        """Every file's (bytes here, bytes in all)."""
        found = {}
        for swarm in self._swarms.values():
            if swarm.metainfo is not None and swarm.download is not None:
                here = sum(
                    swarm.metainfo.piece_size(index)
                    for index, have in enumerate(swarm.download.picker.have)
                    if have
                )
                found[swarm.metainfo.name] = (here, swarm.metainfo.length)
        return found

    async def close(self) -> None:
        """Leave every swarm."""
        self._closed = True
        if self._listener is not None:
            self._listener.close()
        if self._ticking is not None:
            self._ticking.cancel()
        for dialer in self._dialers.values():
            dialer.close()
        for swarm in self._swarms.values():
            await swarm.close()
        for connection in list(self._connections):
            connection.close()

    # ---- swarms

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await self._host.listen(self._called, self._config.port)
            self._ticking = self._host.spawn(self._tick(), "ticks")

    async def _swarm(self, infohash: bytes, directory: Path) -> Swarm:
        """A new swarm, in place of one that came to nothing."""
        assert self._listener is not None
        if infohash in self._swarms:
            self._dialers[infohash].close()
            await self._swarms[infohash].close()
        swarm = Swarm(
            self._host,
            infohash,
            self._upload,
            port=self._listener.port,
            directory=directory,
            learned_peers=self._learned_peers,
            flush_later=self._flush_later,
        )
        self._swarms[infohash] = swarm
        self._dialers[infohash] = Dialer(
            self._host,
            self._config,
            own=self._listener.address,
            new=lambda: self._calling(swarm),
            full=lambda: swarm.seeding or self._full(),
            connected=lambda: {mate.listens_at for mate in swarm.mates()},
            gave_up=lambda: self._gave_up(swarm),
        )
        return swarm

    def _gave_up(self, swarm: Swarm) -> None:
        """Nobody is left to call; a swarm without connections will not get anywhere."""
        if not any(True for _ in swarm.mates()):
            swarm.failed(P2PError("no peer that has the file can be reached"))

    def _learned_peers(self, swarm: Swarm, addresses: Iterable[Address]) -> None:
        if not swarm.seeding:
            self._dialers[swarm.infohash].learn(addresses)

    async def _tick(self) -> None:
        """What is done at a steady pace: slots, silent peers, gossip, new connections."""
        rate = self._host.up.rate
        keep_alive_s = self._config.keep_alive_s(rate)
        while True:
            await asyncio.sleep(self._config.rechoke_s(rate))
            now = self._host.loop.time()
            self._upload.rechoke()
            for swarm in self._swarms.values():
                swarm.give_up_on_silent(self._config.snub_s(rate), self._config.greeting_s(rate))
                if not swarm.seeding:
                    self._dialers[swarm.infohash].dial()
            if now - self._gossiped >= self._config.gossip_s(rate):
                self._gossiped = now
                for swarm in self._swarms.values():
                    for mate in swarm.mates():
                        swarm.gossip(mate)
            self._drop_mute(now, self._config.greeting_s(rate))
            for connection in list(self._connections):
                if now - connection.heard_at > self._config.silence_s(rate):
                    connection.close()
                elif connection.joined and now - connection.said_at > keep_alive_s:
                    connection.say(wire.encode_keep_alive(), self._flush_later)

    # ---- connections

    def _full(self) -> bool:
        return len(self._connections) >= self._config.connections

    def _calling(self, swarm: Swarm) -> Connection:
        """A connection that we open, for a swarm of ours."""
        connection = Connection(self, outgoing=True)
        self._connections[connection] = swarm
        return connection

    def _called(self) -> Connection:
        """A connection that another peer opens; it will say for which swarm."""
        connection = Connection(self, outgoing=False)
        if self._full():
            self._visitors[connection] = None
        else:
            self._connections[connection] = None
        return connection

    def opened(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
            return
        swarm = self._connections.get(connection)
        if swarm is not None:
            hello = wire.encode_handshake(swarm.infohash, self._id)
            connection.say(hello, self._flush_later)
        connection.opened_at = connection.heard_at = self._host.loop.time()
        if len(self._visitors) > MOST_VISITORS:
            connection.close()

    def heard(self, connection: Connection, events: list[wire.Event]) -> None:
        connection.heard_at = self._host.loop.time()
        if events and isinstance(greeting := events[0], wire.Handshake):
            self._greeted(connection, greeting)
            del events[0]
        swarm = self._connections.get(connection)
        if swarm is not None and connection.joined:
            swarm.heard(connection, events)
        for event in events if connection in self._visitors else ():
            if isinstance(event, wire.Extended) and event.id == 0:
                self._send_on(connection, event)

    def _greeted(self, connection: Connection, theirs: wire.Handshake) -> None:
        """The other side's handshake is here: answer it, or hang up."""
        swarm = self._swarms.get(theirs.infohash)
        expected = self._connections.get(connection)
        if swarm is None or (expected is not None and expected is not swarm):
            raise WireError("a handshake for a torrent that is not here")
        connection.peer_id, connection.extended = theirs.peer_id, theirs.extended
        if not connection.outgoing:
            hello = wire.encode_handshake(swarm.infohash, self._id)
            connection.say(hello, self._flush_later)
        if connection in self._visitors:
            self._visitors[connection] = swarm
            swarm.introduce(connection)
            return
        unwanted = theirs.peer_id == self._id or swarm.bans(theirs.peer_id)
        if unwanted or self._beaten(connection, swarm):
            connection.close()
            return
        self._connections[connection] = swarm
        connection.joined = True
        swarm.joins(connection)

    def _beaten(self, connection: Connection, swarm: Swarm) -> bool:
        """Of two connections to one peer both sides keep that which the smaller id opened."""
        for other in swarm.mates():
            if other.peer_id == connection.peer_id:
                ours = self._id < connection.peer_id
                if connection.outgoing == ours and other.outgoing != ours:
                    other.close()
                    return False
                return True
        return False

    def _send_on(self, visitor: Connection, introduction: wire.Extended) -> None:
        """All places are taken: name others to the visitor and let it go."""
        swarm = self._visitors.get(visitor)
        if swarm is not None:
            visitor.introduced(extension.decode_handshake(introduction.payload))
            swarm.gossip(visitor)
        visitor.close()

    def _drop_mute(self, now: float, patience_s: float) -> None:
        """Close what has been open for long and has not got past the greeting."""
        mute = [peer for peer in self._connections if not peer.joined]
        for connection in [*mute, *self._visitors]:
            if now - connection.opened_at > patience_s:
                connection.close()

    def lost(self, connection: Connection) -> None:
        self._visitors.pop(connection, None)
        swarm = self._connections.pop(connection, None)
        if swarm is None:
            return
        if connection.joined:
            swarm.leaves(connection)
        if connection.called is not None:
            self._dialers[swarm.infohash].hung_up(
                connection.called,
                answered=connection.peer_id != b"",
                useful=connection.joined and connection.pieces > 0,
            )

    def drained(self, connection: Connection) -> None:
        self._upload.serve()

    def _flush_later(self, connection: Connection) -> None:
        if not self._unflushed:
            self._host.loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        connections, self._unflushed = self._unflushed, []
        now = self._host.loop.time()
        for connection in connections:
            connection.said_at = now
            connection.flush()
