"""One torrent among its peers: who is connected, what they say, and where it goes.

What is said (BEP 3, BEP 6) is understood in `talk`.  The pieces themselves are the business of
`download` and `upload`, the extension protocol that of `exchange`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from host.host import Host
from p2p import wire
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.disk.store import Store
from p2p.download import Download
from p2p.errors import P2PError, WireError
from p2p.exchange import Exchange
from p2p.gossip import Address
from p2p.metainfo import Metainfo
from p2p.picker import Block
from p2p.progress import Phase, Progress
from p2p.revealer import Revealer
from p2p.talk import Talk
from p2p.upload import Upload

Select = Callable[[Metainfo], Container[int]]
"""Chooses from a torrent's files, by their places in `Metainfo.files`; may raise P2PError."""


class Swarm:
    """What this host does with one torrent: fetch it, give it, or both at once."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        infohash: bytes,
        upload: Upload,
        *,
        port: int,
        directory: Path,
        select: Select | None,
        learned_peers: Callable[[Swarm, Iterable[Address]], None],
        met_node: Callable[[Address], None],
        flush_later: Callable[[Connection], None],
        on_piece: Callable[[int], None] | None,
    ) -> None:
        self._host = host
        self.infohash = infohash
        self._upload = upload
        self.directory = directory
        self._select = select
        self._learned_peers = learned_peers
        self._flush_later = flush_later
        self._on_piece = on_piece
        self._peers: dict[Connection, None] = {}
        self._banned: dict[tuple[str, bytes], None] = {}
        self._exchange = Exchange(
            host,
            config,
            infohash,
            port=port,
            mates=self.mates,
            say=self.say,
            learned=self.learned,
            learned_peers=lambda addresses: learned_peers(self, addresses),
        )
        self._store: Store | None = None
        self.revealer: Revealer | None = None
        """Who shows an origin's pieces one by one; None in other peers."""
        self.download: Download | None = None
        """None while the metainfo is not known, or what is on disk not checked."""
        self.seeding = False
        self.lonely_since = host.loop.time()
        """When the last peer left."""
        self._sent = 0
        self._working: asyncio.Future[Any] | None = None
        self.trouble: BaseException | None = None
        """Why the torrent is neither fetched nor given any more."""
        self.done: asyncio.Future[Path] = host.loop.create_future()
        """The path of what was wanted, whole, or why there is none."""
        self._talk = Talk(self, upload, self._exchange, met_node)

    @property
    def metainfo(self) -> Metainfo | None:
        return self._exchange.metadata.metainfo

    # ---- what is on disk

    def offer(self, metainfo: Metainfo, store: Store, *, superseed: bool) -> None:
        """Everything is in the store, verified: give it away, as its origin if `superseed`."""
        self._exchange.metadata.metainfo = metainfo
        self._store = store
        whole = bytearray(b"\1" * metainfo.piece_count)
        self.download = Download(self._host, metainfo, store, self, whole)
        if superseed:
            self.revealer = Revealer(self.download.picker, self._host.rng, self.mates, self.say)
        self.seeding = True
        self.done.set_result(store.path)

    def learned(self, metainfo: Metainfo) -> None:
        """The metainfo is here: see what is on disk already, and begin."""
        self._exchange.metadata.metainfo = metainfo
        self._working = self._host.loop.run_in_executor(None, self._open, metainfo)
        self._working.add_done_callback(lambda done: self._opened(metainfo, done))

    def _open(self, metainfo: Metainfo) -> tuple[Store, bytearray]:
        selected = None if self._select is None else self._select(metainfo)
        store = Store.download(metainfo, self.directory, selected)
        try:
            return store, store.check(lambda checked: self._go_on())
        except BaseException:
            store.close()
            raise

    def _go_on(self) -> None:
        """Ends the check, in its thread, when the torrent is given up meanwhile."""
        if self.trouble is not None:
            raise P2PError("given up while it was being checked")

    def _opened(self, metainfo: Metainfo, opening: asyncio.Future[tuple[Store, bytearray]]) -> None:
        if opening.cancelled():
            return
        if error := opening.exception():
            self.failed(error)
            return
        self._store, have = opening.result()
        if self.done.done():
            return
        self.download = Download(self._host, metainfo, self._store, self, have)
        for peer in list(self._peers):
            try:
                self.download.meets(peer)
            except WireError:
                peer.close(politely=False)
                continue
            self._exchange.introduce(peer)
            self.say(peer, b"".join(wire.encode_have(i) for i, here in enumerate(have) if here))
        if not self.download.picker.left:
            self.complete()
        else:
            self._learned_peers(self, ())  # nobody may have been left to call meanwhile

    def complete(self) -> None:
        """All that is wanted is here: give it its name and go on as a seed."""
        assert self._store is not None
        self._working = self._host.loop.run_in_executor(None, self._store.commit)
        self._working.add_done_callback(self._committed)

    def _committed(self, committing: asyncio.Future[Path]) -> None:
        if committing.cancelled() or self.done.done():
            return
        if error := committing.exception():
            self.failed(error)
            return
        self.seeding = True
        self.done.set_result(committing.result())
        for peer in list(self._peers):
            self.part(peer)

    def failed(self, error: BaseException) -> None:
        """It cannot go on; what is proven stays on disk for another try."""
        if self.trouble is not None:
            return
        self.trouble = error
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # whoever awaits it is told, and nobody need
        for peer in list(self._peers):
            peer.close()

    @property
    def private(self) -> bool:
        """Whether its peers are neither to be looked for nor named (BEP 27), as far as known."""
        return self.metainfo is not None and self.metainfo.private

    @property
    def seeks(self) -> bool:
        """Whether it looks for others: for what it lacks, or for takers of what nobody else has."""
        return self.trouble is None and (not self.done.done() or self.superseeding)

    def progress(self) -> Progress:
        """Where we are."""
        download, metainfo = self.download, self.metainfo
        phase: Phase = "seeding" if self.seeding else "downloading"
        here = wanted = bytearray()
        if metainfo is None:
            phase = "searching"
        elif download is None or self._store is None:
            phase = "checking"
        else:
            wanted = self._store.wanted
            here = bytearray(w & h for w, h in zip(wanted, download.picker.have, strict=True))
        return Progress(
            phase=phase,
            bytes_here=_size(metainfo, here),
            bytes_wanted=_size(metainfo, wanted),
            pieces_here=sum(here),
            pieces_wanted=sum(wanted),
            peers=len(self._peers),
            seeds=sum(peer.is_seed for peer in self._peers),
            sent=self._sent,
            received=download.received if download is not None else 0,
        )

    # ---- connections

    def joins(self, peer: Connection) -> None:
        """The handshakes are exchanged: say what we have, and introduce ourselves."""
        self._peers[peer] = None
        self._upload.joins(peer, self)
        hidden = self.revealer is not None and self.revealer.active
        have = bytearray() if self.download is None or hidden else self.download.picker.have
        if any(have):
            everything = peer.fast and all(have)
            bits = wire.encode_bitfield(wire.pack_bitfield(have))
            self.say(peer, wire.encode_have_all() if everything else bits)
        elif peer.fast:
            self.say(peer, wire.encode_have_none())
        self._exchange.introduce(peer)
        if self.download is not None:
            self.download.meets(peer)
        if self.revealer is not None:
            self.revealer.joins(peer)

    def leaves(self, peer: Connection) -> None:
        """The connection is lost."""
        del self._peers[peer]
        self.lonely_since = self._host.loop.time()
        self._upload.leaves(peer)
        if self.revealer is not None:
            self.revealer.leaves(peer)
        if self.download is not None:
            self.download.leaves(peer)
        self._exchange.leaves(peer)

    def mates(self) -> Iterable[Connection]:
        return self._peers

    def ban(self, peer: Connection) -> None:
        """The peer gave what is not in the file: no connection with it from now on.

        An id alone proves nothing, for anyone may claim that of another.
        """
        self._banned[peer.address[0], peer.peer_id] = None
        peer.close(politely=False)

    def bans(self, peer: Connection) -> bool:
        return (peer.address[0], peer.peer_id) in self._banned

    def say(self, connection: Connection, message: bytes) -> None:
        if message and not connection.gone:
            connection.say(message, self._flush_later)

    def introduce(self, visitor: Connection) -> None:
        """Say what we are to a caller that has no place here."""
        self._exchange.introduce(visitor)

    def gossip(self, peer: Connection) -> None:
        self._exchange.gossip(peer)

    def tend(self, block_s: float, metadata_s: float) -> None:
        """At a steady pace: ask others for what peers have sent nothing of for so long."""
        if self.revealer is not None:
            self.revealer.tend()
        if self.download is not None:
            self.download.tend(block_s)
        self._exchange.give_up_on_silent(metadata_s)

    def part(self, peer: Connection) -> None:
        """Two that both have everything have nothing to say to each other."""
        if self.seeding and peer.is_seed:
            peer.close()

    def heard(self, peer: Connection, events: Sequence[wire.Event]) -> None:
        """React to what a peer said in one go.  Raises WireError when it breaks the protocol."""
        self._talk.heard(peer, events)

    # ---- what the download tells

    def have(self, index: int) -> None:
        """Tell those who lack the piece now, and the others, who only count, by the way."""
        if self._on_piece is not None:
            self._on_piece(index)
        message = wire.encode_have(index)
        for peer in self._peers:
            if peer.has and peer.has[index]:
                peer.mention(message)
            else:
                self.say(peer, message)

    # ---- what the upload asks and tells

    @property
    def superseeding(self) -> bool:
        return self.revealer is not None and self.revealer.active

    def read(self, index: int, begin: int, length: int) -> bytes:
        assert self._store is not None
        return self._store.get(index, begin, length)

    def rarity(self, index: int) -> int:
        assert self.download is not None
        return self.download.picker.availability[index]

    def requested(self, connection: Connection, block: Block) -> None:
        if self.revealer is not None and self._ends_piece(block):
            self.revealer.requested(connection)

    def sent(self, connection: Connection, length: int, last: Block) -> None:
        self._sent += length
        if self.revealer is not None and self._ends_piece(last):
            self.revealer.sent(connection, last.piece)

    def idle(self) -> None:
        """The uplink has nothing to send."""
        if self.revealer is not None:
            self.revealer.idle()

    def _ends_piece(self, block: Block) -> bool:
        metainfo = self.metainfo
        assert metainfo is not None
        return block.begin + block.length == metainfo.piece_size(block.piece)

    async def close(self) -> None:
        """Drop the connections and close the files."""
        self.failed(P2PError("closed before the file was whole"))
        if self.download is not None:
            await self.download.close()
        if self._working is not None:
            await asyncio.wait([self._working])
        if self._store is not None:
            self._store.close()


def _size(metainfo: Metainfo | None, pieces: bytearray) -> int:
    """Bytes of the pieces that are flagged; the last piece may be short."""
    if metainfo is None or not pieces:
        return 0
    last = len(pieces) - 1
    short = metainfo.piece_length - metainfo.piece_size(last) if pieces[last] else 0
    return sum(pieces) * metainfo.piece_length - short
