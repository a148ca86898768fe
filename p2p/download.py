"""The downloading half of a swarm: what to ask of whom, and what becomes of the blocks.

Follows BEP 3 and BEP 6; the pipeline of requests is Cohen's (2003, section 2.3), its depth grows
with the rate that a peer shows and with the time that it takes to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from host.host import Host
from p2p import endgame, wire
from p2p.connection import Connection
from p2p.disk.store import Store
from p2p.errors import WireError
from p2p.metainfo import Metainfo
from p2p.picker import Block, Picker
from p2p.suspects import Suspects
from p2p.trials import Trials

QUEUE_TIME_S = 1.0
"""Seconds of a peer's rate to have under way: more than any round trip (libtorrent keeps 3)."""

BURST = 8
"""Blocks over which a peer's rate is taken."""

MIN_DEPTH = 2
"""Requests under way at least, so that the next is there when one has been served."""

OVERDUE = 2.0
"""Times the usual time of an answer after which a block is asked of a second peer."""

HASTE_S = 0.1
"""Seconds that every request is given at least, however fast the answers were so far."""

MOST_SPARE = 4
"""Buffers of pieces that are kept for the next pieces."""

MOST_REFUSED = 16
"""Pieces of which a peer may reject requests in a row before it is left alone for a while."""

MOST_ALLOWED = 100
"""Pieces of a peer's allowed fast set that are remembered; libtorrent's default set has 5."""


class Mates(Protocol):
    """What the download needs of its swarm."""

    def mates(self) -> Iterable[Connection]:
        """The connections whose handshake is done."""

    def say(self, connection: Connection, message: bytes) -> None:
        """Send a message before long."""

    def ban(self, peer: Connection) -> None:
        """End the connection for good: the peer gives what is not in the file."""

    def have(self, index: int) -> None:
        """The piece is here and verified."""

    def complete(self) -> None:
        """All pieces are here."""

    def failed(self, error: BaseException) -> None:
        """The download cannot go on."""


class Download:
    """Fetches the pieces of one torrent from the peers of a swarm."""

    def __init__(
        self, host: Host, metainfo: Metainfo, store: Store, swarm: Mates, have: bytearray
    ) -> None:
        """`have`: a byte for each piece, 1 if the store has it."""
        self._host = host
        self._metainfo = metainfo
        self._store = store
        self._swarm = swarm
        self.picker = Picker(have, store.wanted, metainfo.piece_size, host.rng)
        self.received = 0
        """Bytes of blocks that came, those thrown away included."""
        self._pieces: dict[int, bytearray] = {}
        self._spare: list[bytearray] = []
        self._suspects: Suspects[Connection] = Suspects()
        self._trials: Trials[Connection] = Trials(host.rng)
        self._storing: dict[asyncio.Future[bool], None] = {}
        self._answer_s = 0.0
        """Seconds that answers take lately, on average."""
        self._looking: asyncio.TimerHandle | None = None
        self._patience_s = 60.0
        """What `tend` was last called with; until then the least of `PeerConfig.snub_s`."""

    # ---- what peers say

    def meets(self, peer: Connection) -> None:
        """A peer is connected, or the metainfo is known: note what it said it has."""
        assert peer.announcement is not None
        self._has(peer, peer.announcement.flags(self._metainfo.piece_count))
        peer.announcement = None
        self.ask(peer)

    def bitfield(self, peer: Connection, bits: bytes) -> None:
        self._has(peer, wire.unpack_bitfield(bits, self._metainfo.piece_count))

    def have_all(self, peer: Connection) -> None:
        if peer.pieces < self._metainfo.piece_count:
            self._has(peer, bytearray(b"\1" * self._metainfo.piece_count))

    def _has(self, peer: Connection, has: bytearray) -> None:
        self.picker.left_swarm(peer.has)
        self.picker.joined(has)
        peer.has = has
        peer.pieces = sum(has)
        pairs = zip(has, self.picker.lacks, strict=True)
        peer.useful = sum(1 for theirs, lacks in pairs if theirs and lacks)
        self._show_interest(peer)

    def have(self, peer: Connection, index: int) -> None:
        if index >= len(peer.has):
            raise WireError(f"piece {index}: expected less than {len(peer.has)}")
        if peer.has[index]:
            return
        peer.has[index] = 1
        peer.pieces += 1
        self.picker.gained(index)
        if self.picker.lacks[index]:
            peer.useful += 1
            self._show_interest(peer)

    def choked(self, peer: Connection) -> None:
        """The peer will not serve what we asked for; one that speaks BEP 6 says so of each."""
        if not peer.fast:
            self._give_back(peer)

    def rejected(self, peer: Connection, message: wire.Reject) -> None:
        """The peer will not serve this request, and would hardly serve it again at once."""
        block = Block(message.index, message.begin, message.length)
        if peer.asked.pop(block, None) is None:
            return
        peer.refused[block.piece] = None
        # It may have dropped what was too much for it.
        peer.depth = max(1, min(peer.depth // 2, len(peer.asked)))
        self._trials.refuses(block.piece, peer)
        self._lets_go(peer, [block])

    def allowed(self, peer: Connection, index: int) -> None:
        """The peer serves us this piece even when we are choked."""
        if len(peer.allowed) < MOST_ALLOWED:
            peer.allowed[index] = None

    def unchoked(self, peer: Connection) -> None:
        """The peer will serve what we ask for."""
        peer.refused.clear()
        peer.heard_block = peer.burst_since = self._host.loop.time()
        peer.burst = 0

    def leaves(self, peer: Connection) -> None:
        """The connection is lost."""
        self.picker.left_swarm(peer.has)
        self._give_back(peer)

    def block(self, peer: Connection, message: wire.Piece) -> None:
        block = Block(message.index, message.begin, len(message.data))
        self.received += block.length
        now = self._host.loop.time()
        asked_at = peer.asked.pop(block, None)
        if asked_at is not None:
            self._deepen(peer, now, asked_at)
        peer.heard_block = now
        if peer.refused:
            peer.refused.clear()  # it does serve
        if not self._trials.admits(block.piece, peer):
            return
        outcome = self.picker.received(block)
        if outcome is not None:
            whole, copies = outcome
            peer.gave += block.length
            self._keep(peer, block, message.data)
            if copies > (asked_at is not None):
                self._cancel(block)
            if whole:
                self._check(block.piece)

    # ---- what we ask for

    def ask(self, peer: Connection) -> None:
        """Fill the pipeline of requests to a peer that lets us."""
        room = peer.depth - len(peer.asked)
        if room <= 0 or not peer.useful or (peer.choked_by and not peer.allowed):
            return
        if len(peer.refused) >= MOST_REFUSED:
            return  # until the next round, or until it serves something
        blocks = self.picker.pick(self._offers(peer), room)
        # A block that is late because our own downlink is full is not quicker from elsewhere.
        if not blocks and not peer.asked and not self._host.down.busy:
            blocks = self._ask_idle(peer)
        if blocks:
            now = self._host.loop.time()
            peer.asked.update(dict.fromkeys(blocks, now))
            self._swarm.say(peer, b"".join([wire.encode_request(*block) for block in blocks]))

    def _offers(self, peer: Connection) -> bytearray:
        """The pieces that may be asked of the peer."""
        barred = self._trials.barred(peer)
        if peer.choked_by:
            has = bytearray(len(peer.has))
            for index in peer.allowed:
                if index < len(has):
                    has[index] = peer.has[index]
        elif barred or peer.refused:
            has = bytearray(peer.has)
        else:
            return peer.has
        for index in (*barred, *peer.refused):
            has[index] = 0
        return has

    def _ask_idle(self, idle: Connection) -> list[Block]:
        """All was asked of others, and this peer has time: move a request, or repeat a late one."""
        queues = [(mate, mate.asked) for mate in self._swarm.mates() if mate.asked]
        has = self._offers(idle)
        move = endgame.last_in_line(queues, has)
        if move is not None:
            busy, block = move
            del busy.asked[block]
            self._swarm.say(busy, wire.encode_cancel(*block))
            return [block]
        if not self.picker.all_asked:
            return []
        patience = max(HASTE_S, OVERDUE * self._answer_s)
        late = endgame.overdue(queues, has, self._host.loop.time() - patience)
        if late is None:
            self._look_again(patience / 2)
            return []
        self.picker.ask_again(late)
        return [late]

    def _look_again(self, delay: float) -> None:
        """In the endgame, see before long whether something has become overdue."""
        if self._looking is None:
            self._looking = self._host.loop.call_later(delay, self._look)

    def _look(self) -> None:
        self._looking = None
        for peer in self._swarm.mates():
            self.ask(peer)

    def tend(self, patience_s: float) -> None:
        """At a steady pace: take back what was asked of peers that have sent nothing for so long.

        Who rejected requests is asked again, and who is slow over a piece that only it is asked
        for makes way for another.
        """
        now = self._host.loop.time()
        self._patience_s = patience_s
        for index, slow in self._trials.overdue(now):
            self._begin_again(index, slow)
        for peer in self._swarm.mates():
            if peer.asked and now - max(peer.heard_block, *peer.asked.values()) > patience_s:
                self._take_back(peer, list(peer.asked))
                self._give_back(peer)
            if peer.refused:
                peer.refused.clear()
                self.ask(peer)

    def _take_back(self, peer: Connection, blocks: Iterable[Block]) -> None:
        self._swarm.say(peer, b"".join([wire.encode_cancel(*block) for block in blocks]))

    def _give_back(self, peer: Connection) -> None:
        self._trials.leaves(peer)
        blocks = list(peer.asked)
        peer.asked.clear()
        if blocks:
            self._lets_go(peer, blocks)

    def _lets_go(self, peer: Connection, blocks: list[Block]) -> None:
        """These blocks will not come from the peer: ask others for them."""
        self.picker.returned(blocks)
        for other in self._swarm.mates():
            if other is not peer:
                self.ask(other)

    def _deepen(self, peer: Connection, now: float, asked_at: float) -> None:
        """Fit the pipeline to the rate that the peer shows."""
        self._answer_s += (now - asked_at - self._answer_s) / 16
        peer.burst += 1
        elapsed = now - peer.burst_since
        if peer.burst >= BURST and elapsed > 0:
            ahead = peer.burst / elapsed * QUEUE_TIME_S
            peer.depth = min(peer.most_asked, MIN_DEPTH + int(ahead))
            peer.burst, peer.burst_since = 0, now

    def _cancel(self, block: Block) -> None:
        holders = [mate for mate in self._swarm.mates() if mate.asked.pop(block, None) is not None]
        for peer in holders:
            self._swarm.say(peer, wire.encode_cancel(*block))
        for peer in holders:
            self.ask(peer)

    def _show_interest(self, peer: Connection) -> None:
        wanted = peer.useful > 0
        if wanted != peer.interested:
            peer.interested = wanted
            message = wire.encode_interested() if wanted else wire.encode_not_interested()
            self._swarm.say(peer, message)

    # ---- what has come

    def _keep(self, peer: Connection, block: Block, data: bytes | memoryview) -> None:
        piece = self._pieces.get(block.piece)
        if piece is None:
            piece = self._pieces[block.piece] = self._buffer(self._metainfo.piece_size(block.piece))
        piece[block.begin : block.begin + block.length] = data
        self._suspects.gave(peer, block)

    def _buffer(self, size: int) -> bytearray:
        """Room for a piece; memory that was used lately is at hand sooner than new."""
        if self._spare and len(self._spare[-1]) == size:
            return self._spare.pop()
        return bytearray(size)

    def _check(self, index: int) -> None:
        """Verify and store a whole piece; off the loop where the clock is real."""
        piece = self._pieces.pop(index)
        storing = self._host.loop.run_in_executor(None, self._store.put, index, piece)
        self._storing[storing] = None
        storing.add_done_callback(lambda done: self._stored(index, piece, done))

    def _stored(self, index: int, piece: bytearray, storing: asyncio.Future[bool]) -> None:
        del self._storing[storing]
        if storing.cancelled():
            return
        if error := storing.exception():
            self._swarm.failed(error)
            return
        self._trials.ended(index)
        if not storing.result():
            self._wrong(index, piece)
            return
        for liar in self._suspects.right(index, piece):
            self._swarm.ban(liar)
        if len(self._spare) < MOST_SPARE:
            self._spare.append(piece)
        self.picker.verified(index)
        for peer in self._swarm.mates():
            if peer.has[index]:
                peer.useful -= 1
                self._show_interest(peer)
        self._swarm.have(index)
        if not self.picker.left:
            self._swarm.complete()

    def _wrong(self, index: int, piece: bytearray) -> None:
        """The piece's hash is wrong: drop who gave it, or find out which of them it was."""
        self.picker.failed(index)
        liars = self._suspects.wrong(index, piece)
        for liar in liars:
            self._swarm.ban(liar)
        sources = self._suspects.sources(index)
        here = [mate for mate in self._swarm.mates() if mate in sources and not mate.choked_by]
        if not liars:
            size = self._metainfo.piece_size(index)
            self._trials.begin(index, size, here, self._patience_s, self._host.loop.time())
        for peer in self._swarm.mates():
            self.ask(peer)

    def _begin_again(self, index: int, slow: Connection) -> None:
        """A peer takes too long over a piece that is asked of it alone: ask another for it."""
        blocks = [block for block in slow.asked if block.piece == index]
        self._take_back(slow, blocks)
        for block in blocks:
            del slow.asked[block]
        self._pieces.pop(index, None)
        self._suspects.forget(index)
        self.picker.failed(index)
        ready = [mate for mate in self._swarm.mates() if mate.has[index] and not mate.choked_by]
        self._trials.pass_on(index, ready, self._host.loop.time())
        for peer in self._swarm.mates():
            self.ask(peer)

    async def close(self) -> None:
        """Stop asking, and wait for the pieces that are being written."""
        if self._looking is not None:
            self._looking.cancel()
        if self._storing:
            await asyncio.wait(list(self._storing))
