"""What happened between two looks at a directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from central.library.entries import Change, Entry


def diff(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[Change]:
    """Each file that is gone, then each that came or is another version now; sorted by path.

    A file that was renamed is removed and added.
    """
    for path in sorted(before.keys() - after.keys()):
        yield Change(kind="removed", path=path, entry=None)
    for path, entry in sorted(after.items()):
        old = before.get(path)
        if old is None:
            yield Change(kind="added", path=path, entry=entry)
        elif not entry.is_version(old):
            yield Change(kind="changed", path=path, entry=entry)
