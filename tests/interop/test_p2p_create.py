"""What `p2p create` writes, as libtorrent and aria2 read it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from interop.stage import FILE, FILES, FOLDER, SIZE, Kind, make
from programs import needs, needs_module


def made(tmp_path: Path, kind: Kind) -> tuple[Path, str]:
    """A torrent made on the command line, and the infohash that it told."""
    source = make(tmp_path, kind)
    torrent = tmp_path / "it.torrent"
    done = subprocess.run(
        [sys.executable, "-m", "p2p.cli", "create", source, "--output", torrent],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"^infohash +([0-9a-f]{40})$", done.stdout, re.MULTILINE)
    assert found is not None
    return torrent, found[1]


def expected(kind: Kind) -> list[tuple[str, int]]:
    if kind == "file":
        return [(FILE, SIZE)]
    return [(f"{FOLDER}/{name}", FILES[name]) for name in sorted(FILES)]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_libtorrent_reads_it(tmp_path: Path, kind: Kind) -> None:
    lt = needs_module("libtorrent")
    torrent, infohash = made(tmp_path, kind)
    found = lt.torrent_info(lt.bdecode(torrent.read_bytes()))
    files = found.layout()
    names = [(files.file_path(i), files.file_size(i)) for i in range(files.num_files())]
    assert str(found.info_hashes().v1) == infohash
    assert (found.name(), found.total_size()) == (FILE if kind == "file" else FOLDER, SIZE)
    assert names == expected(kind)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_aria2_reads_it(tmp_path: Path, kind: Kind) -> None:
    aria2 = needs("aria2c")
    torrent, infohash = made(tmp_path, kind)
    done = subprocess.run(
        [aria2, "--no-conf", "-S", torrent], check=True, capture_output=True, text=True
    )
    said = dict(re.findall(r"^([A-Z][\w ]+): (.*)$", done.stdout, re.MULTILINE))
    assert said["Info Hash"] == infohash
    assert said["Name"] == (FILE if kind == "file" else FOLDER)
    assert said["Mode"] == ("single" if kind == "file" else "multi")
    assert said["Total Length"].endswith(f"({SIZE:,})")
    files = re.findall(r"^ *\d+\|\./(.*)\n +\|.*\(([\d,]+)\)$", done.stdout, re.MULTILINE)
    assert [(name, int(size.replace(",", ""))) for name, size in files] == expected(kind)
