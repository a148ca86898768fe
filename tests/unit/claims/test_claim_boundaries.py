"""The claim `boundaries`: every verdict from frames made by hand, and what real sockets do."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.boundaries import CLAIM
from bench.lecture.claim import Data, Judgement, SettingError, Verdict
from bench.lecture.message_pieces import (
    BOTH,
    CUT,
    JOINED,
    NOBODY,
    NOTHING,
    REFUSED,
    SPLIT,
    WHOLE,
    exchange,
    fate,
    flood,
)
from bench.lecture.stage import Stage


def fates(protocol: str, reads: str, length: int, *sizes: int) -> list[str]:
    case = {"protocol": protocol, "reads": reads, "length": length, "sizes": list(sizes)}
    return [send["fate"] for send in exchange(case, Path())["sends"]]


def test_over_tcp_the_length_and_the_moment_decide_what_a_recv_gives() -> None:
    assert fates("tcp", "each", 100, 100, 60, 0) == [WHOLE, WHOLE, NOTHING]
    assert fates("tcp", "each", 50, 100, 50) == [SPLIT, WHOLE]
    assert fates("tcp", "all", 200, 100, 60) == [JOINED, JOINED]
    assert fates("tcp", "all", 80, 60, 60, 40) == [JOINED, BOTH, JOINED]


def test_over_udp_a_recv_gives_one_message_or_its_beginning() -> None:
    assert fates("udp", "all", 100, 100, 60, 0) == [WHOLE, WHOLE, WHOLE]
    assert fates("udp", "all", 50, 100, 50) == [CUT, WHOLE]
    assert fates("udp", "each", 1 << 20, 65_507, 65_508) == [WHOLE, REFUSED]


def test_what_is_cut_off_a_datagram_is_lost_and_told_as_truncated() -> None:
    case = {"protocol": "udp", "reads": "all", "length": 50, "sizes": [100, 50]}
    rows = exchange(case, Path())
    assert [send["received"] for send in rows["sends"]] == [50, 50]
    assert [piece["truncated"] for piece in rows["pieces"]] == [True, False]


def test_a_datagram_of_no_bytes_is_a_recv_of_no_bytes() -> None:
    (piece,) = exchange({"protocol": "udp", "reads": "each", "length": 10, "sizes": [0]}, Path())[
        "pieces"
    ]
    assert (piece["message"], piece["bytes"]) == (NOBODY, 0)


def test_a_datagram_too_long_is_refused_by_name() -> None:
    case = {"protocol": "udp", "reads": "each", "length": 10, "sizes": [65_508]}
    (send,) = exchange(case, Path())["sends"]
    assert (send["took"], send["error"]) == (0, "EMSGSIZE")


def test_a_stream_that_nobody_reads_takes_a_part_and_then_nothing() -> None:
    *_, part, none = flood({"protocol": "tcp", "size": 1 << 20, "count": 50}, Path())["floods"]
    assert 0 < part["took"] < part["asked"]
    assert (none["took"], none["error"]) == (0, "EAGAIN")


def test_a_message_of_which_nothing_came_has_that_fate() -> None:
    send = {"message": 0, "asked": 5, "took": 5, "error": ""}
    assert fate(send, []) == NOTHING


def data(fates: str = WHOLE, got: int = 10, took: int = 10) -> Data:
    """One message of 10 bytes in a recv(10), and one send of 10 to one who does not read."""
    key = {"part": "many", "protocol": "tcp", "reads": "each", "length": 10}
    send = key | {"fate": fates, "took": 10, "received": got}
    return {
        "sends": pd.DataFrame([send]),
        "pieces": pd.DataFrame([key | {"recv": 0, "bytes": got}]),
        "floods": pd.DataFrame([{"asked": 10, "took": took}]),
    }


def judged(*given: Any, **changes: Any) -> Judgement:
    return CLAIM.judge(data(*given, **changes))


def test_the_sentence_holds_where_every_call_moves_its_length() -> None:
    assert judged().verdict is Verdict.HOLDS


@pytest.mark.parametrize("changed", [{"fates": SPLIT}, {"fates": JOINED}, {"took": 4}])
def test_a_length_that_is_not_reached_makes_it_a_condition(changed: dict[str, Any]) -> None:
    judgement = judged(**changed)
    assert str(judgement) == (
        "holds, if the length is the most that one call may move, not what it will"
    )


def test_the_deciding_figures_are_told() -> None:
    judgement = judged(CUT, got=6, took=4)
    assert judgement.because == "TCP: of 1 messages 1 cut (4 B lost). A send of 10 B took 4 B."


def test_a_recv_that_returns_more_than_its_length_refutes_it() -> None:
    judgement = judged(got=11)
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "1 of 1 recvs returned more than their length."


@pytest.mark.parametrize("wrong", [{"messages": 257}, {"messages": 0}, {"lengths": (0,)}])
def test_settings_that_cannot_be_measured_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="expected"):
        CLAIM.measure(Stage(), **wrong)


def test_a_small_measurement_is_judged_drawn_and_tabulated() -> None:
    measured = CLAIM.measure(Stage(), messages=5, lengths=(64, 2048))
    assert CLAIM.judge(measured).verdict is Verdict.CONDITION
    heads, rows = CLAIM.tabulate(measured)
    assert len(rows) == 10
    assert {len(row) for row in rows} == {len(heads)}
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert ax.get_title(loc="left") == "4 sends: 3 recvs over TCP, 4 over UDP, 70 B lost"
