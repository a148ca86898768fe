"""The claim `cost`: what an origin needs for a deadline, its verdict, and one small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.cost import CLAIM, need
from bench.lecture.claim import Data, SettingError, Verdict
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


def measured(
    slow: float = 550.0, fast: float = 1.0, late: float = 1.1, server_late: float = 1.0
) -> Data:
    """The needs of 1,000 clients, an origin's in copies among slow and fast peers."""
    usual = {"clients": 1000, "file_bytes": 10**9, "deadline_s": 3600.0}

    def row(backend: str, up: float, copies: float) -> dict[str, Any]:
        sent = copies * GB
        own = {"origin_bytes": sent, "origin_rate": sent / 3600, "peer_bytes": GB - sent / 1000}
        return usual | {"backend": backend, "peer_up": up * MBIT_S} | own

    needs = [row("central", 0, 1000), row("p2p", 1, slow), row("p2p", 5, fast)]
    runs = [
        {"backend": "central", "peer_up": 0.0, "deadlines": server_late},
        {"backend": "p2p", "peer_up": 1 * MBIT_S, "deadlines": 2.0 if slow > 100 else late},
        {"backend": "p2p", "peer_up": 5 * MBIT_S, "deadlines": late},
    ]
    return {"needs": DataFrame(needs), "runs": DataFrame(runs).assign(clients=10)}


def test_it_holds_with_peers_fast_enough() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the peers pay instead, each with an uplink of 5 Mbit/s and 0.999 GB sent (one copy within "
        "the deadline takes 2.22 Mbit/s)"
    )
    assert judgement.because == (
        "For 1,000 clients within 1 h a server sends 1,000 GB at 2,222 Mbit/s; with peers of 1 "
        "Mbit/s an origin sends 550 GB at 1,222 Mbit/s and each peer 0.45 GB (measured to N = 10: "
        "the last has the file after 2.00 deadlines); with peers of 5 Mbit/s an origin sends 1 GB "
        "at 2.22 Mbit/s and each peer 0.999 GB (measured to N = 10: the last has the file after "
        "1.10 deadlines)."
    )


def test_it_holds_where_every_peer_is() -> None:
    assert CLAIM.judge(measured(slow=99.0)).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "changes",
    [{"fast": 101.0}, {"late": 1.3}, {"server_late": 1.3}],
    ids=["an origin pays a tenth", "peers miss the deadline", "a server misses it too"],
)
def test_it_fails_where(changes: dict[str, float]) -> None:
    assert CLAIM.judge(measured(**changes)).verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"file": "big"}, "file: 'big' is not a size"),
        ({"deadline": "1"}, "deadline: '1' is not a duration"),
        ({"deadline": "0 s"}, "deadline: '0 s'; expected a duration above 0"),
        ({"peer_ups": ("5",)}, "peer_ups: '5' is not a rate"),
        ({"peer_ups": ("0 Mbit/s",)}, "peer_ups: '0 Mbit/s'; expected rates above 0"),
        ({"peer_ups": ()}, "peer_ups: ''; expected rates above 0"),
        ({"clients": (0,)}, r"clients: \(0,\); expected numbers from 1 to 1,000"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        CLAIM.measure(Stage(), **settings)


def test_a_small_run_without_prices() -> None:
    data = CLAIM.measure(Stage(), file="1 MiB", deadline="10 min", clients=(4,))
    runs = data["runs"].set_index(["backend", "peer_up"])
    assert runs.loc[("central", 0.0), "deadlines"] == pytest.approx(1, rel=0.01)
    assert runs.loc[("central", 0.0), "origin_bytes"] == pytest.approx(4 * 2**20, rel=0.01)
    assert runs.loc[("p2p", 5 * MBIT_S), "deadlines"] < 1.25
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
    assert heads[-1] == "price (KRW)"
    assert rows[3][-1] == "2,720.00"
