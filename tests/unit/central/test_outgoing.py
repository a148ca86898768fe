"""central.outgoing: regular files are opened, and nothing else, without waiting for anyone."""

import os
from pathlib import Path

import pytest
from conftest import descriptors

from central.errors import DiskError
from central.outgoing import open_to_send


def test_a_file_comes_open_and_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    file, size = open_to_send(path)
    with file:
        assert (size, file.read(), file.name) == (7, b"content", path)


def test_what_is_no_file_is_refused_at_once_and_stays_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "shut").write_bytes(b"")
    (tmp_path / "link").symlink_to("none")
    before = descriptors()
    for name, reason in (
        ("none", "No such file or directory"),
        ("link", "No such file or directory"),
        ("pipe", "is no regular file"),
        (".", "is no regular file"),
        ("a\0b", "embedded null byte"),
    ):
        path = tmp_path / name
        with pytest.raises(DiskError) as caught:
            open_to_send(path)
        assert str(caught.value) == f"{path}: {reason}"
    assert descriptors() == before
