"""bench.claims.five_tuple: what two lists of sockets say, and a small run of both clocks."""

from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.five_tuple import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage

Row = dict[str, Any]
FIRST = ("tcp", "127.0.0.1", 8080, "127.0.0.2", 5000)
SECOND = ("tcp", "127.0.0.1", 8080, "127.0.0.2", 5001)
WAITING = ("tcp", "127.0.0.1", 8080, "", 0)
DATAGRAMS = ("udp", "127.0.0.1", 8080, "", 0)


def listed(source: str, *tuples: tuple[str, str, int, str, int], state: str = "") -> list[Row]:
    names = ("protocol", "local_address", "local_port", "remote_address", "remote_port")
    return [
        {"clock": "real", "source": source, "node": "server", "state": state, "descriptor": number}
        | dict(zip(names, own, strict=True))
        for number, own in enumerate(tuples)
    ]


def seen(*tuples: tuple[str, str, int, str, int]) -> Data:
    return {"sockets": pd.DataFrame(listed("trace", *tuples) + listed("table", *tuples))}


def test_it_holds_where_all_tuples_differ_and_both_lists_agree() -> None:
    judgement = CLAIM.judge(seen(FIRST, SECOND, WAITING, DATAGRAMS))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Of 4 open sockets, 2 of them connected, trace and system's table differ in 0 rows; "
        "0 connected sockets and 0 others share their tuple."
    )


def test_sockets_that_share_a_port_are_a_condition() -> None:
    judgement = CLAIM.judge(seen(FIRST, DATAGRAMS, DATAGRAMS))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition.startswith("the socket is connected or has its port alone")
    assert "0 connected sockets and 2 others share" in judgement.because


def test_two_connections_with_one_tuple_refute_it() -> None:
    judgement = CLAIM.judge(seen(FIRST, FIRST, WAITING))
    assert judgement.verdict is Verdict.FAILS
    assert "2 connected sockets and 0 others share" in judgement.because


def test_the_same_tuples_at_another_time_are_no_contradiction() -> None:
    other = seen(FIRST)["sockets"].assign(clock="virtual")
    both = pd.concat([seen(FIRST)["sockets"], other], ignore_index=True)
    assert CLAIM.judge({"sockets": both}).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "table",
    [
        listed("table", FIRST),
        listed("table", FIRST, SECOND, WAITING),
        listed("table", FIRST, WAITING),
        listed("table", FIRST, SECOND, state="CLOSE_WAIT"),
    ],
    ids=["one too few", "one too many", "another tuple", "another state"],
)
def test_a_table_that_says_otherwise_refutes_it(table: list[Row]) -> None:
    sockets = pd.DataFrame(listed("trace", FIRST, SECOND) + table)
    judgement = CLAIM.judge({"sockets": sockets})
    assert judgement.verdict is Verdict.FAILS
    assert "differ in 0 rows" not in judgement.because


@pytest.fixture(scope="module")
def small() -> Data:
    return CLAIM.measure(Stage(), clients=2, connections=2)


def test_a_small_run_is_judged(small: Data) -> None:
    judgement = CLAIM.judge(small)
    # By each clock: 6 connections with two ends each, 2 listeners, 2 + 2 UDP ports, the twins.
    assert judgement.because == (
        "Of 40 open sockets, 24 of them connected, trace and system's table differ in 0 rows; "
        "0 connected sockets and 4 others share their tuple."
    )
    assert judgement.verdict is Verdict.CONDITION
    assert list(small["attempts"]["result"]) == ["EADDRNOTAVAIL", "EADDRNOTAVAIL"]


def test_one_clients_connections_differ_in_its_port_alone(small: Data) -> None:
    sockets = small["sockets"]
    own = sockets[(sockets["node"] == "client-001") & (sockets["source"] == "trace")]
    for _, pair in own.groupby("clock"):
        assert len(pair) == 2
        different = pair.nunique()
        assert different["local_port"] == 2
        assert different[["protocol", "local_address", "remote_address", "remote_port"]].max() == 1


def test_its_table_and_picture(small: Data) -> None:
    heads, rows = CLAIM.tabulate(small)
    assert {len(row) for row in rows} == {len(heads)}
    assert [row[-1] for row in rows[:-1]] == ["the same"] * (len(rows) - 1)
    assert rows[-1][-2:] == ["EADDRNOTAVAIL", "the open connection's tuple once more"]
    axes = Figure().subplots()
    CLAIM.draw(small, axes)
    headline = axes.get_title(loc="left")
    assert headline == "One port, 6 connections, and no two with the same tuple"


@pytest.mark.parametrize("name", ["clients", "connections"])
@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "5000000000", "many"])
def test_a_setting_that_cannot_be_is_refused_in_a_line(name: str, wrong: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: .*; expected int"):
        CLAIM.read_settings({name: wrong})


def test_a_picture_says_what_is_wrong() -> None:
    wrong = pd.DataFrame(listed("trace", FIRST, FIRST) + listed("table", FIRST))
    axes = Figure().subplots()
    CLAIM.draw({"sockets": wrong}, axes)
    assert axes.get_title(loc="left") == "One port, 2 connections, but only 1 different tuple"
    assert any("differs in 1 row" in text.get_text() for text in axes.texts)
