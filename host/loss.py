"""What a long TCP transfer gets on a path that loses packets: the published formula.

After Padhye, Firoiu, Towsley and Kurose (Modeling TCP Throughput: A Simple Model and its Empirical
Validation, SIGCOMM 1998; RFC 5348, section 3.1, has the same equation).  It is about Reno in its
steady state.  Loopback loses nothing, so this is a model: what is measured with it says what the
formula says, and not what some kernel would do.
"""

from __future__ import annotations

import math

MSS = 1460
"""Bytes of a segment on an Ethernet: 1,500 less the headers of IPv4 and TCP (RFC 9293, 3.7.1)."""

ACKED_TOGETHER = 2
"""Segments that one ACK acknowledges (delayed ACKs, RFC 9293, section 3.8.6.3)."""

TIMEOUT_ROUND_TRIPS = 4
"""Round trips that a retransmission timeout takes, where nobody says (RFC 5348, section 4.3)."""


def padhye(
    loss: float,
    round_trip_s: float,
    mss: int = MSS,
    *,
    timeout_s: float | None = None,
    acked_together: int = ACKED_TOGETHER,
) -> float:
    """Bytes per second of a long transfer that nothing but loss holds back.

    `loss` is the probability that a segment is lost, `timeout_s` the retransmission timeout T0
    (four round trips unless given).  0 when all is lost; else infinite without loss or without a
    round trip.  This is the paper's approximation, with timeouts; no receiver's window is in it.
    """
    if loss == 1:
        return 0.0
    if not loss or not round_trip_s:
        return math.inf
    timeout_s = TIMEOUT_ROUND_TRIPS * round_trip_s if timeout_s is None else timeout_s
    recovering = round_trip_s * math.sqrt(2 * acked_together * loss / 3)
    often = min(1.0, 3 * math.sqrt(3 * acked_together * loss / 8))
    return mss / (recovering + timeout_s * often * loss * (1 + 32 * loss**2))


def combined(one: float, other: float) -> float:
    """The probability of loss on two links, one after the other."""
    return 1 - (1 - one) * (1 - other)
