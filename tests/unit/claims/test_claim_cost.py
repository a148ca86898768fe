"""The claim `cost`: what an origin needs for a deadline, its verdict, and one small run."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.cost import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.least_uplink import keep_deadline, need
from bench.lecture.stage import Stage

MBIT_S = 125_000.0
GB = 1e9


def test_what_a_million_clients_need() -> None:
    server = need(10**9, 3600.0, None, 10**6)
    assert server["origin_bytes"] == pytest.approx(1e15)
    assert server["origin_rate"] == pytest.approx(1e15 / 3600)
    assert server["peer_bytes"] == pytest.approx(0)
    fast = need(10**9, 3600.0, 5 * MBIT_S, 10**6)
    assert fast["origin_bytes"] == pytest.approx(1e9)
    assert fast["peer_bytes"] == pytest.approx(1e9, rel=1e-5)
    # At 1 Mbit/s a peer sends 0.45 GB in an hour; the origin sends each the rest.
    slow = need(10**9, 3600.0, MBIT_S, 10**6)
    assert slow["peer_bytes"] == pytest.approx(0.45e9)
    assert slow["origin_bytes"] == pytest.approx(0.55e15)


def measured(slow: float = 550.0, fast: float = 1.0, margin: float = 1.25, **missed: bool) -> Data:
    """The needs of 1,000 clients, an origin's in copies among slow and fast peers.

    `margin` is what fast peers took; `server` or `peers` may have missed the deadline.
    """
    usual = {"clients": 1000, "file_bytes": 10**9, "deadline_s": 3600.0}

    def row(backend: str, up: float, copies: float) -> dict[str, Any]:
        sent = copies * GB
        own = {"origin_bytes": sent, "origin_rate": sent / 3600, "peer_bytes": GB - sent / 1000}
        return usual | {"backend": backend, "peer_up": up * MBIT_S} | own

    def run(backend: str, up: float, margin: float, sent: float, late: bool) -> dict[str, Any]:
        own = {"backend": backend, "peer_up": up * MBIT_S, "margin": margin, "kept": not late}
        return own | {"clients": 10, "origin_sent": sent * GB, "peak_rate": sent * MBIT_S}

    needs = [row("central", 0, 1000), row("p2p", 1, slow), row("p2p", 5, fast)]
    runs = [
        run("central", 0, 1.01, 10, missed.get("server", False)),
        run("p2p", 1, 1.5, 6, False),
        run("p2p", 5, 1.01, 1, False) | {"clients": 3},
        run("p2p", 5, margin, 1.1, missed.get("peers", False)),
    ]
    return {"needs": DataFrame(needs), "runs": DataFrame(runs)}


def test_it_holds_with_peers_fast_enough() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the peers pay instead, each with an uplink of 5 Mbit/s and 0.999 GB sent (one copy within "
        "the deadline takes 2.22 Mbit/s)"
    )
    assert judgement.because == (
        "For 1,000 clients within 1 h a server sends 1,000 GB by an uplink of 2,244 Mbit/s; with "
        "peers of 1 Mbit/s an origin sends 550 GB by an uplink of 1,833 Mbit/s, and each peer "
        "sends 0.45 GB; with peers of 5 Mbit/s an origin sends 1 GB by an uplink of 2.78 Mbit/s, "
        "and each peer sends 0.999 GB (bounds, the uplinks with the margin that runs to N = 10 "
        "took). Measured at N = 10: the server sent 10 GB at a peak of 10 Mbit/s, among peers of "
        "1 Mbit/s the origin sent 6 GB at a peak of 6 Mbit/s, among peers of 5 Mbit/s the origin "
        "sent 1.1 GB at a peak of 1.1 Mbit/s."
    )


def test_it_holds_where_every_peer_is() -> None:
    assert CLAIM.judge(measured(slow=67.0)).verdict is Verdict.HOLDS  # 1.5 times that is a tenth


def test_a_margin_that_makes_it_dear_counts() -> None:
    assert CLAIM.judge(measured(slow=68.0)).verdict is Verdict.CONDITION


@pytest.mark.parametrize(
    "changes",
    [{"fast": 81.0}, {"fast": 67.0, "margin": 2.0}, {"peers": True}, {"server": True}],
    ids=["an origin pays a tenth", "the margin makes it so", "peers are late", "a server is"],
)
def test_it_fails_where(changes: dict[str, Any]) -> None:
    assert CLAIM.judge(measured(**changes)).verdict is Verdict.FAILS


def test_a_missed_deadline_is_told() -> None:
    told = "an origin sends 1 GB and no uplink that was tried kept the deadline, and each peer"
    assert told in CLAIM.judge(measured(peers=True)).because


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("file=big", "file: 'big' is not a size"),
        ("file=0 B", "file: '0 B'; expected 64 KiB to 1000 TB"),
        ("file=1e99 GB", "file: '1e99 GB'"),
        ("deadline=1", "deadline: '1' is not a duration"),
        ("deadline=0 s", "deadline: '0 s'; expected 1 s to"),
        ("deadline=-1 s", "deadline: '-1 s'"),
        ("peer_ups=5", "peer_ups: '5' is not a rate"),
        ("peer_ups=0 Mbit/s", "peer_ups: '0 Mbit/s'; expected"),
        ("peer_ups=unlimited", "peer_ups: 'unlimited'; expected"),
        ("clients=0", "clients: '0'; expected int >= 1"),
        ("clients=1001", "clients: '1001'; expected int <= 1000"),
        ("margins=0.5", "margins: '0.5'; expected float >= 1.0"),
        ("margins=nan", "margins: 'nan'; expected float >= 1.0"),
        ("price_per_gigabyte=-5", "price_per_gigabyte: '-5'; expected float >= 0.0"),
        ("price_per_mbit_s=nan", "price_per_mbit_s: 'nan'; expected float >= 0.0"),
        ("price_per_mbit_s=inf", "price_per_mbit_s: 'inf'; expected float < 1000000000000.0"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, message: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(SettingError) as refusal:
        CLAIM.measure(Stage(), **CLAIM.read_settings({name: value}))
    assert str(refusal.value).startswith(message)


def test_settings_that_are_lists_may_not_be_empty() -> None:
    for name in ("peer_ups", "clients", "margins"):
        with pytest.raises(SettingError, match=f"{name}: .*expected array of length >= 1"):
            CLAIM.read_settings({name: ()})


def test_the_least_margin_that_keeps_the_deadline_is_found(tmp_path: Path) -> None:
    case = {"backend": "central", "clients": 3, "peer_up": 0.0, "file_bytes": 2**20}
    case |= {"deadline_s": 600.0, "origin_rate": 3 * 2**20 / 600}
    (row,) = keep_deadline(case | {"margins": [1.0, 1.01, 2.0]}, tmp_path)["runs"]
    assert (row["margin"], row["kept"]) == (1.01, True)  # headers take the rest
    assert row["deadlines"] == pytest.approx(1 / 1.01, rel=1e-3)
    assert row["origin_sent"] == pytest.approx(3 * 2**20, rel=1e-3)
    assert row["peak_rate"] == pytest.approx(1.01 * case["origin_rate"], rel=0.07)
    (row,) = keep_deadline(case | {"margins": [1.0]}, tmp_path)["runs"]
    assert not row["kept"]


def test_a_small_run_without_prices() -> None:
    data = CLAIM.measure(Stage(), file="1 MiB", deadline="10 min", clients=(4,))
    runs = data["runs"].set_index(["backend", "peer_up"])
    assert runs["kept"].all()
    assert runs.loc[("central", 0.0), "margin"] == 1.01
    assert runs.loc[("central", 0.0), "deadlines"] == pytest.approx(1 / 1.01, rel=0.01)
    assert runs.loc[("central", 0.0), "origin_sent"] == pytest.approx(4 * 2**20, rel=0.01)
    assert runs.loc[("p2p", 5 * MBIT_S), "deadlines"] <= 1
    assert "price" not in data["needs"]
    assert CLAIM.judge(data).because.startswith("For 1,000,000 clients within 10 min a server")
    heads, rows = CLAIM.tabulate(data)
    assert {len(row) for row in rows} == {len(heads)}
    assert len(rows) == 3 * 8  # powers of ten to 10^6, and N = 4
    CLAIM.draw(data, Figure().subplots())


def test_money_is_by_the_users_prices_alone() -> None:
    data = CLAIM.measure(
        Stage(),
        clients=(1,),
        peer_ups=("5 Mbit/s",),
        price_per_gigabyte=80.0,
        price_per_mbit_s=2.0,
        currency="KRW",
        file="9 MB",
        deadline="72 s",
    )
    needs = data["needs"][data["needs"]["backend"] == "central"].set_index("clients")
    # 1,000 clients: 9 GB at 1,000 Mbit/s.
    assert needs.loc[1000, "price"] == pytest.approx(9 * 80 + 1000 * 2)
    heads, rows = CLAIM.tabulate(data)
    assert heads[-1] == "price by the bound (KRW)"
    assert rows[3][-1] == "2,720.00"
