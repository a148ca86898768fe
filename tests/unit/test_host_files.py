"""host.files: a file has its name when it is whole, and leaves nothing behind when it is not."""

import os
from pathlib import Path

import pytest

from host.files import PartialFile


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "file")
    part.file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file.part"]
    assert part.commit() == tmp_path / "file"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"
    part.discard()
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_it_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file.part").write_bytes(b"left over from a crash, and longer")
    part = PartialFile(tmp_path / "file")
    part.file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    part.commit()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "file")
    part.file.write(b"half")
    part.discard()
    part.discard()
    assert list(tmp_path.iterdir()) == []
    assert part.file.closed


def test_data_then_name_then_folder_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, list[str]]] = []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((str(target), sorted(path.name for path in tmp_path.iterdir())))

    monkeypatch.setattr(os, "fsync", fsync)
    part = PartialFile(tmp_path / "file")
    part.file.write(b"data")
    part.commit()
    assert synced == [(str(tmp_path / "file.part"), ["file.part"]), (str(tmp_path), ["file"])]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_commit_that_fails_can_be_discarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    part = PartialFile(tmp_path / "file")
    if failing == "fsync":

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
    else:
        (tmp_path / "file").mkdir()
    with pytest.raises(OSError):
        part.commit()
    part.discard()
    assert not (tmp_path / "file.part").exists()
    assert part.file.closed


def test_a_full_disk_does_not_keep_the_part(tmp_path: Path) -> None:
    """What is still in Python's buffer can't be written at the close either."""
    part = PartialFile(tmp_path / "file")
    with Path("/dev/full").open("r+b", buffering=0) as full:
        os.dup2(full.fileno(), part.file.fileno())
    part.file.write(b"x")
    with pytest.raises(OSError, match="No space left"):
        part.commit()
    part.discard()
    assert list(tmp_path.iterdir()) == []
    assert part.file.closed
