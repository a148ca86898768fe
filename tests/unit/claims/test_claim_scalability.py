"""The claim `scalability`: its verdict for data of every kind, and one small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.scalability import CHURN, CLAIM, CROWD, SLOW, TEXTBOOK
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage
from bench.lecture.waits import bound_of_crowd
from bench.scenario import build


def measured(
    *,
    book: float = 120.0,
    bound: float | None = None,
    slow: float = 120.0,
    over: float = 1.1,
    crowd: float = 10.0,
    crowd_wait: float = 10.0,
    crowd_over: float = 1.2,
    crowd_finished: int = 50,
    churn: float = 1000.0,
    churn_wait: float = 150.0,
    churn_finished: int = 30,
    served: int = 30,
) -> Data:
    """Seconds at N = 30, where 100 are taken at N = 10; some of a crowd's, and of churn's.

    Churn has two seeds; the changes are of the second, and a server takes 1,200 s, 200 on average.
    """

    def row(part: str, backend: str, clients: int, finish_s: float, **more: Any) -> dict[str, Any]:
        usual = {"finished": clients, "bound_s": finish_s / over, "mean_wait_s": finish_s}
        own = {"part": part, "backend": backend, "clients": clients, "finish_s": finish_s}
        return own | usual | {"seed": 1} | more

    crowds = {"finished": crowd_finished, "mean_wait_s": crowd_wait, "bound_s": crowd / crowd_over}
    churns = {"finished": churn_finished, "mean_wait_s": churn_wait, "seed": 2}
    rows = [
        row(TEXTBOOK, "central", 10, 200.0),
        row(TEXTBOOK, "central", 30, 600.0),
        row(TEXTBOOK, "p2p", 10, 100.0, bound_s=bound or 100.0 / over),
        row(TEXTBOOK, "p2p", 30, book, mean_wait_s=100.0),
        row(SLOW, "p2p", 10, 100.0),
        row(SLOW, "p2p", 30, slow),
        row(CROWD, "central", 50, 80.0),
        row(CROWD, "p2p", 50, crowd, **crowds),
        row(CHURN, "p2p", 30, 800.0, mean_wait_s=120.0),
        row(CHURN, "central", 30, 1200.0, mean_wait_s=200.0),
        row(CHURN, "p2p", 30, churn, **churns),
        row(CHURN, "central", 30, 1200.0, mean_wait_s=200.0, seed=2, finished=served),
    ]
    return {"runs": DataFrame(rows)}


def test_it_holds_where_nothing_slows_it() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "To N = 30 P2P's time stays within 1.10 times its bound and at last grows like N^0.17 "
        "(the server's like N^1.00); a crowd of 50 is served in 10 s, 1.20 times its bound (by the "
        "server in 80 s); under churn 60 of 60 finish, on average after 120 to 150 s (200 s from "
        "the server) and the last after 800 to 1,000 s (1,200 s), 1.2 to 1.5 and 6.67 to 8.33 "
        "times as long as where all stay."
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
        ({"churn": 1201.0}, STAYING),
        ({"churn_finished": 29}, STAYING),
        ({"churn_finished": 29, "served": 29}, STAYING),
        ({"slow": 274.0, "churn_finished": 0, "churn_wait": NAN}, f"{UPLINKS}, and if {STAYING}"),
    ],
    ids=[
        "slow peers slow it",
        "churn delays most, in one run of two",
        "churn delays the last",
        "churn ends it for one",
        "for one from the server, too",
        "both",
    ],
)
def test_it_needs(changes: dict[str, Any], condition: str) -> None:
    judgement = CLAIM.judge(measured(**changes))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == condition


def test_peers_that_serve_all_beat_a_server_that_does_not() -> None:
    data = measured(churn=9000.0, churn_wait=900.0, served=29)
    assert CLAIM.judge(data).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "changes",
    [
        {"book": 175.0, "bound": 95.0},
        {"over": 1.51},
        {"crowd_over": 1.51},
        {"crowd": 81.0},
        {"crowd_wait": 81.0},
        {"crowd_finished": 49},
    ],
    ids=[
        "time grows with N",
        "far from its bound",
        "a crowd is far from its own",
        "its last waits longer than for the server",
        "most of it do",
        "some of it for ever",
    ],
)
def test_it_fails_where(changes: dict[str, Any]) -> None:
    assert CLAIM.judge(measured(**changes)).verdict is Verdict.FAILS


def test_few_clients_refute_nothing_where_the_bound_grows_as_fast() -> None:
    judgement = CLAIM.judge(measured(book=175.0, bound=91.0))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the clients are many, more than were measured here: the bound itself grows like N^0.51 "
        "to N = 30"
    )


def test_a_crowds_bound_counts_when_each_came() -> None:
    scenario = build(
        {"file_size": 1000, "clients": 4, "origin_up": 100, "peer_up": 25, "join_every": "1 s"}
    )
    run = {"backend": "p2p", "clients": 4, "bound_s": 20.0, "mean_join_s": 5.0}
    # 4,000 bytes: in 22.5 s the origin sends 2,250, and each peer 25 bytes/s for 17.5 s.
    assert bound_of_crowd(scenario, run) == pytest.approx(22.5)
    assert bound_of_crowd(scenario, run | {"backend": "central"}) == 20.0
    assert bound_of_crowd(scenario, run | {"bound_s": 30.0}) == 30.0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("clients=0,5", "clients: '0,5'; expected int >= 1"),
        ("clients=5", "clients: '5'; expected array of length >= 2"),
        ("clients=1,60000", "clients: '1,60000'; expected int <= 1000"),
        ("crowd=1", "crowd: '1'; expected int >= 2"),
        ("crowd=-1", "crowd: '-1'; expected int >= 2"),
        ("crowd=nan", "crowd: 'nan'; expected int, got str"),
        ("churns=0", "churns: '0'; expected int >= 1"),
        ("seed=-1", "seed: '-1'; expected int >= 0"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, message: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(SettingError) as refusal:
        CLAIM.read_settings({name: value})
    assert str(refusal.value) == message


def test_numbers_of_clients_near_each_other_show_no_growth() -> None:
    with pytest.raises(SettingError, match="clients: 10, 15; expected one number at least twice"):
        CLAIM.measure(Stage(), clients=(10, 15))


def test_a_small_run() -> None:
    data = CLAIM.measure(Stage(), clients=(1, 4), crowd=3, churns=2)
    runs = data["runs"].set_index(["part", "backend", "clients"]).sort_index()
    assert len(runs) == 2 * 2 * 2 + 2 + 2 * 2
    # The origin sends the file in six minutes, and the bound at N = 4 is 4 F / (us + 4 u).
    assert runs.loc[(TEXTBOOK, "central", 4), "finish_s"].item() == pytest.approx(4 * 360, rel=0.01)
    assert runs.loc[(TEXTBOOK, "p2p", 4), "bound_s"].item() == pytest.approx(4 * 360 / 1.4)
    assert runs.loc[(SLOW, "p2p", 4), "bound_s"].item() == pytest.approx(4 * 360 / 1.04)
    churn = runs.loc[[(CHURN, "p2p", 4)]]
    calm_s = runs.loc[(TEXTBOOK, "p2p", 4), "finish_s"].item()
    assert churn["session_s"].tolist() == [calm_s, calm_s]
    assert churn["seed"].tolist() == [1, 2]
    crowd = runs.loc[[(CROWD, "p2p", 3)]].iloc[0]
    # At 20 and 3 times 5 Mbit/s; the last two come after the first.
    assert crowd["bound_s"] > 3 * 4 * 2**20 * 8 / 35e6
    assert crowd["finish_s"] > crowd["bound_s"]
    assert CLAIM.judge(data).because.startswith("To N = 4 P2P's time stays within 1.")
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == len(runs)
    assert {len(row) for row in rows} == {len(heads)}
    CLAIM.draw(data, Figure().subplots())
