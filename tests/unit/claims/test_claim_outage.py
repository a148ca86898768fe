"""bench.claims.outage: whom the loss of a host stops, judged from the data, and measured small."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.outage import CLAIM, CLIENT, ORIGIN
from bench.lecture.claim import Data, Verdict
from bench.lecture.stage import Stage

Run = tuple[str, str, int, int, int, float]
"""backend, who is lost, and of 8 others who had the file before, during and the copies sent."""

SERVER: Run = ("central", ORIGIN, 0, 0, 8, 4.0)
LUCKY: Run = ("p2p", ORIGIN, 1, 7, 0, 1.2)
STUCK: Run = ("p2p", ORIGIN, 0, 0, 8, 0.8)
ANY: Run = ("p2p", CLIENT, 0, 8, 0, 0.6)


def seen(*runs: Run) -> Data:
    columns = ["backend", "victim", "before", "during", "after", "sent_copies"]
    return {"outages": pd.DataFrame(runs, columns=columns).assign(others=8)}


def test_it_holds_where_nobody_is_missed_but_the_server() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, ANY))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Without the server nobody got the file (1 of 1 runs). In P2P all others got it without a "
        "client (1 of 1) and without the origin (1 of 1). After the restart 8 of the 8 who had to "
        "wait got it."
    )


def test_an_origin_that_had_sent_too_little_is_the_condition() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, STUCK, ANY))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == "every piece has left the origin when it stops"
    assert judgement.because.endswith(
        "client (1 of 1) and, in 1 of 2 runs, without the origin: where it had sent 1.20 copies or "
        "more; 0.80 were too few. After the restart 16 of the 16 who had to wait got it."
    )


def test_a_client_served_without_the_server_refutes_it() -> None:
    judgement = CLAIM.judge(seen(("central", ORIGIN, 0, 2, 6, 4.0), LUCKY, ANY))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "With the server down, 2 clients still got the whole file."


def test_one_who_had_the_file_before_was_not_served_meanwhile() -> None:
    data = seen(("central", ORIGIN, 3, 0, 5, 4.0), LUCKY, ANY)
    assert CLAIM.judge(data).verdict is Verdict.HOLDS


def test_a_client_whose_loss_stops_others_refutes_it() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, ANY, ("p2p", CLIENT, 0, 7, 1, 0.6)))
    assert judgement.verdict is Verdict.FAILS
    assert "the loss of one client stopped others in 1 of 2 runs" in judgement.because


@pytest.mark.parametrize("sent", [0.7, 0.8])
def test_an_origin_whose_loss_always_stops_the_others_refutes_it(sent: float) -> None:
    judgement = CLAIM.judge(seen(SERVER, STUCK, STUCK, ANY))
    assert judgement.verdict is Verdict.FAILS
    assert "stopped the others in 2 of 2 runs, though it had sent 0.80" in judgement.because
    # Nor is it a condition that swarms got through with no more than others had.
    assert CLAIM.judge(seen(SERVER, STUCK, (*LUCKY[:5], sent), ANY)).verdict is Verdict.FAILS


def test_those_who_never_got_the_file_are_counted() -> None:
    because = CLAIM.judge(seen(("central", ORIGIN, 0, 0, 5, 4.0), LUCKY, ANY)).because
    assert because.endswith("After the restart 5 of the 8 who had to wait got it.")


def test_a_small_run_tells_an_early_loss_of_the_origin_from_a_late_one() -> None:
    data = CLAIM.measure(Stage(), clients=4, percents=(50,), origin_ups=(1.0, 10.0))
    assert CLAIM.judge(data).verdict is Verdict.CONDITION
    runs = data["outages"].set_index(["backend", "origin_up", "victim"])
    counted = runs[["others", "before", "during", "after"]]
    assert {
        key: tuple(row) for key, row in zip(counted.index, counted.to_numpy(), strict=True)
    } == {
        ("central", 10.0, ORIGIN): (4, 0, 0, 4),
        ("central", 10.0, CLIENT): (3, 0, 3, 0),
        ("p2p", 1.0, ORIGIN): (4, 0, 0, 4),
        ("p2p", 1.0, CLIENT): (3, 0, 3, 0),
        ("p2p", 10.0, ORIGIN): (4, 0, 4, 0),
        ("p2p", 10.0, CLIENT): (3, 0, 3, 0),
    }
    reached = runs["reached"]["p2p", 1.0, ORIGIN]
    assert 0.5 <= reached < 1
    # What is missing in the swarm is what the origin had not sent yet.
    assert runs["sent_copies"]["p2p", 1.0, ORIGIN] == pytest.approx(reached, abs=0.1)
    finishes = data["finishes"]
    assert len(finishes) == 6 * 4
    assert finishes.groupby("victim")["lost"].sum().to_dict() == {ORIGIN: 0, CLIENT: 3}
    heads, rows = CLAIM.tabulate(data)
    assert len(rows) == 6 and {len(row) for row in rows} == {len(heads)}
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert ax.get_title(loc="left") == (
        "Without the server nobody is served;\nwithout the origin 1 of 2 swarms finish"
    )
