"""The claim http-socket: what would bear it out, what not, and a small run."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from bench.claims.http_socket import CLAIM
from bench.lecture.asked_or_told import LONG_POLLING, POLLING, SOCKET, Way
from bench.lecture.chat import talk
from bench.lecture.claim import Data, Verdict
from bench.lecture.stage import Stage
from host.clock import run

SMALL = {
    "intervals_s": (1.0, 4.0),
    "watchers": (2,),
    "updates": 3,
    "seconds": 20.0,
    "people": 2,
    "messages": 1,
}
WAYS = [Way(POLLING, 1.0), Way(POLLING, 1.0, True), Way(LONG_POLLING), Way(SOCKET)]


def data(*, poll: float, wait: float, chat_wait: float | None = None, closes: bool = False) -> Data:
    """Mean delays in seconds, where the socket's is 0.1; a watcher asks ten times."""

    def frames(who: str, wait: float) -> tuple[DataFrame, DataFrame]:
        delays, traffic = [], []
        for way in WAYS:
            delay_s = {POLLING: poll, LONG_POLLING: wait, SOCKET: 0.1}[way.kind]
            for more in (-0.01, 0.01):
                delays.append(way.case | {who: 2, "delay_s": delay_s + more})
            connections = 20 if closes or way.close_each else 2
            moved = {"bytes": 1000, "connections": connections, "requests": 20, "seconds": 36.0}
            traffic.append(way.case | {who: 2} | moved)
        return DataFrame(delays), DataFrame(traffic)

    updates, update_traffic = frames("watchers", wait)
    chat, chat_traffic = frames("people", wait if chat_wait is None else chat_wait)
    return {
        "updates": updates,
        "update_traffic": update_traffic,
        "chat": chat,
        "chat_traffic": chat_traffic,
    }


def test_it_holds_where_http_closes_and_none_of_its_ways_is_near() -> None:
    judgement = CLAIM.judge(data(poll=0.5, wait=0.3, closes=True))
    assert judgement.verdict == Verdict.HOLDS
    assert "known after 100 ms by the socket, 300 ms by long polling and 500 ms" in (
        judgement.because
    )
    assert "for 50, 50 and 50 kB per watcher and hour" in judgement.because


@pytest.mark.parametrize(
    ("measured", "condition"),
    [
        (
            data(poll=0.5, wait=0.3),
            "the HTTP server closes the connection after each answer (as HTTP/1.0 did)",
        ),
        (
            data(poll=0.5, wait=0.2, closes=True),
            "the HTTP server answers at once, instead of when there is news",
        ),
        (
            data(poll=0.5, wait=0.1),
            "the HTTP server closes the connection after each answer (as HTTP/1.0 did) and "
            "answers at once, instead of when there is news",
        ),
        # What is as quick for an update alone is none for a chat.
        (
            data(poll=0.5, wait=0.1, chat_wait=0.3),
            "the HTTP server closes the connection after each answer (as HTTP/1.0 did)",
        ),
    ],
)
def test_it_holds_with_the_conditions_that_the_data_name(measured: Data, condition: str) -> None:
    judgement = CLAIM.judge(measured)
    assert (judgement.verdict, judgement.condition) == (Verdict.CONDITION, condition)


def test_it_does_not_hold_where_asking_every_while_is_as_quick() -> None:
    judgement = CLAIM.judge(data(poll=0.15, wait=0.5, closes=True))
    assert judgement.verdict == Verdict.FAILS


def delays(frame: DataFrame, way: Way) -> Series:
    """Those of one way, in seconds."""
    own = frame[(frame["way"] == way.kind) & (frame["close_each"] == way.close_each)]
    if way.kind == POLLING:
        own = own[own["interval_s"] == way.interval_s]
    return own["delay_s"]


def test_a_small_run() -> None:
    measured = CLAIM.measure(Stage(), **SMALL)
    updates = measured["updates"]
    # Told, or asked in time: half a round trip. Polled: within the interval and a round trip.
    assert delays(updates, Way(SOCKET)).max() == pytest.approx(0.025, abs=1e-6)
    assert delays(updates, Way(LONG_POLLING)).max() <= 0.1
    often, seldom = (delays(updates, Way(POLLING, interval_s)) for interval_s in (1.0, 4.0))
    assert 0.1 < often.mean() < often.max() <= 1.1
    assert often.mean() < seldom.mean() < seldom.max() <= 4.1
    traffic = measured["update_traffic"].to_dict("records")
    often, seldom, closing, _, socket = traffic
    assert closing["connections"] >= closing["requests"] > 20
    assert [row["connections"] for row in (often, seldom, socket)] == [2, 2, 2]
    assert often["bytes"] > 2 * seldom["bytes"] > 2 * socket["bytes"]
    chat = measured["chat"]
    assert len(chat) == 4 * 2
    judgement = CLAIM.judge(measured)
    assert judgement.verdict == Verdict.CONDITION
    heads, rows = CLAIM.tabulate(measured)
    assert [len(row) for row in rows] == [len(heads)] * 9
    assert [row[1] for row in rows[:5]] == [
        "polling, 1 s",
        "polling, 4 s",
        "polling, 1 s, closing",
        "long polling",
        "socket",
    ]
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert "HTTP that waits for news 1.0 times" in ax.get_title(loc="left")


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    case = Way(LONG_POLLING).case | {"people": 3, "messages": 2, "seconds": 5.0}
    case |= {"settle_s": 1.0, "latency_s": 0.025, "seed": 7}
    said = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        said.append(run(talk(case, folder)))
    assert said[0] == said[1]
    assert len(said[0]["delays"]) == 3 * 2 * 2
