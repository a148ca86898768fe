"""The claim `backlog`: every verdict from frames made by hand, and one small crowd of real ones."""

import math
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.backlog import CLAIM
from bench.lecture.accept_queue import IN, WAITS, system_cap
from bench.lecture.claim import Data, Judgement, SettingError, Verdict
from bench.lecture.stage import Stage


def row(backlog: int, entered: int, **changes: Any) -> dict[str, Any]:
    """A queue where 20 call and the server accepts 3, or all that are there."""
    accepted = min(3, entered)
    usual = {"clients": 20, "somaxconn": 4096.0, "accepted": accepted, "believed_later": 0}
    return {"backlog": backlog, "entered": entered, "entered_later": accepted} | usual | changes


def judged(*rows: dict[str, Any]) -> Judgement:
    return CLAIM.judge({"queues": pd.DataFrame(rows)})


def test_as_many_as_backlog_bear_the_sentence_out() -> None:
    judgement = judged(row(1, 1), row(5, 5))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "1, 5 clients got in at backlog 1, 5, connected at both ends before any accept; "
        "each of 4 accepts let one more in."
    )


def test_one_more_than_backlog_is_a_condition() -> None:
    judgement = judged(row(0, 1), row(5, 6))
    assert str(judgement) == "holds, if one counts backlog + 1"


def test_a_cap_of_the_system_is_a_condition_where_a_backlog_is_above_it() -> None:
    capped = row(50, 10, somaxconn=10.0)
    assert str(judged(row(5, 5, somaxconn=10.0), capped)) == (
        "holds, if backlog is at most 10 (net.core.somaxconn)"
    )
    more = row(50, 11, somaxconn=10.0)
    assert str(judged(row(5, 6, somaxconn=10.0), more)) == (
        "holds, if one counts backlog + 1 and backlog is at most 10 (net.core.somaxconn)"
    )


def test_entries_that_do_not_follow_backlog_refute_it() -> None:
    judgement = judged(row(1, 7), row(5, 7))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "7 clients got in at backlog 1, 5: that does not follow backlog."


def test_a_queue_that_is_not_refilled_refutes_it() -> None:
    judgement = judged(row(1, 1), row(5, 5, entered_later=4))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.endswith(
        "when 1, 3 were accepted, 1, 4 more got in: the queue does not keep its size."
    )


def test_a_queue_that_takes_all_says_nothing_for_it() -> None:
    judgement = judged(row(1, 20), row(5, 20))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "At backlog 1, 5 all clients got in at once."


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        ((row(1, 20), row(5, 20)), "All clients get in at once"),
        ((row(1, 7), row(5, 7)), "Who gets in does not follow backlog"),
        ((row(1, 1), row(5, 5)), "listen(n): n clients get in before any accept"),
    ],
)
def test_the_headline_is_what_was_seen(rows: tuple[dict[str, Any], ...], headline: str) -> None:
    clients = pd.DataFrame(columns=["backlog", "client", "first", "later"])
    ax = Figure().subplots()
    CLAIM.draw({"queues": pd.DataFrame(rows), "clients": clients}, ax)
    assert ax.get_title(loc="left") == headline


def test_those_who_only_think_that_they_are_in_are_told() -> None:
    judgement = judged(row(1, 1, believed_later=1200))
    assert judgement.because.endswith("and 1,200 others only took themselves for connected.")


def test_without_an_accept_nobody_says_what_an_accept_does() -> None:
    judgement = judged(row(0, 0), row(1, 0))
    assert judgement.verdict is Verdict.FAILS
    assert "lets one" not in judgement.because
    judgement = judged(row(0, 0), row(1, 1))
    assert "each of 1 accept let one more in" in judgement.because


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("backlogs", "-1"),
        ("backlogs", "0,5000000000"),
        ("backlogs", ""),
        ("backlogs", "nan"),
        ("clients", "0"),
        ("clients", "5000000000"),
        ("accepts", "0"),
        ("accepts", "-1"),
        ("accepts", "5000000000"),
        ("patience_s", "0"),
        ("patience_s", "-1"),
        ("patience_s", "nan"),
        ("patience_s", "1e9"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_a_line(name: str, wrong: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: .*; expected (int|float)"):
        CLAIM.read_settings({name: wrong})


def test_backlogs_that_are_all_the_same_are_refused() -> None:
    for backlogs, told in (((5,), "5"), ((5, 5), "5, 5")):
        with pytest.raises(SettingError, match=f"^backlogs: {told}; expected two different ones"):
            CLAIM.measure(Stage(), backlogs=backlogs)


@pytest.fixture(scope="module")
def crowd() -> Data:
    return CLAIM.measure(Stage(), backlogs=(0, 3), clients=12, accepts=2, patience_s=4.0)


def test_both_ends_count_who_is_in_the_queue_as_the_kernel_does(crowd: Data) -> None:
    queues, clients = crowd["queues"], crowd["clients"]
    assert list(queues["backlog"]) == [0, 3]
    assert list(queues["clients"]) == [12, 14]
    if math.isfinite(system_cap()):  # Linux
        assert list(queues["entered"]) == list(queues["queue_length"]) == [1, 4]
        assert list(queues["queue_limit"]) == [0, 3]
    assert list(queues["accepted"]) == list(queues["entered_later"]) == [1, 2]
    for queue in queues.itertuples():
        ours = clients[clients["backlog"] == queue.backlog]
        assert list(ours["first"]) == [IN] * queue.entered + [WAITS] * (len(ours) - queue.entered)
        assert ((ours["first"] == WAITS) & (ours["later"] == IN)).sum() == queue.entered_later


def test_the_crowd_is_judged_drawn_and_tabulated(crowd: Data) -> None:
    if math.isfinite(system_cap()):
        assert str(CLAIM.judge(crowd)) == "holds, if one counts backlog + 1"
    heads, rows = CLAIM.tabulate(crowd)
    assert [len(row) for row in rows] == [len(heads)] * 2
    assert rows[1][:3] == ["3", "14", "4"]
    ax = Figure().subplots()
    CLAIM.draw(crowd, ax)
    assert ax.get_title(loc="left") == "listen(n): n + 1 clients get in before any accept"
    assert any("Drawn after the server has accepted 2" in t.get_text() for t in ax.texts)
    squares = sum(len(points.get_offsets()) for points in ax.collections)
    assert squares == 12 + 14 + 4  # and a mark for each kind
