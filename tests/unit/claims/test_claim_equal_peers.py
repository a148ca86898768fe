"""bench.claims.equal_peers: whether a peer is special, judged from the data, and measured small."""

import re
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.equal_peers import CLAIM, EVEN, ORIGIN
from bench.lecture.claim import Data, Judgement, SettingError, Verdict
from bench.lecture.stage import Stage

CLIENTS = ("client-001", "client-002")
Loss = tuple[str, int, int]
"""Who was lost, how many of 2 others got the file without it, pieces lost with it."""

EARLY: Loss = (ORIGIN, 0, 28)
LATE: Loss = (ORIGIN, 2, 0)


def seen(*losses: Loss, **changed: Any) -> Data:
    """Three hosts of either backend; `changed` are columns of the last peer."""

    def host(backend: str, node: str, program: str, **own: int) -> dict[str, Any]:
        usual = {"listens": 1, "accepted": 1, "connects": 1, "up_bytes": 100}
        return {"backend": backend, "node": node, "program": program} | usual | own

    idle = {"listens": 0, "accepted": 0, "up_bytes": 0}
    hosts = [host("central", ORIGIN, "Server", connects=0, up_bytes=300)]
    hosts += [host("central", node, "Client", **idle) for node in CLIENTS]
    hosts += [host("p2p", node, "Peer") for node in (ORIGIN, *CLIENTS)]
    hosts[-1] |= changed
    lost = [*losses, *((node, 2, 0) for node in CLIENTS)]
    rows = pd.DataFrame(lost, columns=["victim", "later", "missing"])
    runs = rows.assign(backend="p2p", stopped=rows["later"] < 2)
    # A server that stops the others says nothing about peers.
    server = runs[:1].assign(backend="central", victim=ORIGIN, stopped=True)
    return {"roles": pd.DataFrame(hosts), "outages": pd.concat([runs, server])}


def refuted(judgement: Judgement) -> str:
    assert judgement.verdict is Verdict.FAILS
    return judgement.because


def test_peers_without_any_of_which_the_others_finish_are_equal_on_a_condition() -> None:
    judgement = CLAIM.judge(seen(LATE))
    assert judgement.verdict is Verdict.CONDITION
    assert "is not lost before every piece has left it" in judgement.condition
    assert judgement.because == (
        "All 3 hosts run one program and listen, 3 accepted and called; the busiest peer sends 1 "
        "times the mean of all (the server 3 times); without any one of the 2 clients the others "
        "get the file; without the first one they do if every piece had left it (1 of 1 runs)."
    )


def test_pieces_that_were_lost_with_the_first_one_are_told() -> None:
    judgement = CLAIM.judge(seen(EARLY, LATE))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.because.endswith("(1 of 2 runs); not if 28 of 64 pieces were lost with it.")


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ((EARLY,), ": 28 of 64 pieces were lost with it."),
        ((LATE, (ORIGIN, 0, 0)), " in 1 of 2 runs, though they had every piece among them."),
    ],
)
def test_a_first_one_that_is_missed_is_special(losses: tuple[Loss, ...], why: str) -> None:
    because = refuted(CLAIM.judge(seen(*losses)))
    assert because.endswith(f"but not without the first one{why}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("clients", text) for text in ("0", "-1", "1", "nan", "1000000000")),
        *(("percent", text) for text in ("-1", "100", "nan")),
        *(("fast_origin", text) for text in ("0", "-1", "nan", "inf")),
        ("seed", "-1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: '.*'; expected"):
        CLAIM.read_settings({name: value})


def test_another_program_refutes_it() -> None:
    because = refuted(CLAIM.judge(seen(LATE, program="Tracker")))
    assert because == "The peers run 2 programs: Peer, Tracker."


def test_a_peer_that_does_not_listen_refutes_it() -> None:
    because = refuted(CLAIM.judge(seen(LATE, listens=0)))
    assert because == "Not every peer is a server too: client-002 did not listen."


def test_a_peer_that_most_call_refutes_it() -> None:
    # Of 1, 1 and x connections x is two thirds at 4.
    assert CLAIM.judge(seen(LATE, accepted=4)).verdict is Verdict.CONDITION
    because = refuted(CLAIM.judge(seen(LATE, accepted=5)))
    assert because == "One peer is called by most: client-002 accepted 5 of 7 connections."


def test_a_peer_that_nobody_happened_to_call_is_not_special() -> None:
    judgement = CLAIM.judge(seen(LATE, accepted=0))
    assert judgement.verdict is Verdict.CONDITION
    assert "All 3 hosts run one program and listen, 2 accepted and called" in judgement.because


def test_a_peer_that_carries_the_load_refutes_it() -> None:
    # Of 100, 100 and x the mean is (200 + x) / 3; x is twice that at 400.
    assert EVEN == 2.0
    assert CLAIM.judge(seen(LATE, up_bytes=400)).verdict is Verdict.CONDITION
    assert "The load is not shared" in refuted(CLAIM.judge(seen(LATE, up_bytes=401)))


def test_a_client_that_is_missed_refutes_it() -> None:
    because = refuted(CLAIM.judge(seen(LATE, ("client-002", 1, 0))))
    assert because == "The loss of client-002 stops others."


def test_a_small_run_finds_one_program_and_an_origin_that_is_missed_early() -> None:
    data = CLAIM.measure(Stage(), clients=3)
    assert CLAIM.judge(data).verdict is Verdict.CONDITION
    roles = data["roles"].set_index(["backend", "node"])
    assert list(roles["program"]) == ["Server"] + 3 * ["Client"] + 4 * ["Peer"]
    assert list(roles["listens"]) == [1, 0, 0, 0, 1, 1, 1, 1]
    assert list(roles["accepted"]["central"]) == [3, 0, 0, 0]
    assert list(roles["connects"]["central"]) == [0, 1, 1, 1]
    assert roles["accepted"]["p2p"].sum() <= roles["connects"]["p2p"].sum()
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == 8 and {len(row) for row in rows} == {len(heads)}
    assert rows[0][-1] == "0 of 3"
    assert re.fullmatch(r"0 of 3 \(\d+ pieces lost\); 3 of 3", rows[4][-1])
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert "the server sends 3 F" in ax.get_title(loc="left")
    marks = [text.get_text() for text in ax.texts]
    assert [mark for mark in marks if set(mark) <= set("✓✗/")] == [
        *["✗", "✓", "✓", "✓"],
        *["✗/✓", "✓", "✓", "✓"],
    ]
