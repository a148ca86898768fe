"""The uploading half of a peer: whom to unchoke, and whose block goes on the uplink next.

One block at a time is handed to a limited uplink, so that a piece is whole somewhere soon and can
be passed on, and so that short messages do not wait behind a buffer (BEP 3 leaves the order of
service open).  A request that will not be served is rejected, to those who speak BEP 6.  Slots are
`choker`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from host.host import Host
from p2p import wire
from p2p.choker import Candidate, Choker
from p2p.config import PeerConfig
from p2p.connection import REQUEST_QUEUE, WRITE_AHEAD, Connection
from p2p.errors import P2PError
from p2p.picker import Block

BATCH = 16
"""Blocks written in one go where the uplink is unlimited: a call to the kernel costs as much as
copying a block."""


class Source(Protocol):
    """What the upload needs of the swarm that a connection belongs to."""

    seeding: bool

    @property
    def superseeding(self) -> bool:
        """Whether every peer is only shown the pieces meant for it (BEP 16)."""

    def read(self, index: int, begin: int, length: int) -> bytes:
        """A stretch of a piece that is here."""

    def rarity(self, index: int) -> int:
        """Connected peers that have the piece."""

    def say(self, connection: Connection, message: bytes) -> None:
        """Send a message before long."""

    def requested(self, connection: Connection, block: Block) -> None:
        """The peer asks for a block and will get it."""

    def sent(self, connection: Connection, length: int, last: Block) -> None:
        """So many bytes of blocks are on their way to the peer, all of one piece, `last` at the
        end."""

    def idle(self) -> None:
        """The uplink has nothing to send."""

    def failed(self, error: BaseException) -> None:
        """What is on disk can't be read, or is not what it was."""


class Upload:
    """Serves the requests of all connections of one host."""

    def __init__(self, host: Host, config: PeerConfig) -> None:
        self._host = host
        self._choker = Choker(config.upload_slots, host.rng)
        self._peers: dict[Connection, Source] = {}
        self._waiting: dict[Connection, None] = {}
        self._last: tuple[Connection, int] | None = None
        self._serving = False
        self._spare = False
        """True when the uplink had nothing to send at some time since the last rechoke."""
        host.up.on_idle = self._idle

    def joins(self, peer: Connection, source: Source) -> None:
        self._peers[peer] = source
        if self._host.up.unlimited:
            assert peer.transport is not None
            peer.transport.set_write_buffer_limits(WRITE_AHEAD)

    def leaves(self, peer: Connection) -> None:
        del self._peers[peer]
        self._waiting.pop(peer, None)
        self._fill()

    # ---- what peers say

    def interested(self, peer: Connection) -> None:
        peer.wants = True
        if self._peers[peer].superseeding:
            self._set_choking(peer, False)
        else:
            self._fill()

    def not_interested(self, peer: Connection) -> None:
        peer.wants = False
        self._set_choking(peer, True)
        self._fill()

    def request(self, peer: Connection, block: Block) -> None:
        served = not peer.choking or block.piece in peer.granted
        if not served or len(peer.queue) >= REQUEST_QUEUE:
            self.reject(peer, [block])
        elif block not in peer.queue:
            peer.queue[block] = None
            self._waiting[peer] = None
            self._peers[peer].requested(peer, block)

    def cancel(self, peer: Connection, block: Block) -> None:
        if block in peer.queue:
            del peer.queue[block]
            self.reject(peer, [block])
            if not peer.queue:
                self._waiting.pop(peer, None)

    def reject(self, peer: Connection, blocks: Iterable[Block]) -> None:
        """Say of requests that they will not be served, to a peer that understands."""
        if peer.fast:
            message = b"".join([wire.encode_reject(*block) for block in blocks])
            self._peers[peer].say(peer, message)

    # ---- what we send

    def serve(self) -> None:
        """Hand blocks to the uplink while it has room for them."""
        if self._serving:
            return
        self._serving = True
        batch = 1 if not self._host.up.unlimited else BATCH
        try:
            while not self._host.up.busy and (peer := self._next()) is not None:
                self._send(peer, batch)
        finally:
            self._serving = False

    def _send(self, peer: Connection, batch: int) -> None:
        """Write the next blocks that a peer waits for, at most `batch` in a row of one piece."""
        blocks = _run(peer.queue, batch)
        for block in blocks:
            del peer.queue[block]
        if not peer.queue:
            del self._waiting[peer]
        source = self._peers[peer]
        first, last = blocks[0], blocks[-1]
        self._last = peer, first.piece
        length = last.begin + last.length - first.begin
        try:
            data = memoryview(source.read(first.piece, first.begin, length))
        except (OSError, P2PError) as error:
            source.failed(error)
            return
        parts: list[bytes | memoryview] = []
        for block in blocks:
            start = block.begin - first.begin
            parts += wire.encode_piece_header(*block), data[start : start + block.length]
        peer.got += length
        peer.flush()
        assert peer.transport is not None
        peer.transport.write(b"".join(parts))
        source.sent(peer, length, last)

    def _next(self) -> Connection | None:
        """Whose first request to serve: the piece begun, or else the rarest."""
        ready = [peer for peer in self._waiting if not peer.paused]
        if not self._host.up.unlimited:
            ready = [peer for peer in ready if not peer.buffered]
        if len(ready) < 2:
            return ready[0] if ready else None
        last = self._last
        for peer in ready:
            if last == (peer, _first(peer).piece):
                return peer
        return min(
            ready, key=lambda peer: (self._peers[peer].rarity(_first(peer).piece), peer.pieces)
        )

    def _idle(self) -> None:
        """The uplink has nothing to send: serve, or unchoke one more peer that wants something."""
        self.serve()
        if not self._host.up.busy:
            self._spare = True
            for source in dict.fromkeys(self._peers.values()):
                source.idle()
            self._unchoke_needy()

    # ---- slots

    def rechoke(self) -> None:
        """Give out the slots anew; to be called at a steady pace.

        Nobody is choked while the uplink has time to spare: there is nothing to compete for.
        """
        competing = self._competing()
        seeding = all(source.seeding for source in self._peers.values())
        chosen = self._choker.rechoke([_candidate(peer) for peer in competing], seeding)
        for peer in competing:
            if peer in chosen:
                self._set_choking(peer, False)
            elif not self._spare:
                self._set_choking(peer, True)
        self._spare = False
        for peer in self._peers:
            peer.gave = 0
        # An unlimited uplink never says that it is idle.
        if self._host.up.unlimited:
            self._idle()
        else:
            self.serve()

    def _competing(self) -> list[Connection]:
        """The peers that want something and need a slot to get it."""
        return [
            peer for peer, source in self._peers.items() if peer.wants and not source.superseeding
        ]

    def _fill(self) -> None:
        """Unchoke at once when a place is free."""
        competing = self._competing()
        free = self._choker.places - sum(not peer.choking for peer in competing)
        for _ in range(min(free, sum(peer.choking for peer in competing))):
            self._unchoke_needy()

    def _unchoke_needy(self) -> None:
        choked = [_candidate(peer) for peer in self._competing() if peer.choking]
        if choked:
            chosen = self._choker.fill(choked)
            assert isinstance(chosen, Connection)
            self._set_choking(chosen, False)

    def _set_choking(self, peer: Connection, choking: bool) -> None:
        if peer.choking == choking:
            return
        peer.choking = choking
        peer.got = 0
        source = self._peers[peer]
        source.say(peer, wire.encode_choke() if choking else wire.encode_unchoke())
        if choking and peer.queue:
            self.reject(peer, peer.queue)
            peer.queue.clear()
            del self._waiting[peer]


def _run(queue: Iterable[Block], most: int) -> list[Block]:
    """The first blocks of the queue, as far as they follow each other in one piece."""
    run: list[Block] = []
    for block in queue:
        if len(run) == most:
            break
        if run and (block.piece, block.begin) != (run[-1].piece, run[-1].begin + run[-1].length):
            break
        run.append(block)
    return run


def _first(peer: Connection) -> Block:
    return next(iter(peer.queue))


def _candidate(peer: Connection) -> Candidate:
    return Candidate(peer, peer.gave, peer.got, not peer.choking, peer.pieces)
