"""bench.claims.access: what a revocation does, judged from the data, and measured small."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from claims_lab import kept, shown

from bench.claims.access import CLAIM, DISTURBED, SOON_S
from bench.lecture.claim import Data, SettingError, Verdict
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
    p2p_start_s: float = 9.0,
    granted: dict[str, Any] | None = None,
    givers: tuple[str, ...] = ("client-003", "client-002"),
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
    rows.append(row("p2p", "BitTorrent", 1, share=0.0, finish_s=p2p_start_s))
    rows.append(row("p2p", "BitTorrent", 4, finish_s=3.0))
    run = {"backend": "p2p", "protocol": "BitTorrent", "latency_s": 0.0, "share": 0.5}
    sources = [
        run | {"refusers": 1, "source": name, "bytes": size, "refuses": name == "origin"}
        # Two blocks were on the way from who refuses; words alone are no file.
        for name, size in [("origin", 32768), ("client-004", 16383), *((g, 16384) for g in givers)]
    ]
    grant = {"before_bytes": 0, "told_s": 0.1, "refusals": 7, "first_s": 0.4}
    grants = [
        {"protocol": protocol} | grant | ((granted or {}) if protocol in protocols else {})
        for protocol in PROTOCOLS
    ]
    return {
        "refused": pd.DataFrame(rows),
        "sources": pd.DataFrame(sources),
        "granted": pd.DataFrame(grants),
    }


def test_a_client_that_gets_nothing_more_bears_it_out() -> None:
    judgement = CLAIM.judge(seen(last_s=SOON_S))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Without a grant a client is refused within 0.1 s; granted one while the server runs, it "
        "has its first bytes within 0.4 s. Revoked in the middle, it gets nothing more from the "
        "server after 1 s and 16 KiB of the file at most (http, socket, tftp). In P2P, refused by "
        "the origin, it has the whole file 2 s later at most: 2 other hosts give it the rest; "
        "refused by it from the start, it gets the file in 1 of 1 runs; refused by 4, it still "
        "gets the whole file; refused by 8, it stops."
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
    count = 3 if "finish_s" in late else 0
    assert f"{count} of 3 clients of the server get the whole file" in judgement.because


@pytest.mark.parametrize(
    ("granted", "why"),
    [
        ({"before_bytes": 1}, "Without a grant 3 of 3 clients got some of the file"),
        ({"first_s": NAN}, "Granted one, 3 of 3 clients got nothing of the file"),
        ({"first_s": SOON_S + 0.01}, "it has its first bytes within 1.01 s"),
        ({"told_s": SOON_S + 0.01}, "a client is refused within 1.01 s"),
        ({"refusals": 0, "told_s": NAN}, "Without a grant 3 of 3 clients were never refused"),
    ],
)
def test_permission_that_does_not_work_refutes_it(granted: dict[str, Any], why: str) -> None:
    judgement = CLAIM.judge(seen(granted=granted))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.startswith("Permission is not easily given: ")
    assert why in judgement.because


def test_only_the_protocols_that_permit_are_the_condition() -> None:
    judgement = CLAIM.judge(seen(granted={"first_s": NAN}, protocols=("http", "socket")))
    assert (judgement.verdict, judgement.condition) == (
        Verdict.CONDITION,
        "the file is served by tftp",
    )


def test_one_protocol_that_permits_and_another_that_restricts_are_not_enough() -> None:
    data = seen(finish_s=0.5, protocols=("http",))
    data["granted"].loc[data["granted"]["protocol"] != "http", "first_s"] = NAN
    judgement = CLAIM.judge(data)
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.startswith("No protocol both permits and restricts within 1 s.")


@pytest.mark.parametrize("late", [{"slower": DISTURBED + 0.01}, {"others": 6}])
def test_others_that_suffer_refute_it(late: dict[str, Any]) -> None:
    judgement = CLAIM.judge(seen(**late))
    assert judgement.verdict is Verdict.FAILS
    why = "3 of them never got the file" if "others" in late else "takes 1.06 times as long"
    assert f"The others are disturbed: {'' if 'others' in late else 'their last '}{why}" in (
        judgement.because
    )


def test_others_may_take_a_little_longer() -> None:
    assert CLAIM.judge(seen(slower=DISTURBED)).verdict is Verdict.HOLDS


def test_a_peer_that_the_origin_stops_is_reported() -> None:
    because = CLAIM.judge(seen(p2p_finish_s=NAN)).because
    assert "In P2P the origin's refusal stops it too in 1 of 1 runs" in because


def test_one_giver_is_one_and_hosts_that_refuse_are_none() -> None:
    because = CLAIM.judge(seen(givers=("client-002",))).because
    assert "2 s later at most: 1 other host gives it the rest;" in because


def test_a_peer_that_never_gets_in_is_reported() -> None:
    because = CLAIM.judge(seen(p2p_start_s=NAN)).because
    assert "refused by it from the start, it gets the file in 0 of 1 runs" in because


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("clients", text) for text in ("0", "-1", "1", "nan", "1000000000")),
        *(("protocols", text) for text in ("ftp", "", "http,ftp")),
        *(("shares", text) for text in ("0", "1", "1.5", "-1", "nan")),
        *(("latencies_s", text) for text in ("-1", "nan", "inf", "1e9")),
        *(("file_bytes", text) for text in ("0", "1", "1000000000000")),
        ("seed", "-1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: '.*'; ") as refusal:
        CLAIM.read_settings({name: value})
    assert "\n" not in str(refusal.value)


def test_two_clients_are_enough_and_one_gives_the_other_the_rest() -> None:
    small: dict[str, Any] = {"file_bytes": 1 << 18, "latencies_s": (0.0, 0.0)}
    data = CLAIM.measure(Stage(), clients=2, shares=(0.5, 0.5), protocols=("http", "http"), **small)
    assert CLAIM.judge(data).verdict is Verdict.HOLDS
    assert "1 other host gives it the rest" in CLAIM.judge(data).because
    _, rows, _ = shown(CLAIM, data)
    assert [(row[1], row[-1]) for row in rows] == [
        ("granted", "the server"),
        ("kept", "the server"),
        ("revoked by the server", "-"),
        ("kept", "the origin, client 2"),
        ("refused by the origin from the start", "client 2"),
        ("refused by the origin", "client 2"),
        ("refused by 2 hosts", "-"),
    ]


def test_a_small_run_shows_a_cut_by_the_server_and_none_by_the_origin(tmp_path: Path) -> None:
    data = CLAIM.measure(
        Stage(),
        clients=4,
        shares=(0.3,),
        latencies_s=(0.0,),
        protocols=("socket",),
        file_bytes=1 << 18,
    )
    assert CLAIM.judge(data).verdict is Verdict.HOLDS
    runs = data["refused"].set_index(["backend", "refusers", "share"]).sort_index()
    cut = runs.loc["central", 1, 0.3]
    assert cut["gained_bytes"] < cut["file_bytes"] * 0.7
    assert (cut["told_s"], cut["others_finished"]) == (pytest.approx(0.1, abs=0.16), 3)
    assert cut["refusals"] > 1 and cut["refusal"] == "file.bin: a valid token is needed"
    for share in (0.0, 0.3):
        alone = runs.loc["p2p", 1, share]
        assert alone["gained_bytes"] + alone["had_bytes"] == 1 << 18
    assert pd.isna(runs.loc["p2p", 4, 0.3]["finish_s"])
    granted = data["granted"].iloc[0]
    assert (granted["before_bytes"], granted["refusal"]) == (0, "file.bin: a valid token is needed")
    assert granted["refusals"] > 1 and granted["told_s"] < 0.05
    # The server looks four times a second, and the client asks twenty times.
    assert 0 < granted["first_s"] < 0.4 and granted["finish_s"] > granted["first_s"]
    _, rows, ax = shown(CLAIM, data)
    assert [row[1] for row in rows] == [
        "granted",
        "kept",
        "revoked by the server",
        "kept",
        "refused by the origin from the start",
        "refused by the origin",
        "refused by 2 hosts",
        "refused by 4 hosts",
    ]
    assert "Revoked, the server's client gets nothing after" in ax.get_title(loc="left")
    kept(CLAIM, data, tmp_path)
