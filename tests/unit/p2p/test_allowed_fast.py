"""The allowed fast set: the vectors of BEP 6, and torrents of few pieces."""

import pytest

from p2p.allowed_fast import allowed_fast

HASH = b"\xaa" * 20
NINE = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]


@pytest.mark.parametrize("size", [7, 9])
def test_the_examples_of_bep_6(size):
    assert allowed_fast(HASH, "80.4.4.200", 1313, size) == NINE[:size]


def test_neighbours_share_a_set_and_others_do_not():
    assert allowed_fast(HASH, "80.4.4.1", 1313, 9) == NINE
    assert allowed_fast(HASH, "80.4.5.200", 1313, 9) != NINE
    assert allowed_fast(b"\xab" * 20, "80.4.4.200", 1313, 9) != NINE


@pytest.mark.parametrize("piece_count", [0, 1, 6, 7])
def test_of_few_pieces_all_are_allowed(piece_count):
    assert allowed_fast(HASH, "80.4.4.200", piece_count, 7) == list(range(piece_count))


def test_of_one_piece_more_all_but_one():
    chosen = allowed_fast(HASH, "80.4.4.200", 8, 7)
    assert len(chosen) == len(set(chosen)) == 7
    assert set(chosen) < set(range(8))


def test_an_empty_set_can_be_asked_for():
    assert allowed_fast(HASH, "80.4.4.200", 1313, 0) == []


def test_there_is_no_set_for_ipv6():
    with pytest.raises(ValueError, match="::1"):
        allowed_fast(HASH, "::1", 1313, 7)
