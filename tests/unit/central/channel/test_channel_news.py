"""Changes that wait, taken together; and what they make of the files that are known."""

from hypothesis import given
from hypothesis import strategies as st

from central.channel.frames import Item
from central.channel.news import MOST_NEWS, News, entry_of, note
from central.channel.writer import FRAME_MIN, next_size
from central.library.changes import changes_between
from central.library.library import Change


def item(path: str, version: int) -> Item:
    return Item(path, version, version, str(version))


def change(path: str, before: int | None, after: int | None) -> Change:
    kind = "removed" if after is None else "changed" if before is not None else "added"
    entry = None if after is None else entry_of(item(path, after))
    return Change(kind=kind, path=path, entry=entry)  # type: ignore[arg-type, unused-ignore]


def told(news: News) -> list[tuple[str, str]]:
    changes = []
    while (each := news.take()) is not None:
        changes.append((each.kind, each.path))
    return changes


def test_in_the_order_of_the_last_change() -> None:
    news = News()
    for path in "abca":
        news.add(change(path, 1, 2))
    assert told(news) == [("changed", "b"), ("changed", "c"), ("changed", "a")]
    assert told(news) == []


def test_too_many_wait() -> None:
    news = News()
    assert all(news.add(change(str(number), None, 1)) for number in range(MOST_NEWS))
    assert news.add(change("0", 1, 2))
    assert not news.add(change("one more", None, 1))


steps = st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(1, 3), st.booleans()))


@given(steps)
def test_who_hears_late_knows_the_same_in_the_end(
    steps: list[tuple[str, int | None, bool]],
) -> None:
    files: dict[str, Item] = {}
    known: dict[str, Item] = {}
    news = News()

    def tell() -> None:
        while (each := news.take()) is not None:
            there = None if each.entry is None else item(each.path, each.entry.size)
            new = note(known, each.path, there)
            if each.kind != "changed":
                assert new == each

    for path, version, reads in steps:
        before = files.pop(path, None)
        if before is None and version is None:
            continue
        if version is not None:
            files[path] = item(path, version)
        news.add(change(path, before and before.size, version))
        if reads:
            tell()
    tell()
    assert known == files


versions = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3))


@given(versions, versions)
def test_a_comparison_says_all_and_nothing_else(
    before: dict[str, int], after: dict[str, int]
) -> None:
    old, new = ({path: item(path, n) for path, n in x.items()} for x in (before, after))
    changes = list(changes_between(old, new, entry_of))
    gone = sorted(before.keys() - after.keys())
    rest = sorted(path for path in after if before.get(path) != after[path])
    assert [each.path for each in changes] == gone + rest
    for each in changes:
        expected = change(each.path, before.get(each.path), after.get(each.path))
        assert each == expected


def test_a_frame_is_as_long_as_a_tenth_of_a_second_allows() -> None:
    assert next_size(FRAME_MIN, 0.01) == 2 * FRAME_MIN
    assert next_size(2**20, 0.01) == 2**20
    assert next_size(2**20, 0.1) == 2**20
    assert next_size(2**20, 0.3) == 2**19
    assert next_size(FRAME_MIN, 5) == FRAME_MIN
