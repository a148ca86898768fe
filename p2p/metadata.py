"""Metainfo from peers: asking one of them for it, and giving it to those who ask (BEP 9)."""

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
        self._teacher: Connection | None = None
        self._assembly: MetadataAssembly | None = None
        self._unasked: list[int] = []
        self._heard_at = 0.0
        """When the teacher was asked, or sent a part."""

    def ask(self, peers: Iterable[Connection], now: float) -> None:
        """Ask one of the peers that have the metainfo, unless it is here or asked for."""
        if self.metainfo is not None or self._teacher is not None:
            return
        knowing = [peer for peer in peers if _knows(peer)]
        if not knowing:
            return
        self._teacher = self._rng.choice(knowing)
        self._heard_at = now
        assert self._teacher.metadata_size is not None
        self._assembly = MetadataAssembly(self._infohash, self._teacher.metadata_size)
        self._unasked = self._assembly.missing()
        for _ in range(WINDOW):
            self._ask_next(self._teacher)

    def _ask_next(self, teacher: Connection) -> None:
        if self._unasked:
            part = self._unasked.pop(0)
            self._send(teacher, extension.encode_metadata(MetadataRequest(part)))

    def leaves(self, peer: Connection) -> None:
        """The connection is lost; call `ask` again."""
        if peer is self._teacher:
            self._teacher = self._assembly = None

    def give_up_on_silent(self, peers: Iterable[Connection], now: float, patience_s: float) -> None:
        """Turn to another peer, if there is one, when the one asked has long sent nothing."""
        others = [peer for peer in peers if peer is not self._teacher and _knows(peer)]
        if self._teacher is not None and others and now - self._heard_at > patience_s:
            self.leaves(self._teacher)
            self.ask(others, now)

    def heard(self, peer: Connection, payload: bytes, now: float) -> None:
        """React to a ut_metadata message.

        Raises WireError when it lies or is malformed, MetainfoError when the metainfo is the right
        one and of a kind that is not handled.
        """
        message = extension.decode_metadata(payload)
        if isinstance(message, MetadataRequest):
            if not self._send(peer, extension.encode_metadata(self._answer(message.piece))):
                raise WireError("more requests for metadata than answers were read")
        elif peer is not self._teacher or self._assembly is None:
            return
        elif isinstance(message, MetadataReject):
            peer.metadata_size = None
            self.leaves(peer)
        elif isinstance(message, MetadataData):
            self._heard_at = now
            self._assembly.add(message.piece, message.data)
            self._ask_next(peer)
            info = self._assembly.complete()
            if info is not None:
                self.metainfo = Metainfo.from_info(info)
                self.leaves(peer)
                self._learned(self.metainfo)

    def _answer(self, part: int) -> MetadataData | MetadataReject:
        info = self.metainfo.info_bytes if self.metainfo is not None else b""
        start = part * extension.METADATA_BLOCK
        if start >= len(info):
            return MetadataReject(part)
        return MetadataData(part, len(info), info[start : start + extension.METADATA_BLOCK])


def _knows(peer: Connection) -> bool:
    return bool(peer.metadata_size) and peer.takes("ut_metadata")
