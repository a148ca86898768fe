"""bench.claims.access: what a revocation does, judged from the data, and measured small."""

from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.access import CLAIM, DISTURBED, SOON_S
from bench.lecture.claim import Data, Verdict
from bench.lecture.stage import Stage

NAN = float("nan")
PROTOCOLS = ("http", "socket", "tftp")


def seen(
    *,
    last_s: float = 0.2,
    finish_s: float = NAN,
    protocols: tuple[str, ...] = PROTOCOLS,
    others: int = 7,
    slower: float = 1.0,
    p2p_finish_s: float = 2.0,
) -> Data:
    """Three protocols of which `protocols` do as told, and a peer that the origin refuses."""

    def row(backend: str, protocol: str, refusers: int, **values: Any) -> dict[str, Any]:
        usual = {"last_s": 0.2, "gained_bytes": 16384, "finish_s": NAN, "others_finish_s": 6.0}
        case = {"backend": backend, "protocol": protocol, "latency_s": 0.0, "share": 0.5}
        finished = {"others": 7, "others_finished": 7}
        return case | {"refusers": refusers} | usual | finished | values

    changed = {
        "last_s": last_s,
        "finish_s": finish_s,
        "others_finished": others,
        "others_finish_s": 6.0 * slower,
    }
    rows = [row("central", protocol, 0, finish_s=3.0) for protocol in PROTOCOLS]
    rows += [
        row("central", protocol, 1, **(changed if protocol in protocols else {}))
        for protocol in PROTOCOLS
    ]
    rows += [row("p2p", "BitTorrent", 1, finish_s=p2p_finish_s), row("p2p", "BitTorrent", 8)]
    sources = [
        {"backend": "p2p", "latency_s": 0.0, "share": 0.5, "refusers": 1, "bytes": size}
        for size in (16383, 16384, 40000)
    ]
    return {"refused": pd.DataFrame(rows), "sources": pd.DataFrame(sources)}


def test_a_client_that_gets_nothing_more_bears_it_out() -> None:
    judgement = CLAIM.judge(seen(last_s=SOON_S))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Revoked in the middle, a client gets nothing more from the server after 1 s and 16 KiB of "
        "the file at most (http, socket, tftp). In P2P, refused by the origin, it has the whole "
        "file 2 s later at most: 2 other hosts give it the rest; refused by 8, it stops."
    )


def test_only_the_protocols_that_stop_are_the_condition() -> None:
    judgement = CLAIM.judge(seen(last_s=SOON_S + 0.01, protocols=("tftp",)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == "the file is served by http or socket"
    assert "after 0.2 s" in judgement.because


@pytest.mark.parametrize("late", [{"last_s": SOON_S + 0.01}, {"finish_s": 0.5}])
def test_clients_that_are_served_on_refute_it(late: dict[str, float]) -> None:
    judgement = CLAIM.judge(seen(**late))
    assert judgement.verdict is Verdict.FAILS
    share = "100%" if "finish_s" in late else "0%"
    assert f"{share} of the server's clients get the whole file all the same" in judgement.because


@pytest.mark.parametrize("late", [{"slower": DISTURBED + 0.01}, {"others": 6}])
def test_others_that_suffer_refute_it(late: dict[str, Any]) -> None:
    judgement = CLAIM.judge(seen(**late))
    assert judgement.verdict is Verdict.FAILS
    assert "The others are disturbed" in judgement.because


def test_others_may_take_a_little_longer() -> None:
    assert CLAIM.judge(seen(slower=DISTURBED)).verdict is Verdict.HOLDS


def test_a_peer_that_the_origin_stops_is_reported() -> None:
    because = CLAIM.judge(seen(p2p_finish_s=NAN)).because
    assert "In P2P the origin's refusal stops it too in 1 of 1 runs" in because


def test_a_small_run_shows_a_cut_by_the_server_and_none_by_the_origin() -> None:
    data = CLAIM.measure(
        Stage(),
        clients=4,
        shares=(0.5,),
        latencies_s=(0.0,),
        protocols=("socket",),
        file_bytes=1 << 18,
    )
    assert CLAIM.judge(data).verdict is Verdict.HOLDS
    runs = data["refused"].set_index(["backend", "refusers"])
    cut = runs.loc["central", 1]
    assert cut["gained_bytes"] < cut["file_bytes"] / 2
    assert (cut["told_s"], cut["others_finished"]) == (pytest.approx(0.1, abs=0.16), 3)
    assert cut["refusals"] > 1 and cut["refusal"] == "file.bin: a valid token is needed"
    assert runs.loc["p2p", 1]["gained_bytes"] + runs.loc["p2p", 1]["had_bytes"] == 1 << 18
    assert pd.isna(runs.loc["p2p", 4]["finish_s"])
    _, rows = CLAIM.tabulate(data)
    assert [row[1] for row in rows] == [
        "nobody",
        "the server",
        "nobody",
        "the origin",
        "2 hosts",
        "4 hosts",
    ]
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert "Revoked, the server's client gets nothing after" in ax.get_title(loc="left")
