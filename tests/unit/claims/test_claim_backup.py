"""bench.claims.backup: what copying and losses say of a scattered library, and measured small."""

import random
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.backup import CLAIM, COSTLY
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.scattered_library import draw_losses, lost, place
from bench.lecture.stage import Stage
from bench.theory import chance_all_left

DRAWS = 1000


def seen(
    left: dict[int, list[int]],
    *,
    gave: int = 8,
    seconds: float = 2.0,
    socket_bytes: int = 101,
    unfound: int = 0,
) -> Data:
    """A server that needs 10 s and 100 bytes and is left in 900 and 500 of 1,000 draws when 1 and 2
    of 4 hosts go; `left` says the same of peers with so many copies."""
    server = {"backend": "central", "gave": 1, "seconds": 10.0, "socket_bytes": 100}
    peers = {"backend": "p2p", "gave": gave, "seconds": seconds, "socket_bytes": socket_bytes}
    drawn = [
        {"hosts": 4, "copies": copies, "vanished": vanished, "draws": DRAWS, "all_left": count}
        for copies, counts in ({0: [900, 500, 0]} | left).items()
        for vanished, count in enumerate(counts, 1)
    ]
    asked = [{"left": 1, "came": number >= unfound} for number in range(100)]
    asked.append({"left": 0, "came": False})
    return {
        "gathered": pd.DataFrame([server, peers]),
        "drawn": pd.DataFrame(drawn),
        "asked": pd.DataFrame(asked),
    }


GOOD, BAD = [1000, 990, 0], [1000, 300, 0]


def test_it_holds_below_the_copies_with_which_peers_lose_no_more_than_the_server() -> None:
    judgement = CLAIM.judge(seen({1: BAD, 2: BAD, 3: GOOD}))
    assert str(judgement) == "holds, if each file lies on fewer than 3 of the hosts"
    assert judgement.because == (
        "One host copies all from 8 peers instead of one server, in 2 s instead of 10 s, with "
        "+1.0% bytes; 0 of 100 files that are left in real swarms cannot be found. When 2 of 4 "
        "hosts go, all is left with a chance of 50% on the server, 30% with 1 copy, 30% with "
        "2 copies, 99% with 3 copies."
    )


def test_more_copies_that_lose_more_again_are_not_safe() -> None:
    judgement = CLAIM.judge(seen({1: GOOD, 2: BAD, 3: GOOD}))
    assert judgement.condition == "each file lies on fewer than 3 of the hosts"


def test_it_holds_where_no_number_of_copies_is_as_safe_as_the_server() -> None:
    assert CLAIM.judge(seen({1: BAD, 2: BAD})).verdict is Verdict.HOLDS


def test_it_fails_where_peers_are_quicker_and_never_lose_more() -> None:
    assert CLAIM.judge(seen({1: GOOD, 2: GOOD})).verdict is Verdict.FAILS


def test_one_peer_that_has_all_is_not_harder_to_copy_from_however_slow() -> None:
    assert CLAIM.judge(seen({1: GOOD}, gave=1, seconds=99.0)).verdict is Verdict.FAILS
    assert CLAIM.judge(seen({1: BAD}, gave=1, seconds=99.0)).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "dear",
    [{"seconds": 10.0 * COSTLY}, {"socket_bytes": int(100 * COSTLY)}, {"unfound": 5}],
)
def test_it_holds_where_copying_is_dear_however_safe_the_files_are(dear: dict[str, Any]) -> None:
    assert CLAIM.judge(seen({1: GOOD}, **dear)).verdict is Verdict.HOLDS
    less = {name: value * 0.8 for name, value in dear.items()}
    assert CLAIM.judge(seen({1: GOOD}, **less)).verdict is Verdict.FAILS


# 0.0671 is three standard errors of the difference of two frequencies of 1,000 draws.
@pytest.mark.parametrize(("count", "verdict"), [(433, Verdict.FAILS), (432, Verdict.HOLDS)])
def test_a_chance_is_lower_when_luck_does_not_explain_it(count: int, verdict: Verdict) -> None:
    assert CLAIM.judge(seen({1: [1000, count, 0]})).verdict is verdict


def test_what_happens_when_more_than_half_go_decides_nothing() -> None:
    data = seen({1: [1000, 990, 0]})
    drawn = data["drawn"]
    drawn.loc[(drawn["copies"] == 0) & (drawn["vanished"] == 3), "all_left"] = 1000
    assert CLAIM.judge(data).verdict is Verdict.FAILS


def test_files_are_placed_on_so_many_different_hosts_each() -> None:
    placed = place(50, 6, 3, random.Random(1))
    assert [len(set(holders)) for holders in placed] == [3] * 50
    assert {host for holders in placed for host in holders} == set(range(6))
    assert len(set(placed)) > 10


def test_a_file_is_lost_when_none_of_its_hosts_is_left() -> None:
    placed = [(0, 1), (1, 2), (2,)]
    assert [lost(placed, gone) for gone in ([], [0, 1], [2], [1, 2])] == [0, 1, 1, 2]


@pytest.mark.parametrize("copies", [0, 1, 2, 3])
def test_draws_come_out_as_the_formula_says(copies: int, tmp_path: Any) -> None:
    case = {"hosts": 8, "files": 5, "copies": copies, "draws": 4000, "seed": 1}
    rows = draw_losses(case | {"vanished": [0, 2, 4, 8]}, tmp_path)["drawn"]
    expected = [chance_all_left(8, [copies] * 5 if copies else [1], k) for k in (0, 2, 4, 8)]
    assert [row["vanished"] for row in rows] == [0, 2, 4, 8]
    # Three standard errors at most.
    assert [row["all_left"] / 4000 for row in rows] == pytest.approx(expected, abs=0.024)


def test_measured_small() -> None:
    data = CLAIM.measure(
        Stage(),
        hosts=6,
        files=3,
        copies=(1, 2),
        file_bytes=1 << 17,
        vanished=(3,),
        swarms=1,
        draws=200,
        origin_sent=(0.5, 1.5),
    )
    gathered = data["gathered"].set_index(["backend", "copies"])
    assert gathered.loc[("central", 1), ["met", "gave"]].tolist() == [1, 1]
    assert gathered.loc[("p2p", 2), "gave"] > 1
    # Three files of 128 KiB over an uplink of 10 Mbit/s.
    assert gathered.loc[("central", 1), "seconds"] == pytest.approx(0.3146, rel=0.7)
    asked = data["asked"]
    assert (asked["came"] == (asked["left"] > 0)).all()
    assert len(asked) == 2 * 3
    assert data["interrupted"]["finished"].tolist() == [0, 6]
    assert data["interrupted"]["nowhere"].gt(0).tolist() == [True, False]
    assert CLAIM.judge(data).because
    heads, rows = CLAIM.tabulate(data)
    assert [row[0] for row in rows] == [
        "one server",
        "peers, 1 copy",
        "peers, 2 copies",
        "pieces, origin gone at 0.5 copies: 0 of 6 finish",
        "pieces, origin gone at 1.5 copies: 6 of 6 finish",
    ]
    assert {len(row) for row in rows} == {len(heads)}
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert ax.get_title(loc="left").startswith("3 of 6 hosts gone, all left: server ")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"hosts": 3, "copies": (4,)}, "copies, vanished: expected at most 3, the hosts"),
        ({"vanished": (21,)}, "copies, vanished: expected at most 20, the hosts"),
    ],
)
def test_settings_that_cannot_be_together(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingError, match=line):
        CLAIM.measure(Stage(), **settings)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("hosts", "1"),
        ("copies", "0"),
        ("copies", ""),
        ("vanished", "-1,5"),
        ("draws", "0"),
        ("draws", "99"),
        ("origin_sent", "-1"),
        ("origin_sent", "0"),
        ("origin_sent", "0.5,nan"),
        ("seed", "nan"),
        *((n, "0") for n in ("files", "file_bytes", "swarms")),
        *((n, "5000000000") for n in ("hosts", "files", "file_bytes", "swarms", "draws")),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_a_line(name: str, wrong: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: .*; expected"):
        CLAIM.read_settings({name: wrong})


def test_what_is_named_twice_is_measured_once() -> None:
    data = CLAIM.measure(
        Stage(),
        hosts=4,
        files=1,
        copies=(1, 1),
        file_bytes=1 << 14,
        vanished=(2, 2),
        swarms=1,
        draws=100,
        origin_sent=(1.1, 1.1),
    )
    assert len(data["gathered"]) == 2
    heads, rows = CLAIM.tabulate(data)
    assert [len(row) for row in rows] == [len(heads)] * 3
