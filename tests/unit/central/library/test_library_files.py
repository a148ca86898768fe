"""central.library: what is opened and listed of a directory, and of what was published."""

import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from attacks import GOOD, LINKS, LOCKED, SECRET, Attacked
from lab import Lab, RunLab

from central.errors import BusyError, DiskError
from central.library import scanning
from central.library.library import Entry, Library
from host import folders


@pytest.fixture
def attacked(tmp_path: Path) -> Attacked:
    (tmp_path / "attacked").mkdir()
    return Attacked.build(tmp_path / "attacked")


Body = Callable[[Library], Awaitable[None]]


def with_library(run_lab: RunLab, root: Path | None, body: Body) -> None:
    async def run(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        try:
            await body(library)
        finally:
            await library.close()

    run_lab(run)


def content(library: Library, path: str) -> bytes | None:
    opened = library.open(path)
    if opened is None:
        return None
    try:
        return opened.file.read()
    finally:
        opened.close()


def test_every_good_path_is_opened_and_no_other(run_lab: RunLab, attacked: Attacked) -> None:
    async def body(library: Library) -> None:
        assert {path: content(library, path) for path in attacked.readable} == attacked.readable
        assert [path for path in attacked.paths if library.open(path) is not None] == []

    with_library(run_lab, attacked.root, body)
    attacked.assert_untouched()


def test_a_listing_shows_what_can_be_opened_and_nothing_else(
    run_lab: RunLab, attacked: Attacked
) -> None:
    async def body(library: Library) -> None:
        files: list[Entry] = []
        due = [""]
        while due:
            entries = library.listing(due.pop())
            assert entries is not None
            assert [entry.path for entry in entries] == sorted(entry.path for entry in entries)
            inner = [entry for entry in entries if entry.path.endswith("/")]
            assert [entry.size for entry in inner] == [0] * len(inner)
            due += [entry.path[:-1] for entry in inner]
            files += [entry for entry in entries if not entry.path.endswith("/")]
        sizes = {entry.path: entry.size for entry in files}
        assert sizes == {path: len(data) for path, data in attacked.readable.items()}
        for entry in files:
            opened = library.open(entry.path)
            assert opened is not None
            assert (opened.entry, opened.entry.etag) == (entry, entry.etag)
            opened.close()

    with_library(run_lab, attacked.root, body)


@pytest.mark.parametrize(
    "path",
    ["absent", "good.txt", "/", "folder/", "..", ".git", "pipe", "folder/..", "link-here", *LINKS],
)
def test_what_is_no_folder_has_no_listing(run_lab: RunLab, attacked: Attacked, path: str) -> None:
    async def body(library: Library) -> None:
        assert library.listing(path) is None
        assert not library.is_folder(path)

    with_library(run_lab, attacked.root, body)


def test_a_folder_is_known_without_a_look_at_what_is_in_it(
    run_lab: RunLab, attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        raise AssertionError("this takes long")

    monkeypatch.setattr(os, "scandir", look)

    async def body(library: Library) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for path in ("", "folder", "folder/in a", "漢字", "/".join(["d"] * 63)):
            assert library.is_folder(path)
        assert not any(library.is_folder(path) for path in attacked.readable)
        assert [path for path in attacked.paths if library.is_folder(path)] == ["", "folder"]
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    with_library(run_lab, attacked.root, body)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it_is_not_there(
    run_lab: RunLab, attacked: Attacked
) -> None:
    async def body(library: Library) -> None:
        assert library.open(LOCKED) is None
        assert LOCKED not in [entry.path for entry in library.listing() or ()]

    with_library(run_lab, attacked.root, body)


def test_a_file_that_may_not_be_read_is_not_listed(
    run_lab: RunLab, attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda name, *_, **__: name not in ("good.txt", "folder"))

    async def body(library: Library) -> None:
        names = [entry.path for entry in library.listing() or ()]
        assert "same.txt" in names
        assert not {"good.txt", "folder/"} & set(names)

    with_library(run_lab, attacked.root, body)


def test_a_folder_that_becomes_a_link_on_the_way_leads_nowhere(
    run_lab: RunLab, attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: the way to the folder was taken, the file in it was not."""
    step = folders._step

    def exchange(folder: int, part: str, flags: int) -> int:
        if part == "secret.txt":
            inner = attacked.root / "exchanged"
            inner.rename(attacked.root / "moved away")
            inner.symlink_to(attacked.outside)
        return step(folder, part, flags)

    async def body(library: Library) -> None:
        (attacked.root / "exchanged").mkdir()
        (attacked.root / "exchanged" / "secret.txt").write_bytes(b"harmless")
        monkeypatch.setattr(folders, "_step", exchange)
        assert content(library, "exchanged/secret.txt") == b"harmless"
        monkeypatch.undo()
        assert content(library, "exchanged/secret.txt") is None

    with_library(run_lab, attacked.root, body)


def test_the_directory_stays_the_same_when_it_is_moved(run_lab: RunLab, attacked: Attacked) -> None:
    async def body(library: Library) -> None:
        attacked.root.rename(attacked.root.with_name("elsewhere"))
        attacked.root.symlink_to(attacked.outside)
        assert content(library, "good.txt") == GOOD["good.txt"]
        assert content(library, "secret.txt") is None

    with_library(run_lab, attacked.root, body)


@pytest.mark.parametrize(
    ("number", "error", "line"),
    [
        (errno.EMFILE, BusyError, "good.txt: the server has too many files open; try again later"),
        (errno.ENFILE, BusyError, "good.txt: the server has too many files open; try again later"),
        (errno.EIO, DiskError, "good.txt: Input/output error"),
    ],
)
def test_a_server_in_trouble_does_not_say_that_a_file_is_gone(
    run_lab: RunLab,
    attacked: Attacked,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    error: type[Exception],
    line: str,
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number), str(attacked.root))

    async def body(library: Library) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(folders, "_step", fail)
            with pytest.raises(error) as caught:
                library.open("good.txt")
            assert str(caught.value) == line
            with pytest.raises(error):
                library.listing("folder")
            with pytest.raises(error):
                library.is_folder("folder")
        assert content(library, "good.txt") == GOOD["good.txt"]

    with_library(run_lab, attacked.root, body)


def test_a_folder_of_very_many_is_shown_in_part(
    run_lab: RunLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(20):
        (root / f"{number}").touch()
    monkeypatch.setattr("central.library.library.MOST_LISTED", 7)

    async def body(library: Library) -> None:
        entries = library.listing()
        assert entries is not None
        assert len(entries) == 7

    with_library(run_lab, root, body)
    assert scanning.MOST_LISTED == 10_000


def test_an_empty_library(run_lab: RunLab) -> None:
    async def body(library: Library) -> None:
        assert library.open("a") is None
        assert library.listing() == []
        assert library.listing("a") is None
        assert library.is_folder("")
        assert not library.is_folder("a")

    with_library(run_lab, None, body)


@pytest.mark.parametrize("what", ["absent", "file"])
def test_a_root_that_is_no_directory(run_lab: RunLab, tmp_path: Path, what: str) -> None:
    (tmp_path / "file").touch()

    async def body(lab: Lab) -> None:
        with pytest.raises(DiskError, match=f"{what}: .* expected a directory"):
            Library(lab.host("server"), tmp_path / what)

    run_lab(body)


def test_a_closed_library_has_nothing(run_lab: RunLab, attacked: Attacked) -> None:
    async def body(library: Library) -> None:
        await library.close()
        assert library.open("good.txt") is None
        assert library.listing() is None
        assert library.listing("folder") is None
        assert not library.is_folder("")
        assert not library.is_folder("folder")

    with_library(run_lab, attacked.root, body)


# ---- what is published


def test_what_is_published_comes_first(run_lab: RunLab, attacked: Attacked) -> None:
    async def body(library: Library) -> None:
        entry, digest = await library.publish(attacked.outside / "secret.txt")
        assert (entry.path, entry.size) == ("secret.txt", len(SECRET))
        assert digest == "ddd90b2d0b951246668dbceb03b8e7497abea190d9b87cc51eb973ac2f61a00d"
        assert content(library, "secret.txt") == SECRET
        (attacked.root / "folder.d").mkdir()
        (attacked.outside / "folder.d").write_bytes(b"1")
        (attacked.outside / "good.txt").write_bytes(b"12")
        await library.publish(attacked.outside / "folder.d")
        await library.publish(attacked.outside / "good.txt")
        assert content(library, "good.txt") == b"12"
        assert content(library, "folder/same.txt") == GOOD["folder/same.txt"]
        sizes = {entry.path: entry.size for entry in library.listing() or ()}
        assert (sizes["good.txt"], sizes["secret.txt"], sizes["folder.d"]) == (2, len(SECRET), 1)
        assert "folder.d/" not in sizes

    with_library(run_lab, attacked.root, body)


def test_what_is_published_may_be_a_link_for_the_operator_said_so(
    run_lab: RunLab, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")

    async def body(library: Library) -> None:
        entry, _ = await library.publish(tmp_path / "link")
        assert entry.path == "link"
        assert content(library, "link") == b"abc"
        (tmp_path / "file").unlink()
        assert library.open("link") is None
        assert library.listing() == []

    with_library(run_lab, None, body)


def test_what_cannot_be_published(run_lab: RunLab, tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    os.mkfifo(tmp_path / "pipe")

    async def body(library: Library) -> None:
        with pytest.raises(FileNotFoundError):
            await library.publish(tmp_path / "absent")
        with pytest.raises(OSError, match="no regular file"):
            await library.publish(tmp_path / "pipe")
        with pytest.raises(OSError, match="no regular file"):
            await library.publish(tmp_path)
        with pytest.raises(DiskError, match="a file of that name cannot be asked for"):
            await library.publish(tmp_path / ".hidden")
        assert library.listing() == []

    with_library(run_lab, None, body)


def test_an_entity_tag_names_a_version(run_lab: RunLab, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    file = root / "file"
    file.write_bytes(b"old")
    os.utime(file, ns=(1, 1))

    async def body(library: Library) -> None:
        def tag() -> str:
            opened = library.open("file")
            assert opened is not None
            opened.close()
            return opened.entry.etag

        first = tag()
        assert len(first) == 16
        assert int(first, 16) >= 0
        assert tag() == first
        os.utime(file, ns=(1, 2))
        changed = tag()
        os.utime(file, ns=(1, 1))
        assert tag() == first
        # As archives are unpacked: the same length, the same time, other bytes.
        (root / "new").write_bytes(b"new")
        os.utime(root / "new", ns=(1, 1))
        (root / "new").rename(file)
        assert len({first, changed, tag()}) == 3

    with_library(run_lab, root, body)
