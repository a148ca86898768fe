"""p2p.command.status: how fast a torrent comes, and what is shown of it."""

import json

import pytest

from host.program.output import Shown
from p2p.command.status import Pace, TorrentView, output, status_line
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


class TestPace:
    def test_at_first_nothing_is_known(self) -> None:
        assert TorrentView().pace(at(), 7.0) == Pace(down_rate=0.0, up_rate=0.0, left_s=None)

    def test_rates_are_those_of_the_last_seconds(self) -> None:
        view = TorrentView()
        for second in range(20):
            pace = view.pace(at(received=second * MIB, sent=second * 10), 100.0 + second)
        assert pace == Pace(down_rate=MIB, up_rate=10.0, left_s=81.0)
        for second in range(20, 26):
            pace = view.pace(at(received=19 * MIB, sent=190), 100.0 + second)
        assert pace == Pace(down_rate=0.0, up_rate=0.0, left_s=None)

    def test_when_all_is_here_no_time_is_left(self) -> None:
        view = TorrentView()
        view.pace(at(), 0.0)
        assert view.pace(at(received=100 * MIB), 1.0).left_s is None


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


def test_a_bar_stands_beside_the_line() -> None:
    shown = TorrentView().shown(at(received=50 * MIB, pieces_here=50), 0.0)
    line = "downloading, 3 peers, 0 B/s down, 0 B/s up, 50/100 pieces"
    assert shown == Shown(line, 50 * MIB, 100 * MIB)


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with output(as_json=True, quiet=False) as out:
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
