"""The claim `boundaries`: every verdict from frames made by hand, and what real sockets do."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.boundaries import CLAIM
from bench.lecture.claim import Judgement, SettingError, Verdict
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
    case = {"protocol": "tcp", "reads": "never", "length": 1 << 20, "sizes": [1 << 20] * 50}
    *_, part, none = exchange(case, Path())["sends"]
    assert 0 < part["took"] < part["asked"]
    assert part["received"] == part["took"]
    assert (none["took"], none["error"]) == (0, "EAGAIN")


def test_datagrams_that_nobody_reads_are_all_taken_and_some_arrive_whole() -> None:
    case = {"protocol": "udp", "reads": "never", "length": 1 << 20, "sizes": [60_000] * 50}
    sends = exchange(case, Path())["sends"]
    assert [send["took"] for send in sends] == [60_000] * 50
    arrived = [send["received"] for send in sends if send["received"]]
    assert set(arrived) == {60_000}
    assert len(arrived) < 50
    assert {send["fate"] for send in sends} == {WHOLE, NOTHING}


def test_a_message_of_which_nothing_came_has_that_fate() -> None:
    send = {"message": 0, "asked": 5, "took": 5, "error": ""}
    assert fate(send, []) == NOTHING


def sent(protocol: str, fate: str = WHOLE, **changes: Any) -> dict[str, Any]:
    """A message of 10 bytes that a recv(10) had room for."""
    key = {"part": "many", "protocol": protocol, "reads": "all", "length": 10, "error": ""}
    return key | {"fate": fate, "asked": 10, "took": 10, "received": 10} | changes


def unread(protocol: str, **changes: Any) -> dict[str, Any]:
    return sent(protocol, part="flood", reads="never", length=1 << 20, **changes)


def judged(*sends: dict[str, Any]) -> Judgement:
    return CLAIM.judge({"sends": pd.DataFrame(sends)})


def test_it_holds_where_every_message_that_fits_came_whole_by_either() -> None:
    judgement = judged(sent("tcp"), sent("tcp"), sent("udp"), unread("udp"))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "TCP: of 2 messages that fit recv's length 2 whole. "
        "UDP: of 1 message that fits recv's length 1 whole."
    )


@pytest.mark.parametrize("fate", [SPLIT, JOINED, BOTH, CUT])
def test_one_that_keeps_messages_apart_where_the_other_does_not_is_a_condition(fate: str) -> None:
    assert str(judged(sent("tcp", fate), sent("udp"))) == (
        "holds, if it is a datagram socket (UDP)"
    )
    assert str(judged(sent("tcp"), sent("udp", fate))) == "holds, if it is a stream (TCP)"


def test_a_send_that_takes_a_part_does_not_move_its_length() -> None:
    judgement = judged(sent("tcp"), unread("tcp", took=4), sent("udp"))
    assert str(judgement) == "holds, if it is a datagram socket (UDP)"
    assert "; a send of 10 B to one who does not read took 4 B." in judgement.because


def test_datagrams_that_got_lost_are_a_condition() -> None:
    lost = unread("udp", fate=NOTHING, received=0)
    judgement = judged(sent("udp"), unread("udp"), lost)
    assert str(judgement) == "holds, if the receiver reads before its buffer is full"
    assert judgement.because.endswith(
        "; of 2 sends to one who does not read 2 were taken and 1 arrived."
    )
    assert str(judged(sent("udp"), sent("udp", NOTHING, received=0))) == str(judgement)


def test_neither_that_keeps_messages_apart_refutes_it() -> None:
    judgement = judged(sent("tcp", JOINED), sent("tcp"), sent("udp", SPLIT))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.startswith(
        "TCP: of 2 messages that fit recv's length 1 whole, 1 joined. "
    )


def test_nothing_that_arrived_bears_nothing_out() -> None:
    assert judged(sent("udp", NOTHING, received=0)).verdict is Verdict.FAILS


def test_a_message_longer_than_recvs_length_is_told_and_not_judged() -> None:
    judgement = judged(sent("udp"), sent("udp", CUT, length=6, received=6))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because.endswith("; 1 longer message lost 4 B.")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("protocols", "sctp"),
        ("protocols", ""),
        ("sizes", "-1"),
        ("sizes", "0"),
        ("sizes", "65508"),
        ("sizes", "60,nan"),
        ("length", "0"),
        ("length", "5000000000"),
        ("messages", "1"),
        ("messages", "257"),
        ("lengths", "0"),
        ("lengths", "-1,2048"),
        ("unread", "0"),
        ("unread", "257"),
        ("seed", "nan"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_a_line(name: str, wrong: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: "):
        CLAIM.read_settings({name: wrong})


def test_lengths_that_no_message_is_sure_to_fit_are_refused() -> None:
    with pytest.raises(SettingError, match=r"^lengths: 16, 999; expected one of 1,000"):
        CLAIM.measure(Stage(), lengths=(16, 999))


def test_a_small_measurement_is_judged_drawn_and_tabulated() -> None:
    measured = CLAIM.measure(Stage(), messages=5, lengths=(64, 2048))
    assert str(CLAIM.judge(measured)) == (
        "holds, if it is a datagram socket (UDP) and the receiver reads before its buffer is full"
    )
    heads, rows = CLAIM.tabulate(measured)
    assert len(rows) == 12
    assert {len(row) for row in rows} == {len(heads)}
    never = [row for row in rows if row[1] == "after the last send"]
    assert [row[:2] + row[4:5] for row in never][1] == ["UDP", "after the last send", "0"]
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert ax.get_title(loc="left") == "4 sends: 3 recvs over TCP, 4 over UDP, 70 B lost"
    assert any("of 50 UDP sends" in text.get_text() for text in ax.texts)


def test_a_picture_of_very_many_recvs_stays_within_its_width() -> None:
    measured = CLAIM.measure(Stage(), messages=2, lengths=(2048,), sizes=(200, 200), length=3)
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert all(bar.get_width() >= 0 and bar.get_x() + bar.get_width() < 1.01 for bar in ax.patches)


@pytest.mark.parametrize(
    ("protocols", "unread", "verdict"), [("tcp", 5, Verdict.FAILS), ("udp", 1, Verdict.HOLDS)]
)
def test_each_verdict_can_be_measured(protocols: str, unread: int, verdict: Verdict) -> None:
    settings = CLAIM.read_settings(
        {"protocols": protocols, "unread": unread, "messages": 2, "lengths": 2048}
    )
    measured = CLAIM.measure(Stage(), **settings)
    assert CLAIM.judge(measured).verdict is verdict
    CLAIM.draw(measured, Figure().subplots())
