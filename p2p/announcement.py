"""What a peer says that it has before we know how many pieces there are (BEP 3, BEP 6, BEP 9)."""

from __future__ import annotations

from p2p import wire
from p2p.errors import WireError


class Announcement:
    """One peer's pieces, kept until the metainfo is here; at most a byte for every piece."""

    def __init__(self) -> None:
        self._everything = False
        self._bits: bytes | None = None
        self._later = bytearray()

    def all(self) -> None:
        """The peer has everything (HaveAll)."""
        self._everything = True

    def some(self, bits: bytes) -> None:
        """The peer has what these bits say (Bitfield)."""
        self._bits = bits

    def one(self, index: int) -> None:
        """The peer has one more piece (Have).  Raises WireError for an absurd one."""
        if index >= wire.MAX_PIECES:
            raise WireError(f"piece {index}: expected less than {wire.MAX_PIECES}")
        if index >= len(self._later):
            self._later.extend(bytes(index + 1 - len(self._later)))
        self._later[index] = 1

    def flags(self, count: int) -> bytearray:
        """A byte for each of `count` pieces, 1 where the peer has it.

        Raises WireError when what it said does not fit them.
        """
        if len(self._later) > count:
            raise WireError(f"piece {len(self._later) - 1}: expected less than {count}")
        if self._everything:
            return bytearray(b"\1" * count)
        has = bytearray(count) if self._bits is None else wire.unpack_bitfield(self._bits, count)
        for index, flag in enumerate(self._later):
            has[index] |= flag
        return has
