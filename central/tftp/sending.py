"""The sender of a file: a window of blocks that goes back to the first one missing (RFC 7440).

An acknowledgement within the window says that the block behind it is missing: the sender goes on
from there, once.  One that was there before sends nothing (RFC 1123, section 4.2.3.1).  When none
comes in time the last block of the window goes out again, as RFC 8985 (section 7) probes for a lost
tail: to a receiver that lacks nothing it is a repetition, to another one a gap, and either answers
where it is.  So a path that is slower than was thought carries a packet more, not a window.

After a probe nobody knows whether an acknowledgement answers it or what was sent first, so it is no
sample of the round trip (Karn; RFC 6298 (3)).  If the probe was in vain its own answer follows, the
same acknowledgement once more: then the first one was that of the first sending, and tells how long
the path really takes (as RFC 3708 finds out by duplicates).
"""

from __future__ import annotations

from central.tftp.timer import Timer

NUMBERS = 1 << 16
"""Block numbers have 16 bits; after 65535 comes 0, as with most others."""


class Sender:
    """Which block to send next, for a file of `size` bytes."""

    def __init__(self, size: int, block_size: int, window: int, timer: Timer) -> None:
        self._size = size
        self._block_size = block_size
        self._window = window
        self._timer = timer
        self._last = size // block_size + 1
        """The number of the last block, which is shorter than a block; counted without end."""
        self._acked = 0
        self._next = 1
        self._reached = 0
        """The furthest block ever sent."""
        self._probe: int | None = None
        self._asking = False
        """True when a probe has gone out that even a known acknowledgement answers."""
        self._probes = 0
        """Those sent in this pass over the window: its times are ambiguous."""
        self._owed = 0
        """Answers that follow if the probes of the pass before were in vain."""
        self._doubtful_s: float | None = None
        """What the round trip was in that case, once."""
        self._probed_at = 0.0
        """When the first probe of this pass left."""
        self._proof_at = 0.0
        """When its own answer comes at the earliest, in that case."""
        self._full_at = 0.0
        """When the last block of this pass left."""
        self._turn_s = 0.0
        """How long a block of this pass waited for the uplink, the longest one."""
        self._left_at: dict[int, float] = {}
        self.repeated = 0
        """Packets sent that had been sent before."""

    @property
    def done(self) -> bool:
        """True when every block is acknowledged."""
        return self._acked == self._last

    @property
    def acked_bytes(self) -> int:
        return min(self._size, self._acked * self._block_size)

    @property
    def sent_bytes(self) -> int:
        """Bytes of the file that were sent once or more."""
        return min(self._size, self._reached * self._block_size)

    @property
    def deadline(self) -> float:
        """When to call `expire`; infinite while blocks are due."""
        return self._timer.deadline

    def due(self) -> int | None:
        """The block to send now; None when it is the receiver's turn."""
        if self._probe is not None:
            return self._probe
        return self._next if self._next <= self._window_end else None

    def span(self, block: int) -> tuple[int, int]:
        """Where a block begins in the file, and its size in bytes."""
        start = (block - 1) * self._block_size
        return start, min(self._block_size, self._size - start)

    def left(self, now: float) -> None:
        """The block that was due has left the uplink."""
        block = self.due()
        assert block is not None
        self.repeated += block <= self._reached
        self._reached = max(self._reached, block)
        if self._probe is not None:
            self._probe = None
            if self._probes == 1:
                self._probed_at = now
        else:
            if self._left_at:
                self._turn_s = max(self._turn_s, now - self._full_at)
            self._left_at[block] = self._full_at = now
            self._next += 1
        if self.due() is None:
            # A probe that leaves sooner would wait in the queue that the answer has to fill.
            self._timer.start(now, self._turn_s)

    def acknowledge(self, number: int, now: float) -> int:
        """The receiver has all blocks up to `number` (16 bits); returns the bytes that is news."""
        ahead = (number - self._acked) % NUMBERS
        if ahead > self._reached - self._acked:
            return 0
        if not ahead:
            self._repeated_ack(now)
            return 0
        before, end = self.acked_bytes, self._window_end
        self._acked += ahead
        self._timer.progress()
        if not self._probes and self._acked in self._left_at:
            self._timer.sample(now - self._left_at[self._acked])
        self._owed = self._probes if self._acked == end else 0
        self._doubtful_s = now - self._full_at
        self._proof_at = self._probed_at + self._doubtful_s
        self._go_on()
        return self.acked_bytes - before

    def _repeated_ack(self, now: float) -> None:
        self._timer.present()
        if self._owed and now >= self._proof_at:
            if self._doubtful_s is not None:
                self._timer.sample(self._doubtful_s)
            self._owed, self._doubtful_s = self._owed - 1, None
        elif self._asking:
            self._timer.heard()
            self._go_on()

    def expire(self, now: float) -> None:
        """Nothing came in time. What is due then is a repetition."""
        self._timer.expire(now)
        self._probes += 1
        self._probe = self._window_end
        self._asking = self._probe > self._acked + 1

    @property
    def exhausted(self) -> bool:
        """True when the receiver was reminded in vain too often."""
        return self._timer.exhausted

    @property
    def _window_end(self) -> int:
        return min(self._acked + self._window, self._last)

    def _go_on(self) -> None:
        """Begin a new pass behind the last block that has arrived."""
        self._next = self._acked + 1
        self._probe = None
        self._asking = False
        self._probes = 0
        self._turn_s = 0.0
        self._left_at.clear()
        self._timer.stop()
