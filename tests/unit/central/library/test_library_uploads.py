"""central.library.uploads: a file that comes in is there when it is whole, and only inside."""

import asyncio
import errno
import fcntl
import hashlib
import os
import random
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from attacks import GOOD, HIDDEN, LINKS, PIPE, Attacked
from lab import Lab, RunLab

from central.errors import CorruptError, DeniedError
from central.library import uploads
from central.library.library import Change, Entry, Library
from central.paths import parse_path
from host.clock import Clock

Body = Callable[[Library], Awaitable[None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def with_library(
    run_lab: RunLab, root: Path, body: Body, *, writable: bool = True, clock: Clock = "virtual"
) -> None:
    async def run(lab: Lab) -> None:
        library = Library(lab.host("server"), root, writable=writable)
        try:
            await body(library)
        finally:
            await library.close()

    run_lab(run, clock=clock)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below the root, hidden ones too."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_file_is_there_when_it_is_whole(run_lab: RunLab, root: Path) -> None:
    async def body(library: Library) -> None:
        upload = library.begin_upload("folder/inner/file")
        upload.write(b"one ")
        upload.write(memoryview(b"two"))
        assert library.open("folder/inner/file") is None
        assert library.listing() == []
        assert list(tree(root).values()) == [b"one two"]
        assert library.open(*tree(root)) is None  # not by its hidden name either
        entry = upload.commit(hashlib.sha256(b"one two").hexdigest())
        assert (entry.path, entry.size) == ("folder/inner/file", 7)
        upload.discard()
        assert tree(root) == {"folder/inner/file": b"one two"}
        opened = library.open("folder/inner/file")
        assert opened is not None
        assert (opened.entry, opened.entry.etag) == (entry, entry.etag)
        await asyncio.sleep(0)
        assert library.known_digest(opened) == hashlib.sha256(b"one two").hexdigest()
        opened.close()

    with_library(run_lab, root, body)


def test_an_empty_file(run_lab: RunLab, root: Path) -> None:
    async def body(library: Library) -> None:
        assert library.begin_upload("file").commit().size == 0

    with_library(run_lab, root, body)
    assert tree(root) == {"file": b""}


def test_it_takes_the_place_of_an_older_one(run_lab: RunLab, root: Path) -> None:
    (root / "file").write_bytes(b"the older one")

    async def body(library: Library) -> None:
        old = library.open("file")
        assert old is not None
        upload = library.begin_upload("file")
        upload.write(b"new")
        assert (root / "file").read_bytes() == b"the older one"
        upload.commit()
        # Who was reading the older one reads it to its end.
        assert old.file.read() == b"the older one"
        old.close()

    with_library(run_lab, root, body)
    assert tree(root) == {"file": b"new"}


def test_of_two_the_last_to_commit_has_the_name(run_lab: RunLab, root: Path) -> None:
    async def body(library: Library) -> None:
        first, second = library.begin_upload("file"), library.begin_upload("file")
        for _ in range(100):
            first.write(b"1")
            second.write(b"22")
        second.commit()
        assert tree(root)["file"] == b"22" * 100
        first.commit()
        assert tree(root) == {"file": b"1" * 100}

    with_library(run_lab, root, body)


def test_other_bytes_than_announced_are_not_taken(run_lab: RunLab, root: Path) -> None:
    (root / "file").write_bytes(b"old")

    async def body(library: Library) -> None:
        upload = library.begin_upload("file")
        upload.write(b"abd")
        with pytest.raises(CorruptError, match=r"^file: its SHA-256 is not ba7816bf"):
            upload.commit(hashlib.sha256(b"abc").hexdigest())
        upload.discard()

    with_library(run_lab, root, body)
    assert tree(root) == {"file": b"old"}


def test_what_is_discarded_leaves_nothing(run_lab: RunLab, root: Path) -> None:
    async def body(library: Library) -> None:
        upload = library.begin_upload("a/b/file")
        upload.write(b"half")
        upload.discard()
        upload.discard()
        for call in (lambda: upload.write(b"x"), upload.commit):
            with pytest.raises(OSError, match="the upload is over"):
                call()
        assert list(root.iterdir()) == []

    with_library(run_lab, root, body)


def test_discarding_does_not_wait_for_a_write_nor_take_its_file_away(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go = threading.Event(), threading.Event()
    real = os.write
    written: list[str] = []

    def slow(descriptor: int, data: memoryview) -> int:
        if len(data) == 4:
            inside.set()
            go.wait(10)
            written.append(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115
        return real(descriptor, data)

    async def body(library: Library) -> None:
        upload = library.begin_upload("file")
        monkeypatch.setattr(os, "write", slow)
        writing = asyncio.ensure_future(asyncio.to_thread(upload.write, b"data"))
        while not inside.is_set():
            await asyncio.sleep(0.001)
        upload.discard()
        go.set()
        await writing
        assert [Path(path).parent for path in written] == [root]
        assert list(root.iterdir()) == []

    with_library(run_lab, root, body, clock="real")


def test_bytes_then_name_then_folders_reach_the_disk(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        name = "part" if target.is_file() else str(target.relative_to(root))
        synced.append((name, (root / "a" / "b" / "file").exists()))

    async def body(library: Library) -> None:
        upload = library.begin_upload("a/b/file")
        upload.write(b"x")
        monkeypatch.setattr(os, "fsync", fsync)
        upload.commit()

    with_library(run_lab, root, body)
    assert synced == [("part", False), ("a/b", True), ("a", True), (".", True)]


@pytest.mark.parametrize("failing", ["write", "fsync", "rename"])
def test_a_disk_that_refuses(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    (root / "file").write_bytes(b"old")

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def body(library: Library) -> None:
        upload = library.begin_upload("file")
        with monkeypatch.context() as patched:
            patched.setattr(os, failing, full)
            with pytest.raises(OSError, match="No space left"):
                upload.write(b"x")
                upload.commit()
        upload.discard()

    with_library(run_lab, root, body)
    assert tree(root) == {"file": b"old"}


# ---- who may put what where


def test_nothing_is_put_where_nothing_may_be(run_lab: RunLab, root: Path) -> None:
    async def body(library: Library) -> None:
        for path in ("file", "../file", ""):
            with pytest.raises(DeniedError) as caught:
                library.begin_upload(path)
            assert caught.value.known

    with_library(run_lab, root, body, writable=False)

    async def without_directory(lab: Lab) -> None:
        library = Library(lab.host("another"), writable=True)
        with pytest.raises(DeniedError, match="nothing may be put there"):
            library.begin_upload("file")
        await library.close()

    run_lab(without_directory)


def test_no_attack_is_written(run_lab: RunLab, tmp_path: Path) -> None:
    (tmp_path / "attacked").mkdir()
    attacked = Attacked.build(tmp_path / "attacked")
    denied = []

    async def body(library: Library) -> None:
        for path in attacked.paths:
            try:
                upload = library.begin_upload(path)
            except DeniedError as error:
                assert error.known
                denied.append(path)
                continue
            upload.write(b"attack")
            upload.commit()

    with_library(run_lab, attacked.root, body)
    attacked.assert_untouched()
    assert {path for path in attacked.paths if parse_path(path) is None} <= set(denied)
    assert {"folder", PIPE, "good.txt/inside", *LINKS, *HIDDEN} <= set(denied)
    assert {path for path in denied if path.startswith("link-")} == {
        path for path in attacked.paths if path.startswith("link-")
    }
    assert {path: (attacked.root / path).read_bytes() for path in GOOD} == GOOD


@pytest.mark.parametrize("what", ["link", "folder", "link on the way", "file on the way"])
def test_what_takes_the_place_meanwhile_is_not_replaced(
    run_lab: RunLab, root: Path, tmp_path: Path, what: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    async def body(library: Library) -> None:
        upload = library.begin_upload("a/file")
        upload.write(b"x")
        if what == "link on the way":
            (root / "a").symlink_to(outside)
        elif what == "file on the way":
            (root / "a").write_bytes(b"old")
        else:
            (root / "a").mkdir()
            if what == "link":
                (root / "a" / "file").symlink_to(outside / "made")
            else:
                (root / "a" / "file").mkdir()
        with pytest.raises(DeniedError):
            upload.commit()
        upload.discard()

    with_library(run_lab, root, body)
    assert list(outside.iterdir()) == []
    assert [path.name for path in root.iterdir()] == ["a"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_directory_that_takes_nothing(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    async def body(library: Library) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(uploads, "_make", refuse)
            with pytest.raises(DeniedError, match=r"^file: nothing may be put there$"):
                library.begin_upload("file")

    with_library(run_lab, root, body)


def test_what_is_published_is_not_hidden_by_an_upload(
    run_lab: RunLab, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"published")

    async def body(library: Library) -> None:
        await library.publish(tmp_path / "file")
        with pytest.raises(DeniedError, match="nothing may be put there"):
            library.begin_upload("file")

    with_library(run_lab, root, body)


# ---- what others have left, and who is told


def test_what_a_killed_server_left_is_removed_and_what_comes_in_is_not(
    run_lab: RunLab, root: Path
) -> None:
    """The lock of a process that was killed is free (flock(2))."""
    left = ".upload-0123456789abcdef"
    theirs = [".upload-0123456789abcde", ".upload-notes", "upload-0123456789abcdef"]
    for name in (left, *theirs):
        (root / name).write_bytes(b"x")
    (root / ".upload-00000000000000aa").symlink_to(theirs[0])
    (root / ".upload-00000000000000bb").mkdir()
    theirs += [".upload-00000000000000aa", ".upload-00000000000000bb"]

    async def body(lab: Lab) -> None:
        reader = Library(lab.host("reader"), root)
        assert sorted(os.listdir(root)) == sorted([left, *theirs])  # noqa: PTH208
        server = Library(lab.host("server"), root, writable=True)
        assert sorted(os.listdir(root)) == sorted(theirs)  # noqa: PTH208
        upload = server.begin_upload("file")
        upload.write(b"x")
        another = Library(lab.host("another"), root, writable=True)
        upload.commit()
        assert sorted(os.listdir(root)) == sorted(["file", *theirs])  # noqa: PTH208
        for library in (reader, server, another):
            await library.close()

    run_lab(body)


def test_a_name_that_another_server_removes_is_not_written_to(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that starts may take a file whose writer has yet to lock it for a leftover."""
    real = fcntl.flock
    folder = os.open(root, os.O_RDONLY)
    removed: list[list[str]] = []

    def late(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        removed.append(os.listdir(root))  # noqa: PTH208
        uploads.remove_leftovers(folder)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    name, file = uploads._make(folder, random.Random(1))
    assert len(removed[0]) == 1
    assert os.listdir(root) == [name] != removed[0]  # noqa: PTH208
    os.close(file)
    os.close(folder)


def test_subscribers_are_told_at_once_of_what_comes_in(run_lab: RunLab, root: Path) -> None:
    (root / "old").write_bytes(b"x")
    told: list[Change] = []

    async def body(library: Library) -> None:
        with library.subscribed(told.append):
            await library.settled()
            now = asyncio.get_running_loop().time()
            for path in ("new", "old"):
                upload = library.begin_upload(path)
                upload.write(b"12")
                entry = upload.commit()
                await asyncio.sleep(0)
                assert told[-1].entry == entry
            assert asyncio.get_running_loop().time() == now
            # The watch sees them later, which is no news.
            await asyncio.sleep(10)

    with_library(run_lab, root, body)
    assert [(change.kind, change.path) for change in told] == [("added", "new"), ("changed", "old")]


def test_one_upload_at_a_time_looks_at_what_it_replaces(run_lab: RunLab, root: Path) -> None:
    """And has the name before the next one looks."""
    seen: list[tuple[str, int | None]] = []
    looking = threading.Event()

    async def body(library: Library) -> None:
        async def commit(name: str, size: int) -> None:
            upload = library.begin_upload("file")
            upload.write(bytes(size))

            def check(there: Entry | None) -> None:
                seen.append((name, None if there is None else there.size))
                if not looking.is_set():
                    looking.set()
                    threading.Event().wait(0.1)  # the other one has time to get ahead
                if there is not None:
                    raise LookupError(name)

            try:
                await asyncio.to_thread(upload.commit, None, check)
            finally:
                upload.discard()

        both = await asyncio.gather(commit("one", 1), commit("two", 2), return_exceptions=True)
        (winner, nothing), (loser, size) = seen
        assert (nothing, size) == (None, {"one": 1, "two": 2}[winner])
        assert {winner, loser} == {"one", "two"}
        assert [type(result) for result in both if result] == [LookupError]
        assert list(tree(root)) == ["file"]

    with_library(run_lab, root, body, clock="real")
