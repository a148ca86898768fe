"""Magnet links: what is written comes back, and any text gives a link or a MagnetError."""

import string
import sys
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from p2p.bencode import MEMORY_FLOOR
from p2p.errors import MagnetError
from p2p.magnet import MAX_FILE, MAX_TEXT, Magnet, UpdateMagnet, parse, parse_any

few = settings(max_examples=60, deadline=None)

ports = st.integers(1, 65535)
hosts = (
    st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
    | st.text(string.ascii_letters + string.digits + "-.", min_size=1, max_size=30)
)
ranges = st.tuples(st.integers(0, MAX_FILE), st.integers(0, 500)).map(
    lambda run: (run[0], min(run[0] + run[1], MAX_FILE))
)


@few
@given(
    st.binary(min_size=20, max_size=20),
    st.none() | st.text(min_size=1, max_size=40),
    st.none() | st.integers(0, 2**63 - 1),
    st.lists(st.tuples(hosts, ports), max_size=8).map(tuple),
    st.lists(ranges, max_size=8).map(tuple),
)
def test_magnets_come_back(infohash, name, length, peers, select):
    link = Magnet(infohash, name, length, peers, select)
    assert parse(str(link)) == link


@few
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_links_of_publishers_come_back(key, salt):
    link = UpdateMagnet(key, salt)
    assert parse_any(str(link)) == link


pieces = st.sampled_from(
    [
        "xt=urn:btih:", "xt=urn:btmh:1220", "x.pe=", "xl=", "dn=", "so=", "&", "%", "[", "]:1",
        "a" * 40, "xs=urn:btpk:", "b" * 64, "s=", "0-", "0-9999", "7", ",",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.lists(pieces))
def test_any_text_is_a_magnet_or_refused(text, parts):
    rest = "".join(parts) + text
    topic = f"magnet:?xt=urn:btih:{'0' * 40}&"
    for candidate in (text, "magnet:?" + text, "magnet:?" + rest, topic + rest):
        try:
            link = parse_any(candidate)
        except MagnetError as error:
            assert "\n" not in str(error)
            continue
        assert parse_any(str(link)) == link
        if isinstance(link, UpdateMagnet):
            continue
        assert sum(last - first + 1 for first, last in link.select) <= MAX_FILE + 1


@few
@given(st.lists(pieces | st.text(max_size=6), min_size=1, max_size=6))
def test_memory_stays_within_ten_times_the_link(parts):
    pattern = "".join(parts) or "&"
    start = f"magnet:?xt=urn:btih:{'0' * 40}&"
    text = (start + pattern * MAX_TEXT)[:MAX_TEXT]
    tracemalloc.start()
    try:
        try:
            parse(text)
        except MagnetError:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * sys.getsizeof(text) + MEMORY_FLOOR
