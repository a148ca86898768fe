"""bench.claims.socket_calls: the verdict on sequences of calls, and a small run."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.socket_calls import CLAIM
from bench.lecture.claim import Data, Verdict
from bench.lecture.stage import Stage

SERVER = "socket bind listen accept accept close"
ACCEPTED = "recv send recv close"
CLIENT = "socket bind connect getsockopt sendmsg recv close"
DATAGRAM = "socket bind recvfrom sendto close"


def seen(*sockets: tuple[str, str], lesson: str = "a transfer") -> Data:
    rows = [
        {
            "lesson": lesson,
            "node": "host",
            "socket": number,
            "protocol": protocol,
            "call": call,
            "arguments": "",
        }
        for number, (protocol, calls) in enumerate(sockets)
        for call in calls.split()
    ]
    return {"calls": pd.DataFrame(rows)}


STREAMS = (("tcp", SERVER), ("tcp", ACCEPTED), ("tcp", CLIENT))


def test_it_holds_where_all_sockets_are_streams() -> None:
    judgement = CLAIM.judge(seen(*STREAMS))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Of 3 stream sockets 3 made these calls in this order; of 0 datagram sockets 0 called "
        "listen, accept or connect."
    )


def test_datagrams_that_need_no_connection_are_the_condition() -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("udp", DATAGRAM)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition.startswith("the sockets are streams")


def test_it_holds_if_datagram_sockets_did_the_same() -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("udp", "socket bind listen accept close")))
    assert judgement.verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "stray",
    [
        "socket listen bind accept close",
        "socket bind accept close",
        "socket bind listen accept",
        "socket connect send close",
        "socket connect recv close",
        "socket send connect recv close",
        "socket connect send recv",
    ],
)
def test_a_stream_that_calls_otherwise_refutes_it(stray: str) -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("tcp", stray)))
    assert judgement.verdict is Verdict.FAILS
    assert "Of 4 stream sockets 3 made" in judgement.because
    assert judgement.because.endswith(f"One called {', '.join(stray.split())}.")


def test_without_a_stream_there_is_nothing_to_see() -> None:
    assert CLAIM.judge(seen(("udp", DATAGRAM))).verdict is Verdict.FAILS


def test_calls_that_were_to_fail_are_not_judged() -> None:
    failed = seen(("tcp", "socket bind connect getsockopt close"), lesson="nobody listens")
    both = pd.concat([seen(*STREAMS)["calls"], failed["calls"]], ignore_index=True)
    assert CLAIM.judge({"calls": both}).verdict is Verdict.HOLDS


@pytest.fixture(scope="module")
def small() -> Data:
    return CLAIM.measure(Stage(), file_bytes=100)


def results(data: Data, lesson: str, node: str) -> list[tuple[str, str]]:
    calls = data["calls"]
    own = calls[(calls["lesson"] == lesson) & (calls["node"] == node)]
    return list(zip(own["call"], own["result"], strict=True))


def test_a_small_run_is_judged(small: Data) -> None:
    judgement = CLAIM.judge(small)
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.because == (
        "Of 12 stream sockets 12 made these calls in this order; of 9 datagram sockets 0 called "
        "listen, accept or connect."
    )


def test_errors_are_the_systems_own(small: Data) -> None:
    refused = results(small, "nobody listens", "client")
    assert "ECONNREFUSED" in dict(refused).values()
    assert ("bind", "EADDRINUSE") in results(small, "port in use", "server")
    assert results(small, "nobody receives", "client")[2:] == [("sendto", "8"), ("close", "0")]


def test_one_exchange_goes_over_every_family(small: Data) -> None:
    families = small["families"]
    assert list(families["outcome"]) == ["answered"] * 6
    assert list(families["protocol_number"]) == [6, 17, 6, 17, 0, 0]
    for domain in ("AF_INET", "AF_INET6", "AF_UNIX"):
        names = [call for call, _ in results(small, f"{domain} SOCK_STREAM", "server")]
        assert " ".join(names) == "socket bind listen accept recv send recv close close"
        names = [call for call, _ in results(small, f"{domain} SOCK_DGRAM", "server")]
        assert " ".join(names) == "socket bind recvfrom sendto close"


def test_a_unix_sockets_addresses_are_paths_seen_from_its_folder(small: Data) -> None:
    calls = small["calls"]
    unix = calls[calls["lesson"] == "AF_UNIX SOCK_DGRAM"]
    assert set(unix["protocol"]) == {"unix"}
    assert set(unix["local"]) == {"", "client", "server"}


def test_its_table_and_picture(small: Data) -> None:
    heads, rows = CLAIM.tabulate(small)
    assert {len(row) for row in rows} == {len(heads)}
    assert len(rows) > 40
    axes = Figure().subplots()
    CLAIM.draw(small, axes)
    headline = axes.get_title(loc="left")
    assert headline == "TCP calls listen, accept and connect; UDP none of them"
