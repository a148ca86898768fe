"""host.folders: each step is taken below the folder before it, and no symbolic link is one."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from host import folders


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root" / "inner").mkdir(parents=True)
    (tmp_path / "root" / "inner" / "file").write_bytes(b"inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"outside")
    descriptor = os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    yield descriptor
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    os.close(descriptor)


def read(root: int, *parts: str) -> bytes:
    file = folders.open_file(root, parts, os.O_RDONLY)
    try:
        return os.read(file, 100)
    finally:
        os.close(file)


def test_a_file_is_opened_step_by_step(root: int) -> None:
    assert read(root, "inner", "file") == b"inside"


def test_missing_folders_are_made_when_asked_for(root: int, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folders.open_file(root, ("a", "b", "c"), os.O_RDWR)
    os.close(folders.open_file(root, ("a", "b", "c"), os.O_RDWR, make=True))
    assert (tmp_path / "root" / "a" / "b" / "c").read_bytes() == b""
    os.close(folders.enter(root, ("a", "b"), make=True))


@pytest.mark.parametrize("way", [("link",), ("link", "file"), ("inner", "link", "file")])
@pytest.mark.parametrize("make", [False, True])
def test_no_link_is_followed(root: int, tmp_path: Path, way: tuple[str, ...], make: bool) -> None:
    (tmp_path / "root" / "link").symlink_to("../outside")
    (tmp_path / "root" / "inner" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError) as caught:
        folders.open_file(root, way, os.O_RDWR, make=make)
    assert caught.value.errno == errno.ELOOP
    assert sorted(os.listdir(tmp_path / "outside")) == ["file"]  # noqa: PTH208


def test_a_link_to_nowhere_makes_nothing_there(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "link").symlink_to("../outside/made")
    with pytest.raises(OSError) as caught:
        folders.open_file(root, ("link",), os.O_RDWR, make=True)
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "outside" / "made").exists()


def test_a_file_on_the_way_is_no_folder(root: int) -> None:
    with pytest.raises(NotADirectoryError):
        folders.enter(root, ("inner", "file"))
    with pytest.raises(NotADirectoryError):
        folders.open_file(root, ("inner", "file", "deeper"), os.O_RDONLY, make=True)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFDIR])
def test_what_is_no_regular_file_is_not_opened_and_never_waited_for(
    root: int, tmp_path: Path, kind: int
) -> None:
    odd = tmp_path / "root" / "odd"
    odd.mkdir() if kind == stat.S_IFDIR else os.mkfifo(odd)
    with pytest.raises(OSError, match="no regular file"):
        folders.open_file(root, ("odd",), os.O_RDONLY)


def test_what_is_there_by_any_name(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "dangling").symlink_to("nowhere")
    assert folders.is_there(root, ("inner", "file"))
    assert folders.is_there(root, ("dangling",))
    assert not folders.is_there(root, ("inner", "absent"))
    assert not folders.is_there(root, ("absent", "absent"))


def test_moving_makes_the_folders_it_needs(root: int, tmp_path: Path) -> None:
    folders.move(root, ("inner", "file"), ("x", "y", "z"))
    assert (tmp_path / "root" / "x" / "y" / "z").read_bytes() == b"inside"
    folders.remove_empty(root, [("inner",), ("x", "y"), ("absent",)])
    assert sorted(os.listdir(root)) == ["x"]


def test_the_folders_on_the_way_to_files() -> None:
    paths = [("a", "b", "1"), ("a", "b", "2"), ("c", "3"), ("4",)]
    assert folders.folders_of(paths) == [("a", "b"), ("a",), ("c",)]


def test_the_top_is_synced_last(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2])  # noqa: PTH115

    monkeypatch.setattr(os, "fsync", fsync)
    folders.sync_folders(root, [("inner",)])
    assert synced == ["inner", "root"]
