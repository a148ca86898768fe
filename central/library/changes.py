"""What happened between two looks at a directory, here or at a server's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import eq
from typing import TypeVar

from central.library.entries import Change, Entry

T = TypeVar("T")


def changes_between(
    before: Mapping[str, T],
    after: Mapping[str, T],
    entry: Callable[[T], Entry],
    same: Callable[[T, T], bool] = eq,
) -> Iterator[Change]:
    """Each file that is gone, then each that came or is not the `same` any more; sorted by path.

    A file that was renamed is removed and added.  `entry` makes a file's entry of what is known of
    it.
    """
    for path in sorted(before.keys() - after.keys()):
        yield Change(kind="removed", path=path, entry=None)
    for path, now in sorted(after.items(), key=lambda item: item[0]):
        if path not in before:
            yield Change(kind="added", path=path, entry=entry(now))
        elif not same(now, before[path]):
            yield Change(kind="changed", path=path, entry=entry(now))


def diff(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[Change]:
    """The changes between two looks of the library itself, which knows each version."""
    return changes_between(before, after, lambda entry: entry, Entry.is_version)
