"""central.library.digests: each version is hashed once, and never under another one's name."""

import asyncio
import hashlib
import os
import threading
from pathlib import Path

import pytest
from lab import Lab, RunLab

from central.errors import BusyError, DiskError
from central.library import digests
from central.library.entries import Version
from central.library.library import Library, Opened
from host.clock import Clock


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def opened(library: Library, path: str) -> Opened:
    found = library.open(path)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 3 * 1024 * 1024 + 1])
def test_a_file_is_hashed_once(
    run_lab: RunLab, clock: Clock, root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    data = os.urandom(size)
    (root / "file").write_bytes(data)
    hashed: list[int] = []
    real = digests._hash

    def counted(descriptor: int, *rest: object) -> str | None:
        hashed.append(descriptor)
        return real(descriptor, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(digests, "_hash", counted)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file = opened(library, "file")
        assert library.known_digest(file) is None
        expected = hashlib.sha256(data).hexdigest()
        found = await asyncio.gather(*[library.digest(file) for _ in range(5)])
        assert found == [expected] * 5
        again = opened(library, "file")
        assert library.known_digest(again) == await library.digest(again) == expected
        assert len(hashed) == 1
        # The place in the file is its reader's.
        assert file.file.tell() == 0
        assert file.file.read() == data
        file.close()
        again.close()
        await library.close()

    run_lab(body, clock=clock)


def open_descriptors() -> list[str]:
    """What the descriptors of this process lead to, where that is a file in a directory."""
    links = list(Path("/proc/self/fd").iterdir())
    return sorted(str(link.readlink()) for link in links if link.exists() and link.is_file())


async def turns(number: int) -> None:
    """Let the loop go round that often."""
    for _ in range(number):
        await asyncio.sleep(0)


def hold(monkeypatch: pytest.MonkeyPatch) -> tuple[list[bool], threading.Event]:
    """Files are hashed when the event is set; for each whether it was told to stop before."""
    go, stopped, real = threading.Event(), list[bool](), digests._hash

    def held(descriptor: int, version: Version, stop: threading.Event) -> str | None:
        while not go.is_set() and not stop.wait(0.001):
            pass
        stopped.append(stop.is_set())
        return real(descriptor, version, stop)

    monkeypatch.setattr(digests, "_hash", held)
    return stopped, go


def test_the_file_may_be_closed_while_it_is_hashed(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(5_000_000)
    (root / "file").write_bytes(data)
    _, go = hold(monkeypatch)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file = opened(library, "file")
        digest = asyncio.ensure_future(library.digest(file))
        await turns(3)
        file.close()
        # What takes the number of the descriptor then is not what is hashed.
        with (root / "other").open("wb"):
            go.set()
            assert await digest == hashlib.sha256(data).hexdigest()
        await library.close()

    run_lab(body, clock="real")


@pytest.mark.parametrize("still_open", [True, False])
def test_the_file_may_be_closed_before_if_another_who_waits_has_it_open(
    run_lab: RunLab, clock: Clock, root: Path, still_open: bool
) -> None:
    (root / "file").write_bytes(b"abc")

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        files = [opened(library, "file") for _ in range(3)]
        hashing = [asyncio.ensure_future(library.digest(file)) for file in files]
        await turns(1)
        for file in files[: 2 if still_open else 3]:
            file.close()
        if still_open:
            assert await asyncio.gather(*hashing) == [hashlib.sha256(b"abc").hexdigest()] * 3
        else:
            for each in hashing:
                with pytest.raises(DiskError, match=r"^file: closed before it was hashed$"):
                    await each
        files[2].close()
        await library.close()

    run_lab(body, clock=clock)


def test_strangers_who_leave_take_their_hashing_with_them(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither descriptors nor tasks nor turns stay behind, however many come and go."""
    for number in range(50):
        (root / f"{number}").write_bytes(b"%d" % number)
    (root / "last").write_bytes(b"last")
    stopped, go = hold(monkeypatch)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        before, tasks = open_descriptors(), asyncio.all_tasks()
        files = [opened(library, f"{number}") for number in range(50)]
        hashing = [asyncio.ensure_future(library.digest(file)) for file in files]
        await turns(3)
        # Those that wait for their turn have no descriptor but the one of who asks.
        assert len(open_descriptors()) == len(before) + 50 + digests.AT_A_TIME
        for each, file in zip(hashing, files, strict=True):
            each.cancel()
            file.close()
        await asyncio.wait(hashing)
        while len(stopped) < digests.AT_A_TIME:
            await asyncio.sleep(0.001)
        await turns(5)
        while asyncio.all_tasks() != tasks:
            await asyncio.sleep(0.001)
        assert (stopped, open_descriptors()) == ([True] * digests.AT_A_TIME, before)
        go.set()
        last = opened(library, "last")
        assert await library.digest(last) == hashlib.sha256(b"last").hexdigest()
        last.close()
        await library.close()

    run_lab(body, clock="real")


def test_who_comes_when_the_last_one_has_just_left_has_it_hashed_anew(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(b"abc")
    stopped, go = hold(monkeypatch)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file, before = opened(library, "file"), asyncio.all_tasks()
        first = asyncio.ensure_future(library.digest(file))
        await turns(3)
        tasks = asyncio.all_tasks()
        first.cancel()
        await turns(1)
        second = asyncio.ensure_future(library.digest(file))
        while tasks & asyncio.all_tasks() != before:
            await asyncio.sleep(0.001)
        assert (first.cancelled(), stopped) == (True, [True])
        # The end of the first one is no end of the second, which others may wait for.
        third = asyncio.ensure_future(library.digest(file))
        await turns(3)
        go.set()
        assert await second == await third == hashlib.sha256(b"abc").hexdigest()
        assert stopped == [True, False]
        file.close()
        await library.close()

    run_lab(body, clock="real")


def test_more_than_a_number_are_not_taken_on(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert digests.MOST_PENDING == 256
    monkeypatch.setattr(digests, "MOST_PENDING", 5)
    for name in "abcdef":
        (root / name).write_bytes(name.encode())
    _, go = hold(monkeypatch)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        files = [opened(library, name) for name in "abcdefa"]
        hashing = [asyncio.ensure_future(library.digest(file)) for file in files]
        await turns(3)
        assert [each.done() for each in hashing] == [False] * 5 + [True, False]
        go.set()
        with pytest.raises(
            BusyError, match=r"^f: the server has too many files to hash; try again later$"
        ):
            await hashing[5]
        expected = [hashlib.sha256(name.encode()).hexdigest() for name in "abcdefa"]
        assert [await each for each in hashing[:5] + hashing[6:]] == expected[:5] + expected[6:]
        assert await library.digest(files[5]) == expected[5]
        for file in files:
            file.close()
        await library.close()

    run_lab(body, clock="real")


@pytest.mark.parametrize("how", ["grown", "shrunk", "rewritten"])
def test_a_file_that_changes_while_it_is_hashed_has_no_digest(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (root / "file").write_bytes(bytes(3 * 1024 * 1024))
    real = os.preadv

    def meddle(descriptor: int, buffers: list[memoryview], at: int) -> int:
        if at == 1024 * 1024:
            with (root / "file").open("r+b") as file:
                if how == "shrunk":
                    file.truncate(at)
                else:
                    file.seek(0, os.SEEK_END if how == "grown" else os.SEEK_SET)
                    file.write(b"x")
            os.utime(root / "file", ns=(1, 1))
        return real(descriptor, buffers, at)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file = opened(library, "file")
        with monkeypatch.context() as patched:
            patched.setattr(os, "preadv", meddle)
            with pytest.raises(DiskError, match=r"^file: it changed while it was hashed$"):
                await library.digest(file)
        assert library.known_digest(file) is None
        file.close()
        later = opened(library, "file")
        expected = hashlib.sha256((root / "file").read_bytes()).hexdigest()
        assert await library.digest(later) == expected
        later.close()
        await library.close()

    run_lab(body)


def test_another_version_has_another_digest(run_lab: RunLab, root: Path) -> None:
    (root / "file").write_bytes(b"old")

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        old = opened(library, "file")
        first = await library.digest(old)
        (root / "new").write_bytes(b"new")
        os.utime(root / "new", ns=(0, old.entry.modified_ns))
        (root / "new").rename(root / "file")
        new = opened(library, "file")
        assert library.known_digest(new) is None
        assert library.known_digest(old) == first == hashlib.sha256(b"old").hexdigest()
        assert await library.digest(new) == hashlib.sha256(b"new").hexdigest()
        old.close()
        new.close()
        await library.close()

    run_lab(body)


def test_so_many_are_kept_those_used_last(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        kept = digests.Digests(lab.host("server"), most=2)
        library = Library(lab.host("other"), root)
        for name in "abc":
            (root / name).write_bytes(name.encode())
        files = [opened(library, name) for name in "abc"]
        await kept.of(files[0])
        await kept.of(files[1])
        assert kept.known(files[0].version)
        await kept.of(files[2])
        known = [kept.known(file.version) for file in files]
        assert [digest is not None for digest in known] == [True, False, True]
        for file in files:
            file.close()
        await kept.close()
        await library.close()

    run_lab(body)


def test_who_gives_up_leaves_it_to_the_others(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(b"abc")
    go = threading.Event()
    real = digests._hash

    def held(*args: object) -> str | None:
        go.wait(10)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(digests, "_hash", held)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file = opened(library, "file")
        first = asyncio.ensure_future(library.digest(file))
        second = asyncio.ensure_future(library.digest(file))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert await second == hashlib.sha256(b"abc").hexdigest()
        assert first.cancelled()
        file.close()
        await library.close()

    run_lab(body, clock="real")


def test_a_library_that_closes_stops_hashing(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the file is; those that wait for their turn do not begin."""
    for name in "abcd":
        (root / name).write_bytes(b"abc")
    stopped: list[bool] = []

    def endless(descriptor: int, version: object, stop: threading.Event) -> None:
        stopped.append(stop.wait(10))

    monkeypatch.setattr(digests, "_hash", endless)

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        files = [opened(library, name) for name in "abcd"]
        hashing = [asyncio.ensure_future(library.digest(file)) for file in files]
        for _ in range(5):
            await asyncio.sleep(0)
        await library.close()
        assert stopped == [True, True]
        for task in hashing:
            with pytest.raises(DiskError, match="closed before it was hashed"):
                await task
        for file in files:
            file.close()

    run_lab(body, clock="real")


def test_a_disk_that_gives_nothing(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "file").write_bytes(b"abc")

    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    def none_left(_: int) -> int:
        raise OSError(24, "Too many open files")

    async def body(lab: Lab) -> None:
        library = Library(lab.host("server"), root)
        file = opened(library, "file")
        with monkeypatch.context() as patched:
            patched.setattr(os, "preadv", fail)
            with pytest.raises(DiskError, match=r"^file: Input/output error$"):
                await library.digest(file)
        with monkeypatch.context() as patched:
            patched.setattr(os, "dup", none_left)
            with pytest.raises(BusyError, match=r"^file: the server has too many files open"):
                await library.digest(file)
        assert await library.digest(file) == hashlib.sha256(b"abc").hexdigest()
        file.close()
        await library.close()

    run_lab(body)
