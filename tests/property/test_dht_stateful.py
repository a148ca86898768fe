"""The DHT's pure deciders against models, under any order of events."""

import random
from itertools import groupby

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from p2p.dht.lookup import ALPHA, Lookup
from p2p.dht.messages import Contact, Reply
from p2p.dht.routing import BAD_AFTER, QUIET_S, K, RoutingTable, distance
from p2p.dht.tokens import ROLL_S, Tokens

OWN = bytes(20)
# Few ids in few places, so that buckets fill, ids move and addresses change hands.
node_ids = st.tuples(st.sampled_from([0x80, 0x81, 0x40, 0x02, 0x01, 0]), st.integers(0, 11)).map(
    lambda pair: bytes([pair[0], *bytes(18), pair[1]])
)
addresses = st.integers(1, 40).map(lambda number: (f"10.0.0.{number}", 6881))
contacts = st.builds(Contact, node_ids, addresses)


class Table(RuleBasedStateMachine):
    """Nodes ask, answer and fail while time goes on; the model keeps what each did last."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.table = RoutingTable(OWN, self.now)
        self.answered_as = {}
        self.failures = {}
        self.invited = []
        self.rng = random.Random(1)

    @rule(seconds=st.sampled_from([0.0, 1.0, QUIET_S / 2, QUIET_S]))
    def wait(self, seconds):
        self.now += seconds

    @rule(contact=contacts)
    def answer(self, contact):
        self._answered(contact)

    @rule(crowd=st.lists(contacts, min_size=5, max_size=20))
    def answer_all(self, crowd):
        for contact in crowd:
            self._answered(contact)

    def _answered(self, contact):
        silent = self.table.answered(contact, self.now)
        self.answered_as.setdefault(contact.address, set()).add(contact.id)
        self.failures[contact] = 0
        self.invited = [each for each in self.invited if each.address != contact.address]
        if silent is not None:
            # Only one who is silent is to be asked, and not for a place that is free.
            assert silent in self.nodes()
            assert contact not in self.nodes()

    @rule(contact=contacts)
    def ask(self, contact):
        before = self.nodes()
        if self.table.heard(contact, self.now):
            assert contact not in before
            assert contact.address not in [each.address for each in self.invited]
            self.invited.append(contact)
        assert self.nodes() == before

    @precondition(lambda self: self.invited)
    @rule(answers=st.booleans(), data=st.data())
    def settle_ping(self, answers, data):
        contact = self.invited.pop(data.draw(st.integers(0, len(self.invited) - 1)))
        if answers:
            self._answered(contact)
        else:
            self.table.failed(contact)

    @precondition(lambda self: len(self.table))
    @rule(data=st.data(), times=st.integers(1, BAD_AFTER))
    def fail(self, data, times):
        contact = data.draw(st.sampled_from(self.nodes()))
        for _ in range(times):
            self.table.failed(contact)
            self.failures[contact] = self.failures.get(contact, 0) + 1
        if self.failures[contact] >= BAD_AFTER:
            assert contact not in self.nodes()

    @rule()
    def keep_up(self):
        target = self.table.stale(self.now, self.rng)
        assert target is None or len(target) == 20
        silent = self.table.doubtful(self.now)
        assert silent is None or silent in self.nodes()

    def nodes(self):
        return self.table.closest(OWN, 10_000)

    @invariant()
    def only_who_answered_is_in(self):
        for contact in self.nodes():
            assert contact.id in self.answered_as[contact.address]
            assert contact.id != OWN

    @invariant()
    def an_id_and_an_address_are_in_once(self):
        nodes = self.nodes()
        assert len(nodes) == len(self.table)
        assert len({contact.id for contact in nodes}) == len(nodes)
        assert len({contact.address for contact in nodes}) == len(nodes)

    @invariant()
    def no_distance_but_the_nearest_has_more_than_a_bucketful(self):
        bits = sorted(distance(contact.id, OWN).bit_length() for contact in self.nodes())
        assert all(len(list(group)) <= K for _, group in groupby(bits))

    @invariant()
    def the_closest_are_sorted_and_none_is_nearer(self):
        target = bytes([0x81, *bytes(19)])
        by_distance = sorted(self.nodes(), key=lambda contact: distance(contact.id, target))
        assert self.table.closest(target) == by_distance[:K]


class Search(RuleBasedStateMachine):
    """A lookup among nodes that answer with any others, or not, in any order."""

    @initialize(seeds=st.lists(st.integers(1, 60), max_size=12))
    def begin(self, seeds):
        self.heard_of = set(seeds)
        self.under_way = []
        self.asked = set()
        self.answered = set()
        self.failed = set()
        self.lookup = Lookup(OWN, b"\xff" * 20, map(self._node, seeds))

    def _node(self, number):
        return Contact(number.to_bytes(20, "big"), (f"10.0.0.{number}", 6881))

    @rule()
    def go_on(self):
        for contact in self.lookup.next():
            number = int.from_bytes(contact.id, "big")
            assert number in self.heard_of
            assert number not in self.asked
            nearer = [n for n in self.heard_of - self.failed if n < number]
            assert len(nearer) < K
            self.asked.add(number)
            self.under_way.append(number)
        assert len(self.under_way) <= ALPHA

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), named=st.none() | st.lists(st.integers(1, 60), max_size=8))
    def settle(self, data, named):
        number = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        if named is None:
            self.lookup.failed(self._node(number))
            self.failed.add(number)
        else:
            nodes = tuple(map(self._node, named))
            reply = Reply(b"aa", self._node(number).id, nodes, (), bytes([number]))
            self.lookup.answered(self._node(number), reply)
            self.answered.add(number)
            self.heard_of |= set(named)

    @invariant()
    def the_closest_are_those_that_answered(self):
        if hasattr(self, "lookup"):
            closest = sorted(self.answered)[:K]
            assert self.lookup.closest() == [self._node(number) for number in closest]
            assert self.lookup.tokens() == [(self._node(n), bytes([n])) for n in closest]

    def teardown(self):
        """However it went, it ends, and no live node heard of is nearer than those found."""
        if not hasattr(self, "lookup"):
            return
        while True:
            for number in self.under_way:
                self.lookup.answered(self._node(number), Reply(b"aa", self._node(number).id))
                self.answered.add(number)
            self.under_way = [int.from_bytes(node.id, "big") for node in self.lookup.next()]
            if not self.under_way:
                break
        assert sorted(self.answered)[:K] == sorted(self.heard_of - self.failed)[:K]


class TokenWindow(RuleBasedStateMachine):
    """Tokens are handed out and given back at any time, by anyone."""

    @initialize(seed=st.integers(0, 9))
    def begin(self, seed):
        self.now = 0.0
        self.tokens = Tokens(random.Random(seed))
        self.given = []

    @rule(seconds=st.floats(0, 2 * ROLL_S))
    def wait(self, seconds):
        self.now += seconds

    @rule(
        address=st.sampled_from(["10.0.0.1", "10.0.0.11"]), infohash=st.sampled_from([b"h", b"i"])
    )
    def give(self, address, infohash):
        token = self.tokens.make(address, infohash * 20, self.now)
        self.given.append((token, address, infohash, self.now))

    @precondition(lambda self: self.given)
    @rule(
        data=st.data(),
        address=st.sampled_from(["10.0.0.1", "10.0.0.11"]),
        infohash=st.sampled_from([b"h", b"i"]),
    )
    def give_back(self, data, address, infohash):
        token, owner, torrent, then = data.draw(st.sampled_from(self.given))
        fresh = self.now // ROLL_S - then // ROLL_S <= 1
        accepted = self.tokens.accepts(token, address, infohash * 20, self.now)
        assert accepted == (fresh and (owner, torrent) == (address, infohash))


for machine in (Table, Search, TokenWindow):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestTable, TestSearch, TestTokenWindow = Table.TestCase, Search.TestCase, TokenWindow.TestCase
