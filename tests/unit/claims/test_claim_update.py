"""bench.claims.update: how long version 2 takes by each way, judged, and measured small."""

from math import nan

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.update import CLAIM, SLOWER
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage


def seen(item_bytes_per_s: float = 100.0, **delays: list[float]) -> Data:
    """Seconds to each host by way; watching costs 10 bytes/s by all ways but the item."""
    usual = {
        "push": [1.0, 1.5, 2.0, 2.5],
        "polling": [10.0, 20.0, 40.0, 60.0],
        "item": [12.0, 22.0, 42.0, 62.0],
        "infohash": [nan] * 4,
    }
    spent = dict.fromkeys(usual, 10.0) | {"item": item_bytes_per_s}
    rows = [
        {"way": way, "hosts": 4, "every_s": 60.0, "delay_s": delay, "bytes_per_s": spent[way]}
        for way, each in (usual | delays).items()
        for delay in each
    ]
    sources = [{"way": way, "bytes_per_s": 20.0} for way in usual]
    return {"hosts": pd.DataFrame(rows), "sources": pd.DataFrame(sources)}


def test_it_holds_if_bytes_count_where_an_item_is_as_soon_but_dear() -> None:
    judgement = CLAIM.judge(seen())
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition == (
        "360 kB per host and hour, 10 times what polling takes, are too much: in time peers keep up"
    )
    assert judgement.because == (
        "Half of the hosts have version 2 after 22 s (DHT item), 20 s (HTTP polling), 1.5 s "
        "(server push), the last after 62 s, 60 s, 2.5 s; watching costs 360, 36, 36 kB per host "
        "and hour (at the source 72 by item, 72 by polling). An infohash alone names version 1 for "
        "ever: 100% stay on it."
    )


def test_it_fails_where_an_item_is_as_soon_and_not_much_dearer() -> None:
    assert CLAIM.judge(seen(item_bytes_per_s=99.0)).verdict is Verdict.FAILS


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
    for spent in (10.0, 100.0):
        assert CLAIM.judge(seen(spent, item=item)).verdict is Verdict.HOLDS


def test_an_item_may_take_twice_as_long_as_polling() -> None:
    item = [12.0, 20.0 * SLOWER, 42.0, 60.0 * SLOWER]
    assert CLAIM.judge(seen(item=item)).verdict is Verdict.CONDITION


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
    assert ax.get_title(loc="left") == (
        "Half updated: push never, polling 20 s, DHT item never,\n"
        "for 36, 36 and 360 kB per host and hour"
    )


@pytest.mark.parametrize(
    ("hosts", "every_s", "verdict"), [(2, 20.0, Verdict.FAILS), (8, 0.5, Verdict.HOLDS)]
)
def test_each_verdict_can_be_measured(hosts: int, every_s: float, verdict: Verdict) -> None:
    """Among few hosts a lookup asks few; and who looks all the time waits for the lookup itself."""
    data = CLAIM.measure(
        Stage(), hosts=hosts, file_bytes=1000, every_s=every_s, checks=4, seeds=(1,)
    )
    assert CLAIM.judge(data).verdict is verdict


BAD = {
    "hosts": ["0", "-1", "1000000"],
    "file_bytes": ["0", "-1", "1000000000000"],
    "every_s": ["0", "-1", "nan", "1e-9", "1e9"],
    "checks": ["0", "-1", "1", "1000000"],
    "seeds": ["", "-1", "a"],
}


@pytest.mark.parametrize(("name", "text"), [(n, text) for n, each in BAD.items() for text in each])
def test_a_setting_that_cannot_be_gets_one_line(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: [^\n]+; expected [^\n]+$"):
        CLAIM.read_settings({name: text})
