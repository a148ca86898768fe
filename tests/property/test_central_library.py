"""central.library: whatever is asked for, only what is inside is given; and no change is missed."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from attacks import GOOD, HIDDEN, LINKS, SECRET, Attacked
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab

from central.errors import DeniedError
from central.library.changes import diff
from central.library.entries import Change, Entry
from central.library.library import Library
from host.clock import run


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    built = Attacked.build(tmp_path_factory.mktemp("attacked"))
    yield built
    built.assert_untouched()


def with_library(root: Path, body: Callable[[Library], Awaitable[None]]) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(Path(folder))
            library = Library(lab.host("server"), root, writable=True)
            try:
                await body(library)
            finally:
                await library.close()
                await lab.network.close()

    run(main())


OURS = sorted({name for path in [*GOOD, *LINKS, *HIDDEN] for name in path.split("/")})
ODD = ["..", ".", "", "outside", "root", "secret.txt", "etc", "passwd", "\0", "\\", "0"]
NAMES = st.sampled_from(OURS + ODD)
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join) | st.text()


@given(st.lists(PATHS, min_size=1, max_size=20))
def test_only_what_is_inside_is_opened(attacked: Attacked, paths: list[str]) -> None:
    async def body(library: Library) -> None:
        for path in paths:
            opened = library.open(path)
            assert (opened is not None) == (path in attacked.readable)
            if opened is not None:
                assert opened.file.read() == attacked.readable[path] != SECRET
                opened.close()

    with_library(attacked.root, body)


@given(st.lists(PATHS, min_size=1, max_size=20))
def test_only_what_is_inside_is_listed(attacked: Attacked, paths: list[str]) -> None:
    async def body(library: Library) -> None:
        for path in paths:
            for entry in library.listing(path) or ():
                assert entry.path.startswith(f"{path}/" if path else "")
                assert entry.path.endswith("/") or entry.path in attacked.readable

    with_library(attacked.root, body)


@pytest.fixture(scope="module")
def writable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A directory of its own, on a disk that syncs at once."""
    built = Attacked.build(tmp_path_factory.mktemp("writable"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield built
    built.assert_untouched()


@given(st.lists(PATHS, min_size=1, max_size=10))
def test_only_inside_is_written(writable: Attacked, paths: list[str]) -> None:
    async def body(library: Library) -> None:
        for path in paths:
            try:
                upload = library.begin_upload(path)
            except DeniedError:
                continue
            upload.write(path.encode())
            upload.commit()
            assert (writable.root / path).read_bytes() == path.encode()

    with_library(writable.root, body)
    writable.assert_untouched()


ENTRIES = st.builds(
    Entry,
    path=st.sampled_from("abcdef"),
    size=st.integers(0, 2),
    modified_ns=st.integers(0, 2),
    inode=st.integers(0, 2),
)
SNAPSHOTS = st.lists(ENTRIES).map(lambda entries: {entry.path: entry for entry in entries})


@given(SNAPSHOTS, SNAPSHOTS)
def test_changes_lead_from_one_look_to_the_next(
    before: dict[str, Entry], after: dict[str, Entry]
) -> None:
    changes = list(diff(before, after))
    assert len({change.path for change in changes}) == len(changes)
    replayed = dict(before)
    for change in changes:
        assert (change.kind == "added") == (change.path not in replayed)
        if change.entry is None:
            del replayed[change.path]
        else:
            assert not change.entry.is_version(replayed.get(change.path))
            replayed[change.path] = change.entry
    assert replayed == after
    assert [replayed[path].inode for path in after] == [entry.inode for entry in after.values()]


PLACES = st.sampled_from(["a", "b", "d/a", "d/e/a", ".hidden", "d/.hidden"])
DEEDS = st.tuples(st.sampled_from(["write", "upload", "remove", "wait", "drop"]), PLACES)


@given(st.lists(DEEDS, max_size=15))
@settings(max_examples=50)
def test_who_follows_the_changes_knows_what_is_there(deeds: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a").write_bytes(b"1")

        async def body(library: Library) -> None:
            known: dict[str, Entry] = {}

            def tell(change: Change) -> None:
                assert change.entry is None or not change.entry.is_version(known.get(change.path))
                if change.entry is None:
                    del known[change.path]
                else:
                    known[change.path] = change.entry

            with library.subscribed(tell):
                await library.settled()
                known.update(files(library))
                for deed, place in deeds:
                    await do(library, root, deed, place)
                await asyncio.sleep(3)
            assert known == files(library)

        with_library(root, body)


def files(library: Library, path: str = "") -> dict[str, Entry]:
    """Every file that is listed."""
    found: dict[str, Entry] = {}
    for entry in library.listing(path) or ():
        if entry.path.endswith("/"):
            found |= files(library, entry.path[:-1])
        else:
            found[entry.path] = entry
    return found


async def do(library: Library, root: Path, deed: str, place: str) -> None:
    """One thing that happens, by our own hand or by others'."""
    path = root / place
    if deed == "wait":
        await asyncio.sleep(0.7)
    elif deed == "drop":
        shutil.rmtree(root / "d", ignore_errors=True)
    elif deed == "remove":
        path.unlink(missing_ok=True)
    elif deed == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"written")
    elif "." not in place:
        upload = library.begin_upload(place)
        upload.write(b"uploaded")
        upload.commit()
        await asyncio.sleep(0)
