"""Metainfo from peers: asking one of them for it, and giving it to those who ask (BEP 9).

One peer, the teacher, is asked for all of it, for only the hash of the whole tells right from
wrong: of blocks of several nobody could say whose were lies.  Pure: time is an argument.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from p2p import extension
from p2p.connection import Connection
from p2p.errors import WireError
from p2p.extension import MetadataAssembly, MetadataData, MetadataReject, MetadataRequest
from p2p.metainfo import Metainfo

WINDOW = 8
"""Blocks of metadata asked for at a time: 128 KiB, more than most torrents have."""

PACE = 2
"""Blocks that a teacher must send in each time of patience, after one for the first.

Patience lasts ten blocks on our own uplink or more; a teacher like us may have five peers unchoked
to share its uplink with.  At 30 s it is 1 KiB/s.
"""

DOUBLINGS = 10
"""How often the patience with one peer is doubled at most: from 30 s to 8 hours."""

MOST_BLAMED = 1000
"""Peers whose faults are remembered: many times the connections there are; the last ones count."""


class MetadataExchange:
    """One torrent's metainfo, wanted or had.

    `send` takes (peer, encoded ut_metadata message), and says whether there is room for blocks.
    """

    def __init__(
        self,
        infohash: bytes,
        rng: random.Random,
        send: Callable[[Connection, bytes], bool],
        learned: Callable[[Metainfo], None],
    ) -> None:
        self._infohash = infohash
        self._rng = rng
        self._send = send
        self._learned = learned
        self.metainfo: Metainfo | None = None
        self._lesson: _Lesson | None = None
        self._faults: dict[tuple[str, bytes], int] = {}
        """How many lessons came to nothing by whose fault, the last one at fault last."""

    def ask(self, peers: Iterable[Connection], now: float) -> None:
        """Ask one of the peers that have the metainfo, unless it is here or asked for.

        It is one of those with the fewest faults.
        """
        if self.metainfo is not None or self._lesson is not None:
            return
        knowing = self._least_at_fault(peers)
        if not knowing:
            return
        teacher = self._rng.choice(knowing)
        self._lesson = _Lesson(teacher, self._infohash, now)
        for _ in range(WINDOW):
            self._ask_next(self._lesson)

    def _ask_next(self, lesson: _Lesson) -> None:
        part = lesson.next_part()
        if part is not None:
            self._send(lesson.teacher, extension.encode_metadata(MetadataRequest(part)))

    def leaves(self, peer: Connection) -> None:
        """The connection is lost; call `ask` again."""
        if self._lesson is not None and peer is self._lesson.teacher:
            self._lesson = None
            self._blame(peer)

    def give_up_on_silent(self, peers: Iterable[Connection], now: float, patience_s: float) -> None:
        """Turn to another peer, if there is a better one, when the one asked is silent or slow.

        The patience doubles with each fault of the one asked: if all are slow, one gets the time.
        """
        if self._lesson is None:
            self.ask(peers, now)  # who lied may take its time to go
            return
        teacher = self._lesson.teacher
        others = self._least_at_fault(peer for peer in peers if peer is not teacher)
        if not others:
            return
        patience_s *= 2 ** min(self._faults_of(teacher), DOUBLINGS)
        if self._lesson.is_late(now, patience_s, min(map(_claim, others))):
            self._blame(teacher)
            if self._faults_of(others[0]) < self._faults_of(teacher):
                self._lesson = None
                self.ask(others, now)

    def heard(self, peer: Connection, payload: bytes, now: float) -> None:
        """React to a ut_metadata message.

        Raises WireError when it lies or is malformed, MetainfoError when the metainfo is the right
        one and of a kind that is not handled.
        """
        try:
            self._heard(peer, payload, now)
        except WireError:
            self._dismiss(peer)
            raise

    def _heard(self, peer: Connection, payload: bytes, now: float) -> None:
        message = extension.decode_metadata(payload)
        lesson = self._lesson
        if isinstance(message, MetadataRequest):
            if not self._send(peer, extension.encode_metadata(self._answer(message.piece))):
                raise WireError("more requests for metadata than answers were read")
        elif message is None or lesson is None or peer is not lesson.teacher:
            return
        elif isinstance(message, MetadataReject):
            if lesson.waits_for(message.piece):
                self._dismiss(peer)
        elif lesson.take(message, now):
            self._ask_next(lesson)
            info = lesson.complete()
            if info is not None:
                self._lesson = None
                self.metainfo = Metainfo.from_info(info)
                self._learned(self.metainfo)

    def _dismiss(self, peer: Connection) -> None:
        """What the peer has is not asked for, unless it announces it again."""
        peer.metadata_size = None
        self.leaves(peer)

    def _answer(self, part: int) -> MetadataData | MetadataReject:
        info = self.metainfo.info_bytes if self.metainfo is not None else b""
        start = part * extension.METADATA_BLOCK
        if start >= len(info):
            return MetadataReject(part)
        return MetadataData(part, len(info), info[start : start + extension.METADATA_BLOCK])

    # ---- who was at fault

    def _blame(self, peer: Connection) -> None:
        """The peer lied, refused, left or was too slow when it was asked."""
        faults = self._faults.pop(_identity(peer), 0)
        if len(self._faults) == MOST_BLAMED:
            del self._faults[next(iter(self._faults))]
        self._faults[_identity(peer)] = faults + 1

    def _faults_of(self, peer: Connection) -> int:
        return self._faults.get(_identity(peer), 0)

    def _least_at_fault(self, peers: Iterable[Connection]) -> list[Connection]:
        """Those of the peers that have the metainfo with the fewest faults, all as many."""
        knowing = [peer for peer in peers if _claim(peer)]
        fewest = min(map(self._faults_of, knowing), default=0)
        return [peer for peer in knowing if self._faults_of(peer) == fewest]


class _Lesson:
    """What one teacher was asked for, and what it gave."""

    def __init__(self, teacher: Connection, infohash: bytes, now: float) -> None:
        self.teacher = teacher
        self._size = _claim(teacher)
        self._assembly = MetadataAssembly(infohash, self._size)
        self._unasked = iter(self._assembly.missing())
        self._under_way: dict[int, None] = {}
        self._taken = 0
        self._asked_at = self._heard_at = now

    def next_part(self) -> int | None:
        """The next part to ask for, from now on waited for; None after the last."""
        part = next(self._unasked, None)
        if part is not None:
            self._under_way[part] = None
        return part

    def waits_for(self, part: int) -> bool:
        return part in self._under_way

    def take(self, message: MetadataData, now: float) -> bool:
        """Whether it is a part that is waited for; another may answer what was asked earlier.

        Raises WireError when it cannot be of what the teacher announced.
        """
        if message.total_size != self._size:
            raise WireError(
                f"ut_metadata: block of {message.total_size} bytes of metadata, "
                f"expected {self._size} as announced"
            )
        if not self.waits_for(message.piece):
            return False
        self._assembly.add(message.piece, message.data)
        del self._under_way[message.piece]
        self._taken += 1
        self._heard_at = now
        return True

    def complete(self) -> bytes | None:
        """The info dict's bytes, None while parts are missing.  Raises WireError: a wrong hash."""
        return None if self._under_way else self._assembly.complete()

    def is_late(self, now: float, patience_s: float, claim: int) -> bool:
        """Whether the teacher is silent or too slow, when others say there are `claim` bytes.

        Each part earns it time, but no more parts than others say there are: who announces 30 MiB
        of a metainfo of one part is not heard to the end.
        """
        parts = min(self._taken, -(-claim // extension.METADATA_BLOCK))
        slow_at = self._asked_at + patience_s * (1 + parts / PACE)
        return now > min(slow_at, self._heard_at + patience_s)


def _claim(peer: Connection) -> int:
    """Bytes of metainfo that the peer says it has and can be asked for."""
    return (peer.metadata_size or 0) if peer.takes("ut_metadata") else 0


def _identity(peer: Connection) -> tuple[str, bytes]:
    """Who the peer is when it comes again: an id alone may be claimed by anyone."""
    return peer.address[0], peer.peer_id
