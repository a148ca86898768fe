"""bench.claims.outage: whom the loss of a host stops, judged from the data, and measured small."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from claims_lab import kept, shown

from bench.claims.outage import CLAIM, CLIENT, ORIGIN
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage
from bench.sweep import TrialFailed

NAN = float("nan")
Run = tuple[str, str, int, int, float]
"""backend, who is lost, and of 8 others who had the file before and got it later; the pieces lost
with it."""

SERVER: Run = ("central", ORIGIN, 0, 0, NAN)
LUCKY: Run = ("p2p", ORIGIN, 1, 7, 0)
STUCK: Run = ("p2p", ORIGIN, 0, 0, 12)
ANY: Run = ("p2p", CLIENT, 0, 8, 0)


def seen(*runs: Run, never: int = 0) -> Data:
    """Each run, and a restart of those that were stopped, in which `never` do not come through."""
    columns = ["backend", "victim", "before", "later", "missing"]
    outages = pd.DataFrame(runs, columns=columns).assign(others=8)
    waited = outages["others"] - outages["before"] - outages["later"]
    outages["stopped"] = waited > 0
    restarts = pd.DataFrame({"waited": waited, "came": waited})[waited > 0]
    if never:
        restarts.iloc[0, 1] -= never
    return {"outages": outages, "restarts": restarts}


def test_every_piece_out_is_the_condition_even_where_no_run_lost_the_origin_before() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, ANY))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.because == (
        "Without the server nobody got the file (1 of 1 runs). In P2P all others got it without a "
        "client (1 of 1) and without the origin in 1 of 1 runs, where every piece had left it. "
        "After a restart 8 of the 8 who had to wait got it."
    )


def test_pieces_that_were_lost_with_the_origin_are_told() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, STUCK, (*STUCK[:4], 43), ANY))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == "every piece has left the origin when it stops"
    assert judgement.because.endswith(
        "without the origin in 1 of 3 runs, where every piece had left it; in the others 12 to 43 "
        "of 64 pieces were lost with it. After a restart 24 of the 24 who had to wait got it."
    )


def test_pieces_on_the_way_had_left_the_origin() -> None:
    because = CLAIM.judge(seen(SERVER, (*LUCKY[:4], 2), ANY)).because
    assert "where every piece (up to 2 on the way) had left it." in because


def test_without_anybody_who_had_to_wait_nothing_is_said_of_a_restart() -> None:
    assert "restart" not in CLAIM.judge(seen(("central", ORIGIN, 8, 0, NAN), LUCKY, ANY)).because


@pytest.mark.parametrize(("served", "who"), [(1, "1 client"), (2, "2 clients")])
def test_a_client_served_without_the_server_refutes_it(served: int, who: str) -> None:
    judgement = CLAIM.judge(seen(("central", ORIGIN, 0, served, NAN), LUCKY, ANY))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == f"With the server down, {who} still got the whole file."


def test_one_who_had_the_file_before_was_not_served_meanwhile() -> None:
    data = seen(("central", ORIGIN, 3, 0, NAN), LUCKY, ANY)
    assert CLAIM.judge(data).verdict is Verdict.CONDITION


def test_a_client_whose_loss_stops_others_refutes_it() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, ANY, ("p2p", CLIENT, 0, 7, 0)))
    assert judgement.verdict is Verdict.FAILS
    assert "the loss of one client stopped others in 1 of 2 runs" in judgement.because


def test_an_origin_whose_loss_always_stops_the_others_refutes_it() -> None:
    judgement = CLAIM.judge(seen(SERVER, STUCK, STUCK, ANY))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == (
        "P2P has such a node: the loss of the origin stopped the others in 2 of 2 runs: 12 of "
        "64 pieces were lost with it."
    )


def test_others_that_stop_though_they_have_every_piece_refute_it() -> None:
    judgement = CLAIM.judge(seen(SERVER, LUCKY, (*STUCK[:4], 0), ANY))
    assert judgement.verdict is Verdict.FAILS
    assert "in 1 of 2 runs though they had every piece among them" in judgement.because


def test_those_who_never_got_the_file_are_counted() -> None:
    because = CLAIM.judge(seen(SERVER, LUCKY, ANY, never=3)).because
    assert because.endswith("After a restart 5 of the 8 who had to wait got it.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("clients", text) for text in ("0", "-1", "1", "nan", "1000000000")),
        *(("percents", text) for text in ("-1", "100", "nan", "")),
        *(("origin_ups", text) for text in ("0", "-1", "nan", "inf", "1e9")),
        *(("restart_s", text) for text in ("0", "-1", "nan", "1e9")),
        *(("seed", text) for text in ("-1", "4294967296")),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: .*; expected") as refusal:
        CLAIM.read_settings({name: value})
    assert "\n" not in str(refusal.value)


class LateStage(Stage):
    """Its runs end before what is to happen, or at their deadline."""

    def __init__(self, kill_s: float, ending: str) -> None:
        super().__init__()
        self._kill_s, self._ending = kill_s, ending

    def run(self, *_: Any, **__: Any) -> Any:
        key = {"backend": ["p2p"], "origin_up": ["1 B/s"], "faults": ["kill origin at 99%"]}
        return SimpleNamespace(
            runs=pd.DataFrame(key | {"ending": [self._ending]}),
            faults=pd.DataFrame(key | {"action": ["kill"], "t_s": [self._kill_s]}),
            **{name: pd.DataFrame(key) for name in ("nodes", "samples", "pieces")},
        )


@pytest.mark.parametrize(
    ("kill_s", "ending", "line"),
    [
        (NAN, "whole", "kill origin at 99%: the run was over before; expected a lower percent"),
        (9.0, "deadline", "kill origin at 99%: others were still getting on at the deadline"),
    ],
)
def test_a_run_that_tells_nothing_is_one_line(kill_s: float, ending: str, line: str) -> None:
    with pytest.raises(TrialFailed) as failure:
        CLAIM.measure(LateStage(kill_s, ending))
    assert str(failure.value) == line


def test_who_is_stopped_does_not_hang_on_when_the_lost_one_comes_back() -> None:
    small: dict[str, Any] = {"clients": 2, "percents": (50, 50), "origin_ups": (10.0,)}
    soon, late = (
        CLAIM.measure(Stage(), **small, restart_s=restart_s)["outages"] for restart_s in (1.0, 99.0)
    )
    pd.testing.assert_frame_equal(soon, late)
    assert len(soon) == 4 and not soon.loc[soon["victim"] == CLIENT, "stopped"].any()


def test_a_server_lost_before_it_sent_anything_is_a_run_too() -> None:
    small: dict[str, Any] = {"clients": 2, "percents": (0,), "origin_ups": (10.0,)}
    data = CLAIM.measure(Stage(), **small)
    first = data["outages"].set_index(["backend", "victim"]).loc["p2p", ORIGIN]
    assert (first["missing"], first["reached"], first["sent_copies"]) == (64, 0, 0)


def test_a_small_run_tells_an_early_loss_of_the_origin_from_a_late_one(tmp_path: Path) -> None:
    data = CLAIM.measure(Stage(), clients=4, percents=(50,), origin_ups=(1.0, 10.0))
    assert CLAIM.judge(data).verdict is Verdict.CONDITION
    runs = data["outages"].set_index(["backend", "origin_up", "victim"])
    counted = runs[["others", "before", "later"]]
    assert {
        key: tuple(row) for key, row in zip(counted.index, counted.to_numpy(), strict=True)
    } == {
        ("central", 10.0, ORIGIN): (4, 0, 0),
        ("central", 10.0, CLIENT): (3, 0, 3),
        ("p2p", 1.0, ORIGIN): (4, 0, 0),
        ("p2p", 1.0, CLIENT): (3, 0, 3),
        ("p2p", 10.0, ORIGIN): (4, 0, 4),
        ("p2p", 10.0, CLIENT): (3, 0, 3),
    }
    early, late = (runs.loc["p2p", up, ORIGIN] for up in (1.0, 10.0))
    # All others end with all that was left: the pieces that were not lost.
    assert early["reached"] == pytest.approx(1 - early["missing"] / 64, abs=0.05)
    assert 0 < early["missing"] < 64
    assert (late["missing"], late["reached"]) == (0, 1)
    # Who is dead is not one of the others.
    assert (runs.xs(CLIENT, level="victim")["reached"] == 1).all()
    restarts = data["restarts"].set_index(["backend", "origin_up"])
    assert restarts[["waited", "came"]].to_numpy().tolist() == [[4, 4], [4, 4]]
    finishes = data["finishes"]
    assert len(finishes) == 6 * 4
    assert finishes.groupby("victim")["lost"].sum().to_dict() == {ORIGIN: 0, CLIENT: 3}
    _, rows, ax = shown(CLAIM, data)
    assert len(rows) == 6
    assert [row[-1] for row in rows] == ["4", "-", "4", "-", "-", "-"]
    assert ax.get_title(loc="left") == (
        "Without the server nobody is served;\nwithout the origin 1 of 2 swarms finish"
    )
    strips = [label.get_text() for label in ax.get_yticklabels()]
    assert [strip.partition("\n")[0] for strip in strips] == [
        *("server lost", "P2P:", "P2P: origin lost,", "P2P: origin lost,")
    ]
    # Every run is drawn, but the server's in which a client is lost; what is stopped, twice.
    steps = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    assert len(steps) == 5 + 2
    kept(CLAIM, data, tmp_path)
