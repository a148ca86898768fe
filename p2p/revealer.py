"""Super-seeding in one swarm (BEP 16): tells each peer of the pieces that are meant for it.

What to reveal to whom is decided in `superseed`; this says it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from p2p import wire
from p2p.connection import Connection
from p2p.picker import Picker
from p2p.superseed import SuperSeed

Say = Callable[[Connection, bytes], None]


class Revealer:
    """Shows an origin's pieces one by one until each has gone out, then all to everybody."""

    def __init__(
        self,
        picker: Picker,
        rng: random.Random,
        mates: Callable[[], Iterable[Connection]],
        say: Say,
    ) -> None:
        self._picker = picker
        self._mates = mates
        self._say = say
        self._hidden: SuperSeed | None = SuperSeed(len(picker.have), rng)
        self._owed: dict[Connection, None] = {}
        """Peers for whom nothing was left that is not promised to others."""
        self._unmoved: dict[Connection, None] = {}
        """Peers that did not want what they were shown when last looked at."""

    @property
    def active(self) -> bool:
        """False once every piece has gone out whole: the origin is a seed like any other."""
        return self._hidden is not None

    def joins(self, peer: Connection) -> None:
        if self._hidden is not None:
            self._hidden.joins(peer)
            self._reveal(peer)

    def leaves(self, peer: Connection) -> None:
        if self._hidden is not None:
            self._hidden.leaves(peer)
            self._owed.pop(peer, None)
            for other in list(self._owed):
                self._reveal(other)

    def announced(self, peer: Connection, indexes: Iterable[int]) -> None:
        """The peer has these pieces, from us or from elsewhere: show it others in their place."""
        for index in indexes:
            if self._hidden is not None and self._hidden.settled(peer, index, sent=False):
                self._reveal(peer)

    def requested(self, peer: Connection) -> None:
        """The peer asks for the end of a piece: it can be shown the next."""
        self._reveal(peer)

    def sent(self, peer: Connection, index: int) -> None:
        """A piece has gone out to the peer, whole."""
        if self._hidden is not None:
            self._hidden.settled(peer, index, sent=True)
            if not self._hidden.unsent:
                self._reveal_all()

    def idle(self) -> None:
        """The uplink has nothing to send: reveal more, even what others were promised."""
        if self._hidden is not None and self._hidden.stalled:
            for peer in self._mates():
                self._reveal(peer, idle=True)

    def tend(self) -> None:
        """Show everything to who has not wanted what it was shown since the last call.

        It may want some of the files only.  To be called at a steady pace.
        """
        if self._hidden is None:
            return
        left = [peer for peer in self._mates() if not peer.wants and self._hidden.promised(peer)]
        for peer in left:
            if peer in self._unmoved:
                self._say_have(peer, self._hidden.reveal_rest(peer, peer.has))
        self._unmoved = dict.fromkeys(left)

    def _reveal(self, peer: Connection, idle: bool = False) -> None:
        if self._hidden is not None:
            index = self._hidden.reveal(peer, peer.has, self._picker.availability, idle)
            if index is None:
                self._owed[peer] = None
            else:
                self._owed.pop(peer, None)
                self._say_have(peer, [index])

    def _reveal_all(self) -> None:
        hidden, self._hidden = self._hidden, None
        if hidden is not None:
            for peer in self._mates():
                self._say_have(peer, hidden.reveal_rest(peer, peer.has))

    def _say_have(self, peer: Connection, indexes: Iterable[int]) -> None:
        self._say(peer, b"".join([wire.encode_have(index) for index in indexes]))
