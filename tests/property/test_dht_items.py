"""Items under any order of puts, against a model, and signatures under any change."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2p.bencode import encode
from p2p.dht.items import KEPT_S, OLD, Items, Mutable, public_key, sign, target_of

values = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=20) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=6,
)
secrets = st.binary(min_size=32, max_size=32)
salts = st.binary(max_size=64)
numbers = st.integers(0, 2**63 - 1)


@settings(max_examples=60)
@given(secrets, numbers, values, salts)
def test_what_is_signed_is_genuine_and_lies_where_it_is_looked_for(secret, seq, value, salt):
    item = sign(secret, seq, value, salt)
    assert item.genuine
    assert item.target == target_of(public_key(secret), salt)


@settings(max_examples=100)
@given(secrets, numbers, values, salts, st.data())
def test_any_bit_that_changes_breaks_the_signature(secret, seq, value, salt, data):
    item = sign(secret, seq, value, salt)
    field = data.draw(st.sampled_from(["key", "value", "signature", "salt"]))
    old = bytearray(getattr(item, field))
    if old:
        bit = data.draw(st.integers(0, 8 * len(old) - 1))
        old[bit // 8] ^= 1 << bit % 8
        assert not replace(item, **{field: bytes(old)}).genuine
    assert not replace(item, seq=data.draw(numbers.filter(lambda other: other != seq))).genuine


SECRETS = [bytes([number]) * 32 for number in range(3)]


class Kept(RuleBasedStateMachine):
    """Versions of three keys' items are put in any order while time goes on."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.items = Items(bytes(20))
        self.model: dict[bytes, tuple[Mutable, float]] = {}

    @rule(seconds=st.sampled_from([1.0, KEPT_S / 2, KEPT_S]))
    def wait(self, seconds):
        self.now += seconds

    @rule(secret=st.sampled_from(SECRETS), seq=st.integers(0, 3), text=st.sampled_from("ab"))
    def put(self, secret, seq, text):
        item = sign(secret, seq, text)
        there, put_at = self.model.get(item.target, (None, 0.0))
        alive = there is not None and self.now - put_at < KEPT_S
        older = alive and (seq, encode(text)) != (there.seq, there.value) and seq <= there.seq
        assert self.items.put(item, None, self.now) == (OLD if older else None)
        if not older:
            self.model[item.target] = item, self.now

    @rule(secret=st.sampled_from(SECRETS), seq=st.integers(0, 9))
    def forge(self, secret, seq):
        item = replace(sign(secret, seq, "forged"), seq=seq + 1)
        assert self.items.put(item, None, self.now) is not None

    @invariant()
    def what_was_put_last_is_there_until_it_expires(self):
        for target, (item, put_at) in self.model.items():
            expected = item if self.now - put_at < KEPT_S else None
            assert self.items.get(target, self.now) == expected


TestKept = Kept.TestCase
TestKept.settings = settings(max_examples=50, stateful_step_count=20)
