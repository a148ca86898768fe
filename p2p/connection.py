"""One connection to another peer: the state both sides keep of each other (BEP 3), and its bytes.

The wire protocol itself is in `wire`; what to do about what is said, in `download`, `upload` and
`swarm`.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from p2p import wire
from p2p.announcement import Announcement
from p2p.errors import P2PError
from p2p.extension import ExtendedHandshake
from p2p.gossip import Gossip
from p2p.picker import Block

WRITE_AHEAD = 256 * 1024
"""Bytes that may wait in a transport whose link is unlimited: a few of the kernel's reads."""

MOST_UNREAD = 4 * 1024 * 1024
"""Bytes that may wait for a peer that does not read; then the connection ends."""

EXTENSIONS = ("ut_metadata", "ut_pex")
"""The extension messages that we send; what else a peer takes is not kept."""

REQUEST_QUEUE = 500
"""Requests that a peer may have waiting with us, as in Transmission."""


class Owner(Protocol):
    """Whom a connection tells what happens to it."""

    inbox: memoryview
    """Where what comes is put; it is read before more can come on any connection."""

    def opened(self, connection: Connection) -> None:
        """The connection is there; nothing was said yet."""

    def heard(self, connection: Connection, events: list[wire.Event]) -> None:
        """The other peer said this."""

    def drained(self, connection: Connection) -> None:
        """What was written has left the buffer."""

    def lost(self, connection: Connection) -> None:
        """The connection is at its end, by either side's will; this is said once."""

    def ended(self, connection: Connection) -> None:
        """Its socket is closed."""


class Connection(asyncio.BufferedProtocol):
    """What we know of one other peer, and the means to say something to it."""

    transport: asyncio.Transport | None = None
    gone = False
    """True as soon as either side has ended the connection, whatever is still to be sent."""
    paused = False
    """True while the transport's buffer is too full for another block, and at the end."""
    address = ("", 0)
    """The far end's, once the connection is there."""
    called: tuple[str, int] | None = None
    """The address that we called to open this connection."""
    opened_at = math.inf
    heard_at = math.inf
    """When the peer last said anything, once the connection is there."""
    said_at = 0.0
    """When we last sent a message other than a block."""

    joined = False
    """True once both handshakes are exchanged and the swarm has it."""
    peer_id = b""
    extended = False
    """Whether the peer speaks the extension protocol (BEP 10)."""
    fast = False
    """Whether the peer speaks the Fast extension (BEP 6), as we do."""
    listens_at: tuple[str, int] | None = None
    """Where others can reach this peer, once it is known."""
    metadata_size: int | None = None
    node_port: int | None = None
    """Where its DHT node listens, if it said so (BEP 5)."""

    pieces = 0
    """How many pieces the peer has."""
    useful = 0
    """How many of them we still want."""
    choked_by = True
    interested = False
    """We in them."""
    depth = 2
    """How many requests may be under way."""
    most_asked = 250
    """How many the peer keeps without dropping any, unless it says so (BEP 10)."""
    burst, burst_since = 0, 0.0
    """Blocks that came since that time: what `depth` was last fitted to."""
    heard_block = 0.0
    """When the last block came."""
    gave = 0
    """Bytes of blocks that it sent since the last rechoke."""

    choking = True
    wants = False
    """They in us."""
    got = 0
    """Bytes of blocks that we sent it since it was unchoked."""

    def __init__(self, owner: Owner, outgoing: bool) -> None:
        self._owner = owner
        self.outgoing = outgoing
        self._decoder = wire.Decoder()
        self._unsent: list[bytes] = []
        self._unsent_size = 0
        self._flushing = False
        self.extensions: dict[str, int] = {}
        """What the peer calls the extension messages that it takes."""
        self.gossip = Gossip()
        self.has = bytearray()
        """1 for every piece that the peer has; empty until the torrent's metainfo is known."""
        self.announcement: Announcement | None = Announcement()
        """What the peer said that it has; None once it is in `has`."""
        self.asked: dict[Block, float] = {}
        """Blocks requested from the peer and when, oldest first."""
        self.allowed: dict[int, None] = {}
        """Pieces that it serves us although we are choked (BEP 6)."""
        self.refused: dict[int, None] = {}
        """Pieces of which it rejected a request (BEP 6), until it serves or the next round."""
        self.queue: OrderedDict[Block, None] = OrderedDict()
        """Blocks that the peer waits for, in order."""
        self.granted: dict[int, None] = {}
        """Pieces that we serve it although it is choked (BEP 6)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.gone:
            transport.abort()
            return
        self.address = transport.get_extra_info("peername")[:2]
        self._owner.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._owner.inbox

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._owner.inbox[:nbytes])

    def data_received(self, data: memoryview) -> None:
        """Take in what the peer sent."""
        if self.gone:
            return
        try:
            events = self._decoder.feed(data)
            self._owner.heard(self, events)
        except P2PError:
            self.close(politely=False)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        if not self.gone:
            self.paused = False
            self._owner.drained(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._leave()
        self._owner.ended(self)

    def close(self, *, politely: bool = True) -> None:
        """End the connection, for us at once; what was said is still sent, if `politely`."""
        if self.gone:
            return
        if self.transport is not None:
            if politely:
                self.flush()
                self.transport.close()
            else:
                self.transport.abort()
        self._leave()

    def _leave(self) -> None:
        if not self.gone:
            self.gone = self.paused = True
            self._owner.lost(self)

    def say(self, message: bytes, later: Callable[[Connection], None]) -> None:
        """Queue a message; `later` is told the first time, to have `flush` called soon."""
        if not self._flushing:
            self._flushing = True
            later(self)
        self.mention(message)

    def mention(self, message: bytes) -> None:
        """Queue a message that can wait until there is another to send."""
        self._unsent.append(message)
        self._unsent_size += len(message)

    def flush(self) -> None:
        """Give all that was said to the transport in one write."""
        self._flushing = False
        if self._unsent and self.transport is not None:
            self.transport.write(b"".join(self._unsent))
            if self.buffered > MOST_UNREAD:
                self.transport.abort()
        self._unsent.clear()
        self._unsent_size = 0

    def introduced(self, theirs: ExtendedHandshake) -> None:
        """The peer said what it is and takes (BEP 10); later handshakes add to the first."""
        for name, number in theirs.messages.items():
            if name in EXTENSIONS:
                self.extensions[name] = number
        self.metadata_size = theirs.metadata_size or self.metadata_size
        self.most_asked = min(theirs.request_queue or self.most_asked, REQUEST_QUEUE)
        if theirs.listen_port and self.listens_at is None and self.transport is not None:
            self.listens_at = (self.address[0], theirs.listen_port)

    @property
    def is_seed(self) -> bool:
        """Whether the peer has everything, as far as it says."""
        return bool(self.has) and self.pieces == len(self.has)

    def takes(self, extension: str) -> bool:
        """Whether the peer understands that extension message."""
        return bool(self.extensions.get(extension))

    @property
    def unread(self) -> int:
        """Bytes that wait for the peer here, those included that were only said."""
        return self._unsent_size + self.buffered

    @property
    def buffered(self) -> int:
        """Bytes that wait in the transport."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()
