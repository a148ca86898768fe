"""central.library.watching: each change is told once, and only while somebody listens."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import Lab, RunLab

from central.library import scanning, waker, watching
from central.library.library import Change, Library
from host.clock import Clock

Body = Callable[[Library], Awaitable[None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "there before").write_bytes(b"1")
    return root


def with_library(
    run_lab: RunLab, root: Path | None, body: Body, clock: Clock = "virtual"
) -> Library:
    async def run(lab: Lab) -> Library:
        library = Library(lab.host("server"), root, writable=True)
        try:
            await body(library)
        finally:
            await library.close()
        return library

    library: Library = run_lab(run, clock=clock)
    return library


def put(path: Path, data: bytes) -> None:
    """A file that is there at once, as no look can find it half written."""
    path.with_name(".put").write_bytes(data)
    path.with_name(".put").rename(path)


class Heard:
    """What one subscriber was told."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self._came = asyncio.Event()

    def tell(self, change: Change) -> None:
        assert (change.entry is None) == (change.kind == "removed")
        assert change.entry is None or change.entry.path == change.path
        self.changes.append((change.kind, change.path))
        self._came.set()

    async def next(self, count: int = 1) -> list[tuple[str, str]]:
        """The next so many changes, once they have come."""
        while len(self.changes) < count:
            self._came.clear()
            await self._came.wait()
        found, self.changes = self.changes[:count], self.changes[count:]
        return found


@contextmanager
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """Counts the looks at the directory."""
    counted: list[None] = []
    real = scanning.scan

    def scan(root: int) -> scanning.Snapshot | None:
        counted.append(None)
        return real(root)

    with monkeypatch.context() as patched:
        patched.setattr(watching, "scan", scan)
        yield counted


def test_what_happens_on_disk_is_told_once(run_lab: RunLab, clock: Clock, root: Path) -> None:
    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            put(root / "new", b"1")
            assert await heard.next() == [("added", "new")]
            put(root / "new", b"22")
            assert await heard.next() == [("changed", "new")]
            (root / "new").rename(root / "folder" / "renamed")
            assert await heard.next(2) == [("removed", "new"), ("added", "folder/renamed")]
            (root / "made").mkdir()
            put(root / "made" / "inside", b"1")
            assert await heard.next() == [("added", "made/inside")]
            # A folder that was made just now is watched as well.
            put(root / "made" / "later", b"1")
            assert await heard.next() == [("added", "made/later")]
            (root / "made").rename(root / ".made")
            gone = [("removed", "made/inside"), ("removed", "made/later")]
            assert await heard.next(2) == gone
            (root / "there before").unlink()
            assert await heard.next() == [("removed", "there before")]
        assert heard.changes == []

    with_library(run_lab, root, body, clock)


def test_nothing_is_told_of_what_may_not_be_seen(run_lab: RunLab, clock: Clock, root: Path) -> None:
    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            put(root / ".hidden", b"1")
            (root / "link").symlink_to("there before")
            (root / "folder" / "link").symlink_to(root)
            os.mkfifo(root / "pipe")
            put(root / "bad\nname", b"1")
            upload = library.begin_upload("z")
            upload.write(b"1")
            put(root / "last", b"1")
            assert await heard.next() == [("added", "last")]
            upload.discard()
            put(root / "very last", b"1")
            assert await heard.next() == [("added", "very last")]

    with_library(run_lab, root, body, clock)


def test_what_comes_in_is_told_once_also_when_it_is_seen(
    run_lab: RunLab, clock: Clock, root: Path
) -> None:
    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            for number in range(20):
                upload = library.begin_upload(f"up/{number:02}")
                upload.write(b"1")
                upload.commit()
                await asyncio.sleep(0.01)
            put(root / "last", b"1")
            told = await heard.next(21)
        assert told == [("added", f"up/{number:02}") for number in range(20)] + [("added", "last")]
        assert heard.changes == []

    with_library(run_lab, root, body, clock)


@pytest.mark.parametrize("noted", ["before the look is over", "after it"])
def test_an_upload_that_ends_during_a_look_is_told_once(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch, noted: str
) -> None:
    """The look saw what was there before it: that is not a removal."""
    real = scanning.scan

    async def body(library: Library) -> None:
        heard = Heard()
        upload = library.begin_upload("file")
        if noted == "before the look is over":
            upload._tell = lambda change, *_: library._watch.note(change)

        def scan(root: int) -> scanning.Snapshot | None:
            found = real(root)
            upload.commit()
            monkeypatch.undo()
            return found

        with library.subscribed(heard.tell):
            await library.settled()
            monkeypatch.setattr(watching, "scan", scan)
            await asyncio.sleep(30)
        assert heard.changes == [("added", "file")]

    with_library(run_lab, root, body)


def test_what_is_published_is_told_and_what_it_covers_is_not(
    run_lab: RunLab, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"1")

    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            await library.publish(tmp_path / "file")
            assert heard.changes == [("added", "file")]
            put(root / "file", b"covered")
            await asyncio.sleep(10)
            (root / "file").unlink()
            await asyncio.sleep(10)
            await library.publish(tmp_path / "file")
            await asyncio.sleep(10)
        assert heard.changes == [("added", "file"), ("changed", "file")]

    with_library(run_lab, root, body)


def test_without_a_directory_only_publications_are_told(run_lab: RunLab, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")

    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            await library.publish(tmp_path / "file")
        await library.publish(tmp_path / "file")
        assert heard.changes == [("added", "file")]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_library(run_lab, None, body)


def test_it_looks_only_while_somebody_is_subscribed(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(library: Library) -> None:
        first, second = Heard(), Heard()
        with looks(monkeypatch) as counted:
            await asyncio.sleep(10)
            assert len(counted) == 0
            with library.subscribed(first.tell):
                with library.subscribed(second.tell):
                    await library.settled()
                    put(root / "a", b"1")
                    await asyncio.sleep(1.5)
                put(root / "b", b"1")
                await asyncio.sleep(1)
                assert len(counted) == 3
            put(root / "c", b"1")
            await asyncio.sleep(10)
            assert len(counted) == 3
            # It begins anew: what came while nobody listened is no news.
            with library.subscribed(second.tell):
                await asyncio.sleep(1.5)
                assert len(counted) == 5
        assert first.changes == [("added", "a"), ("added", "b")]
        assert second.changes == [("added", "a")]

    with_library(run_lab, root, body)


def test_closing_under_the_eyes_of_subscribers(run_lab: RunLab, clock: Clock, root: Path) -> None:
    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            await library.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            put(root / "new", b"1")
            await asyncio.sleep(0.2)
        assert heard.changes == []

    with_library(run_lab, root, body, clock)


def test_closing_at_once(run_lab: RunLab, clock: Clock, root: Path) -> None:
    async def body(library: Library) -> None:
        with library.subscribed(lambda change: None):
            await asyncio.sleep(0)

    with_library(run_lab, root, body, clock)


def test_a_directory_of_very_many_names_is_not_looked_at_again(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "scan", lambda folder: scanning.scan(folder, 1))

    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            put(root / "unnoticed", b"1")
            await asyncio.sleep(10)
            library.begin_upload("told").commit()
            await asyncio.sleep(10)
        assert heard.changes == [("added", "told")]

    with_library(run_lab, root, body)


def test_a_look_that_fails_tells_nothing_wrong(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(library: Library) -> None:
        heard = Heard()

        def fail(_: int) -> None:
            raise OSError(24, "Too many open files")

        with library.subscribed(heard.tell):
            await library.settled()
            with monkeypatch.context() as patched:
                patched.setattr(watching, "scan", fail)
                put(root / "new", b"1")
                await asyncio.sleep(5)
                assert heard.changes == []
            await asyncio.sleep(2)
        assert heard.changes == [("added", "new")]

    with_library(run_lab, root, body)


def test_where_the_kernel_cannot_tell_it_is_looked_every_while(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may hold all of the watches (fs.inotify.max_user_watches)."""
    asked: list[int] = []

    def refuse(*_: object) -> None:
        asked.append(1)
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(waker, "_listen", refuse)
    monkeypatch.setattr(waker, "POLL_S", 0.02)

    async def body(library: Library) -> None:
        heard = Heard()
        with library.subscribed(heard.tell):
            await library.settled()
            for name in ("a", "b"):
                put(root / name, b"1")
                assert await heard.next() == [("added", name)]
        assert len(asked) >= 2

    with_library(run_lab, root, body, "real")


def test_a_quiet_directory_is_left_alone(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading wakes nobody, nor does what comes in before it has its name."""
    monkeypatch.setattr(waker, "_BEGIN_MS", 50)

    async def body(library: Library) -> None:
        heard = Heard()
        with looks(monkeypatch) as counted, library.subscribed(heard.tell):
            await library.settled()
            while len(counted) < 2:  # once more when the kernel listens
                await asyncio.sleep(0.01)
            for _ in range(100):
                opened = library.open("there before")
                assert opened is not None
                opened.file.read()
                opened.close()
            upload = library.begin_upload("later")
            upload.write(b"1")
            await asyncio.sleep(0.2)
            assert len(counted) == 2
            upload.discard()

    with_library(run_lab, root, body, "real")
