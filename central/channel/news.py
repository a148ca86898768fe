"""Changes on their way to a listener, and what they make of the files that it knows. Pure."""

from __future__ import annotations

from typing import Literal

from central.channel.frames import Item
from central.library.library import Change, Entry

MOST_NEWS = 4096
"""Files whose changes may wait for a client that does not read; inotify(7) queues 16,384."""


class News:
    """Changes that wait to be told, at most one for each file: the later ones take in the earlier.

    Who reads too slowly hears of fewer steps, never of a wrong end.
    """

    def __init__(self, folder: str = "") -> None:
        """Of the files below that folder."""
        self._prefix = f"{folder}/" if folder else ""
        self._waiting: dict[str, Change] = {}

    def add(self, change: Change) -> bool:
        """Take a change in; False when too many wait already."""
        if not change.path.startswith(self._prefix):
            return True
        earlier = self._waiting.pop(change.path, None)
        merged = change if earlier is None else _merge(earlier, change)
        if merged is not None:
            self._waiting[change.path] = merged
        return len(self._waiting) <= MOST_NEWS

    def take(self) -> Change | None:
        """What is to be told next, the oldest first; None when there is nothing."""
        for path in self._waiting:
            return self._waiting.pop(path)
        return None


def _merge(earlier: Change, later: Change) -> Change | None:
    """Two changes of one file as one; None when nothing is left of them."""
    if later.kind == "removed":
        return None if earlier.kind == "added" else later
    kind: Literal["added", "changed"] = "added" if earlier.kind == "added" else "changed"
    return Change(kind=kind, path=later.path, entry=later.entry)


def note(known: dict[str, Item], path: str, item: Item | None) -> Change | None:
    """Bring `known` up to date, and say what is new in it; None when it is known already."""
    before = known.pop(path, None)
    if item is None:
        return None if before is None else Change(kind="removed", path=path, entry=None)
    known[path] = item
    if before == item:
        return None
    return Change(kind="added" if before is None else "changed", path=path, entry=entry_of(item))


def entry_of(item: Item) -> Entry:
    """A file as a client knows it."""
    return Entry(path=item.path, size=item.size, modified_ns=item.modified_ns)
