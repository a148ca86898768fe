"""bench.claims.update: how long version 2 takes by each way, judged, and measured small."""

from math import nan
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.update import CLAIM, SLOWER
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage


def seen(**delays: list[float]) -> Data:
    usual = {
        "push": [1.0, 1.5, 2.0, 2.5],
        "polling": [10.0, 20.0, 40.0, 60.0],
        "item": [12.0, 22.0, 42.0, 62.0],
        "infohash": [nan] * 4,
    }
    rows = [
        {"way": way, "hosts": 4, "every_s": 60.0, "delay_s": delay, "bytes_per_s": 10.0}
        for way, each in (usual | delays).items()
        for delay in each
    ]
    return {"hosts": pd.DataFrame(rows)}


def test_it_holds_without_a_mutable_item() -> None:
    judgement = CLAIM.judge(seen())
    assert judgement.verdict is Verdict.CONDITION
    assert (
        judgement.condition == "peers know a version by its infohash alone, not by a mutable item"
    )
    assert judgement.because == (
        "By version 1's infohash alone 100% of the hosts stay on it; half have version 2 after "
        "22 s (DHT item), 20 s (HTTP polling), 1.5 s (server push), the last after 62 s, 60 s, "
        "2.5 s; watching costs 36, 36, 36 kB per host and hour."
    )


@pytest.mark.parametrize(
    "item",
    [
        [12.0, 20.0 * SLOWER + 0.1, 42.0, 62.0],
        [12.0, 22.0, 42.0, 60.0 * SLOWER + 0.1],
        [12.0, 22.0, 42.0, nan],
        [nan] * 4,
    ],
)
def test_it_holds_where_an_item_is_much_slower_or_does_not_reach_all(item: list[float]) -> None:
    assert CLAIM.judge(seen(item=item)).verdict is Verdict.HOLDS


def test_an_item_may_take_twice_as_long_as_polling() -> None:
    item = [12.0, 20.0 * SLOWER, 42.0, 60.0 * SLOWER]
    assert CLAIM.judge(seen(item=item)).verdict is Verdict.CONDITION


def test_it_fails_where_all_are_new_by_the_first_infohash() -> None:
    assert CLAIM.judge(seen(infohash=[5.0] * 4)).verdict is Verdict.FAILS
    some = CLAIM.judge(seen(infohash=[5.0, 5.0, 5.0, nan]))
    assert some.verdict is Verdict.CONDITION
    assert some.because.startswith("By version 1's infohash alone 25% of the hosts stay on it")


def test_measured_small() -> None:
    data = CLAIM.measure(Stage(), hosts=5, file_bytes=20_000, every_s=30.0, checks=3, seeds=(1,))
    delays = {way: rows["delay_s"] for way, rows in data["hosts"].groupby("way")}
    assert {way: len(each) for way, each in delays.items()} == dict.fromkeys(delays, 5)
    assert len(delays) == 4
    assert delays["infohash"].isna().all()
    # The way there, the request and the file: no host has to wait for its turn to ask.
    assert delays["push"].max() < 0.3
    # A look, the transfer and, for the item, a lookup.
    for way in ("polling", "item"):
        assert 0 < delays[way].min() < delays[way].max() < 40
        assert delays[way].max() > 5
    spent = data["hosts"].groupby("way")["bytes_per_s"].mean()
    assert spent["infohash"] < spent["push"] < spent["polling"] < spent["item"]
    assert CLAIM.judge(data).verdict is Verdict.CONDITION
    heads, rows = CLAIM.tabulate(data)
    assert [row[:2] for row in rows] == [
        ["server push", "0"],
        ["HTTP polling", "0"],
        ["DHT item", "0"],
        ["infohash alone", "100"],
    ]
    assert {len(row) for row in rows} == {len(heads)}
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert ax.get_title(loc="left").startswith("Half updated: push 0.")
    assert {text.get_text() for text in ax.texts} >= {"DHT item", "infohash alone"}


def test_a_way_that_reaches_nobody_is_drawn_too() -> None:
    data = seen(item=[nan] * 4, push=[nan] * 4)
    ax = Figure().subplots()
    CLAIM.draw(data, ax)
    assert ax.get_title(loc="left") == "Half updated: push never, polling 20 s, DHT item never"


@pytest.mark.parametrize("settings", [{"hosts": 0}, {"every_s": 0.0}, {"checks": -1}])
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="expected numbers above 0"):
        CLAIM.measure(Stage(), **settings)
