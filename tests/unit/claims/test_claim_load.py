"""The claim `load`: its verdict for data of every kind, and one small run."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.claims.load import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage


def measured(*clients: int, **changes: tuple[float, ...]) -> Data:
    """Data of the textbook's kind at N = 10 and N = 100, or others; some figures are changed."""
    many = clients or (10, 100)
    values = {
        "server_copies": tuple(map(float, many)),
        "origin_copies": (0.9, 1.0),
        "peer_copies": (1.0, 1.2),
        "share": (0.09, 0.01),
        "cpu_s": (0.1, 1.0),
    } | changes
    rows = [
        {"backend": "central", "clients": n, "busiest_copies": values["server_copies"][i]}
        for i, n in enumerate(many)
    ]
    for i, n in enumerate(many):
        own = {column: values[column][i] for column in ("origin_copies", "peer_copies")}
        busiest = {"busiest_copies": max(own.values()), "busiest_share": values["share"][i]}
        rows.append({"backend": "p2p", "clients": n, "mean_copies": 0.9} | own | busiest)
    cost = [{"clients": n, "cpu_s": values["cpu_s"][i]} for i, n in enumerate(many)]
    return {"runs": DataFrame(rows), "server": DataFrame(cost)}


def test_it_holds_where_no_host_sends_more_than_a_tenth() -> None:
    judgement = CLAIM.judge(measured())
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "At N = 100 the server sends 100 copies, and on this computer its process takes 1 s of CPU "
        "(0.1 s at N = 10); in P2P the busiest host, a peer, sends 1.2 copies, 1% of all bytes, "
        "and a peer 0.9 copies on average."
    )


def test_it_needs_many_peers_where_the_origin_carries_few_of_them() -> None:
    judgement = CLAIM.judge(measured(origin_copies=(5.0, 8.0), share=(0.5, 0.08)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the peers are many, here 100 or more: the busiest host, the origin, sends 50% of all "
        "bytes at N = 10 and 8% at N = 100"
    )
    assert "the busiest host, the origin, sends 8 copies, 8% of all bytes" in judgement.because


def test_few_peers_refute_nothing_while_the_share_falls() -> None:
    judgement = CLAIM.judge(measured(1, 10, share=(1.0, 0.5)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "the peers are many, more than were measured here: the share of the busiest host falls "
        "from 100% at N = 1 to 50% at N = 10"
    )


def test_what_the_server_sends_grows_where_its_cpu_time_does_not() -> None:
    judgement = CLAIM.judge(measured(cpu_s=(0.1, 0.2)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "load is what the server sends: its CPU time on this computer grows only like N^0.30"
    )


@pytest.mark.parametrize(
    ("clients", "changes"),
    [
        ((10, 100), {"share": (0.5, 0.11)}),
        ((10, 20), {"share": (0.5, 0.5)}),
        ((10, 20, 40), {"share": (0.5, 0.3, 0.4)}),
        ((10, 100), {"server_copies": (10.0, 30.0)}),
    ],
    ids=[
        "one host carries the load of a hundred",
        "its share does not fall",
        "it rises again",
        "the server's bytes grow slower than its clients",
    ],
)
def test_it_fails_where(clients: tuple[int, ...], changes: dict[str, Any]) -> None:
    three = dict.fromkeys(("origin_copies", "peer_copies", "cpu_s"), (0.1, 1.0, 2.0))
    assert CLAIM.judge(measured(*clients, **three | changes)).verdict is Verdict.FAILS


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("clients=0,1", "clients: '0,1'; expected int >= 1"),
        ("clients=-1,10", "clients: '-1,10'; expected int >= 1"),
        ("clients=1,100000", "clients: '1,100000'; expected int <= 1000"),
        ("clients=5", "clients: '5'; expected array of length >= 2"),
        ("clients=nan,1", "clients: 'nan,1'; expected int, got str"),
        ("fetches=0", "fetches: '0'; expected int >= 1"),
        ("fetches=1000000", "fetches: '1000000'; expected int <= 1000"),
        ("fetched_bytes=0", "fetched_bytes: '0'; expected int >= 1"),
        ("fetched_bytes=-1", "fetched_bytes: '-1'; expected int >= 1"),
        (
            "fetched_bytes=1000000000000",
            "fetched_bytes: '1000000000000'; expected int <= 268435456",
        ),
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
    data = CLAIM.measure(Stage(), clients=(1, 4), fetches=1, fetched_bytes=1 << 16)
    runs = data["runs"].set_index(["backend", "clients"])
    server, peers = runs.loc[("central", 4)], runs.loc[("p2p", 4)]
    assert server["origin_copies"] == pytest.approx(4, rel=1e-3)
    assert server["uplink_use"] == pytest.approx(1, rel=0.01)
    assert server["origin_connections_most"] == 4
    assert server["busiest_share"] == pytest.approx(1, rel=1e-3)
    assert server["load_gini"] == pytest.approx(4 / 5, rel=1e-3)  # one of five hosts sends all
    assert 1 <= peers["origin_copies"] < 4
    total = 4 * peers["mean_copies"] + peers["origin_copies"]
    assert peers["busiest_copies"] == max(peers["origin_copies"], peers["peer_copies"])
    assert peers["busiest_share"] == pytest.approx(peers["busiest_copies"] / total)
    assert 0 < peers["load_gini"] < 4 / 5
    cost = data["server"]
    assert (cost["cpu_s"] > 0).all()
    assert (cost["rss_bytes"] >= cost["idle_rss_bytes"]).all()
    assert (cost["idle_rss_bytes"] > 1 << 20).all()
    # With so few peers the origin's share of all bytes is no tenth, but it falls.
    assert CLAIM.judge(data).condition.startswith("the peers are many, more than were measured")
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(heads)}
    assert [row[heads.index("Gini, all hosts")] for row in rows[:2]] == ["0.50", "0.80"]
    assert [row[heads.index("busiest host")] for row in rows[1:]] == [
        "the server", "the origin", "the origin",
    ]  # fmt: skip
    CLAIM.draw(data, Figure().subplots())
