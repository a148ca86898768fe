"""The picker: started pieces first, then the rarest, and exact books on every block."""

import random

import pytest

from p2p.picker import Block, Picker
from p2p.wire import BLOCK

SIZE = 2 * BLOCK
LAST = 100
"""Bytes of the last piece of a torrent made here: one short block."""


def _picker(pieces=4, seed=1, have=(), wanted=None):
    sizes = [SIZE] * (pieces - 1) + [LAST]
    wanted = range(pieces) if wanted is None else wanted
    flags = (_has(*indices, count=pieces) for indices in (have, wanted))
    return Picker(*flags, sizes.__getitem__, random.Random(seed))


def _has(*indices, count=4):
    return bytearray(index in indices for index in range(count))


ALL = _has(0, 1, 2, 3)


def _blocks(piece):
    return [Block(piece, 0, BLOCK), Block(piece, BLOCK, BLOCK)]


def test_blocks_are_16_kib_and_the_last_is_what_is_left():
    assert _picker().pick(_has(0), 9) == _blocks(0)
    assert _picker().pick(_has(3), 9) == [Block(3, 0, LAST)]
    odd = Picker(bytearray(1), bytearray(b"\1"), lambda index: BLOCK + 1, random.Random(1))
    assert odd.pick(bytearray(b"\1"), 9) == [Block(0, 0, BLOCK), Block(0, BLOCK, 1)]


def test_never_more_than_asked_for_and_nothing_from_a_peer_that_has_nothing():
    picker = _picker()
    assert picker.pick(ALL, 0) == []
    assert picker.pick(_has(), 5) == []
    assert len(picker.pick(ALL, 3)) == 3


def test_a_block_is_handed_out_once():
    picker = _picker()
    picks = [block for _ in range(7) for block in picker.pick(ALL, 1)]
    assert sorted(picks) == [*_blocks(0), *_blocks(1), *_blocks(2), Block(3, 0, LAST)]
    assert picker.pick(ALL, 1) == []
    assert picker.all_asked


def test_a_started_piece_is_finished_before_another_is_begun():
    picker = _picker()
    [first] = picker.pick(ALL, 1)
    picker.joined(_has(*(index for index in range(3) if index != first.piece)))
    assert picker.pick(ALL, 1) == [Block(first.piece, BLOCK, BLOCK)]


def test_a_started_piece_that_the_peer_lacks_is_passed_over():
    picker = _picker()
    assert picker.pick(_has(0), 1) == [Block(0, 0, BLOCK)]
    assert picker.pick(_has(2), 1) == [Block(2, 0, BLOCK)]


def test_rarest_first_once_something_was_begun():
    picker = _picker()
    for has in (_has(0, 1, 2), _has(0, 2), _has(0)):
        picker.joined(has)
    assert picker.pick(_has(3), 1) == [Block(3, 0, LAST)]
    assert picker.pick(_has(0, 1, 2), 6) == [*_blocks(1), *_blocks(2), *_blocks(0)]


def test_availability_follows_who_comes_gains_and_goes():
    picker = _picker()
    picker.joined(_has(0, 1))
    picker.joined(_has(1))
    picker.gained(2)
    assert picker.availability == [1, 2, 1, 0]
    picker.left_swarm(_has(0, 1))
    assert picker.availability == [0, 1, 1, 0]


def test_the_first_piece_is_random_even_when_another_is_rarer():
    firsts = set()
    for seed in range(40):
        picker = _picker(seed=seed)
        picker.joined(_has(1, 2, 3))
        firsts.add(picker.pick(ALL, 1)[0].piece)
    assert firsts == {0, 1, 2, 3}


def test_equally_rare_pieces_come_in_an_order_of_the_pickers_own():
    def order(seed):
        picker = _picker(32, seed)
        return [block.piece for block in picker.pick(bytearray(b"\1" * 32), 64)][::2]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == list(range(32)) != order(1)


def test_a_whole_piece_is_told_with_its_last_block():
    picker = _picker()
    one, two = picker.pick(_has(0), 2)
    assert picker.received(two) == (False, 1)
    assert picker.received(one) == (True, 1)
    picker.verified(0)
    assert bytes(picker.have) == b"\1\0\0\0"
    assert picker.left == 3
    assert picker.pick(_has(0), 2) == []


def test_a_block_is_not_wanted_twice():
    picker = _picker()
    one, _ = picker.pick(_has(0), 2)
    assert picker.received(one) == (False, 1)
    assert picker.received(one) is None


@pytest.mark.parametrize(
    "block", [Block(1, 0, BLOCK), Block(0, 1, BLOCK), Block(0, 0, 1), Block(9, 0, BLOCK)]
)
def test_a_block_that_is_of_no_started_piece_or_cut_otherwise_is_not_wanted(block):
    picker = _picker()
    picker.pick(_has(0), 1)
    assert picker.received(block) is None


def test_a_block_nobody_was_asked_for_counts_as_received():
    picker = _picker()
    [one] = picker.pick(_has(0), 1)
    assert picker.received(Block(0, BLOCK, BLOCK)) == (False, 0)
    assert picker.pick(_has(0), 2) == []
    assert picker.received(one) == (True, 1)


def test_what_is_returned_is_handed_out_again_once():
    picker = _picker()
    one, two = picker.pick(_has(0), 2)
    picker.returned([one])
    picker.returned([one])
    assert not picker.all_asked
    assert picker.pick(_has(0), 2) == [one]
    assert picker.received(two) == (False, 1)
    picker.returned([two])
    assert picker.pick(_has(0), 2) == []


def test_a_block_asked_of_two_is_free_only_when_both_returned_it():
    picker = _picker()
    [one] = picker.pick(_has(0), 1)
    picker.ask_again(one)
    picker.returned([one])
    assert picker.pick(_has(0), 2) == [Block(0, BLOCK, BLOCK)]
    picker.ask_again(one)
    assert picker.received(one) == (False, 2)


def test_all_is_asked_only_when_no_block_is_left_to_hand_out():
    picker = _picker(pieces=2)
    assert not picker.all_asked
    blocks = picker.pick(_has(0, 1, count=2), 2)
    assert not picker.all_asked
    blocks += picker.pick(_has(0, 1, count=2), 1)
    assert picker.all_asked
    picker.returned(blocks[:1])
    assert not picker.all_asked


def test_a_piece_with_a_wrong_hash_is_wanted_again_whole():
    picker = _picker()
    for block in picker.pick(_has(0), 2):
        picker.received(block)
    picker.failed(0)
    assert picker.left == 4
    assert bytes(picker.have) == bytes(4)
    assert picker.pick(_has(0), 9) == _blocks(0)


def test_a_seed_wants_nothing():
    picker = _picker(have=range(4))
    assert picker.left == 0
    assert bytes(picker.have) == b"\1" * 4
    assert picker.pick(ALL, 9) == []
    assert picker.received(Block(0, 0, BLOCK)) is None


def test_what_is_here_or_not_wanted_is_not_asked_for():
    picker = _picker(have=(0,), wanted=(0, 2))
    assert bytes(picker.lacks) == b"\0\0\1\0"
    assert picker.left == 1
    assert picker.pick(ALL, 9) == _blocks(2)
    for block in _blocks(2):
        picker.received(block)
    picker.verified(2)
    assert (picker.left, bytes(picker.have)) == (0, b"\1\0\1\0")
    assert picker.pick(ALL, 9) == []


def test_with_something_here_the_rarest_comes_first_from_the_start():
    for seed in range(20):
        picker = _picker(seed=seed, have=(0,))
        picker.joined(_has(1, 2, 3))
        picker.joined(_has(1, 3))
        assert picker.pick(ALL, 1)[0].piece == 2
