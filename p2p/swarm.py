"""One torrent among its peers: who is connected, what they say, and where it goes.

Messages of BEP 3, extension protocol of BEP 10, peer exchange of BEP 11.  The pieces themselves
are the business of `download` and `upload`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from host.host import Host
from p2p import extension, wire
from p2p.connection import REQUEST_QUEUE, Connection
from p2p.download import Download
from p2p.errors import MetainfoError, P2PError, WireError
from p2p.extension import ExtendedHandshake, Pex
from p2p.metadata import MetadataExchange
from p2p.metainfo import Metainfo
from p2p.picker import Block
from p2p.store import Store
from p2p.superseed import SuperSeed
from p2p.upload import Upload

Address = tuple[str, int]

EXTENSIONS = {"ut_metadata": 1, "ut_pex": 2}
"""What we call the extension messages that we take."""

CLIENT = "fileshare-lab"


class Swarm:
    """What this host does with one torrent: fetch it, give it, or both at once."""

    def __init__(
        self,
        host: Host,
        infohash: bytes,
        upload: Upload,
        *,
        port: int,
        directory: Path,
        learned_peers: Callable[[Swarm, Iterable[Address]], None],
        flush_later: Callable[[Connection], None],
    ) -> None:
        self._host = host
        self.infohash = infohash
        self._upload = upload
        self._port = port
        self.directory = directory
        self._learned_peers = learned_peers
        self._flush_later = flush_later
        self._peers: dict[Connection, None] = {}
        self._banned: dict[bytes, None] = {}
        self._metadata = MetadataExchange(infohash, host.rng, self._send_metadata, self._learned)
        self._store: Store | None = None
        self._superseed: SuperSeed | None = None
        self.download: Download | None = None
        """None while the metainfo is not known."""
        self.seeding = False
        self._committing: asyncio.Future[Path] | None = None
        self.done: asyncio.Future[Path] = host.loop.create_future()
        """The path of the whole file, or why there is none."""
        self._handlers: Mapping[type[Any], Callable[[Connection, Any], None]] = {
            wire.Piece: self._piece,
            wire.Have: self._have,
            wire.Bitfield: self._bitfield,
            wire.Choke: self._choke,
            wire.Unchoke: self._unchoke,
            wire.Interested: self._interested,
            wire.NotInterested: self._not_interested,
            wire.Request: self._request,
            wire.Cancel: self._cancel,
            wire.Extended: self._extended,
        }

    @property
    def metainfo(self) -> Metainfo | None:
        return self._metadata.metainfo

    def offer(self, metainfo: Metainfo, path: Path) -> None:
        """The file is here, whole: give it away as its origin."""
        self._metadata.metainfo = metainfo
        self._store = Store(metainfo, whole=path)
        self.download = Download(self._host, metainfo, self._store, self)
        self.download.picker.has_all()
        self._superseed = SuperSeed(metainfo.piece_count, self._host.rng)
        self.seeding = True
        self.done.set_result(path)

    def _learned(self, metainfo: Metainfo) -> None:
        """The metainfo is here: the download can begin."""
        try:
            self._store = Store(metainfo, into=self.directory)
        except OSError as error:
            self.failed(error)
            return
        self.download = Download(self._host, metainfo, self._store, self)
        for peer in list(self._peers):
            try:
                self.download.meets(peer)
            except WireError:
                peer.close()
                continue
            # BEP 10: the handshake may be sent again when what it says has changed.
            self.introduce(peer)
        if not metainfo.piece_count:
            self.complete()

    # ---- connections

    def joins(self, peer: Connection) -> None:
        """The handshakes are exchanged: introduce ourselves."""
        self._peers[peer] = None
        self._upload.joins(peer, self)
        self.introduce(peer)
        if self.download is not None:
            self.download.meets(peer)
        if self._superseed is not None:
            self._superseed.joins(peer)
            self._reveal(peer)
        elif self.download is not None and any(self.download.picker.have):
            self.say(peer, wire.encode_bitfield(wire.pack_bitfield(self.download.picker.have)))

    def introduce(self, peer: Connection) -> None:
        """Say what we are and take, to those who understand (BEP 10)."""
        if not peer.extended:
            return
        own = ExtendedHandshake(
            messages=EXTENSIONS,
            listen_port=self._port,
            client=CLIENT,
            metadata_size=len(self.metainfo.info_bytes) if self.metainfo else None,
            request_queue=REQUEST_QUEUE,
        )
        self.say(peer, wire.encode_extended(0, extension.encode_handshake(own)))

    def leaves(self, peer: Connection) -> None:
        """The connection is lost."""
        del self._peers[peer]
        self._upload.leaves(peer)
        if self._superseed is not None:
            self._superseed.leaves(peer)
        if self.download is not None:
            self.download.leaves(peer)
        self._metadata.leaves(peer)
        self._metadata.ask(self._peers, self._host.loop.time())

    def mates(self) -> Iterable[Connection]:
        return self._peers

    def ban(self, peer: Connection) -> None:
        """The peer gives what is not in the file: no connection with it from now on."""
        self._banned[peer.peer_id] = None
        peer.close()

    def bans(self, peer_id: bytes) -> bool:
        return peer_id in self._banned

    def say(self, connection: Connection, message: bytes) -> None:
        connection.say(message, self._flush_later)

    def _part(self, peer: Connection) -> None:
        """Two that both have everything have nothing to say to each other."""
        if self.seeding and peer.has and peer.pieces == len(peer.has):
            peer.close()

    # ---- what peers say

    def heard(self, peer: Connection, events: Sequence[wire.Event]) -> None:
        """React to what a peer said in one go.  Raises WireError when it breaks the protocol."""
        for event in events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(peer, event)
        if self.download is not None:
            self.download.ask(peer)
        self._upload.serve()

    def _piece(self, peer: Connection, event: wire.Piece) -> None:
        if self.download is not None:
            self.download.block(peer, event)

    def _have(self, peer: Connection, event: wire.Have) -> None:
        if self.download is None:
            peer.announced.append(event)
            return
        self.download.have(peer, event)
        if self._superseed is not None and self._superseed.settled(peer, event.index, sent=False):
            self._reveal(peer)
        self._part(peer)

    def _bitfield(self, peer: Connection, event: wire.Bitfield) -> None:
        if self.download is None:
            peer.announced.append(event)
            return
        self.download.bitfield(peer, event)
        if self._superseed is not None:
            for index, here in enumerate(peer.has):
                if here and self._superseed.settled(peer, index, sent=False):
                    self._reveal(peer)
        self._part(peer)

    def _choke(self, peer: Connection, event: wire.Choke) -> None:
        peer.choked_by = True
        if self.download is not None:
            self.download.choked(peer)

    def _unchoke(self, peer: Connection, event: wire.Unchoke) -> None:
        peer.choked_by = False
        if self.download is not None:
            self.download.unchoked(peer)

    def _interested(self, peer: Connection, event: wire.Interested) -> None:
        self._upload.interested(peer)

    def _not_interested(self, peer: Connection, event: wire.NotInterested) -> None:
        self._upload.not_interested(peer)

    def _request(self, peer: Connection, event: wire.Request) -> None:
        metainfo = self.metainfo
        if metainfo is None or self.download is None:
            raise WireError("a request before we have anything")
        index, end = event.index, event.begin + event.length
        if index >= metainfo.piece_count or end > metainfo.piece_size(index):
            raise WireError(f"a request beyond the file: piece {index}, bytes to {end}")
        if self.download.picker.have[index]:
            self._upload.request(peer, event)

    def _cancel(self, peer: Connection, event: wire.Cancel) -> None:
        self._upload.cancel(peer, event)

    def _extended(self, peer: Connection, event: wire.Extended) -> None:
        now = self._host.loop.time()
        if event.id == 0:
            peer.introduced(extension.decode_handshake(event.payload))
            self.gossip(peer)
        elif event.id == EXTENSIONS["ut_metadata"]:
            try:
                self._metadata.heard(peer, event.payload, now)
            except MetainfoError as error:
                # Its hash is right, so no other peer has a better one.
                self.failed(error)
        elif event.id == EXTENSIONS["ut_pex"]:
            self._learned_peers(self, extension.decode_pex(event.payload).added)
        self._metadata.ask(self._peers, now)

    def _send_metadata(self, peer: Connection, payload: bytes) -> None:
        name = peer.extensions.get("ut_metadata")
        if name:
            self.say(peer, wire.encode_extended(name, payload))

    def gossip(self, peer: Connection) -> None:
        """Name to a peer the others that it was not told of yet (BEP 11)."""
        name = peer.extensions.get("ut_pex")
        known = [mate.listens_at for mate in self._peers if mate is not peer]
        news = [address for address in known if address and address not in peer.told]
        if name and news:
            chosen = self._host.rng.sample(news, min(len(news), extension.MAX_PEX))
            peer.told.update(dict.fromkeys(chosen))
            pex = extension.encode_pex(Pex(added=tuple(chosen)))
            self.say(peer, wire.encode_extended(name, pex))

    def give_up_on_silent(self, block_s: float, metadata_s: float) -> None:
        """Ask others for what peers were asked for that have sent none of it for so long."""
        if self.download is not None:
            self.download.give_up_on_silent(block_s)
        self._metadata.give_up_on_silent(self._peers, self._host.loop.time(), metadata_s)

    # ---- what the download tells

    def have(self, index: int) -> None:
        """Tell those who lack the piece now, and the others, who only count, by the way."""
        message = wire.encode_have(index)
        for peer in self._peers:
            if peer.has and peer.has[index]:
                peer.mention(message)
            else:
                self.say(peer, message)

    def complete(self) -> None:
        """All pieces are here: give the file its name and go on as a seed."""
        assert self._store is not None
        self._committing = self._host.loop.run_in_executor(None, self._store.commit)
        self._committing.add_done_callback(self._committed)

    def _committed(self, committing: asyncio.Future[Path]) -> None:
        if committing.cancelled() or self.done.done():
            return
        if error := committing.exception():
            self.failed(error)
            return
        self.seeding = True
        self.done.set_result(committing.result())
        for peer in list(self._peers):
            self._part(peer)

    def failed(self, error: BaseException) -> None:
        """The download cannot go on."""
        if not self.done.done():
            self.done.set_exception(error)

    @property
    def has_failed(self) -> bool:
        return self.done.done() and self.done.exception() is not None

    # ---- what the upload asks and tells

    @property
    def superseeding(self) -> bool:
        return self._superseed is not None

    def read(self, index: int, begin: int, length: int) -> bytes:
        assert self._store is not None
        return self._store.get(index, begin, length)

    def rarity(self, index: int) -> int:
        assert self.download is not None
        return self.download.picker.availability[index]

    def requested(self, connection: Connection, block: Block) -> None:
        if self._ends_piece(block):
            self._reveal(connection)

    def sent(self, connection: Connection, block: Block) -> None:
        if self._superseed is not None and self._ends_piece(block):
            self._superseed.settled(connection, block.piece, sent=True)
            if not self._superseed.unsent:
                self._reveal_all()

    def _reveal_all(self) -> None:
        """Every piece has gone out: be a seed like any other."""
        superseed, self._superseed = self._superseed, None
        if superseed is not None:
            for peer in self._peers:
                hidden = superseed.hidden(peer, peer.has)
                self.say(peer, b"".join([wire.encode_have(index) for index in hidden]))

    def idle(self) -> None:
        """The uplink has nothing to send: reveal more, even what others were promised."""
        if self._superseed is not None and self._superseed.stalled:
            for peer in self._peers:
                self._reveal(peer, idle=True)

    def _ends_piece(self, block: Block) -> bool:
        metainfo = self.metainfo
        return metainfo is not None and block.begin + block.length == metainfo.piece_size(
            block.piece
        )

    def _reveal(self, peer: Connection, idle: bool = False) -> None:
        if self._superseed is None or self.download is None:
            return
        picker = self.download.picker
        index = self._superseed.reveal(peer, peer.has, picker.availability, idle)
        if index is not None:
            self.say(peer, wire.encode_have(index))

    async def close(self) -> None:
        """Drop the connections and close the file."""
        for peer in list(self._peers):
            peer.close()
        if self.download is not None:
            await self.download.close()
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self.failed(P2PError("closed before the file was whole"))
        self.done.exception()
        if self._store is not None:
            self._store.close()
