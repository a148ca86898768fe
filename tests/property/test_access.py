"""Properties of central.access: logs that nobody forges, rates and limits that hold."""

import re
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from central.access.log import Request, format_line
from central.access.pace import Bucket, stretch
from central.access.store import Store
from central.access.uses import Uses
from central.errors import CentralError

ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates included
QUOTED = r'"((?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*)"'
LINE = re.compile(
    rf"([!-~]+) - ([!-~]+) \[02/Jan/2026:03:04:05 \+0000\] {QUOTED} (\d+) (-|\d+) {QUOTED} {QUOTED}"
)


def unescaped(text: str) -> bytes:
    """What was escaped, as a reader of the log gets it back."""
    found = re.compile(r'\\(?:x([0-9a-f]{2})|(["\\]))')
    plain = found.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], text)
    return plain.encode("latin-1")


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, st.integers(0, 2**40))
def test_a_line_of_the_log_is_one_line_and_tells_what_was_sent(
    address: str, user: str, line: str, referer: str, agent: str, sent: int
) -> None:
    text = format_line(
        Request(
            address=address,
            user=user,
            date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            line=line,
            status=404,
            sent=sent,
            referer=referer,
            agent=agent,
        )
    )
    match = LINE.fullmatch(text)
    assert match is not None
    assert [unescaped(match[number]) for number in (3, 6, 7)] == [
        encoded(field) for field in (line, referer, agent)
    ]
    assert [unescaped(match[number]) for number in (1, 2)] == [
        encoded(field) or b"-" for field in (address, user)
    ]
    assert (match[4], match[5]) == ("404", str(sent) if sent else "-")


@given(
    st.floats(1, 1e9),
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 1 << 24)), min_size=1, max_size=30),
)
def test_nobody_gets_more_than_the_rate_and_a_burst(
    rate: float, wishes: list[tuple[float, int]]
) -> None:
    bucket = Bucket(rate)
    now, sent = 0.0, list[tuple[float, int]]()
    for rest, size in wishes:
        now += rest
        earned = bucket.earned(size, now)
        bucket.spend(earned)
        now = max(now, earned)
        sent.append((now, size))
    for first, (begin, size) in enumerate(sent):
        total = 0
        for when, each in sent[first:]:
            total += each
            # A piece that is larger than the burst goes at once when it has been earned.
            allowed = rate * (when - begin) + max(bucket.burst, size)
            assert total <= allowed * (1 + 1e-9)


@given(st.floats(1, 1e9), st.lists(st.integers(1, 1 << 24), min_size=1, max_size=30))
def test_nobody_waits_longer_than_the_rate_asks_for(rate: float, sizes: list[int]) -> None:
    bucket = Bucket(rate)
    now = 7.0
    for size in sizes:
        earned = bucket.earned(size, now)
        bucket.spend(earned)
        now = max(now, earned)
    owed = max(0.0, sum(sizes) - bucket.burst) / rate
    assert abs(now - 7.0 - owed) <= 1e-9 * (1 + owed)


@given(st.floats(1, allow_nan=False), st.integers(0, 9999), st.integers(1, 1 << 30))
def test_a_stretch_is_never_empty_nor_too_long(rate: float, sharers: int, most: int) -> None:
    assert min(most, 1024) <= stretch(rate, sharers, most) <= most


SHARES = st.floats(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), SHARES),
        st.tuples(st.just("end"), SHARES),
        st.tuples(st.just("write"), st.just(0.0)),
    ),
    max_size=60,
)


@given(st.integers(1, 4), STEPS)
def test_no_trick_gets_more_than_one_file_beyond_the_limit(
    limit: int, steps: list[tuple[str, float]]
) -> None:
    uses, under_way, sent = Uses(limit, 0.0), list[float](), 0.0
    for step, amount in steps:
        if step == "begin":
            if uses.begin(amount):
                under_way.append(amount)
        elif step == "end" and under_way:
            share = under_way.pop(0)
            sent += share * amount
            uses.refund(share - share * amount)
        elif step == "write":
            uses.wrote(uses.unwritten)
        assert abs(uses.used - sent - sum(under_way)) < 1e-9
        assert uses.used <= limit + 1


@given(st.integers(1, 5), st.lists(st.integers(0, 10_000), max_size=40), st.integers(1, 10_000))
def test_a_download_in_parts_counts_as_one(limit: int, cuts: list[int], size: int) -> None:
    edges = sorted({0, size, *(cut for cut in cuts if cut < size)})
    uses = Uses(limit, 0.0)
    for _ in range(limit):
        for start, end in pairwise(edges):
            # Asked for to the end of the file, broken off at `end`.
            assert uses.begin((size - start) / size)
            uses.refund((size - end) / size)
    assert not uses.begin(1 / size)


def test_parts_that_miss_a_whole_by_rounding_are_a_whole() -> None:
    uses = Uses(1, 0.0)
    assert all(uses.begin(0.1) for _ in range(10))
    assert uses.used < 1.0
    assert not uses.begin(0.1)


def test_shares_out_of_range_count_as_the_nearest_in_it() -> None:
    uses = Uses(2, 0.0)
    assert uses.begin(-5.0)
    assert uses.begin(7.0)
    uses.refund(-1.0)
    assert uses.used == 1.0


@cache
def token_file() -> bytes:
    """A sound one, with two grants."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "tokens", create=True)
        store.grant("bob", token="a", now=1.0, expires=9.0, rate=4096.0, downloads=3)
        store.grant("alice", token="b", now=1.0)
        return store.path.read_bytes()


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_damaged_token_file_is_read_or_refused_in_one_line(
    damage: list[tuple[int, int]],
) -> None:
    data = bytearray(token_file())
    for place, value in damage:
        data[place % len(data)] = value
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokens"
        path.write_bytes(data)
        try:
            with closing(Store(path)) as store:
                assert store.news() == store.grants()
                store.add_uses({store.grants()[0].digest: 1.0})
                store.revoke("bob", now=2.0)
        except CentralError as error:
            assert len(str(error).splitlines()) == 1
