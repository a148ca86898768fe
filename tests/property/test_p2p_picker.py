"""The picker against a model of its books, under any order of events."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p2p.picker import Block, Picker
from p2p.wire import BLOCK

SIZES = [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7]
MATES = 3


class PickerBooks(RuleBasedStateMachine):
    """Peers come, gain pieces, are asked, answer, fail and go; the model keeps sets."""

    @initialize(
        sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=6), seed=st.integers(0, 99)
    )
    def begin(self, sizes, seed):
        self.sizes = sizes
        wanted = bytearray(b"\1" * len(sizes))
        self.picker = Picker(bytearray(len(sizes)), wanted, sizes.__getitem__, random.Random(seed))
        self.blocks = {
            Block(index, at, min(BLOCK, size - at))
            for index, size in enumerate(sizes)
            for at in range(0, size, BLOCK)
        }
        self.here = set()
        self.mates = {}
        self.asked = {name: set() for name in range(MATES)}
        self.verified = set()

    def _askers(self, block):
        return [name for name, asked in self.asked.items() if block in asked]

    def _missing(self):
        return self.blocks - self.here

    # ---- rules

    @rule(name=st.integers(0, MATES - 1), data=st.data())
    def join_or_leave(self, name, data):
        if name in self.mates:
            self.picker.left_swarm(self.mates.pop(name))
            self._give_back(name)
        else:
            flags = st.lists(st.booleans(), min_size=len(self.sizes), max_size=len(self.sizes))
            self.mates[name] = bytearray(data.draw(flags))
            self.picker.joined(self.mates[name])

    @precondition(lambda self: self.mates)
    @rule(data=st.data())
    def gain(self, data):
        has = self.mates[data.draw(st.sampled_from(sorted(self.mates)))]
        index = data.draw(st.integers(0, len(self.sizes) - 1))
        if not has[index]:
            has[index] = 1
            self.picker.gained(index)

    @precondition(lambda self: self.mates)
    @rule(data=st.data(), count=st.integers(0, 5))
    def pick(self, data, count):
        name = data.draw(st.sampled_from(sorted(self.mates)))
        free = {block for block in self._missing() if not self._askers(block)}
        there = {block for block in free if self.mates[name][block.piece]}
        picks = self.picker.pick(self.mates[name], count)
        assert len(picks) == len(set(picks)) == min(count, len(there))
        assert set(picks) <= there
        self.asked[name] |= set(picks)

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data())
    def ask_again(self, data):
        block = data.draw(st.sampled_from(sorted(set().union(*self.asked.values()))))
        idle = [name for name in self.mates if block not in self.asked[name]]
        if idle:
            self.picker.ask_again(block)
            self.asked[idle[0]].add(block)

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data())
    def receive(self, data):
        block = data.draw(st.sampled_from(sorted(set().union(*self.asked.values()))))
        self._receive(block)

    def _receive(self, block):
        askers = self._askers(block)
        self.here.add(block)
        whole = not any(missing.piece == block.piece for missing in self._missing())
        assert self.picker.received(block) == (whole, len(askers))
        for name in askers:
            self.asked[name].discard(block)
        if whole:
            self.picker.verified(block.piece)
            self.verified.add(block.piece)

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def receive_a_second_time(self, data):
        assert self.picker.received(data.draw(st.sampled_from(sorted(self.here)))) is None

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data())
    def last_block_of_a_bad_piece(self, data):
        index = data.draw(
            st.sampled_from(sorted({b.piece for a in self.asked.values() for b in a}))
        )
        rest = sorted(block for block in self._missing() if block.piece == index)
        if all(self._askers(block) for block in rest):
            for block in rest[:-1]:
                self._receive(block)
            askers = self._askers(rest[-1])
            assert self.picker.received(rest[-1]) == (True, len(askers))
            for name in askers:
                self.asked[name].discard(rest[-1])
            self.picker.failed(index)
            self.here -= {block for block in self.here if block.piece == index}

    @rule(name=st.integers(0, MATES - 1))
    def give_back(self, name):
        self._give_back(name)

    def _give_back(self, name):
        self.picker.returned(sorted(self.asked[name]))
        self.asked[name].clear()

    # ---- what always holds

    @invariant()
    def books_agree(self):
        if not hasattr(self, "picker"):
            return
        count = len(self.sizes)
        expected = [sum(has[index] for has in self.mates.values()) for index in range(count)]
        assert self.picker.availability == expected
        assert self.picker.left == count - len(self.verified)
        assert bytes(self.picker.have) == bytes(index in self.verified for index in range(count))
        assert self.picker.all_asked == all(self._askers(block) for block in self._missing())

    def teardown(self):
        """Whatever happened, one peer that has all brings the rest, each block once."""
        if not hasattr(self, "picker"):
            return
        for name in range(MATES):
            self._give_back(name)
        while picks := self.picker.pick(bytearray(b"\1" * len(self.sizes)), 2):
            self.asked[0] |= set(picks)
            for block in picks:
                self._receive(block)
        assert self.here == self.blocks
        assert not self.picker.left


PickerBooks.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPickerBooks = PickerBooks.TestCase
