"""host.program.output: who is told what on which stream."""

import io
import json
import sys
from typing import Any

import pytest
from rich.console import Console

import host.program.output
from host.program.output import Bar, Lines, Output, Shown, output
from host.program.program import Program, printable

PROGRAM = Program("prog", "stopped")


class View:
    """Shows how many of four are done."""

    def shown(self, progress: int, now: float) -> Shown:
        return Shown(f"{progress} at {now}", progress, 4)

    def record(self, progress: int, now: float) -> dict[str, Any]:
        return {"done": progress, "third": progress / 3, "left_s": None}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_where_nobody_looks_there_is_only_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    with output(PROGRAM, View(), as_json=False, quiet=False) as out:
        assert type(out) is Output
        out.hashing(1, 2)
        out.progress(1, 0.0)
        out.note("mind\nthis\x1b")
        out.result("there", "done", path="there")
    assert capsys.readouterr() == ("there\n", "prog: mind this\\x1b\n")


def test_quiet_leaves_out_the_notes(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json, result in ((False, "there\n"), (True, '{"event": "done", "path": "there"}\n')):
        with output(PROGRAM, View(), as_json=as_json, quiet=True) as out:
            out.progress(1, 0.0)
            out.note("mind this")
            out.result("there", "done", path="there")
        assert capsys.readouterr() == (result, "")


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with output(PROGRAM, View(), as_json=True, quiet=False) as out:
        assert type(out) is Lines
        out.progress(0, 10.0)
        out.progress(1, 13.0)
        out.result("there", "done", path="there")
    stdout, stderr = capsys.readouterr()
    assert stderr == ""
    assert [json.loads(line) for line in stdout.splitlines()] == [
        {"event": "progress", "done": 0, "third": 0.0, "left_s": None, "elapsed_s": 0.0},
        {"event": "progress", "done": 1, "third": 0.333, "left_s": None, "elapsed_s": 3.0},
        {"event": "done", "path": "there"},
    ]


def test_on_a_terminal_a_bar_comes_and_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr(
        host.program.output,
        "Console",
        lambda stderr: Console(file=screen, force_terminal=True, width=120),
    )
    with output(PROGRAM, View(), as_json=False, quiet=False) as out:
        assert type(out) is Bar
        assert sys.stdout is not screen
        out.hashing(2**20, 2**22)
        assert "25%" in screen.getvalue()
        assert "hashing 4 MiB" in screen.getvalue()
        out.progress(3, 5.0)
        assert "75%" in screen.getvalue()
        assert "3 at 5.0" in screen.getvalue()
        out.note("mind this")
        out.result("there", "done")
    assert capsys.readouterr() == ("there\n", "prog: mind this\n")
    assert screen.getvalue().endswith("\x1b[2K")  # the bar's line is wiped


def test_what_a_terminal_would_obey_is_shown_as_it_is_written() -> None:
    assert printable("plain naïve") == "plain naïve"
    assert printable("a\x1b[2Jb\x9b\u202ec\udc80") == r"a\x1b[2Jb\x9b\u202ec\udc80"
