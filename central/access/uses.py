"""How many files were had under a grant: shares are reserved first, and what was not sent is given
back, so that a download in parts counts once (the rule is this project's own).

Pure.  A share is bytes of a file over its size, 0 to 1.
"""

from __future__ import annotations

ROUNDING = 1e-9
"""Shares that should add up to whole files miss them by less than this: a hundred thousand of them
err by 1e-11, and it is less than a byte of any file below 1 GB."""


class Uses:
    """What the store says and what it has yet to be told.

    A download may begin while less than the limit is used, so that one that broke off can be
    finished; nobody gets more than one file beyond the limit, however many begin at a time.
    """

    def __init__(self, limit: float, stored: float) -> None:
        """`limit` and `stored` in files; the limit may be infinite."""
        self._limit = limit
        self._stored = stored
        self.unwritten = 0.0
        """Files to add to what is stored; negative where more was given back."""

    @property
    def used(self) -> float:
        return self._stored + self.unwritten

    def begin(self, share: float) -> bool:
        """Count `share` of a file, or return False at the limit."""
        if self.used >= self._limit - ROUNDING:
            return False
        self.unwritten += _clamped(share)
        return True

    def refund(self, share: float) -> None:
        """So much of what has begun was never sent."""
        self.unwritten -= _clamped(share)

    def wrote(self, amount: float) -> None:
        """The store was told of `amount` files."""
        self._stored += amount
        self.unwritten -= amount

    def read(self, stored: float) -> None:
        """What the store says now; others may have written there."""
        self._stored = stored


def _clamped(share: float) -> float:
    return min(max(share, 0.0), 1.0)
