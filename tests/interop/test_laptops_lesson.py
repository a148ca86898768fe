"""The README's lesson with the class's own laptops: its commands, on addresses of this machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LESSON = (
    (Path(__file__).parent.parent.parent / "README.md")
    .read_text(encoding="utf-8")
    .partition("\n## With the class's own laptops\n")[2]
    .partition("\n## ")[0]
)
SERVE, SHARE, GET, GET_LINK, GET_PEERS = re.findall(r"^(?:central|p2p) .*$", LESSON, re.MULTILINE)

TEACHER, STUDENTS = "127.0.77.1", ("127.0.77.2", "127.0.77.3")
LATE = "127.0.77.4"
"""Each is one laptop; the lesson's students listen at all of theirs, which other tests use too."""

DEADLINE_S = 30.0


def words(command: str, here: str = TEACHER) -> list[str]:
    """A command of the lesson, for the laptop `here`."""
    command = command.partition(" | tee ")[0].replace("192.168.0.10", TEACHER)
    program, *rest = shlex.split(command.replace("0.0.0.0", here))
    return [sys.executable, "-m", f"{program}.cli", *rest, "--quiet"]


@contextmanager
def going(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that stays until it is told to end, which is no failure."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0


def first_line(process: subprocess.Popen[str]) -> str:
    """What it prints when it has begun, or has all."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_lesson_goes_as_it_says(tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    (teacher / "album").mkdir(parents=True)
    film = os.urandom(300_000)
    (teacher / "album" / "film").write_bytes(film)
    folders = [tmp_path / name for name in (*STUDENTS, LATE)]
    for folder in folders:
        folder.mkdir()
    with going(words(SERVE), teacher) as server:
        assert first_line(server) == f"http://{TEACHER}:8080/"
        with going(words(SHARE), teacher) as sharing:
            link = first_line(sharing)
            assert link.endswith(f"&x.pe={TEACHER}:6881")
            (teacher / "album" / "link").write_text(link)  # what `tee` does
            began = time.monotonic()
            subprocess.run(words(GET), cwd=folders[0], check=True)
            assert time.monotonic() - began > 0.9 * 300_000 * 8 / 2e6
            assert (folders[0] / "from-server" / "film").read_bytes() == film
            for folder in folders:
                subprocess.run(words(GET_LINK), cwd=folder, check=True)
                assert (folder / "link").read_text() == link
            gets = [
                words(GET_PEERS.replace("$(cat link)", link), here) for here in (*STUDENTS, LATE)
            ]
            with (
                going(gets[0], folders[0]) as one,
                going(gets[1], folders[1]) as two,
            ):
                assert first_line(one) == first_line(two) == "from-peers/film"
                sharing.terminate()
                sharing.wait(DEADLINE_S)
                with going([*gets[2], "--peer", f"{STUDENTS[0]}:6881"], folders[2]) as late:
                    assert first_line(late) == "from-peers/film"
    for folder in folders:
        assert (folder / "from-peers" / "film").read_bytes() == film


def test_a_link_of_every_address_names_none(tmp_path: Path) -> None:
    assert "with `--listen 0.0.0.0` its link names none" in LESSON
    (tmp_path / "film").write_bytes(b"film")
    command = [sys.executable, "-m", "p2p.cli", "share", "film", "--quiet"]
    with going([*command, "--listen", "0.0.0.0:0"], tmp_path) as sharing:
        assert "x.pe" not in first_line(sharing)


def test_without_listen_get_stays_on_its_own_computer(tmp_path: Path) -> None:
    link = f"magnet:?xt=urn:btih:{'0' * 40}&x.pe=192.168.0.10:6881"
    command = [sys.executable, "-m", "p2p.cli", "get", link, "--patience", "1s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "which 127.0.0.1 does not reach; say --listen 0.0.0.0" in done.stderr


def test_anyone_has_to_be_said(tmp_path: Path) -> None:
    command = words(SERVE.replace("--anyone ", "").replace("192.168.0.10", "0.0.0.0"), "0.0.0.0")
    (tmp_path / "album").mkdir()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--anyone" in done.stderr
