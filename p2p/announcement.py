"""What a peer says that it has before we know how many pieces there are (BEP 3, BEP 6, BEP 9)."""

from __future__ import annotations

from array import array

from p2p import wire
from p2p.errors import WireError


class Announcement:
    """One peer's pieces, kept until the metainfo is here; it takes no more than was said."""

    def __init__(self) -> None:
        self._everything = False
        self._bits: bytes | None = None
        self._later = array("I")

    def all(self) -> None:
        """The peer has everything (HaveAll)."""
        self._everything = True

    def some(self, bits: bytes) -> None:
        """The peer has what these bits say (Bitfield)."""
        self._bits = bits

    def one(self, index: int) -> None:
        """The peer has one more piece (Have).  Raises WireError for an absurd one, or too many."""
        if index >= wire.MAX_PIECES:
            raise WireError(f"piece {index}: expected less than {wire.MAX_PIECES}")
        if len(self._later) == wire.MAX_PIECES:
            raise WireError(f"more than {wire.MAX_PIECES} pieces announced")
        self._later.append(index)

    def flags(self, count: int) -> bytearray:
        """A byte for each of `count` pieces, 1 where the peer has it.

        Raises WireError when what it said does not fit them.
        """
        most = max(self._later, default=0)
        if self._later and most >= count:
            raise WireError(f"piece {most}: expected less than {count}")
        if self._everything:
            return bytearray(b"\1" * count)
        has = bytearray(count) if self._bits is None else wire.unpack_bitfield(self._bits, count)
        for index in self._later:
            has[index] = 1
        return has
