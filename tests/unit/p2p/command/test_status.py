"""p2p.command.status: rates, times and lines, and who is told what on which stream."""

import io
import json
import sys

import pytest
from rich.console import Console

from p2p.command import status
from p2p.command.status import (
    Bar,
    Lines,
    Output,
    Pace,
    Pacer,
    clock,
    output,
    printable,
    status_line,
)
from p2p.progress import Progress

MIB = 2**20


def at(received: int = 0, sent: int = 0, **changes: object) -> Progress:
    fields = {
        "phase": "downloading",
        "bytes_here": received,
        "bytes_wanted": 100 * MIB,
        "pieces_here": 0,
        "pieces_wanted": 100,
        "peers": 3,
        "seeds": 1,
        "sent": sent,
        "received": received,
    }
    return Progress(**(fields | changes))  # type: ignore[arg-type]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestPacer:
    def test_at_first_nothing_is_known(self) -> None:
        assert Pacer().pace(at(), 7.0) == Pace(down_rate=0.0, up_rate=0.0, left_s=None)

    def test_rates_are_those_of_the_last_seconds(self) -> None:
        pacer = Pacer()
        for second in range(20):
            pace = pacer.pace(at(received=second * MIB, sent=second * 10), 100.0 + second)
        assert pace == Pace(down_rate=MIB, up_rate=10.0, left_s=81.0)
        for second in range(20, 26):
            pace = pacer.pace(at(received=19 * MIB, sent=190), 100.0 + second)
        assert pace == Pace(down_rate=0.0, up_rate=0.0, left_s=None)

    def test_after_a_long_sleep_it_is_the_mean_since_then(self) -> None:
        pacer = Pacer()
        pacer.pace(at(), 0.0)
        assert pacer.pace(at(received=600), 60.0).down_rate == 10.0

    def test_memory_stays_bounded(self) -> None:
        pacer = Pacer()
        for tick in range(1000):
            pacer.pace(at(), tick / 2)
        assert len(pacer._samples) == 11

    def test_when_all_is_here_no_time_is_left(self) -> None:
        pacer = Pacer()
        pacer.pace(at(), 0.0)
        assert pacer.pace(at(received=100 * MIB), 1.0).left_s is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (3723, "1:02:03"), (360_000, "4 days")],
)
def test_times_are_written_like_a_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        ("searching", "searching, 1 peer, 5/100 pieces, 0:07 left"),
        ("downloading", "downloading, 1 peer, 2 MiB/s down, 7 B/s up, 5/100 pieces, 0:07 left"),
    ],
)
def test_a_line_says_it_all(phase: str, line: str) -> None:
    pace = Pace(down_rate=2.0 * MIB, up_rate=7.0, left_s=7.0)
    assert status_line(at(phase=phase, peers=1, pieces_here=5), pace) == line


def test_a_line_leaves_out_what_is_not_known() -> None:
    pace = Pace(down_rate=0.0, up_rate=0.0, left_s=None)
    line = status_line(at(phase="searching", peers=0, pieces_wanted=0), pace)
    assert line == "searching, 0 peers"


def test_what_a_terminal_would_obey_is_shown_as_it_is_written() -> None:
    assert printable("plain naïve") == "plain naïve"
    assert printable("a\x1b[2Jb\x9b\u202ec\udc80") == r"a\x1b[2Jb\x9b\u202ec\udc80"


class TestWhoIsToldWhat:
    def test_where_nobody_looks_there_is_only_the_result(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with output(as_json=False, quiet=False) as out:
            assert type(out) is Output
            out.hashing(1, 2)
            out.progress(at(), 0.0)
            out.note("mind this")
            out.result("there", "done", path="there")
        assert capsys.readouterr() == ("there\n", "p2p: mind this\n")

    def test_quiet_leaves_out_the_notes(self, capsys: pytest.CaptureFixture[str]) -> None:
        for as_json, result in ((False, "there\n"), (True, '{"event": "done", "path": "there"}\n')):
            with output(as_json=as_json, quiet=True) as out:
                out.progress(at(), 0.0)
                out.note("mind this")
                out.result("there", "done", path="there")
            assert capsys.readouterr() == (result, "")

    def test_json_is_an_object_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        with output(as_json=True, quiet=False) as out:
            assert type(out) is Lines
            out.progress(at(), 10.0)
            out.progress(at(received=MIB, sent=1), 13.0)
            out.result("there", "done", path="there")
        stdout, stderr = capsys.readouterr()
        assert stderr == ""
        assert [json.loads(line) for line in stdout.splitlines()][1:] == [
            {
                "event": "progress",
                "phase": "downloading",
                "bytes_here": MIB,
                "bytes_wanted": 100 * MIB,
                "pieces_here": 0,
                "pieces_wanted": 100,
                "peers": 3,
                "seeds": 1,
                "sent": 1,
                "received": MIB,
                "down_rate": 349525.333,
                "up_rate": 0.333,
                "left_s": 297.0,
                "elapsed_s": 3.0,
            },
            {"event": "done", "path": "there"},
        ]

    def test_on_a_terminal_a_bar_comes_and_goes(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        screen = Terminal()
        monkeypatch.setattr(
            status, "Console", lambda stderr: Console(file=screen, force_terminal=True, width=120)
        )
        with output(as_json=False, quiet=False) as out:
            assert type(out) is Bar
            assert sys.stdout is not screen
            out.hashing(MIB, 4 * MIB)
            assert "25%" in screen.getvalue()
            assert "hashing 4 MiB" in screen.getvalue()
            out.progress(at(received=50 * MIB, pieces_here=50), 0.0)
            assert "50/100 pieces" in screen.getvalue()
            out.note("mind this")
            out.result("there", "done")
        assert capsys.readouterr() == ("there\n", "p2p: mind this\n")
        assert screen.getvalue().endswith("\x1b[2K")  # the bar's line is wiped
