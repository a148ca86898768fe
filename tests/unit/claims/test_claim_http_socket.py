"""The claim http-socket: what would bear it out, what not, and a small run."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from bench.claims.http_socket import CLAIM
from bench.lecture.asked_or_told import LONG_POLLING, POLLING, SOCKET, Way
from bench.lecture.chat import talk
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.hearing_of_updates import hear_updates
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
WAYS = [
    Way(POLLING, 0.5),
    Way(POLLING, 5.0),
    Way(POLLING, 0.5, True),
    Way(LONG_POLLING),
    Way(LONG_POLLING, close_each=True),
    Way(SOCKET),
]


def data(
    *,
    poll: float,
    wait: float,
    chat_poll: float | None = None,
    chat_wait: float | None = None,
    wait_closing: float = 0.5,
    kilobytes: dict[str, float] | None = None,
    closes: bool = False,
) -> Data:
    """Mean delays in seconds, where the socket's is 0.1; each asks ten times in 36 s, and moves
    10 kB an hour or so many."""

    def frames(who: str, poll: float, wait: float) -> tuple[DataFrame, DataFrame]:
        delays, traffic = [], []
        for way in WAYS:
            delay_s = {POLLING: poll, LONG_POLLING: wait, SOCKET: 0.1}[way.kind]
            if way == Way(LONG_POLLING, close_each=True):
                delay_s = wait_closing
            delay_s += 5.0 if way.interval_s == 5.0 else 0.0
            for more in (-0.01, 0.01):
                delays.append(way.case | {who: 2, "delay_s": delay_s + more})
            connections = 20 if closes or way.close_each else 2
            moved = 20 * (kilobytes or {}).get(way.kind, 10.0)
            counts = {"bytes": moved, "connections": connections, "requests": 20, "seconds": 36.0}
            traffic.append(way.case | {who: 2} | counts)
        return DataFrame(delays), DataFrame(traffic)

    updates, update_traffic = frames("watchers", poll, wait)
    chat, chat_traffic = frames(
        "people",
        poll if chat_poll is None else chat_poll,
        wait if chat_wait is None else chat_wait,
    )
    return {
        "updates": updates,
        "update_traffic": update_traffic,
        "chat": chat,
        "chat_traffic": chat_traffic,
    }


def test_it_holds_where_http_closes_and_none_of_its_ways_is_near() -> None:
    judgement = CLAIM.judge(data(poll=0.5, wait=0.3, closes=True, kilobytes={POLLING: 40.0}))
    assert judgement.verdict == Verdict.HOLDS
    assert judgement.because == (
        "An update is known after 100 ms by the socket, 300 ms by long polling (500 ms with a "
        "connection for each request) and 500 ms by polling every 0.5 s, for 10, 10 (10) and "
        "40 kB each and hour. In a chat a message is read after 100 ms by the socket, 300 ms "
        "(500 ms) by long polling and 500 ms by polling, for 10, 10 (10) and 40 kB each and hour. "
        "For 10 of a watcher's requests HTTP opened 10 connections, and 10 for 10 where the client "
        "closes each."
    )


CLOSES = "closes the connection after each answer (as HTTP/1.0 did)"
ANSWERS = "answers at once, instead of when there is news"


@pytest.mark.parametrize(
    ("measured", "condition"),
    [
        (data(poll=0.5, wait=0.3), CLOSES),
        (data(poll=0.5, wait=0.199, closes=True), ANSWERS),
        (data(poll=0.5, wait=0.1), f"{CLOSES} and {ANSWERS}"),
        # A connection for each request does not keep it from being as soon.
        (data(poll=0.5, wait=0.5, wait_closing=0.1), f"{CLOSES} and {ANSWERS}"),
        # What is as soon for an update alone is none for a chat, nor what is far dearer.
        (data(poll=0.5, wait=0.1, chat_wait=0.3), CLOSES),
        (data(poll=0.1, wait=0.5, chat_poll=0.3), CLOSES),
        (data(poll=0.5, wait=0.1, kilobytes={LONG_POLLING: 100.5}), CLOSES),
        (data(poll=0.1, wait=0.5, kilobytes={POLLING: 100.5}), CLOSES),
    ],
)
def test_it_holds_with_the_conditions_that_the_data_name(measured: Data, condition: str) -> None:
    judgement = CLAIM.judge(measured)
    assert judgement.verdict == Verdict.CONDITION
    assert judgement.condition == f"the HTTP server {condition}"


@pytest.mark.parametrize("kilobytes", [{}, {POLLING: 99.5}])
def test_it_does_not_hold_where_asking_every_while_is_as_soon(kilobytes: dict[str, float]) -> None:
    judgement = CLAIM.judge(data(poll=0.199, wait=0.5, closes=True, kilobytes=kilobytes))
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
    assert delays(updates, Way(SOCKET)).max() == pytest.approx(0.02, abs=1e-6)
    assert delays(updates, Way(LONG_POLLING)).max() <= 0.1
    often, seldom = (delays(updates, Way(POLLING, interval_s)) for interval_s in (1.0, 4.0))
    assert 0.1 < often.mean() < often.max() <= 1.1
    assert often.mean() < seldom.mean() < seldom.max() <= 4.1
    traffic = measured["update_traffic"].to_dict("records")
    often, seldom, closing, waits, waits_closing, socket = traffic
    assert closing["connections"] >= closing["requests"] > 20
    assert [row["connections"] for row in (often, seldom, waits, socket)] == [2, 2, 2, 2]
    assert waits_closing["connections"] > waits_closing["requests"] == 2 * (1 + 3)
    assert often["bytes"] > 2 * seldom["bytes"] > 2 * socket["bytes"]
    chat = measured["chat"]
    assert len(chat) == 6 * 2
    judgement = CLAIM.judge(measured)
    assert judgement.verdict == Verdict.CONDITION
    heads, rows = CLAIM.tabulate(measured)
    assert [len(row) for row in rows] == [len(heads)] * 12
    assert [row[1] for row in rows[:6]] == [
        "polling, 1 s",
        "polling, 4 s",
        "polling, 1 s, closing",
        "long polling",
        "long polling, closing",
        "socket",
    ]
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    title = ax.get_title(loc="left")
    assert title.startswith("Polling every 1 s: ")
    assert "HTTP that waits: 1.0 and " in title


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


@pytest.mark.parametrize("way", [Way(POLLING, 1.0), Way(LONG_POLLING), Way(SOCKET)])
def test_who_is_alone_in_the_room_waits_for_nobody(way: Way, tmp_path: Path) -> None:
    case = way.case | {"people": 1, "messages": 2, "seconds": 5.0}
    case |= {"settle_s": 1.0, "latency_s": 0.02, "seed": 7}
    said = run(talk(case, tmp_path))
    assert said["delays"] == []
    assert said["traffic"][0]["seconds"] < 10


def test_who_asks_seldom_finds_the_connection_closed(tmp_path: Path) -> None:
    """So that HTTP does open a connection for each request can be measured."""
    case = Way(POLLING, 90.0).case | {"watchers": 1, "updates": 1, "seconds": 900.0}
    case |= {"settle_s": 100.0, "latency_s": 0.02, "seed": 7}
    traffic = run(hear_updates(case, tmp_path))["traffic"][0]
    assert traffic["connections"] >= 0.9 * traffic["requests"] > 5


BAD = {
    "intervals_s": ["0", "-1", "nan", "", "1e-9", "1e9"],
    "watchers": ["0", "-1", "1000000"],
    "updates": ["0", "-1", "10000000"],
    "seconds": ["0", "nan", "1e9"],
    "people": ["0", "1", "-1", "1000000"],
    "messages": ["0", "-1", "10000000"],
    "latency_s": ["0", "-1", "nan", "1e9"],
    "seed": ["-1", "a"],
}


@pytest.mark.parametrize(("name", "text"), [(n, text) for n, each in BAD.items() for text in each])
def test_a_setting_that_cannot_be_gets_one_line(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: [^\n]+; expected [^\n]+$"):
        CLAIM.read_settings({name: text})
