"""The claim `scalability`: its verdict for data of every kind, and one small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.scalability import CHURN, CLAIM, CROWD, SLOW, TEXTBOOK
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage


def measured(
    *,
    book: float = 120.0,
    slow: float = 120.0,
    over: float = 1.1,
    crowd: float = 10.0,
    crowd_finished: int = 50,
    churn_finished: int = 30,
    churn_wait: float = 150.0,
) -> Data:
    """Seconds at N = 30, where 100 are taken at N = 10; some of a crowd's, and of churn's."""

    def row(part: str, backend: str, clients: int, finish_s: float, **more: Any) -> dict[str, Any]:
        usual = {"finished": clients, "bound_s": finish_s / over, "mean_wait_s": finish_s}
        own = {"part": part, "backend": backend, "clients": clients, "finish_s": finish_s}
        return own | usual | more

    rows = [
        row(TEXTBOOK, "central", 10, 200.0),
        row(TEXTBOOK, "central", 30, 600.0),
        row(TEXTBOOK, "p2p", 10, 100.0),
        row(TEXTBOOK, "p2p", 30, book, mean_wait_s=100.0),
        row(SLOW, "p2p", 10, 100.0),
        row(SLOW, "p2p", 30, slow),
        row(CROWD, "central", 50, 80.0),
        row(CROWD, "p2p", 50, crowd, finished=crowd_finished),
        row(CHURN, "p2p", 30, 1000.0, finished=churn_finished, mean_wait_s=churn_wait),
    ]
    return {"runs": DataFrame(rows)}


def test_it_holds_where_nothing_slows_it() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "To N = 30 P2P's time stays within 1.10 times its bound and at last grows like N^0.17 "
        "(the server's like N^1.00); a crowd of 50 is served in 10 s (by the server in 80 s); with "
        "a median session as long as the download 30 of 30 finish, and wait 1.5 times as long on "
        "average."
    )


UPLINKS = (
    "peers bring uplinks that count beside the origin's (here a tenth; with a hundredth the time "
    "grows like N^0.92)"
)
NAN = float("nan")
STAYING = "they stay while others need them"


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"slow": 274.0}, UPLINKS),
        ({"churn_wait": 201.0}, STAYING),
        ({"churn_finished": 29}, STAYING),
        ({"slow": 274.0, "churn_finished": 0, "churn_wait": NAN}, f"{UPLINKS} and {STAYING}"),
    ],
    ids=["slow peers slow it", "churn delays it", "churn ends it for one", "both"],
)
def test_it_needs(changes: dict[str, Any], condition: str) -> None:
    judgement = CLAIM.judge(measured(**changes))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == condition


@pytest.mark.parametrize(
    "changes",
    [{"book": 175.0}, {"over": 1.51}, {"crowd": 41.0}, {"crowd_finished": 49}],
    ids=["time grows with N", "far from its bound", "a crowd waits", "some of it for ever"],
)
def test_it_fails_where(changes: dict[str, Any]) -> None:
    assert CLAIM.judge(measured(**changes)).verdict is Verdict.FAILS


def test_one_number_of_clients_shows_no_growth() -> None:
    with pytest.raises(SettingError, match=r"clients: \(5,\); expected two numbers"):
        CLAIM.measure(Stage(), clients=(5,))


def test_a_small_run() -> None:
    data = CLAIM.measure(Stage(), clients=(1, 4), crowd=3)
    runs = data["runs"].set_index(["part", "backend", "clients"])
    assert len(runs) == 2 * 2 * 2 + 2 + 2
    # The origin sends the file in six minutes, and the bound at N = 4 is 4 F / (us + 4 u).
    assert runs.loc[(TEXTBOOK, "central", 4), "finish_s"] == pytest.approx(4 * 360, rel=0.01)
    assert runs.loc[(TEXTBOOK, "p2p", 4), "bound_s"] == pytest.approx(4 * 360 / 1.4)
    assert runs.loc[(SLOW, "p2p", 4), "bound_s"] == pytest.approx(4 * 360 / 1.04)
    churn = runs.loc[(CHURN, "p2p", 4)]
    assert churn["session_s"] == runs.loc[(TEXTBOOK, "p2p", 4), "finish_s"]
    assert CLAIM.judge(data).because.startswith("To N = 4 P2P's time stays within 1.")
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == len(runs)
    assert {len(row) for row in rows} == {len(heads)}
    CLAIM.draw(data, Figure().subplots())
