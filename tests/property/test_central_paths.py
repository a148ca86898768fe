"""central.paths: whatever text comes, a way that stays inside or none."""

from unicodedata import category

import attacks
from hypothesis import example, given
from hypothesis import strategies as st

from central.paths import MAX_DEPTH, MAX_NAME, MAX_PATH, parse_path

PIECES = st.sampled_from(
    ["/", "..", ".", "\\", "\0", "a", "é", "%2e", "~", " ", "\n", "\x7f", "\x85", "\ud800", "C:"]
)
PATHS = st.text() | st.lists(PIECES, max_size=200).map("".join)


@given(PATHS)
@example("a" * (MAX_NAME + 1))
@example("/".join("a" * (MAX_DEPTH + 1)))
def test_a_path_is_its_names_or_nothing(path: str) -> None:
    names = parse_path(path)
    if names is None:
        return
    assert "/".join(names) == path
    assert len(path.encode()) <= MAX_PATH
    assert 1 <= len(names) <= MAX_DEPTH
    for name in names:
        assert name
        assert name[0] != "."
        assert not set(name) & set("/\\")
        assert not {category(letter) for letter in name} & {"Cc", "Cs"}
        assert len(name.encode()) <= MAX_NAME


@given(PATHS, PATHS)
def test_a_path_is_plain_when_its_parts_are(first: str, second: str) -> None:
    joined = parse_path(f"{first}/{second}")
    one, two = parse_path(first), parse_path(second)
    if joined is not None:
        assert (one or ()) + (two or ()) == joined
    elif one is not None and two is not None:
        assert len(one) + len(two) > MAX_DEPTH or len(f"{first}/{second}".encode()) > MAX_PATH


@given(st.sampled_from(attacks.PATHS), st.sampled_from(attacks.PATHS))
def test_an_attack_below_an_attack_is_one(first: str, second: str) -> None:
    both = parse_path(f"{first}/{second}")
    assert both is None or (parse_path(first) is not None and parse_path(second) is not None)
