"""The claim `load`: its verdict for data of every kind, and one small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.load import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage

CLIENTS = (10, 100)


def measured(**changes: Any) -> Data:
    """Data of the textbook's kind, with some figures at N = 10 and N = 100 changed."""
    values = {
        "server_copies": (10.0, 100.0),
        "origin_copies": (0.9, 1.0),
        "origin_share": (0.09, 0.01),
        "busiest_copies": (1.0, 1.2),
        "cpu_s": (0.1, 1.0),
    } | changes
    rows = [
        {"backend": "central", "clients": n, "origin_copies": values["server_copies"][i]}
        | {"origin_share": 1.0, "busiest_copies": 0.0}
        for i, n in enumerate(CLIENTS)
    ]
    rows += [
        {"backend": "p2p", "clients": n}
        | {c: values[c][i] for c in ("origin_copies", "origin_share", "busiest_copies")}
        for i, n in enumerate(CLIENTS)
    ]
    cost = [{"clients": n, "cpu_s": values["cpu_s"][i]} for i, n in enumerate(CLIENTS)]
    return {"runs": DataFrame(rows), "server": DataFrame(cost)}


def test_it_holds_where_no_host_sends_more_than_a_tenth() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "At N = 100 the server sends 100 copies and its process takes 1 s of CPU (0.1 s at "
        "N = 10); in P2P the origin sends 1 copy, 1% of all bytes, and the busiest peer 1.2 copies."
    )


def test_it_needs_many_peers_where_the_origin_carries_few_of_them() -> None:
    judgement = CLAIM.judge(measured(origin_share=(0.5, 0.08)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the peers are many, here 100 or more: the origin's share of all bytes is 50% at N = 10 "
        "and 8% at N = 100"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"origin_share": (0.5, 0.11)},
        {"busiest_copies": (1.0, 3.1)},
        {"busiest_copies": (3.1, 1.0)},
        {"server_copies": (10.0, 60.0)},
        {"cpu_s": (0.1, 0.3)},
    ],
    ids=[
        "the origin carries the load of all",
        "a peer carries the load of others",
        "a peer does where they are few",
        "the server's bytes grow slower than its clients",
        "its CPU time hardly grows",
    ],
)
def test_it_fails_where(changes: dict[str, Any]) -> None:
    assert CLAIM.judge(measured(**changes)).verdict is Verdict.FAILS


def test_one_number_of_clients_shows_no_growth() -> None:
    with pytest.raises(SettingError, match=r"clients: \(5,\); expected two numbers"):
        CLAIM.measure(Stage(), clients=(5,))


def test_a_small_run() -> None:
    data = CLAIM.measure(Stage(), clients=(1, 4), fetches=1, fetched_bytes=1 << 16)
    runs = data["runs"].set_index(["backend", "clients"])
    server, peers = runs.loc[("central", 4)], runs.loc[("p2p", 4)]
    assert server["origin_copies"] == pytest.approx(4, rel=1e-3)
    assert server["uplink_use"] == pytest.approx(1, rel=0.01)
    assert server["origin_connections_most"] == 4
    assert server["origin_share"] == pytest.approx(1, rel=1e-3)
    assert peers["origin_copies"] < 4
    total = 4 * peers["mean_copies"] + peers["origin_copies"]
    assert peers["origin_share"] == pytest.approx(peers["origin_copies"] / total)
    cost = data["server"]
    assert (cost["cpu_s"] > 0).all()
    assert (cost["rss_bytes"] >= cost["idle_rss_bytes"]).all()
    assert (cost["idle_rss_bytes"] > 1 << 20).all()
    # With so few peers the origin has a share of all bytes that is no tenth.
    assert CLAIM.judge(data).verdict is Verdict.FAILS
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(heads)}
    CLAIM.draw(data, Figure().subplots())
