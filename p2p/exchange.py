"""What one swarm says by the extension protocol: who we are (BEP 10), the metainfo (BEP 9) and
where other peers are (BEP 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from host.host import Host
from p2p import extension, wire
from p2p.config import PeerConfig
from p2p.connection import EXTENSIONS, REQUEST_QUEUE, Connection
from p2p.extension import ExtendedHandshake
from p2p.gossip import PEX_INTERVAL_S, Address
from p2p.metadata import MetadataExchange
from p2p.metainfo import Metainfo

METADATA, PEX = EXTENSIONS
IDS = {METADATA: 1, PEX: 2}
"""What we call the extension messages that we take."""

CLIENT = "fileshare-lab 0.1"

METADATA_AHEAD = 32
"""Blocks of metadata that may wait for a peer; it is refused more until it has read them."""


class Exchange:
    """The extension messages of one swarm."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        infohash: bytes,
        *,
        port: int,
        mates: Callable[[], Iterable[Connection]],
        say: Callable[[Connection, bytes], None],
        learned: Callable[[Metainfo], None],
        learned_peers: Callable[[Iterable[Address]], None],
    ) -> None:
        self._host = host
        self._config = config
        self._port = port
        self._mates = mates
        self._say = say
        self._learned_peers = learned_peers
        self.metadata = MetadataExchange(infohash, host.rng, self._send_metadata, learned)

    def introduce(self, peer: Connection) -> None:
        """Say what we are and take, to those who understand.

        BEP 10: it may be said again when it has changed.
        """
        if not peer.extended:
            return
        metainfo = self.metadata.metainfo
        own = ExtendedHandshake(
            messages=IDS if self._gossips else {METADATA: IDS[METADATA]},
            listen_port=self._port,
            client=CLIENT,
            metadata_size=len(metainfo.info_bytes) if metainfo else None,
            request_queue=REQUEST_QUEUE,
            your_ip=peer.address[0],
        )
        self._say(peer, wire.encode_extended(0, extension.encode_handshake(own)))

    def heard(self, peer: Connection, event: wire.Extended) -> None:
        """React to an extension message.

        Raises WireError when it is malformed or lies, MetainfoError when the metainfo is the right
        one and of a kind that is not handled.
        """
        now = self._host.loop.time()
        if event.id == 0:
            peer.introduced(extension.decode_handshake(event.payload))
            self.gossip(peer)
        elif event.id == IDS[METADATA]:
            self.metadata.heard(peer, event.payload, now)
        elif event.id == IDS[PEX] and self._gossips:
            pex = extension.decode_pex(event.payload)
            if peer.gossip.may_tell(now, PEX_INTERVAL_S):
                self._learned_peers(pex.added)
        self.metadata.ask(self._mates(), now)

    def leaves(self, peer: Connection) -> None:
        """The connection is lost."""
        self.metadata.leaves(peer)
        self.metadata.ask(self._mates(), self._host.loop.time())

    def give_up_on_silent(self, patience_s: float) -> None:
        """Ask another for the metainfo when who was asked has long sent nothing."""
        self.metadata.give_up_on_silent(self._mates(), self._host.loop.time(), patience_s)

    def gossip(self, peer: Connection) -> None:
        """Name to a peer the others that it was not told of yet, when that is due."""
        name = peer.extensions.get(PEX)
        if not name or not self._gossips:
            return
        known = {mate.listens_at: mate for mate in self._mates() if mate is not peer}
        interval_s = self._config.gossip_s(self._host.up.rate)
        places = [place for place in known if place is not None]
        news = peer.gossip.news(places, self._host.loop.time(), interval_s, self._host.rng)
        if news is not None:
            flags = tuple(extension.SEED * known[place].is_seed for place in news.added)
            news = replace(news, flags=flags)
            self._say(peer, wire.encode_extended(name, extension.encode_pex(news)))

    @property
    def _gossips(self) -> bool:
        metainfo = self.metadata.metainfo
        return self._config.pex and not (metainfo and metainfo.private)

    def _send_metadata(self, peer: Connection, payload: bytes) -> bool:
        """Send a ut_metadata message; False when too much waits for the peer already."""
        name = peer.extensions.get(METADATA)
        if peer.unread > METADATA_AHEAD * extension.METADATA_BLOCK:
            return False
        if name:
            self._say(peer, wire.encode_extended(name, payload))
        return True
