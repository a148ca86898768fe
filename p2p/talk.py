"""What peers say to a swarm, message by message, and who has to know (BEP 3, BEP 5, BEP 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from p2p import wire
from p2p.allowed_fast import allowed_fast
from p2p.connection import Connection
from p2p.download import Download
from p2p.errors import MetainfoError, WireError
from p2p.exchange import Exchange
from p2p.gossip import Address
from p2p.metainfo import Metainfo
from p2p.picker import Block
from p2p.revealer import Revealer
from p2p.upload import Upload

ALLOWED_FAST = 5
"""Pieces that a newcomer may have although it is choked, as many as libtorrent grants."""


class Torrent(Protocol):
    """What the talk needs of its swarm."""

    infohash: bytes
    download: Download | None
    revealer: Revealer | None

    @property
    def metainfo(self) -> Metainfo | None:
        """What the torrent's pieces are, once that is known."""

    @property
    def superseeding(self) -> bool:
        """Whether every peer is only shown the pieces meant for it (BEP 16)."""

    def say(self, connection: Connection, message: bytes) -> None:
        """Send a message before long."""

    def part(self, peer: Connection) -> None:
        """Close the connection if neither side has anything that the other lacks."""

    def failed(self, error: BaseException) -> None:
        """The download cannot go on."""


class Talk:
    """Understands the messages of one swarm's peers."""

    def __init__(
        self,
        swarm: Torrent,
        upload: Upload,
        exchange: Exchange,
        met_node: Callable[[Address], None],
    ) -> None:
        self._swarm = swarm
        self._upload = upload
        self._exchange = exchange
        self._met_node = met_node
        self._handlers: Mapping[type[Any], Callable[[Connection, Any], None]] = {
            wire.Piece: self._piece,
            wire.Have: self._have,
            wire.Bitfield: self._bitfield,
            wire.HaveAll: self._have_all,
            wire.Choke: self._choke,
            wire.Unchoke: self._unchoke,
            wire.Interested: self._interested,
            wire.NotInterested: self._not_interested,
            wire.Request: self._request,
            wire.Cancel: self._cancel,
            wire.Reject: self._reject,
            wire.AllowedFast: self._allowed_fast,
            wire.Port: self._port,
            wire.Extended: self._extended,
        }

    def heard(self, peer: Connection, events: Sequence[wire.Event]) -> None:
        """React to what a peer said in one go.  Raises WireError when it breaks the protocol."""
        for event in events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(peer, event)
            if peer.gone:
                return
        if self._swarm.download is not None:
            self._swarm.download.ask(peer)
        self._upload.serve()

    def _piece(self, peer: Connection, event: wire.Piece) -> None:
        if self._swarm.download is not None:
            self._swarm.download.block(peer, event)

    def _have(self, peer: Connection, event: wire.Have) -> None:
        if peer.announcement is not None:
            peer.announcement.one(event.index)
        elif self._swarm.download is not None:
            self._swarm.download.have(peer, event.index)
            self._announced(peer, [event.index])

    def _bitfield(self, peer: Connection, event: wire.Bitfield) -> None:
        if peer.announcement is not None:
            peer.announcement.some(event.bits)
        elif self._swarm.download is not None:
            self._swarm.download.bitfield(peer, event.bits)
            self._announced(peer, [index for index, here in enumerate(peer.has) if here])

    def _have_all(self, peer: Connection, event: wire.HaveAll) -> None:
        if peer.announcement is not None:
            peer.announcement.all()
        elif self._swarm.download is not None:
            self._swarm.download.have_all(peer)
            self._announced(peer, range(len(peer.has)))

    def _announced(self, peer: Connection, indexes: Sequence[int]) -> None:
        if self._swarm.revealer is not None:
            self._swarm.revealer.announced(peer, indexes)
        self._swarm.part(peer)

    def _choke(self, peer: Connection, event: wire.Choke) -> None:
        peer.choked_by = True
        if self._swarm.download is not None:
            self._swarm.download.choked(peer)

    def _unchoke(self, peer: Connection, event: wire.Unchoke) -> None:
        peer.choked_by = False
        if self._swarm.download is not None:
            self._swarm.download.unchoked(peer)

    def _interested(self, peer: Connection, event: wire.Interested) -> None:
        self._grant(peer)
        self._upload.interested(peer)

    def _not_interested(self, peer: Connection, event: wire.NotInterested) -> None:
        self._upload.not_interested(peer)

    def _grant(self, peer: Connection) -> None:
        """Let a newcomer have a few pieces while it is choked, so that it has something to give."""
        metainfo = self._swarm.metainfo
        if not peer.fast or peer.granted or metainfo is None or self._swarm.download is None:
            return
        if self._swarm.superseeding or peer.pieces >= ALLOWED_FAST or not peer.choking:
            return
        if ":" in peer.address[0]:
            return  # BEP 6 defines the set for IPv4 alone
        count = metainfo.piece_count
        address = _canonical(peer.address[0])
        chosen = allowed_fast(self._swarm.infohash, address, count, ALLOWED_FAST)
        have = self._swarm.download.picker.have
        peer.granted = dict.fromkeys(index for index in chosen if have[index])
        self._swarm.say(peer, b"".join(wire.encode_allowed_fast(index) for index in peer.granted))

    def _request(self, peer: Connection, event: wire.Request) -> None:
        metainfo = self._swarm.metainfo
        if metainfo is None or self._swarm.download is None:
            raise WireError("a request before we have anything")
        index, end = event.index, event.begin + event.length
        if index >= metainfo.piece_count or end > metainfo.piece_size(index):
            raise WireError(f"a request beyond the file: piece {index}, bytes to {end}")
        block = Block(index, event.begin, event.length)
        if self._swarm.download.picker.have[index]:
            self._upload.request(peer, block)
        else:
            self._upload.reject(peer, [block])

    def _cancel(self, peer: Connection, event: wire.Cancel) -> None:
        self._upload.cancel(peer, Block(event.index, event.begin, event.length))

    def _reject(self, peer: Connection, event: wire.Reject) -> None:
        if self._swarm.download is not None:
            self._swarm.download.rejected(peer, event)

    def _allowed_fast(self, peer: Connection, event: wire.AllowedFast) -> None:
        if self._swarm.download is not None:
            self._swarm.download.allowed(peer, event.index)

    def _port(self, peer: Connection, event: wire.Port) -> None:
        if peer.node_port is not None:
            return  # one node a peer: more would fill the list of ways in
        peer.node_port = event.port
        self._met_node((peer.address[0], event.port))

    def _extended(self, peer: Connection, event: wire.Extended) -> None:
        try:
            self._exchange.heard(peer, event)
        except MetainfoError as error:
            # Its hash is right, so no other peer has a better one.
            self._swarm.failed(error)


def _canonical(address: str) -> str:
    """An IPv4 address; of a loopback one without the octet that tells emulated networks apart.

    Which block of addresses was free must not change what happens in a run.
    """
    first, _, *rest = address.split(".")
    return ".".join([first, "0", *rest]) if first == "127" else address
