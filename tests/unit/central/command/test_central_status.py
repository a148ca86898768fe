"""central.command.status: what is shown of a file on its way, down and up."""

from central.command.status import Moved, TransferView
from host.program.output import Shown

MIB = 2**20


def test_a_bar_stands_beside_the_line() -> None:
    view = TransferView("down")
    assert view.shown(Moved("a.txt", 0, 8 * MIB), 5.0) == Shown("a.txt, 0 B/s", 0, 8 * MIB)
    shown = view.shown(Moved("a.txt", 4 * MIB, 8 * MIB), 7.0)
    assert shown == Shown("a.txt, 2 MiB/s, 0:02 left", 4 * MIB, 8 * MIB)


def test_the_next_file_is_measured_anew() -> None:
    view = TransferView("down")
    view.record(Moved("a", 0, 100), 0.0)
    view.record(Moved("a", 100, 100), 1.0)
    assert view.record(Moved("b", 50, 100), 2.0)["down_rate"] == 0.0
    assert view.record(Moved("b", 60, 100), 3.0) == {
        "name": "b",
        "bytes_here": 60,
        "bytes_wanted": 100,
        "down_rate": 10.0,
        "left_s": 4.0,
    }


def test_a_file_that_is_begun_anew_has_no_rate_below_zero() -> None:
    view = TransferView("down")
    view.record(Moved("a", 90, 100), 0.0)
    assert view.record(Moved("a", 10, 100), 1.0)["down_rate"] == 0.0
    assert view.record(Moved("a", 30, 100), 2.0)["down_rate"] == 20.0


def test_uploads_are_counted_as_sent() -> None:
    view = TransferView("up")
    view.record(Moved("a", 0, 100), 0.0)
    assert view.record(Moved("a", 100, 100), 2.0) == {
        "name": "a",
        "bytes_sent": 100,
        "bytes_wanted": 100,
        "up_rate": 50.0,
        "left_s": None,
    }
