"""central.library.changes and .scanning: what is there, and what differs from before."""

import os
from pathlib import Path

import pytest
from attacks import Attacked

from central.library import scanning
from central.library.changes import diff
from central.library.entries import Change, Entry
from central.library.scanning import Snapshot, scan
from host import folders


def entry(path: str, size: int = 1, modified_ns: int = 1, inode: int = 1) -> Entry:
    return Entry(path=path, size=size, modified_ns=modified_ns, inode=inode)


def named(*entries: Entry) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


def look(root: Path, most: int = scanning.MOST_SCANNED) -> Snapshot | None:
    folder = os.open(root, os.O_RDONLY)
    try:
        return scan(folder, most)
    finally:
        os.close(folder)


def test_nothing_happened() -> None:
    assert list(diff({}, {})) == []
    assert list(diff(named(entry("a")), named(entry("a")))) == []


@pytest.mark.parametrize(
    "later", [entry("b", size=2), entry("b", modified_ns=2), entry("b", inode=2)]
)
def test_what_went_and_what_came_and_what_is_another_version(later: Entry) -> None:
    before = named(entry("z"), entry("a"), entry("b"), entry("same"))
    after = named(entry("d"), entry("same"), entry("c"), later)
    assert list(diff(before, after)) == [
        Change(kind="removed", path="a", entry=None),
        Change(kind="removed", path="z", entry=None),
        Change(kind="changed", path="b", entry=later),
        Change(kind="added", path="c", entry=entry("c")),
        Change(kind="added", path="d", entry=entry("d")),
    ]


def test_a_scan_finds_what_may_be_seen(tmp_path: Path) -> None:
    attacked = Attacked.build(tmp_path)
    found = look(attacked.root)
    assert found is not None
    sizes = {path: entry.size for path, entry in found.files.items()}
    assert sizes == {path: len(data) for path, data in attacked.readable.items()}
    assert found.folders == sorted(
        [
            (),
            ("folder",),
            ("folder", "in a"),
            ("漢字",),
            *[("d",) * depth for depth in range(1, 65)],
        ]
    )


def test_a_scan_of_very_many_names_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for number in range(4):
        (tmp_path / "inner" / f"{number}").touch()
    (tmp_path / ".hidden").touch()  # it costs as much as another one
    found = look(tmp_path, 6)
    assert found is not None
    assert sorted(found.files) == ["inner/0", "inner/1", "inner/2", "inner/3"]
    assert look(tmp_path, 5) is None


@pytest.mark.parametrize("number", [13, 2])
def test_a_folder_that_is_gone_or_closed_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "file").touch()
    refuse(monkeypatch, number)
    found = look(tmp_path)
    assert found is not None
    assert (list(found.files), found.folders) == (["file"], [()])


@pytest.mark.parametrize("number", [24, 5])
def test_a_scan_that_cannot_tell_does_not_say_that_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "inner").mkdir()
    refuse(monkeypatch, number)
    with pytest.raises(OSError):
        look(tmp_path)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Folders below the top cannot be opened."""

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folders, "_step", fail)
