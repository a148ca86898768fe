"""The receiver of a file: takes the blocks in order and says when to acknowledge (RFC 7440).

It acknowledges at a gap, once, and at the end of a window, with a gap in it or not: the sender may
have missed what it was told there.  The last block it acknowledges when the caller has put the file
away.  A block that comes again is acknowledged again only when the last
acknowledgement named it: the sender has missed that one.
"""

from __future__ import annotations

from typing import NamedTuple

from central.tftp.packets import Ack, Data, ErrorCode, PacketError
from central.tftp.sending import NUMBERS
from central.tftp.timer import QuietTimer


class Verdict(NamedTuple):
    """What to do about a block."""

    accepted: bool
    """It is the file's next one."""
    answer: Ack | None
    """To send after it was put away."""


class Receiver:
    """Where in the file a transfer is, and what its sender knows of it."""

    def __init__(self, block_size: int, window: int, timer: QuietTimer) -> None:
        self._block_size = block_size
        self._window = window
        self._timer = timer
        self._came = 0
        self._answered = 0
        self._answered_before = 0
        self._gap_told = False
        self._last_at = 0.0
        self.ended = False
        """True when the last block is here."""
        self.repeated = 0
        """Acknowledgements that the timer repeated."""

    @property
    def begun(self) -> bool:
        return self._came > 0

    @property
    def deadline(self) -> float:
        """When to call `expire`."""
        return self._timer.deadline

    def start(self, now: float) -> None:
        """The sender was told to begin."""
        self._last_at = now
        self._timer.start(now)

    def take(self, packet: Data, now: float) -> Verdict:
        """A block has come. Raises PacketError when it is larger than was agreed."""
        if len(packet.data) > self._block_size:
            raise PacketError(ErrorCode.ILLEGAL, "a block is larger than agreed")
        self._timer.start(now)
        ahead = (packet.number - self._came) % NUMBERS
        if ahead == 1 and not self.ended:
            return self._next_block(len(packet.data), now)
        if 0 < ahead < NUMBERS // 2 and not self.ended:
            told, self._gap_told = self._gap_told, True
            ends = len(packet.data) < self._block_size or packet.number in self._window_ends
            return Verdict(False, self.answer() if ends or not told else None)
        last = Ack(self._answered % NUMBERS)
        missed = self._answered > 0 and packet.number == last.number
        return Verdict(False, last if missed else None)

    def _next_block(self, size: int, now: float) -> Verdict:
        self._came += 1
        self._gap_told = False
        self._timer.block(now - self._last_at)
        self._timer.start(now)
        self._last_at = now
        if size < self._block_size:
            self.ended = True
            self._timer.stop()
        elif self._came - self._answered >= self._window:
            return Verdict(True, self.answer())
        return Verdict(True, None)

    @property
    def _window_ends(self) -> tuple[int, int]:
        """Where the sender stops, whether it has heard the last acknowledgement or not."""
        return tuple(  # type: ignore[return-value]
            (answered + self._window) % NUMBERS
            for answered in (self._answered_before, self._answered)
        )

    def answer(self) -> Ack:
        """The acknowledgement of all that is here."""
        if self._came > self._answered:
            self._timer.answered()
            self._answered_before, self._answered = self._answered, self._came
        return Ack(self._came % NUMBERS)

    def here(self) -> Ack:
        """Once the last block is here, and being put away: what shows the sender that we live.

        It acknowledges the block before, so that the last one stays to be answered.
        """
        return Ack((self._came - 1) % NUMBERS)

    def expire(self, now: float) -> Ack:
        """Nothing came in time: the acknowledgement to repeat.

        First the last one, which is nothing new to a sender that is only slow; then how far the
        blocks have really come.
        """
        self._timer.expire(now)
        self.repeated += 1
        return Ack(self._answered % NUMBERS) if self._timer.tries == 1 else self.answer()
