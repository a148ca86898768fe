"""host.loss: the published figures of TCP's throughput under loss."""

import math

import pytest

from host.loss import MSS, combined, padhye


def test_the_formula_by_hand() -> None:
    # Two segments an ACK, T0 of 0.4 s: 0.1 * sqrt(4 * 0.03 / 3) = 0.02, and timeouts take
    # 0.4 * 3 * sqrt(6 * 0.03 / 8) * 0.03 * (1 + 32 * 0.0009) = 0.4 * 0.45 * 0.030864.
    assert padhye(0.03, 0.1, 1000) == pytest.approx(1000 / (0.02 + 0.4 * 0.45 * 0.030864))
    # A timeout follows every loss at most.
    assert padhye(0.5, 0.1, 1000, timeout_s=1.0) == pytest.approx(
        1000 / (0.1 * math.sqrt(2 / 3) + 0.5 * 9)
    )
    assert padhye(0.03, 0.1, 1000, acked_together=1) == pytest.approx(
        1000 / (0.1 * math.sqrt(0.02) + 0.4 * 3 * math.sqrt(0.09 / 8) * 0.030864)
    )


def test_timeouts_matter_from_some_per_cent_on() -> None:
    # Without them it is MSS / RTT * sqrt(3 / (2 b loss)).
    assert padhye(0.0001, 0.1, 1000, timeout_s=0.0) == pytest.approx(10_000 * math.sqrt(7500))
    assert padhye(1e-4, 0.1) / padhye(1e-4, 0.1, timeout_s=0.0) > 0.99
    assert padhye(0.1, 0.1) / padhye(0.1, 0.1, timeout_s=0.0) < 0.5


def test_it_falls_with_loss_and_with_the_round_trip() -> None:
    rates = [padhye(percent / 100, 0.1) for percent in range(1, 101)]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 100
    # All times are in round trips.
    assert padhye(0.02, 0.2) == pytest.approx(padhye(0.02, 0.1) / 2)
    assert padhye(0.02, 0.1) == pytest.approx(padhye(0.02, 0.1, 1) * MSS)


def test_the_ends_of_the_range() -> None:
    assert padhye(0.0, 0.1) == math.inf
    assert padhye(0.1, 0.0) == math.inf
    assert padhye(1.0, 0.1) == padhye(1.0, 0.0) == 0


def test_two_links_lose_more_than_one() -> None:
    assert combined(0.5, 0.5) == 0.75
    assert combined(0.0, 0.1) == pytest.approx(0.1)
    assert combined(1.0, 0.3) == 1
